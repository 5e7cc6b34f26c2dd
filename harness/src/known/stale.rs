//! Entries of a user's list that match nothing any more.

use std::collections::BTreeSet;

use super::{Known, KnownList, Party, Whose};
use crate::{input::Place, role::Role};

/// An entry that matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: stale: {why}; mend the entry, or remove it with `crosswire known prune`")]
pub struct Stale {
    /// The entry.
    pub place: Place,
    /// Why.
    pub why: StaleBecause,
}

/// Why an entry is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StaleBecause {
    /// Of no trial that there is.
    #[error("no trial matches this entry")]
    NoTrial,
    /// No peer that it could be about is of its library.
    #[error("no peer of such an implementation and version took part")]
    NoPeer,
    /// It explained nothing.
    #[error("none of its trials shows what it lists")]
    ExplainsNothing,
}

impl KnownList {
    /// Entries that can match none of these trials, whatever the peers are made of.
    #[must_use]
    pub fn hopeless<'a>(
        &self,
        trials: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
    ) -> Vec<Stale> {
        let mut is_used = vec![false; self.entries.len()];
        // A matrix may have very many.
        if self.entries.is_empty() {
            return Vec::new();
        }
        for (server, client, case) in trials {
            for (entry, is_used) in self.entries.iter().zip(&mut is_used) {
                let of_peer = |peer| match &entry.whose {
                    Whose::Peer(_) => entry.whose.includes(Party { peer, identity: None }),
                    Whose::Implementation { .. } => true,
                };
                let is_in =
                    |role, peer| entry.role.is_none_or(|only| only == role) && of_peer(peer);
                *is_used = *is_used
                    || entry.is_about(case)
                        && (is_in(Role::Server, server) || is_in(Role::Client, client));
            }
        }
        let entries = self.entries.iter().zip(is_used).filter(|(_, is_used)| !is_used);
        entries.map(|(entry, _)| stale(entry, StaleBecause::NoTrial)).collect()
    }
}

/// Which entries of a list were met in a run.
#[derive(Debug, Default)]
pub struct Met {
    /// Entries that some trial was about, by their positions.
    about: BTreeSet<usize>,
    /// Entries that explained a finding, by their places.
    explained: BTreeSet<String>,
}

impl Met {
    /// A trial that was tried, and the places of the entries that explain its findings.
    pub fn trial<'a>(
        &mut self,
        list: &KnownList,
        server: Party<'_>,
        client: Party<'_>,
        case: &str,
        explained: impl Iterator<Item = &'a Place>,
    ) {
        for (position, entry) in list.entries.iter().enumerate() {
            if entry.is_about(case) && entry.roles_of(server, client).next().is_some() {
                self.about.insert(position);
            }
        }
        self.explained.extend(explained.map(ToString::to_string));
    }

    /// Entries that a whole run has shown to match nothing.
    #[must_use]
    pub fn stale(&self, list: &KnownList) -> Vec<Stale> {
        let entries = list.entries.iter().enumerate();
        entries
            .filter_map(|(position, entry)| {
                let place = entry.explanation.place.to_string();
                if !self.about.contains(&position) {
                    Some(stale(entry, StaleBecause::NoPeer))
                } else if !entry.sometimes && !self.explained.contains(&place) {
                    Some(stale(entry, StaleBecause::ExplainsNothing))
                } else {
                    None
                }
            })
            .collect()
    }
}

fn stale(entry: &Known, why: StaleBecause) -> Stale {
    Stale { place: entry.explanation.place.clone(), why }
}
