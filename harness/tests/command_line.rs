//! The command line of `crosswire`: what is wrong is said in one line, before
//! anything is started, and each way to end has its exit code.

use std::{fs, path::Path};

use assert_cmd::{Command, assert::Assert};
use tempfile::TempDir;

const MANIFEST: &str = r#"
schema = 1
protos = "."
suites = "suites"
contract = "contract.md"
known = "known.toml"

[[peer]]
name = "a"
language = "None"
requires = [{ program = "no-such-program", hint = "install it from somewhere" }]
server = { cmd = ["touch", "started"] }
client = { cmd = ["touch", "started"] }
unsupported = [{ case = "s/never", why = "it cannot" }]
"#;

const CONTRACT: &str = "\
| id | level | rule | source |
| -- | -- | -- | -- |
| R-1 | MUST | It answers. | here |
| R-2 | SHOULD | It answers fast. | there |
";

const PROTO: &str = r#"
syntax = "proto3";
message Text { string text = 1; }
service Echo { rpc Say(Text) returns (Text) {} }
"#;

const SUITE: &str = r#"
[suite]
name = "s"
proto = "echo.proto"
source = "thin air"

[[case]]
name = "one"
rule = "R-1"
why = "the simplest"
method = "Echo/Say"
request = { text = "x" }
expect = { messages = [{ text = "x" }] }

[[case]]
name = "never"
rule = "R-1"
why = "not to be run"
method = "Echo/Say"
request = {}
expect = { messages = [{}] }
"#;

/// A project whose only peer cannot be started, and that shows if it was.
struct Project(TempDir);

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Self(folder);
        fs::create_dir(project.path("suites")).unwrap();
        project
            .with("crosswire.toml", MANIFEST)
            .with("contract.md", CONTRACT)
            .with("echo.proto", PROTO)
            .with("suites/s.toml", SUITE)
            .with("known.toml", "# None yet.\n")
    }

    fn with(self, file: &str, text: &str) -> Self {
        fs::write(self.path(file), text).unwrap();
        self
    }

    fn changed(self, file: &str, from: &str, to: &str) -> Self {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        self.with(file, &text.replacen(from, to, 1))
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.0.path().join(file)
    }

    fn run(&self, arguments: &[&str]) -> Assert {
        crosswire(self.0.path(), arguments)
    }

    /// Expects one line on stderr with these words, and that nothing was started.
    fn fails(&self, arguments: &[&str], code: i32, words: &str) {
        let assert = self.run(arguments).code(code);
        let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(stderr.contains(words), "{arguments:?}\ngot:  {stderr}\nwant: {words}");
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
        assert!(!self.path("started").exists(), "{arguments:?} started a peer");
        assert!(!self.path("target").exists(), "{arguments:?} wrote a report");
    }
}

