//! Which trials run again after the whole run, and whether what comes of it counts.
//!
//! Two things fail a trial that is not at fault: a connection that another trial has poisoned,
//! and a machine that has too much to do. The first is settled by running those that lost a
//! connection on a fresh one, without the trial that may have cost it; that one runs alone. If
//! it fails alone, too, it has explained itself; if nobody fails any more, it happened all the
//! same, and one trial stays charged with it. The second is settled by running alone what a
//! clock decided.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    finding::Kind,
    judge::Judgement,
    observe::{Lost, Observation},
    run::Round,
};

/// How often a trial is tried again whose failure may be another's, and the machine's.
const MOST_AGAIN: usize = 3;

/// The positions of a trial's cell and its own.
pub(super) type Place = (usize, usize);

/// The trials that may have failed without a fault of their own.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// Those that lost a connection which they shared, in the rounds with company.
    lost: BTreeMap<Place, Loss>,
    /// Those that are charged with a connection, unless they fail alone, too.
    charged: BTreeSet<Place>,
    /// Those whose failure may be the machine's.
    lagged: BTreeSet<Place>,
    /// Who is to run alone next, for a connection.
    suspects: BTreeSet<Place>,
    /// How many rounds there were for connections, for the machine, and in all.
    rounds: Rounds,
    /// The trials of the round that is on.
    round: BTreeSet<Place>,
    is_alone: bool,
    ran: Ran,
}

#[derive(Debug, Default)]
struct Rounds {
    for_lost: usize,
    for_lagged: usize,
    all: usize,
}

/// What ran again.
#[derive(Debug, Default, Clone)]
pub(super) struct Ran {
    /// The trials that had lost a connection.
    pub(super) lost: BTreeSet<Place>,
    /// Those that are charged with it although they pass alone.
    pub(super) charged: BTreeSet<Place>,
    /// The trials that had failed while the machine lagged.
    pub(super) lagged: BTreeSet<Place>,
}

#[derive(Debug)]
struct Loss {
    lost: Lost,
    /// A trial that breaks a rule of the wire itself needs no other explanation.
    breaks_a_rule: bool,
}

/// Whether what came of a trial counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// It does.
    Yes,
    /// What came of it before stands.
    No,
    /// What came of it before stands, and does not come of it alone.
    NotAlone,
}

impl Again {
    /// A trial was judged.
    pub(super) fn judged(
        &mut self,
        place: Place,
        observation: &Observation,
        judgement: &Judgement,
    ) -> Counts {
        let is_again = self.round.contains(&place);
        let is_failed = judgement.verdict.is_unexpected();
        // What could not be tried again is as it was.
        if is_again && judgement.is_untried() {
            return Counts::No;
        }
        if is_again && self.charged.contains(&place) && !is_failed {
            self.ran.charged.insert(place);
            return Counts::NotAlone;
        }
        let lost = observation.wire.as_ref().and_then(|wire| wire.lost);
        match lost.filter(|_| is_failed && !self.is_alone) {
            Some(lost) => {
                let breaks_a_rule = judgement.deciding().any(|finding| finding.kind == Kind::Rule);
                self.lost.insert(place, Loss { lost, breaks_a_rule });
            }
            None => _ = self.lost.remove(&place),
        }
        if is_failed && observation.was_lagging && judgement.is_by_clock() {
            self.lagged.insert(place);
        } else {
            self.lagged.remove(&place);
        }
        Counts::Yes
    }

    /// What is to run next, when all of a round were judged; `None` when nothing is in doubt.
    pub(super) fn next(&mut self) -> Option<Round> {
        let company = self.next_for_lost();
        if let Some((trials, is_alone)) = company {
            self.ran.lost.extend(&trials);
            return Some(self.round_of(trials, is_alone));
        }
        if self.lagged.is_empty() || self.rounds.for_lagged == MOST_AGAIN {
            return None;
        }
        self.rounds.for_lagged += 1;
        self.charged.clear();
        let lagged = self.lagged.clone();
        self.ran.lagged.extend(&lagged);
        Some(self.round_of(lagged, true))
    }

    /// What ran again.
    pub(super) const fn ran(&self) -> &Ran {
        &self.ran
    }

    fn next_for_lost(&mut self) -> Option<(BTreeSet<Place>, bool)> {
        if self.suspects.is_empty() && self.rounds.for_lost < MOST_AGAIN {
            self.rounds.for_lost += 1;
            let lost = std::mem::take(&mut self.lost);
            let others = self.suspect(&lost);
            if !others.is_empty() {
                return Some((others, false));
            }
        }
        let suspects = std::mem::take(&mut self.suspects);
        if suspects.is_empty() {
            return None;
        }
        // A cell that loses a connection without them has somebody else to charge. Whom the
        // machine may have failed is not charged at all.
        let is_cleared =
            |place: &Place| self.lost.range((place.0, 0)..(place.0 + 1, 0)).next().is_some();
        let charged = suspects.iter().filter(|place| !is_cleared(place));
        self.charged = charged.filter(|place| !self.lagged.contains(place)).copied().collect();
        Some((suspects, true))
    }

    /// Takes one suspect for each connection; the others are returned. Whose own bytes
    /// break a rule needs no trial of it: it is charged as it is.
    fn suspect(&mut self, lost: &BTreeMap<Place, Loss>) -> BTreeSet<Place> {
        let mut connections: BTreeMap<_, Vec<(Place, &Loss)>> = BTreeMap::new();
        for (place, loss) in lost {
            let Some(number) = loss.lost.connection else { continue };
            let connection = (place.0, loss.lost.tap, number);
            connections.entry(connection).or_default().push((*place, loss));
        }
        let mut others = BTreeSet::new();
        for trials in connections.values() {
            let (breakers, rest): (Vec<_>, Vec<_>) =
                trials.iter().partition(|(_, loss)| loss.breaks_a_rule);
            let last = rest.iter().max_by_key(|(_, loss)| loss.lost.last_sent);
            let suspect = last.filter(|_| breakers.is_empty()).map(|(place, _)| *place);
            self.suspects.extend(suspect);
            let rest = rest.iter().map(|(place, _)| *place);
            others.extend(rest.filter(|place| Some(*place) != suspect));
        }
        // A call that never passed waited for one of those connections.
        let taps: BTreeSet<(usize, u16)> =
            connections.keys().map(|(cell, tap, _)| (*cell, *tap)).collect();
        let waited = lost.iter().filter(|((cell, _), loss)| {
            loss.lost.connection.is_none() && taps.contains(&(*cell, loss.lost.tap))
        });
        others.extend(waited.map(|(place, _)| *place));
        others
    }

    fn round_of(&mut self, trials: BTreeSet<Place>, is_alone: bool) -> Round {
        self.rounds.all += 1;
        self.is_alone = is_alone;
        self.round.clone_from(&trials);
        Round::Again { trials, is_alone, number: self.rounds.all }
    }
}

#[cfg(test)]
mod tests;
