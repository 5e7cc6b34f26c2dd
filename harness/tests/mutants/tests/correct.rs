//! The base of all mutants is correct: otherwise a mutant's failure would say nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Runs these, and says whether all was right, what was printed, and where the report is.
fn run(names: &[&str]) -> (bool, String, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(names[0]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mutants"));
    let output = command.arg("--folder").arg(&folder).args(names).output().unwrap();
    let shown = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.success(), shown.join("\n"), folder)
}

#[test]
fn the_peer_without_a_defect_passes_everything_in_both_roles() {
    let (is_right, shown, folder) = run(&["none"]);
    assert!(is_right && shown.contains("2 of 2 equivalents pass, 0 false alarms."), "{shown}");
    for (scripted, other) in [("client", "server"), ("server", "client")] {
        let mut expected = scripts(scripted, other);
        // The peer has no reflection, and what a channel or a server can be told, it cannot.
        expected.retain(|case| {
            case != "server-grpc/response/stream-without-messages"
                && (!case.starts_with("channel/") || case == "channel/retry/not-without-a-policy")
        });
        assert!(expected.len() > 500, "{}", expected.len());
        assert_eq!(passed(&folder, scripted, other), expected);
    }
}

/// The scripts for this side, as the project's suites have them.
fn scripts(side: &str, other: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_BIN_EXE_mutants")).parent().unwrap();
    let mut command = Command::new(folder.join("crosswire"));
    let filter = format!("{side}(scripted) & {other}(rust)");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../crosswire.toml");
    command.args(["list", "cases", "-E", &filter, "--manifest"]).arg(manifest);
    let listed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let name = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let mut scripts: Vec<String> = listed.lines().filter_map(name).collect();
    scripts.sort();
    scripts
}

/// The scripts for this side that the correct peer has passed on the other.
fn passed(folder: &Path, scripted: &str, other: &str) -> Vec<String> {
    let report = fs::read_to_string(folder.join("results.jsonl")).unwrap();
    let lines = report.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut cases: Vec<String> = lines
        .map(|line| line["trial"].clone())
        .filter(|trial| trial[scripted] == "scripted" && trial[other] == "none")
        .filter(|trial| trial["verdict"] == "pass")
        .map(|trial| trial["case"].as_str().unwrap().to_owned())
        .collect();
    cases.sort();
    cases
}

#[test]
fn a_mutant_is_found_and_the_right_side_blamed() {
    let (is_right, shown, _) = run(&["wrong-code", "element-as-double"]);
    assert!(is_right && shown.contains("2 of 2 killed"), "{shown}");
}
