//! The results of a run so far: every trial of the plan with its judgement.

mod cause;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

pub use cause::{Cause, causes};

use crate::{
    exit::Exit,
    identity::Identity,
    judge::{Blame, CaseMatrix, Judgement, Verdict, blame},
    plan::Plan,
    role::Role,
    suite::Case,
};

/// What became of the plan's trials.
#[derive(Debug)]
pub struct Results {
    plan: Arc<Plan>,
    cells: Vec<Vec<Option<Judged>>>,
    /// What each cell's server and client are made of, where anybody said so.
    identities: Vec<[Option<Identity>; 2]>,
}

/// A trial that was judged.
#[derive(Debug)]
pub struct Judged {
    /// What it came to.
    pub judgement: Judgement,
    /// How long it took.
    pub duration: Duration,
    /// The transcript that was written, if one was.
    pub trace: Option<Trace>,
}

impl Judged {
    /// As it failed first, if it did.
    fn repeated(self, later: Self) -> Self {
        let has_failed = |one: &Self| one.judgement.verdict.is_unexpected();
        let is_later = !has_failed(&self) && has_failed(&later);
        let (duration, trace) = match is_later {
            true => (later.duration, later.trace),
            false => (self.duration, self.trace),
        };
        Self { judgement: self.judgement.repeated(later.judgement), duration, trace }
    }
}

/// The transcript of a trial.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Its file.
    pub path: PathBuf,
    /// The lines of it that matter most.
    pub excerpt: Vec<String>,
}

/// One trial with all that is known of it.
#[derive(Debug)]
pub struct Record<'a> {
    /// The server's peer.
    pub server: &'a str,
    /// The client's peer.
    pub client: &'a str,
    /// What was tried.
    pub case: &'a Case,
    /// Which library the server is made of.
    pub server_identity: Option<&'a Identity>,
    /// Which library the client is made of.
    pub client_identity: Option<&'a Identity>,
    /// What it came to.
    pub judgement: &'a Judgement,
    /// Whom the evidence points to, if it failed.
    pub blame: Option<Blame>,
    /// How long it took.
    pub duration: Duration,
    /// The transcript that was written, if one was.
    pub trace: Option<&'a Trace>,
}

/// How many trials came to what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    by_verdict: BTreeMap<Verdict, usize>,
    /// Planned and neither tried nor ruled out, because the run was stopped.
    pub not_run: usize,
}

impl Counts {
    /// How many came to this.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> usize {
        self.by_verdict.get(&verdict).copied().unwrap_or_default()
    }

    /// How many came to anything.
    #[must_use]
    pub fn judged(&self) -> usize {
        self.by_verdict.values().sum()
    }

    /// How many make the run fail.
    #[must_use]
    pub fn unexpected(&self) -> usize {
        self.by_verdict.iter().filter(|(verdict, _)| verdict.is_unexpected()).map(|(_, n)| n).sum()
    }

    /// The verdicts that occur, with their numbers, in the order of summaries.
    pub fn nonzero(&self) -> impl Iterator<Item = (Verdict, usize)> {
        Verdict::ALL.into_iter().map(|verdict| (verdict, self.of(verdict))).filter(|(_, n)| *n > 0)
    }

    /// The exit code that they ask for.
    #[must_use]
    pub fn exit(&self, is_stopped: bool) -> Exit {
        let tried = self.judged() - self.of(Verdict::Unsupported);
        if is_stopped {
            Exit::Stopped
        } else if self.unexpected() > 0 {
            Exit::Unexpected
        } else if self.of(Verdict::Blocked) > 0 {
            Exit::Blocked
        } else if tried == 0 {
            Exit::NothingRan
        } else {
            Exit::Success
        }
    }
}

