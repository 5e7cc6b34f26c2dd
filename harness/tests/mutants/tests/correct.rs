//! The base of all mutants is correct: otherwise a mutant's failure would say nothing.

use std::{path::Path, process::Command};

/// Runs these, in a folder of their own, and says whether all was right, and what was
/// printed.
fn run(names: &[&str]) -> (bool, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(names[0]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mutants"));
    let output = command.arg("--folder").arg(folder).args(names).output().unwrap();
    let shown = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.success(), shown.join("\n"))
}

#[test]
fn the_peer_without_a_defect_passes_everything_in_both_roles() {
    let (is_right, shown) = run(&["none"]);
    assert!(is_right && shown.contains("2 of 2 equivalents pass, 0 false alarms."), "{shown}");
}

#[test]
fn a_mutant_is_found_and_the_right_side_blamed() {
    let (is_right, shown) = run(&["wrong-code", "element-as-double"]);
    assert!(is_right && shown.contains("2 of 2 killed"), "{shown}");
}