fn crosswire(folder: &Path, arguments: &[&str]) -> Assert {
    Command::new(env!("CARGO_BIN_EXE_crosswire")).current_dir(folder).args(arguments).assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

#[test]
fn bad_input_is_one_line_that_names_the_place() {
    let entry = |peer: &str, case: &str| {
        format!(
            "[[known]]\npeer = \"{peer}\"\ncase = \"{case}\"\nkind = \"hang\"\nreason = \"r\"\nlink = \"l\"\n"
        )
    };
    for (project, arguments, code, words) in [
        (
            Project::new().changed("crosswire.toml", "schema = 1", "schema = 1 1"),
            &["run"][..],
            2,
            "crosswire.toml:2: ",
        ),
        (
            Project::new().changed("crosswire.toml", "language", "langauge"),
            &["run"],
            2,
            "crosswire.toml:10: unknown field `langauge`",
        ),
        (
            Project::new().changed("crosswire.toml", "\"suites\"", "\"nowhere\""),
            &["run"],
            2,
            "nowhere: cannot be read",
        ),
        (
            Project::new().changed("crosswire.toml", "contract.md", "nothing.md"),
            &["run"],
            2,
            "nothing.md: cannot be read",
        ),
        (
            Project::new().changed("contract.md", "MUST", "MIGHT"),
            &["run"],
            2,
            "contract.md:3: level `MIGHT`",
        ),
        (Project::new().changed("echo.proto", "service", "servant"), &["run"], 2, "echo.proto: "),
        (
            Project::new().changed("suites/s.toml", "R-1", "R-9"),
            &["run"],
            2,
            "suites/s.toml:9: case `one`: rule `R-9` is not in the contract",
        ),
        (
            Project::new().changed("suites/s.toml", "Echo/Say", "Echo/Shout"),
            &["run"],
            2,
            "no method `Echo/Shout` in the proto; it has Echo/Say",
        ),
        (
            Project::new().changed("suites/s.toml", "{ text = \"x\" }", "{ txet = \"x\" }"),
            &["run"],
            2,
            "txet",
        ),
        (
            Project::new().with("known.toml", "[[known]]\nreason = 1\n"),
            &["run"],
            2,
            "known.toml:2: ",
        ),
        (Project::new().with("known.toml", &entry("b", "**")), &["run"], 3, "known.toml:1: stale"),
        (
            Project::new().with("known.toml", &(entry("a", "**") + &entry("*", "s/two"))),
            &["run"],
            3,
            "known.toml:7: stale: no trial matches this entry",
        ),
        (
            Project::new().changed(
                "crosswire.toml",
                "language",
                "waive = [{ rule = \"R-1\", why = \"w\" }]\nlanguage",
            ),
            &["run"],
            2,
            "crosswire.toml: peer `a` waives `R-1`, which is no rule of the wire",
        ),
        (Project::new(), &["run", "--manifest", "absent.toml"], 2, "absent.toml: cannot be read"),
        (Project::new(), &["run", "-E", "case(s/one"], 2, "character 6: no `)`"),
        (
            Project::new(),
            &["run", "--server", "b"],
            2,
            "--server: no peer `b` with a server; there are a",
        ),
        (
            Project::new(),
            &["run", "--client", "b"],
            2,
            "--client: no peer `b` with a client; there are a",
        ),
        (Project::new(), &["run", "-E", "case(s/two)"], 4, "nothing selected"),
        (Project::new(), &["list", "cases", "-E", "rule(R-2)"], 4, "nothing selected"),
        (
            Project::new(),
            &["run", "--require-all"],
            5,
            "a cannot take part, and --require-all asks for every peer: no-such-program not found on PATH; install it from somewhere",
        ),
        (Project::new(), &["show", "s/two"], 2, "no case `s/two`"),
        (
            Project::new().changed("crosswire.toml", "known = \"known.toml\"\n", ""),
            &["known", "prune"],
            2,
            "names no list of known failures",
        ),
    ] {
        project.fails(arguments, code, words);
    }
}

/// A mistake in one case stops whoever runs it, and who runs or lists everything.
#[test]
fn a_case_that_is_not_selected_is_not_checked() {
    let project = || Project::new().changed("suites/s.toml", "request = {}", "request = { a = 1 }");
    let words = "case `never`: request: unrecognized field name 'a'";
    for arguments in [
        &["run"][..],
        &["run", "-E", "case(s/never)"],
        &["run", "-E", "rule(R-1) & !case(s/one)"],
        &["list", "cases"],
        &["list", "cases", "-E", "client(a)"],
        &["show", "s/never"],
    ] {
        project().fails(arguments, 2, words);
    }
    // Its peer is blocked.
    project().run(&["run", "-E", "case(s/one)"]).code(5);
    for arguments in
        [&["list", "peers"][..], &["list", "rules"], &["list", "known"], &["show", "s/one"]]
    {
        project().run(arguments).success();
    }
}

#[test]
fn bad_usage_has_exit_code_2() {
    let project = Project::new();
    for arguments in
        [&[][..], &["walk"], &["run", "--jobs", "0"], &["run", "--limit", "soon"], &["list"]]
    {
        project.run(arguments).code(2);
    }
}

#[test]
fn without_a_manifest_the_error_says_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let assert = crosswire(folder.path(), &["run"]).code(2);
    let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(stderr.contains("no crosswire.toml here or in a folder above"), "{stderr}");
}

#[test]
fn the_manifest_is_found_from_a_folder_below() {
    let project = Project::new();
    let below = project.path("suites");
    assert!(stdout(&crosswire(&below, &["list", "peers"]).success()).starts_with("a  None"));
}