impl Results {
    /// Nothing judged yet, but for what the manifest rules out.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let cells = plan
            .cells
            .iter()
            .map(|cell| {
                cell.trials
                    .iter()
                    .map(|trial| {
                        let why = trial.unsupported.as_ref()?;
                        let judgement = Judgement::unsupported(why);
                        Some(Judged { judgement, duration: Duration::ZERO, trace: None })
                    })
                    .collect()
            })
            .collect();
        let identities = vec![[None, None]; plan.cells.len()];
        Self { plan, cells, identities }
    }

    /// Sets what one side of a cell is made of.
    pub fn set_identity(&mut self, cell: usize, role: Role, identity: Option<Identity>) {
        let [server, client] = &mut self.identities[cell];
        *(if role == Role::Server { server } else { client }) = identity;
    }

    /// What one side of a cell is made of.
    #[must_use]
    pub fn identity(&self, cell: usize, role: Role) -> Option<&Identity> {
        let [server, client] = &self.identities[cell];
        if role == Role::Server { server.as_ref() } else { client.as_ref() }
    }

    /// Sets a trial's judgement; a later one takes an earlier one's place.
    pub fn set(&mut self, cell: usize, trial: usize, judged: Judged) {
        self.cells[cell][trial] = Some(judged);
    }

    /// What this run and a later one of the same plan say together.
    #[must_use]
    pub fn repeated(mut self, later: Self) -> Self {
        let cells = self.cells.iter_mut().zip(later.cells);
        for (trial, later) in cells.flat_map(|(cell, later)| cell.iter_mut().zip(later)) {
            *trial = match (trial.take(), later) {
                (Some(one), Some(later)) => Some(one.repeated(later)),
                (one, later) => one.or(later),
            };
        }
        self
    }

    /// A trial was tried again alone, and came to nothing of what stands.
    pub fn set_not_alone(&mut self, cell: usize, trial: usize) {
        if let Some(judged) = &mut self.cells[cell][trial] {
            judged.judgement.is_answered_alone = true;
        }
    }

    /// One trial, without blame, which needs the whole matrix.
    #[must_use]
    pub fn record(&self, cell: usize, trial: usize) -> Option<Record<'_>> {
        let judged = self.cells[cell][trial].as_ref()?;
        let planned = &self.plan.cells[cell];
        Some(Record {
            server: &planned.server.name,
            client: &planned.client.name,
            case: &planned.trials[trial].case,
            server_identity: self.identity(cell, Role::Server),
            client_identity: self.identity(cell, Role::Client),
            judgement: &judged.judgement,
            blame: None,
            duration: judged.duration,
            trace: judged.trace.as_ref(),
        })
    }

    /// Every judged trial in the plan's order, each failure with its blame.
    #[must_use]
    pub fn records(&self) -> Vec<Record<'_>> {
        let mut records: Vec<Record<'_>> = (0..self.cells.len())
            .flat_map(|cell| (0..self.cells[cell].len()).map(move |trial| (cell, trial)))
            .filter_map(|(cell, trial)| self.record(cell, trial))
            .collect();
        let mut matrices: HashMap<&str, CaseMatrix<'_>> = HashMap::new();
        for record in &records {
            let matrix = matrices.entry(&record.case.name).or_default();
            matrix.insert((record.server, record.client), record.judgement);
        }
        let blames: Vec<Option<Blame>> = records
            .iter()
            .map(|record| blame(&matrices[record.case.name.as_str()], record.server, record.client))
            .collect();
        for (record, blame) in records.iter_mut().zip(blames) {
            record.blame = blame;
        }
        records
    }

    /// The counts of the whole run.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for trial in self.cells.iter().flatten() {
            counts.add(trial.as_ref());
        }
        counts
    }

    /// The counts of one cell.
    #[must_use]
    pub fn cell_counts(&self, cell: usize) -> Counts {
        let mut counts = Counts::default();
        for trial in &self.cells[cell] {
            counts.add(trial.as_ref());
        }
        counts
    }
}

impl Counts {
    fn add(&mut self, judged: Option<&Judged>) {
        match judged {
            Some(judged) => *self.by_verdict.entry(judged.judgement.verdict).or_default() += 1,
            None => self.not_run += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_finding_decides_the_exit_code() {
        use Verdict::{Blocked, Crashed, Fail, Fixed, Hung, Known, Pass, Unsupported};
        for (verdicts, is_stopped, expected) in [
            (&[Pass, Known, Unsupported][..], false, Exit::Success),
            (&[Pass, Fail], false, Exit::Unexpected),
            (&[Pass, Fixed], false, Exit::Unexpected),
            (&[Hung, Blocked], false, Exit::Unexpected),
            (&[Crashed], false, Exit::Unexpected),
            (&[Pass, Blocked], false, Exit::Blocked),
            (&[Blocked], false, Exit::Blocked),
            (&[Unsupported], false, Exit::NothingRan),
            (&[], false, Exit::NothingRan),
            (&[Fail], true, Exit::Stopped),
        ] {
            let mut counts = Counts::default();
            for verdict in verdicts {
                *counts.by_verdict.entry(*verdict).or_default() += 1;
            }
            assert_eq!(counts.exit(is_stopped), expected, "{verdicts:?}");
        }
    }
}
