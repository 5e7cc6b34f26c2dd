//! Where a run's time went: `--timings`.

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::{plan::Plan, results::Record, text::seconds};

/// How many trials are shown that took longest.
const MOST_SHOWN: usize = 10;

/// When things began and ended, counted from the run's start.
#[derive(Debug, Default, Clone)]
pub struct Timings {
    /// The builds of peers, in their order.
    pub builds: Vec<(String, Duration)>,
    /// The cells, in the order in which they ended; one that ran again is there again.
    pub cells: Vec<Span>,
}

/// When a cell ran, counted from the run's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its position in the plan.
    pub cell: usize,
    /// When its first processes were started.
    pub began: Duration,
    /// When its last ended.
    pub ended: Duration,
}

impl Timings {
    /// The cells that the run's end waited for, in their order: the last to end, before it the
    /// one whose end made room for it, and so on.
    fn critical_path(&self) -> Vec<Span> {
        let mut path: Vec<Span> = Vec::new();
        let mut next = self.cells.iter().max_by_key(|span| span.ended);
        while let Some(span) = next {
            path.push(*span);
            let is_before = |one: &&Span| one.ended <= span.began && one.began < span.began;
            let before = self.cells.iter().filter(is_before);
            next = before.max_by_key(|one| one.ended);
        }
        path.reverse();
        path
    }

    /// Writes the builds, the critical path and the trials that took longest.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        plan: &Plan,
        records: &[Record<'_>],
    ) -> io::Result<()> {
        writeln!(out, "\nbuilds")?;
        for (peer, took) in &self.builds {
            writeln!(out, "  {:>7}  {peer}", seconds(*took))?;
        }
        writeln!(out, "critical path: the cells that the end of the run waited for")?;
        for Span { cell, began, ended } in self.critical_path() {
            let (server, client) = (&plan.cells[cell].server.name, &plan.cells[cell].client.name);
            let (took, began) = (seconds(ended - began), seconds(began));
            writeln!(out, "  {took:>7}  server {server}, client {client}, from {began} on")?;
        }
        writeln!(out, "the trials that took longest, of all cells")?;
        let mut longest: Vec<&Record<'_>> = records.iter().collect();
        longest.sort_by_key(|record| std::cmp::Reverse(record.duration));
        for record in longest.iter().take(MOST_SHOWN) {
            let Record { server, client, case, duration, .. } = record;
            let took = seconds(*duration);
            writeln!(out, "  {took:>7}  {} (server {server}, client {client})", case.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_critical_path_leads_to_the_end() {
        let span = |cell, began, ended| {
            let (began, ended) = (Duration::from_secs(began), Duration::from_secs(ended));
            Span { cell, began, ended }
        };
        let cells = vec![span(0, 0, 3), span(1, 0, 5), span(2, 3, 4), span(3, 4, 9), span(4, 5, 8)];
        let path = Timings { builds: vec![], cells }.critical_path();
        assert_eq!(path, [span(0, 0, 3), span(2, 3, 4), span(3, 4, 9)]);
        assert_eq!(Timings::default().critical_path(), []);
        let at_once = Timings { builds: vec![], cells: vec![span(0, 0, 0)] };
        assert_eq!(at_once.critical_path(), [span(0, 0, 0)]);
    }
}
