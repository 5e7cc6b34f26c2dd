//! Which trials run again after the whole run, and whether what comes of it counts.
//!
//! Two things fail a trial that is not at fault: a connection that another trial has poisoned,
//! and a machine that has too much to do, or peers that have just been started on it.
//!
//! The first is settled in steps. Those that lost a connection run on a fresh one, without the
//! one that sent last, which may have cost it. If that is lost again, a few that sent last
//! then run alone, and the rest once more together, which must do. In the end those that sent
//! last of all run alone: who fails alone has explained itself; if nobody does, it happened all
//! the same, and one trial stays charged with it, or a connection would be lost and nothing
//! failed.
//!
//! The second is settled by running alone what a clock decided.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    finding::{Effect, Finding, Kind},
    judge::Judgement,
    observe::{Lost, Observation},
    run::Round,
};

/// How many of those that lost a connection again run alone, for each cell. A server that ends
/// every connection has hundreds, each of which may take until its deadline.
const MOST_ALONE: usize = 8;

/// How many trials of a cell that one thing failed must fail alone, too, until the others are
/// believed: each may take until its deadline, and there may be hundreds.
const MOST_IN_VAIN: usize = 3;

/// The positions of a trial's cell and its own.
pub(super) type Place = (usize, usize);

/// The trials that may have failed without a fault of their own.
#[derive(Debug)]
pub(super) struct Again {
    /// The round that is on.
    round: Round,
    /// What is known of the connections that were lost.
    stage: Stage,
    /// Those that lost a connection which they shared, in this round.
    lost: BTreeMap<Place, Loss>,
    /// Those that are charged with a connection, unless they fail alone, too.
    charged: BTreeSet<Place>,
    /// Who sent last on a connection that was lost, and is to run alone.
    suspects: BTreeSet<Place>,
    /// Those that lost a connection again, and are to run together once more.
    rest: BTreeSet<Place>,
    /// The cells in which a trial has explained itself by failing alone.
    explained: BTreeSet<usize>,
    /// Those whose failure may be the machine's, with what failed them.
    lagged: BTreeMap<Place, Kind>,
    /// What came of those that ran again for it, by their cells and what had failed them.
    excused: BTreeMap<(usize, Kind), Excused>,
    /// How often a trial may run again whose failure may be the machine's; how often some have.
    most_retries: usize,
    retries: usize,
    ran: Ran,
}

/// How far those are that lost a connection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// They ran with all others.
    #[default]
    AllRan,
    /// They ran without those that sent last.
    RanWithout,
    /// Of those that lost it again, the few ran alone that sent last but one.
    FewRanAlone,
    /// The rest of them ran together.
    RestRan,
    /// Those that sent last have run alone.
    Settled,
}

#[derive(Debug, Clone, Copy)]
struct Loss {
    lost: Lost,
    /// A trial that breaks a rule of the wire itself needs no other explanation.
    breaks_a_rule: bool,
}

/// How many were excused, and how many were not: they failed alone, too, on a machine with
/// nothing else to do.
#[derive(Debug, Default)]
struct Excused {
    passed: usize,
    failed: usize,
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
    /// Nothing is in doubt yet. What the machine may have failed may run again so often.
    pub(super) fn new(most_retries: usize) -> Self {
        Self {
            round: Round::default(),
            stage: Stage::default(),
            lost: BTreeMap::new(),
            charged: BTreeSet::new(),
            suspects: BTreeSet::new(),
            rest: BTreeSet::new(),
            explained: BTreeSet::new(),
            lagged: BTreeMap::new(),
            excused: BTreeMap::new(),
            most_retries,
            retries: 0,
            ran: Ran::default(),
        }
    }

    /// A trial was judged.
    pub(super) fn judged(
        &mut self,
        place: Place,
        observation: &Observation,
        judgement: &Judgement,
    ) -> Counts {
        let is_failed = judgement.verdict.is_unexpected();
        // What could not be tried again is as it was.
        if self.round.trials.is_some() && judgement.is_untried() {
            return Counts::No;
        }
        if self.charged.contains(&place) && !is_failed {
            self.ran.charged.insert(place);
            return Counts::NotAlone;
        }
        if is_failed && self.round.is_alone {
            self.explained.insert(place.0);
        }
        self.lost.remove(&place);
        let lost = observation.wire.as_ref().and_then(|wire| wire.lost);
        // Known or not, who breaks a rule may have cost the others their connection.
        let is_breach = |finding: &Finding| {
            finding.kind == Kind::Rule && matches!(finding.effect, Effect::Fails | Effect::Known(_))
        };
        let breaks_a_rule = judgement.findings.iter().any(is_breach);
        if let Some(lost) = lost.filter(|_| (is_failed || breaks_a_rule) && !self.round.is_alone) {
            self.lost.insert(place, Loss { lost, breaks_a_rule });
        }
        self.excuse(place, observation, judgement);
        Counts::Yes
    }

    /// Takes note of a failure that may be the machine's, or of what came of one that was.
    fn excuse(&mut self, place: Place, observation: &Observation, judgement: &Judgement) {
        let is_failed = judgement.verdict.is_unexpected();
        // Nobody ends a connection because the machine is slow.
        let lost = observation.wire.as_ref().and_then(|wire| wire.lost);
        let has_lost = lost.is_some_and(|lost| lost.connection.is_some());
        let is_excused = (observation.was_lagging || observation.was_cold) && !has_lost;
        let failed_by = judgement.deciding().next().map(|finding| finding.kind);
        let before = self.lagged.remove(&place);
        if let Some(kind) = failed_by
            && is_failed
            && is_excused
            && judgement.is_by_clock()
        {
            self.lagged.insert(place, kind);
        } else if let Some(kind) = before {
            let excused = self.excused.entry((place.0, kind)).or_default();
            *(if is_failed { &mut excused.failed } else { &mut excused.passed }) += 1;
        }
    }

