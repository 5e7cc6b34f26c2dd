//! The trials of the earlier commit, and what they came to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::Deserialize;

use super::Result;

/// Those of commit 09d2b2d: `[{"verdict", "cells": ["SERVER+CLIENT"], "cases"}]`.
const KEPT: &str = include_str!("09d2b2d.json");

/// Each trial, by its cell and case, with its verdict.
pub(super) struct Trials(BTreeMap<(String, String), String>);

/// Trials that have a verdict in common.
#[derive(Deserialize)]
struct Group {
    verdict: String,
    cells: Vec<String>,
    cases: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    trial: Option<Trial>,
}

#[derive(Deserialize)]
struct Trial {
    server: String,
    client: String,
    case: String,
    verdict: String,
    #[serde(default)]
    reason: String,
}

impl Trials {
    pub(super) fn kept() -> Result<Self> {
        let groups: Vec<Group> = serde_json::from_str(KEPT)?;
        let mut trials = BTreeMap::new();
        for Group { verdict, cells, cases } in groups {
            for (cell, case) in cells.iter().flat_map(|cell| cases.iter().map(move |it| (cell, it)))
            {
                trials.insert((cell.clone(), case.clone()), verdict.clone());
            }
        }
        Ok(Self(trials))
    }

    /// What selects, of all these cases, those that are kept.
    pub(super) fn filter<'a>(&self, all: impl Iterator<Item = &'a str>) -> String {
        let kept: BTreeSet<&str> = self.0.keys().map(|(_, case)| &**case).collect();
        let others = all.filter(|case| !kept.contains(case));
        let others: Vec<String> = others.map(|case| format!("!case({case})")).collect();
        if others.is_empty() { "case(**)".to_owned() } else { others.join("&") }
    }

    /// Prints how the verdicts of a report differ from these.
    pub(super) fn compare(&self, results: &Path) -> Result<()> {
        let mut left = self.0.clone();
        let mut same = 0_usize;
        let mut others = Vec::new();
        for line in fs::read_to_string(results)?.lines() {
            let Some(trial) = serde_json::from_str::<Line>(line)?.trial else { continue };
            let Trial { server, client, case, verdict, reason } = trial;
            match left.remove(&(format!("{server}+{client}"), case.clone())) {
                Some(before) if before == verdict => same += 1,
                Some(before) => others
                    .push(format!("{before} -> {verdict}: {server}+{client} {case}  {reason}")),
                None => {}
            }
        }
        println!(
            "\n{same} verdicts are the same, {} are not, {} are gone",
            others.len(),
            left.len()
        );
        others.sort();
        others.iter().for_each(|other| println!("{other}"));
        for ((cell, case), before) in left {
            println!("{before} -> gone: {cell} {case}");
        }
        Ok(())
    }
}
