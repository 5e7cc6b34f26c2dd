//! What came of one mutant in one role.

use crosswire::manifest::SCRIPTED;

use crate::{
    manifest::{Role, Subject},
    run::{Trial, Violation},
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

/// The first case that found it.
pub(crate) struct Killer {
    pub(crate) case: String,
    pub(crate) rule: String,
    pub(crate) reason: String,
}

impl Row {
    /// What the trials of a subject in a role say. Which cases find a mutant can depend on
    /// time, so the one that the page names stays as long as it is among them.
    pub(crate) fn of(subject: &Subject, role: Role, results: &[Trial], named: Named<'_>) -> Self {
        let name = subject.name();
        let is_its = |trial: &&Trial| match role {
            Role::Server => trial.server == name,
            Role::Client => trial.client == name,
        };
        // A case that the correct peer fails says nothing about others, and a script that
        // it fails nothing about itself: some of them have little time.
        let says_nothing = |trial: &Trial| {
            let is_scripted = [&trial.server, &trial.client].contains(&&SCRIPTED.to_owned());
            let correct = Subject::Correct.name();
            let fails_correct = |other: &Trial| {
                other.case == trial.case
                    && has_failed(&other)
                    && [&other.server, &other.client].contains(&&correct)
            };
            is_scripted && (name == correct || results.iter().any(fails_correct))
        };
        let is_tried =
            |trial: &&Trial| trial.verdict == "pass" || has_failed(trial) && !says_nothing(trial);
        let tried: Vec<&Trial> = results.iter().filter(is_its).filter(is_tried).collect();
        let failed: Vec<&Trial> = tried.iter().copied().filter(has_failed).collect();
        let blamed = |side: String| {
            let is_it = move |trial: &&&Trial| trial.blame.as_deref() == Some(side.as_str());
            let killing: Vec<&Trial> = failed.iter().filter(is_it).copied().collect();
            Killer::among(&killing, role, named)
        };
        let other = if role == Role::Server { Role::Client } else { Role::Server };
        let outcome = match (blamed(other.to_string()), blamed(role.to_string()), failed.first()) {
            (Some(wrong), _, _) => Outcome::BlamedWrongly(wrong),
            (None, Some(right), _) => Outcome::Killed(right),
            (None, None, Some(first)) => Outcome::BlamedNobody(Killer::of(first, role)),
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

/// Cases with a connection of their own: what finds a mutant there does not depend on
/// what else its connection carries at the time.
const UNDISTURBED: [&str; 7] = [
    "metadata/none-added",
    "connection/idle",
    "cancellation/after-one",
    "cancellation/next-call",
    "connection/ping/to-the-client",
    "connection/ping/to-the-server",
    "connection/reader/slow",
];

impl Killer {
    /// The one to be named. If time decides whether the one on the page finds the
    /// mutant, one of those that are undisturbed takes its place.
    fn among(killing: &[&Trial], role: Role, named: Named<'_>) -> Option<Self> {
        let find = |case: &str| killing.iter().find(|trial| trial.case == case);
        let first = killing.first()?;
        let Some((case, rule)) = named else { return Some(Self::of(first, role)) };
        let Some(trial) = find(case) else {
            let instead = UNDISTURBED.iter().find_map(|case| find(case));
            return Some(Self::of(instead.unwrap_or(first), role));
        };
        let killer = Self::of(trial, role);
        let breaks = |trial: &&Trial| broken(trial, role).any(|broken| broken.rule == rule);
        if killer.rule != rule && (trial.rule == rule || killing.iter().any(breaks)) {
            return Some(Self { rule: rule.to_owned(), ..killer });
        }
        Some(killer)
    }

    /// The rule is that of the wire which the mutant broke, or else the case's own.
    fn of(trial: &Trial, role: Role) -> Self {
        let broken = broken(trial, role).next();
        Self {
            case: trial.case.clone(),
            rule: broken.map_or_else(|| trial.rule.clone(), |broken| broken.rule.clone()),
            reason: trial.reason.clone(),
        }
    }
}

/// The binding rules of the wire that a side broke in a trial.
fn broken(trial: &Trial, role: Role) -> impl Iterator<Item = &Violation> {
    let side = role.to_string();
    trial.violations.iter().filter(move |one| one.side == side && one.level == "MUST")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is a filter's predicate")]
fn has_failed(trial: &&Trial) -> bool {
    FAILURES.contains(&trial.verdict.as_str())
}
