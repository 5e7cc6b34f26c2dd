//! What runs, how far it is and what is slow: a live line on a terminal, plain
//! lines elsewhere. On stderr, so that stdout holds the report alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    event::Event,
    manifest::Peer,
    output,
    plan::Plan,
    results::Results,
    run::Round,
    text::{count, shorten},
};

/// What takes longer is named: a trial on the live line, a build on a plain one.
const SLOW: Duration = Duration::from_secs(1);

/// The progress of a run.
#[derive(Debug)]
pub struct Progress {
    line: Option<ProgressBar>,
    finished_cells: usize,
    running: BTreeMap<(usize, usize), Instant>,
    started: BTreeMap<usize, Instant>,
    building: Option<Building>,
    blocked: BTreeSet<String>,
    round: Round,
}

/// A build that runs.
#[derive(Debug)]
struct Building {
    peer: String,
    since: Instant,
    is_said: bool,
}

impl Progress {
    /// A live line if stderr is a terminal.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let line = std::io::stderr().is_terminal().then(|| {
            let total = u64::try_from(plan.trial_count()).unwrap_or(u64::MAX);
            let line = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {pos}/{len} trials {wide_msg}");
            line.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            line,
            finished_cells: 0,
            running: BTreeMap::new(),
            started: BTreeMap::new(),
            building: None,
            blocked: BTreeSet::new(),
            round: Round::default(),
        }
    }

    /// Takes note of an event. `results` has it already.
    pub fn event(&mut self, event: &Event, plan: &Plan, results: &Results) {
        match event {
            Event::BuildStarted { peer } => {
                let (peer, since) = (peer.clone(), Instant::now());
                self.building = Some(Building { peer, since, is_said: false });
            }
            Event::BuildFinished { .. } => self.building = None,
            Event::PeerBlocked { peer, .. } => {
                self.blocked.insert(peer.clone());
            }
            Event::CellStarted { cell } => {
                self.started.insert(*cell, Instant::now());
            }
            Event::TrialStarted { cell, trial } => {
                self.running.insert((*cell, *trial), Instant::now());
            }
            Event::TrialObserved { cell, trial, .. } => {
                self.running.remove(&(*cell, *trial));
            }
            Event::CellFinished { cell, .. } => {
                self.finished_cells += 1;
                self.running.retain(|(running, _), _| running != cell);
                self.cell_finished(*cell, plan, results);
            }
            Event::CellReady { .. } | Event::Note { .. } => {}
        }
    }

    /// Draws the live line anew.
    pub fn tick(&mut self, plan: &Plan, results: &Results) {
        self.say_slow_build();
        let Some(line) = &self.line else { return };
        let counts = results.counts();
        line.set_position(u64::try_from(counts.judged()).unwrap_or(u64::MAX));
        let mut message = match &self.building {
            Some(building) => format!("building {}", building.peer),
            None => format!("{}/{} cells", self.finished_cells, self.cells_to_run(plan)),
        };
        if counts.unexpected() > 0 {
            message.push_str(&format!(", {} unexpected", counts.unexpected()));
        }
        if let Some((&(cell, trial), since)) = self.running.iter().min_by_key(|(_, since)| **since)
            && since.elapsed() >= SLOW
        {
            let planned = &plan.cells[cell];
            message.push_str(&format!(
                ", slow: {}+{} {} {:.0} s",
                planned.server.name,
                planned.client.name,
                planned.trials[trial].case.name,
                since.elapsed().as_secs_f64()
            ));
        }
        line.set_message(message);
        line.tick();
    }

    /// Removes the live line.
    pub fn finish(&self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }

    /// A plain line for a build that has something to do; most have not.
    fn say_slow_build(&mut self) {
        if self.line.is_some() {
            return;
        }
        if let Some(building) = &mut self.building
            && !building.is_said
            && building.since.elapsed() >= SLOW
        {
            building.is_said = true;
            let text = format!("building {}", building.peer);
            self.say(&text);
        }
    }

    /// One plain line; the live line shows the same as it goes.
    fn cell_finished(&self, cell: usize, plan: &Plan, results: &Results) {
        if self.line.is_some() {
            return;
        }
        let planned = &plan.cells[cell];
        let took = self.started.get(&cell).map(Instant::elapsed).unwrap_or_default();
        let counts: Vec<String> = results
            .cell_counts(cell)
            .nonzero()
            .map(|(verdict, number)| format!("{number} {}", verdict.name()))
            .collect();
        self.say(&format!(
            "[{}/{}] {} server, {} client: {} in {:.1} s",
            self.finished_cells,
            self.cells_to_run(plan),
            planned.server.name,
            planned.client.name,
            counts.join(", "),
            took.as_secs_f64()
        ));
    }

    /// The cells whose peers can both take part.
    fn cells_to_run(&self, plan: &Plan) -> usize {
        let is_blocked = |peer: &Peer| self.blocked.contains(&peer.name);
        let cells = plan.cells.iter().enumerate();
        let of_round = cells.filter(|(index, _)| self.round.has_cell(*index));
        of_round.filter(|(_, cell)| !is_blocked(&cell.server) && !is_blocked(&cell.client)).count()
    }

    fn say(&self, text: &str) {
        let text = shorten(text, 1000);
        match &self.line {
            Some(line) => line.suspend(|| output::say(&text)),
            None => output::say(&text),
        }
    }

    /// What a round is about to do, in one line.
    pub fn begin(&mut self, plan: &Plan, jobs: usize, round: &Round) {
        self.finished_cells = 0;
        self.round = round.clone();
        let cells = (0..plan.cells.len()).filter(|cell| round.has_cell(*cell)).count();
        let trials = round.trials.as_ref().map_or_else(|| plan.trial_count(), BTreeSet::len);
        let (cells, trials) = (count(cells, "cell"), count(trials, "trial"));
        let how = match round.is_alone {
            true => "one trial at a time".to_owned(),
            false => format!("{} at a time", count(jobs, "server")),
        };
        let again = if round.number == 0 { "" } else { "again: " };
        self.say(&format!("{again}{cells}, {trials}, {how}"));
    }
}
