//! Which trials of a cell come to an incident, as is known of its peers.

use std::{collections::HashSet, sync::Arc};

use super::core::TrialId;
use crate::{
    finding::Kind,
    known::{Known, Party},
    plan::Cell,
};

/// The trials that hang or crash, or may, as entries of the known lists say.
#[derive(Debug, Default)]
pub(super) struct KnownIncidents {
    pub(super) hangs: HashSet<TrialId>,
    crashes: HashSet<TrialId>,
}

impl KnownIncidents {
    /// Those of a cell of these two.
    pub(super) fn of(
        cell: &Cell,
        server: Party<'_>,
        client: Party<'_>,
        known: &[Arc<Known>],
    ) -> Self {
        let of_pair: Vec<&Arc<Known>> =
            known.iter().filter(|known| known.roles_of(server, client).next().is_some()).collect();
        let trials = |kind| {
            let about: Vec<_> = of_pair.iter().filter(|known| known.names(kind)).collect();
            let is_known = |case: &str| about.iter().any(|known| known.is_about(case));
            let trials = cell.trials.iter().enumerate();
            let of_kind = trials.filter(|(_, trial)| is_known(&trial.case.name));
            of_kind.map(|(index, _)| TrialId(index)).collect()
        };
        Self { hangs: trials(Kind::Hang), crashes: trials(Kind::Crash) }
    }

    /// Whether a trial is one of them.
    pub(super) fn has(&self, trial: TrialId) -> bool {
        self.hangs.contains(&trial) || self.crashes.contains(&trial)
    }
}
