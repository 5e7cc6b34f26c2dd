//! What is believed of a trial's two sides before it is tried: known failures, and rules
//! that a peer waives.

use std::sync::Arc;

use super::{Judgement, Verdict};
use crate::{
    finding::{Effect, Finding, Kind, Side},
    known::{Known, KnownList, Party},
    role::Role,
    suite::Case,
};

/// A rule of the wire that a peer waives.
#[derive(Debug, Clone, Copy)]
pub struct Waiver<'a> {
    /// Its id.
    pub rule: &'a str,
    /// Why.
    pub why: &'a str,
}

/// What is believed of a trial's two sides.
#[derive(Debug, Clone)]
pub struct Beliefs<'a> {
    /// Lists of known failures, the user's own before the built-in one: the first entry
    /// that explains a finding is the one that does.
    pub known: &'a [&'a KnownList],
    /// The server.
    pub server: Party<'a>,
    /// The client.
    pub client: Party<'a>,
    /// The rules that each waives.
    pub waivers: Vec<(Role, Waiver<'a>)>,
}

impl<'a> Beliefs<'a> {
    /// Nothing is known of these two.
    #[must_use]
    pub const fn none(server: &'a str, client: &'a str) -> Self {
        Self {
            known: &[],
            server: Party { peer: server, identity: None },
            client: Party { peer: client, identity: None },
            waivers: Vec::new(),
        }
    }

    /// What a judgement comes to in their light.
    pub(super) fn apply(&self, case: &Case, mut judgement: Judgement) -> Judgement {
        for finding in judgement.findings.iter_mut().filter(|one| one.kind == Kind::Rule) {
            if let Some(why) = self.waives(finding) {
                finding.effect = Effect::Waived(why.to_owned());
            }
        }
        let entries = self.entries_for(case);
        let failing = judgement.findings.iter_mut().filter(|one| one.effect == Effect::Fails);
        for finding in failing.filter(|one| may_be_known(one.kind)) {
            let explains = |(known, roles): &&(&Arc<Known>, Vec<Role>)| {
                roles.iter().any(|role| known.explains(finding, *role))
            };
            if let Some((known, _)) = entries.iter().find(explains) {
                finding.effect = Effect::Known(Arc::clone(&known.explanation));
            }
        }
        let mut judgement = judgement.judged();
        if judgement.verdict == Verdict::Pass {
            let each = entries.iter().map(|(known, _)| *known).filter(|known| known.is_of_each());
            let each: Vec<&Arc<Known>> = each.collect();
            let own: Vec<_> = each.iter().copied().filter(|known| !known.is_built_in).collect();
            let listed = if own.is_empty() { each } else { own };
            if listed.iter().any(|known| !known.is_built_in) {
                judgement.verdict = Verdict::Fixed;
            }
            judgement.passes =
                listed.into_iter().map(|known| Arc::clone(&known.explanation)).collect();
        }
        judgement
    }

    fn waives(&self, finding: &Finding) -> Option<&'a str> {
        let (rule, side) = (finding.rule()?, finding.side?);
        let mut waivers = self.waivers.iter();
        let is_it =
            |(role, waiver): &&(Role, Waiver<'_>)| waiver.rule == rule && Side::from(*role) == side;
        waivers.find(is_it).map(|(_, waiver)| waiver.why)
    }

    /// The entries that are about this case and one of the two sides, with its roles.
    fn entries_for(&self, case: &Case) -> Vec<(&'a Arc<Known>, Vec<Role>)> {
        let entries = self.known.iter().flat_map(|list| &list.entries);
        entries
            .filter(|known| known.is_about(&case.name))
            .filter(|known| !known.is_of_tls || case.tls.is_some())
            .map(|known| (known, known.roles_of(self.server, self.client).collect::<Vec<_>>()))
            .filter(|(_, roles)| !roles.is_empty())
            .collect()
    }
}

/// Whether a known failure can be so: what was not tried has not failed.
const fn may_be_known(kind: Kind) -> bool {
    !matches!(kind, Kind::Unsupported | Kind::Blocked)
}
