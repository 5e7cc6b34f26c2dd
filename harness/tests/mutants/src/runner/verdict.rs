//! What came of one mutant in one role.

use crate::{
    manifest::{REFERENCE, Role, Subject},
    run::Trial,
};

/// The verdicts that count against a peer.
const FAILURES: [&str; 3] = ["fail", "hung", "crashed"];

/// The case and the rule that the page names for a mutant in a role.
pub(crate) type Named<'a> = Option<(&'a str, &'a str)>;

/// A mutant in a role, and what the harness made of it.
pub(crate) struct Row {
    pub(crate) subject: Subject,
    pub(crate) role: Role,
    /// How many trials there were.
    pub(crate) trials: usize,
    pub(crate) failed: usize,
    pub(crate) outcome: Outcome,
}

/// What the harness made of a mutant.
pub(crate) enum Outcome {
    /// It was found, and blamed.
    Killed(Killer),
    /// Nothing failed.
    Passed,
    /// Something failed, and nobody was blamed.
    BlamedNobody(Killer),
    /// Somebody else was blamed.
    BlamedWrongly(Killer),
    /// It was not tried.
    NotTried,
}

/// A case that found it, and a rule that it broke there.
pub(crate) struct Killer {
    pub(crate) case: String,
    pub(crate) rule: String,
    pub(crate) reason: String,
}

impl Row {
    /// What the trials of a subject in a role say.
    pub(crate) fn of(subject: &Subject, role: Role, results: &[Trial], named: Named<'_>) -> Self {
        let name = subject.name();
        // A mutant that the correct peer meets says nothing of the correct peer.
        let is_partner = |other: &str| {
            matches!(subject, Subject::Mutant(_)) || [REFERENCE, "scripted"].contains(&other)
        };
        let is_its = |trial: &&Trial| match role {
            Role::Server => trial.server == name && is_partner(&trial.client),
            Role::Client => trial.client == name && is_partner(&trial.server),
        };
        let is_tried = |trial: &&Trial| trial.verdict == "pass" || has_failed(trial);
        let tried: Vec<&Trial> = results.iter().filter(is_its).filter(is_tried).collect();
        let failed: Vec<&Trial> = tried.iter().copied().filter(has_failed).collect();
        let blamed = |side: Role| {
            let side = side.to_string();
            let is_it = |trial: &&Trial| trial.blame.as_deref() == Some(&*side);
            failed.iter().copied().filter(is_it).collect::<Vec<_>>()
        };
        let among = |trials: &[&Trial]| Killer::among(trials, role, named);
        let other = if role == Role::Server { Role::Client } else { Role::Server };
        let outcome = match (among(&blamed(other)), among(&blamed(role)), among(&failed)) {
            (Some(wrong), _, _) => Outcome::BlamedWrongly(wrong),
            (None, Some(right), _) => Outcome::Killed(right),
            (None, None, Some(first)) => Outcome::BlamedNobody(first),
            (None, None, None) if tried.is_empty() => Outcome::NotTried,
            (None, None, None) => Outcome::Passed,
        };
        Self { subject: *subject, role, trials: tried.len(), failed: failed.len(), outcome }
    }

    /// Whether that is what should come of it.
    pub(crate) fn is_right(&self) -> bool {
        match self.outcome {
            Outcome::Killed(_) => !self.subject.is_lawful(),
            Outcome::Passed => self.subject.is_lawful(),
            _ => false,
        }
    }
}

impl Killer {
    /// The first, unless the page names another of them. Time can decide which cases find a
    /// mutant and which rules it breaks there, so what was true of it stays while it is.
    fn among(killing: &[&Trial], role: Role, named: Named<'_>) -> Option<Self> {
        let is_named = |killer: &Self| named == Some((&*killer.case, &*killer.rule));
        let all = || killing.iter().flat_map(|trial| Self::all(trial, role));
        all().find(is_named).or_else(|| all().next())
    }

    /// A trial with each binding rule of the wire that the mutant broke there, and then
    /// with the case's own.
    fn all(trial: &Trial, role: Role) -> impl Iterator<Item = Self> {
        let side = role.to_string();
        let broken = trial
            .violations
            .iter()
            .filter(move |one| one.side == side && one.level == "MUST")
            .map(|one| &one.rule);
        broken.chain([&trial.rule]).map(|rule| Self {
            case: trial.case.clone(),
            rule: rule.clone(),
            reason: trial.reason.clone(),
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is a filter's predicate")]
fn has_failed(trial: &&Trial) -> bool {
    FAILURES.contains(&trial.verdict.as_str())
}