#[test]
fn what_there_is_can_be_listed() {
    let project = Project::new();
    let listed = |what| stdout(&project.run(&["list", what]).success());
    assert_eq!(
        listed("peers"),
        "a  None  server, client  blocked: no-such-program not found on PATH; install it from somewhere\n"
    );
    assert_eq!(listed("cases"), "s/one  R-1  the simplest\ns/never  R-1  not to be run\n");
    assert_eq!(
        listed("rules"),
        "R-1  MUST  2 cases  It answers.\nR-2  SHOULD  0 cases  It answers fast.\n"
    );
}

#[test]
fn a_case_is_explained() {
    let shown = stdout(&Project::new().run(&["show", "s/one"]).success());
    for words in [
        "suites/s.toml:7",
        "R-1 (MUST) It answers.",
        "here",
        "the simplest",
        "source        thin air",
        "{\"text\":\"x\"}",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
}

#[test]
fn schemas_are_written_without_a_project() {
    let folder = tempfile::tempdir().unwrap();
    crosswire(folder.path(), &["schema", "made/schema"]).success();
    for name in ["manifest.json", "suite.json", "known.json"] {
        let text = fs::read_to_string(folder.path().join("made/schema").join(name)).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["type"], "object", "{name}");
    }
}

#[test]
fn a_missing_program_blocks_its_peer_and_is_said_in_one_line() {
    let assert = Project::new().run(&["run", "--server", "a"]).code(5);
    let output = assert.get_output();
    let shown = stdout(&assert) + &String::from_utf8_lossy(&output.stderr);
    let words = "blocked: a: no-such-program not found on PATH; install it from somewhere";
    assert_eq!(shown.matches(words).count(), 1, "{shown}");
    assert!(shown.contains("1 unsupported, 1 blocked"), "{shown}");
}

#[test]
fn a_run_of_nothing_but_unsupported_cases_is_no_success() {
    Project::new().run(&["run", "-E", "case(s/never)"]).code(4);
}

#[test]
fn a_report_that_cannot_be_written_is_no_success() {
    let project = Project::new().with("file", "");
    project.fails(
        &["run", "--report", "file/below"],
        70,
        "file/below/results.jsonl cannot be written",
    );
}

#[test]
fn known_failures_are_added_checked_and_pruned() {
    let project = Project::new();
    let add = |case: &str| {
        let arguments = ["known", "add", "--peer", "a", "--role", "server", "--case", case];
        let got = r#"{"code": "UNKNOWN"}"#;
        let more = ["--got", got, "--rule", "WIRE-6", "--reason", "because", "--link", "v1"];
        project.run(&[&arguments[..], &more[..]].concat())
    };
    add("s/one").success();
    add("s/two").code(3);
    let text = fs::read_to_string(project.path("known.toml")).unwrap();
    assert!(text.starts_with("# None yet.\n"), "{text}");
    assert_eq!(text.matches("[[known]]").count(), 1, "{text}");
    assert!(text.contains("got = { code = \"UNKNOWN\" }\nrules = [\"WIRE-6\"]\n"), "{text}");
    let listed = stdout(&project.run(&["list", "known"]).success());
    assert!(listed.starts_with("peer a server: s/one  1 case\n    because (v1)\n"), "{listed}");

    let results = project.path("target/crosswire/results.jsonl");
    fs::create_dir_all(results.parent().unwrap()).unwrap();
    // By the places of the entries that explain a trial, or say that it fails.
    let trial = |key: &str| {
        format!("{{\"trial\":{{\"case\":\"s/one\",\"{key}\":[{{\"place\":\"known.toml:3\"}}]}}}}\n")
    };
    fs::write(&results, trial("known")).unwrap();
    assert!(stdout(&project.run(&["known", "prune"]).success()).starts_with("removed 0 entries"));
    fs::write(&results, trial("known") + &trial("passes")).unwrap();
    assert!(stdout(&project.run(&["known", "prune"]).success()).starts_with("kept known.toml:3"));
    fs::write(&results, trial("passes")).unwrap();
    assert!(stdout(&project.run(&["known", "prune"]).success()).starts_with("removed 1 entry"));
    assert_eq!(fs::read_to_string(project.path("known.toml")).unwrap(), "# None yet.\n");
}