    /// What is to run next, when all of a round were judged; `None` when nothing is in doubt.
    pub(super) fn next(&mut self) -> Option<Round> {
        while let Some((trials, is_alone)) = self.next_for_lost() {
            if !trials.is_empty() {
                self.ran.lost.extend(&trials);
                return Some(self.round_of(trials, is_alone));
            }
        }
        self.charged.clear();
        let lagged = self.next_for_lagged();
        if lagged.is_empty() || self.retries == self.most_retries {
            return None;
        }
        self.retries += 1;
        self.ran.lagged.extend(&lagged);
        Some(self.round_of(lagged, true))
    }

    /// All is to run once more.
    pub(super) fn repeat(&mut self) -> Round {
        let round = Round { number: self.round.number + 1, ..Round::default() };
        let ran = std::mem::take(&mut self.ran);
        *self = Self { round: round.clone(), ran, ..Self::new(self.most_retries) };
        round
    }

    /// What ran again.
    pub(super) const fn ran(&self) -> &Ran {
        &self.ran
    }

    /// The next step with those that lost a connection, and whether they run alone in it.
    fn next_for_lost(&mut self) -> Option<(BTreeSet<Place>, bool)> {
        match self.stage {
            Stage::AllRan => {
                self.stage = Stage::RanWithout;
                let (suspects, others) = suspected(&std::mem::take(&mut self.lost));
                self.suspects = suspects;
                self.explained.clear();
                Some((others, false))
            }
            Stage::RanWithout => {
                self.stage = Stage::FewRanAlone;
                let lost = std::mem::take(&mut self.lost);
                let (suspects, others) = suspected(&lost);
                // A cell that loses a connection without those that sent last before has
                // somebody else to charge.
                let is_lost =
                    |(cell, _): &Place| lost.range((*cell, 0)..(*cell + 1, 0)).next().is_some();
                let (mut few, still): (BTreeSet<Place>, BTreeSet<Place>) =
                    std::mem::take(&mut self.suspects).into_iter().partition(is_lost);
                self.suspects = still;
                self.suspects.extend(suspects);
                let mut latest: Vec<Place> = others.into_iter().collect();
                latest.sort_by_key(|place| Reverse(lost[place].lost.last_sent));
                for place in latest {
                    let of_cell = few.range((place.0, 0)..(place.0 + 1, 0)).count();
                    if of_cell < MOST_ALONE { &mut few } else { &mut self.rest }.insert(place);
                }
                Some((few, true))
            }
            Stage::FewRanAlone => {
                self.stage = Stage::RestRan;
                Some((std::mem::take(&mut self.rest), false))
            }
            Stage::RestRan => {
                self.stage = Stage::Settled;
                self.explained.extend(std::mem::take(&mut self.lost).keys().map(|(cell, _)| cell));
                let suspects = std::mem::take(&mut self.suspects);
                let is_open = |(cell, _): &&Place| !self.explained.contains(cell);
                self.charged = suspects.iter().filter(is_open).copied().collect();
                Some((suspects, true))
            }
            Stage::Settled => None,
        }
    }

    /// Of each cell and what failed its trials, a few; all, once one of them was excused; none,
    /// once enough of them were not.
    fn next_for_lagged(&self) -> BTreeSet<Place> {
        let mut of_group: BTreeMap<(usize, Kind), usize> = BTreeMap::new();
        let mut next = BTreeSet::new();
        for (place, kind) in &self.lagged {
            let group = (place.0, *kind);
            let taken = of_group.entry(group).or_default();
            let room = match self.excused.get(&group) {
                Some(Excused { passed: 1.., .. }) => usize::MAX,
                Some(Excused { failed, .. }) => MOST_IN_VAIN.saturating_sub(*failed),
                None => MOST_IN_VAIN,
            };
            if *taken < room {
                *taken += 1;
                next.insert(*place);
            }
        }
        next
    }

    fn round_of(&mut self, trials: BTreeSet<Place>, is_alone: bool) -> Round {
        let number = self.round.number + 1;
        self.round = Round { number, trials: Some(trials), is_alone };
        self.round.clone()
    }
}

/// Those that sent last on each connection, and the others that were on one. Whose own bytes
/// break a rule is neither: it is charged as it is, and nobody else is suspected.
fn suspected(lost: &BTreeMap<Place, Loss>) -> (BTreeSet<Place>, BTreeSet<Place>) {
    let mut connections: BTreeMap<_, Vec<(Place, &Loss)>> = BTreeMap::new();
    for (place, loss) in lost {
        let Some(number) = loss.lost.connection else { continue };
        let connection = (place.0, loss.lost.tap, number);
        connections.entry(connection).or_default().push((*place, loss));
    }
    let (mut suspects, mut others) = (BTreeSet::new(), BTreeSet::new());
    for trials in connections.values() {
        let (breakers, rest): (Vec<_>, Vec<_>) =
            trials.iter().partition(|(_, loss)| loss.breaks_a_rule);
        let last = rest.iter().max_by_key(|(_, loss)| loss.lost.last_sent);
        let suspect = last.filter(|_| breakers.is_empty()).map(|(place, _)| *place);
        suspects.extend(suspect);
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
    (suspects, others)
}

#[cfg(test)]
mod tests;
