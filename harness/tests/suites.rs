//! What this repository promises of its contract and its suites.

use std::{collections::BTreeSet, path::Path};

use crosswire::project::Project;

fn project() -> Project {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Project::load(Some(&root.join("crosswire.toml"))).unwrap()
}

#[test]
fn every_rule_has_a_case() {
    let project = project();
    let checked: BTreeSet<String> = project.cases().iter().map(|case| case.rule.clone()).collect();
    let rules = project.contract.rules.iter().map(|rule| rule.id.clone());
    let without_case: Vec<String> = rules.filter(|rule| !checked.contains(rule)).collect();
    assert!(without_case.is_empty(), "rules without a case: {without_case:?}");
}

#[test]
fn there_are_enough_cases() {
    let project = project();
    let count = |name: &str| {
        let suite = project.suites.iter().find(|suite| suite.name == name);
        suite.map_or(0, |suite| suite.cases.len())
    };
    let named = count("outliers") + count("fibonacci") + count("in-flight");
    assert!(named >= 60, "{named} named cases, want at least 60");
    let vectors = count("vectors");
    assert!(vectors >= 500, "{vectors} vectors, want at least 500");
}

/// The vectors are NumPy's answers, and their suite says of which version.
#[test]
fn the_vectors_name_their_source() {
    let project = project();
    let vectors = project.suites.iter().find(|suite| suite.name == "vectors").unwrap();
    let source = vectors.source.as_deref().unwrap_or_default();
    assert!(source.starts_with("NumPy 2."), "{source}");
}

/// The manifest's own known list has neither stale nor overlapping entries.
#[test]
fn the_known_list_is_consistent() {
    assert_eq!(project().known_defects(), []);
}
