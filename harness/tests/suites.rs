//! What this repository promises of its contract and its suites.

use std::{collections::BTreeSet, path::Path};

use crosswire::{
    project::{Project, Wanted},
    rules::RULES,
    suite::CaseHead,
};

fn project() -> Project {
    load(Wanted::Everything)
}

fn load(wanted: Wanted<'_>) -> Project {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Project::load(Some(&root.join("crosswire.toml")), wanted).unwrap()
}

/// Names, rules, scripted sides and places, read without the cases.
#[test]
fn the_index_is_what_the_cases_say() {
    let (whole, index) = (project(), load(Wanted::Nothing));
    assert_eq!(index.index(), whole.index());
    assert!(index.cases().is_empty());
    let said: Vec<CaseHead> = whole.cases().iter().map(|case| case.head()).collect();
    assert_eq!(index.index(), said.iter().collect::<Vec<_>>());
}

/// Who selects one case gets the same one, and the others are not read.
#[test]
fn a_case_is_the_same_among_all_and_alone() {
    let whole = project();
    for name in [
        "vectors/edge/empty",
        "fibonacci/sequence/one",
        "client-status/status/unreadable/empty/trailers",
    ] {
        let alone = load(Wanted::Case(name)).cases();
        let among = whole.cases().into_iter().find(|case| case.name == name);
        let shown = |case| serde_json::to_value(case).unwrap();
        assert_eq!(
            alone.iter().map(|case| shown(&**case)).collect::<Vec<_>>(),
            among.iter().map(|case| shown(&**case)).collect::<Vec<_>>(),
            "{name}"
        );
        assert_eq!(alone.len(), 1, "{name}");
    }
}

#[test]
fn every_rule_has_a_case_or_is_judged_on_the_wire() {
    let project = project();
    let checked: BTreeSet<String> = project.cases().iter().map(|case| case.rule.clone()).collect();
    let is_judged = |id: &str| RULES.iter().any(|rule| rule.id == id);
    let rules = project.contract.rules.iter().map(|rule| rule.id.clone());
    let unchecked: Vec<String> =
        rules.filter(|rule| !checked.contains(rule) && !is_judged(rule)).collect();
    assert!(unchecked.is_empty(), "rules that nothing checks: {unchecked:?}");
}

/// The contract is the source: what the harness judges on the wire stands in it, with
/// the same level.
#[test]
fn the_rules_of_the_wire_stand_in_the_contract() {
    let contract = project().contract;
    for rule in RULES {
        let written = contract.rule(rule.id).map(|written| written.level);
        assert_eq!(written, Some(rule.level), "{}", rule.id);
    }
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

/// The manifest's own known list has no entry that can match nothing.
#[test]
fn the_known_list_is_consistent() {
    assert_eq!(project().stale_entries(), []);
}

/// `make generate` writes them.
#[test]
fn the_schemas_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/schema");
    for (name, schema) in crosswire::schema::schemas() {
        let written = std::fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(written, format!("{schema:#}\n"), "{name}; run `make generate`");
    }
}
