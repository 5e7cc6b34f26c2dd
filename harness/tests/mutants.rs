//! A peer with one planted defect in its detector: exactly its cells fail, and
//! the report blames its server.
//!
//! The real Python and Go peers are copied, changed in one place and run against
//! the real Rust peer. The changes are the three that people make: `>=` for `>`,
//! ddof 1 for 0, and a plain loop for NumPy's order of additions.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// A change in one file of a peer, which must apply exactly once.
struct Mutation {
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const PYTHON: [Mutation; 3] = [
    Mutation {
        name: "greater-or-equal",
        file: "detect.py",
        from: "> 2 * data.std()",
        to: ">= 2 * data.std()",
    },
    Mutation { name: "ddof-1", file: "detect.py", from: "data.std()", to: "data.std(ddof=1)" },
    Mutation {
        name: "plain-loop",
        file: "detect.py",
        from: "        outliers = np.where(np.abs(data - data.mean()) > 2 * data.std())[0]",
        to: concat!(
            "        mean = np.float64(sum(data.tolist())) / data.size\n",
            "        std = np.sqrt(np.float64(sum(((data - mean) ** 2).tolist())) / data.size)\n",
            "        outliers = np.where(np.abs(data - mean) > 2 * std)[0]",
        ),
    },
];

const GO: [Mutation; 3] = [
    Mutation {
        name: "greater-or-equal",
        file: "internal/detector/detector.go",
        from: "> 2*deviation",
        to: ">= 2*deviation",
    },
    Mutation {
        name: "ddof-1",
        file: "internal/detector/detector.go",
        from: "sum(squaredDistances(values, mean)) / count",
        to: "sum(squaredDistances(values, mean)) / (count - 1)",
    },
    Mutation {
        name: "plain-loop",
        file: "internal/detector/sum.go",
        from: "return 0 + pairwise(values)",
        to: "return addAll(0, values)",
    },
];

#[test]
fn a_defect_in_the_python_peer_fails_its_cells_and_no_other() {
    for mutation in &PYTHON {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("py");
        copy_sources(&root().join("py"), &copy, &[".venv", "__pycache__", "tests"]);
        mutation.apply(&copy);
        let python = root().join("py/.venv/bin/python");
        let server =
            format!("[{:?}, {:?}, '--listen', '{{listen}}']", python, copy.join("server.py"));
        let client = format!("[{:?}, {:?}, 'drive']", python, copy.join("client.py"));
        check(mutation, folder.path(), "py", &server, &client);
    }
}

#[test]
fn a_defect_in_the_go_peer_fails_its_cells_and_no_other() {
    for mutation in &GO {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("go");
        copy_sources(&root().join("go"), &copy, &["bin"]);
        mutation.apply(&copy);
        let mut build = Command::new("go");
        build.args(["build", "-o", "bin/", "./cmd/..."]).current_dir(&copy);
        assert!(build.status().unwrap().success(), "{}", mutation.name);
        let server = format!("[{:?}, '--listen', '{{listen}}']", copy.join("bin/server"));
        let client = format!("[{:?}, 'drive']", copy.join("bin/client"));
        check(mutation, folder.path(), "go", &server, &client);
    }
}

impl Mutation {
    fn apply(&self, folder: &Path) {
        let path = folder.join(self.file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(self.from).count(), 1, "{}: {} has changed", self.name, self.file);
        fs::write(&path, text.replace(self.from, self.to)).unwrap();
    }
}

/// Runs the mutant and the Rust peer, 2 × 2, on the detector's cases.
fn check(mutation: &Mutation, folder: &Path, target: &str, server: &str, client: &str) {
    let root = root();
    let text = format!(
        r#"
schema = 1
protos = {protos:?}
suites = {suites:?}
contract = {contract:?}

[[peer]]
name = "rust"
build = {{ cmd = ["make", "-s", "-C", {root:?}, "rust"] }}
features = ["gzip"]
server = {{ cmd = [{rust_server:?}, "--listen", "{{listen}}"] }}
client = {{ cmd = [{rust_client:?}, "drive"] }}

[[peer]]
name = "mutant"
build = {{ cmd = ["make", "-s", "-C", {root:?}, "{target}"] }}
features = ["gzip"]
server = {{ cmd = {server} }}
client = {{ cmd = {client} }}
"#,
        protos = root.join("proto"),
        suites = root.join("harness/suites"),
        contract = root.join("docs/contract.md"),
        rust_server = root.join("target/debug/server"),
        rust_client = root.join("target/debug/client"),
    );
    let manifest = folder.join("crosswire.toml");
    fs::write(&manifest, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_crosswire"))
        .args(["run", "--require-all", "-E", "case(vectors/**) | case(outliers/detect/**)"])
        .arg("--manifest")
        .arg(&manifest)
        .output()
        .unwrap();
    let name = mutation.name;
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{name}: {shown}");
    let trials = trials(&folder.join("target/crosswire/results.jsonl"));
    let failed: Vec<&Value> = trials.iter().filter(|trial| trial["verdict"] != "pass").collect();
    let cells: BTreeSet<(&str, &str)> = failed
        .iter()
        .map(|trial| (trial["server"].as_str().unwrap(), trial["client"].as_str().unwrap()))
        .collect();
    let expected = BTreeSet::from([("mutant", "mutant"), ("mutant", "rust")]);
    assert_eq!(cells, expected, "{name}: {shown}");
    for trial in failed {
        assert_eq!(trial["verdict"], "fail", "{name}: {trial}");
        assert_eq!(trial["blame"], "server", "{name}: {trial}");
    }
}

fn trials(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| line.get("trial").cloned()).collect()
}

fn copy_sources(from: &Path, to: &Path, left_out: &[&str]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if left_out.iter().any(|left_out| name == *left_out) {
            continue;
        }
        if entry.path().is_dir() {
            copy_sources(&entry.path(), &to.join(&name), left_out);
        } else {
            fs::copy(entry.path(), to.join(&name)).unwrap();
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
