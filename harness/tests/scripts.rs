//! The scripts on the page about cases run as they stand there: on the Rust peer they
//! pass, and with another expectation they fail, each with the right side to blame.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

const PAGE: &str = "docs/adding-a-case.md";

#[test]
fn the_scripts_on_the_page_pass() {
    let project = Project::new(&scripts_on_the_page());
    let output = project.run();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let verdicts = project.trials();
    assert_eq!(verdicts.len(), 2, "one of each kind: {verdicts:?}");
    for trial in &verdicts {
        assert_eq!(trial["verdict"], "pass", "{trial}");
    }
}

#[test]
fn each_row_on_the_page_is_a_case() {
    let project = Project::new(&cases_below("Cases that differ in a few values"));
    let output = project.run();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let trials = project.trials();
    let cases: Vec<&str> = trials.iter().filter_map(|trial| trial["case"].as_str()).collect();
    assert_eq!(cases, ["page/http/401", "page/http/503"]);
}

#[test]
fn a_script_that_expects_something_else_fails_and_blames_the_peer() {
    let wrong = scripts_on_the_page()
        .replace(
            "expect = [\"refused\", \"other-protocol\"]",
            "source = \"nowhere: it is wrong\"\nexpect = { http = 599 }",
        )
        .replace(
            "expect = { code = [\"UNKNOWN\", \"INTERNAL\"]",
            "source = \"nowhere: it is wrong\"\nexpect = { code = \"INTERNAL\"",
        );
    assert_eq!(wrong.matches("nowhere").count(), 2, "{wrong}");
    let project = Project::new(&wrong);
    let output = project.run();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let blamed: Vec<(String, String, String)> = project
        .trials()
        .iter()
        .map(|trial| {
            let field = |name: &str| trial[name].as_str().unwrap_or_default().to_owned();
            (field("server"), field("client"), field("blame"))
        })
        .collect();
    let expected = [("rust", "scripted", "server"), ("scripted", "rust", "client")]
        .map(|(server, client, blame)| (server.into(), client.into(), blame.into()));
    assert_eq!(blamed, expected, "{}", text(&output));
}

fn scripts_on_the_page() -> String {
    cases_below("Scripts")
}

/// The first block of TOML below a heading of the page.
fn cases_below(heading: &str) -> String {
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).expect("the section");
    let (_, rest) = section.split_once("```toml\n").expect("a block of TOML");
    rest.split("```").next().unwrap().to_owned()
}

/// A project with these cases and the Rust peer.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new(cases: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let suites = folder.path().join("suites");
        fs::create_dir(&suites).unwrap();
        let suite = format!("[suite]\nname = \"page\"\nproto = \"fibonacci.proto\"\n\n{cases}");
        fs::write(suites.join("page.toml"), suite).unwrap();
        let root = root();
        let manifest = format!(
            r#"
schema = 1
protos = {protos:?}
suites = "suites"
contract = {contract:?}

[[peer]]
name = "rust"
build = {{ cmd = ["make", "-s", "-C", {root:?}, "rust"] }}
server = {{ cmd = [{server:?}, "--listen", "{{listen}}"] }}
client = {{ cmd = [{client:?}, "drive"] }}
"#,
            protos = root.join("proto"),
            contract = root.join("docs/contract.md"),
            server = root.join("target/debug/server"),
            client = root.join("target/debug/client"),
        );
        fs::write(folder.path().join("crosswire.toml"), manifest).unwrap();
        Self { folder }
    }

    fn run(&self) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswire"));
        command.args(["run", "--require-all"]).current_dir(self.folder.path()).output().unwrap()
    }

    fn trials(&self) -> Vec<Value> {
        let path = self.folder.path().join("target/crosswire/results.jsonl");
        let results = fs::read_to_string(path).unwrap();
        let lines = results.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter_map(|line| line.get("trial").cloned()).collect()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
