//! Known failures and waivers, from the peer that says who it is to the exit code.

use super::support::{CULPRIT, Project, faulty};

/// The server answers the culprit's case wrongly.
fn project(server: &str) -> Project {
    let words =
        format!("server none --on {CULPRIT} --trailer set:grpc-status=13 --listen {{listen}}");
    let server = format!("{server}\nserver = {{ cmd = {} }}", faulty(&words));
    Project::new().peer("bad", &server).client("good", "none")
}

fn entry(whose: &str, got: &str) -> String {
    format!(
        "[[known]]\n{whose}\nrole = \"server\"\ncase = \"{CULPRIT}\"\n{got}\nreason = \"r\"\nlink = \"l\"\n"
    )
}

const INTERNAL: &str = "got = { code = \"INTERNAL\" }";

#[test]
fn an_entry_covers_the_library_that_the_manifest_names() {
    let of_library = "implementation = \"some-grpc\"\nversions = \">=1.60\"";
    for (name, manifest, whose, got, verdict, exit) in [
        ("by peer", "", "peer = \"bad\"", INTERNAL, "known", 0),
        (
            "by library",
            "implementation = \"some-grpc\"\nversion = \"v1.62.1-3\"",
            of_library,
            INTERNAL,
            "known",
            0,
        ),
        ("another answer", "", "peer = \"bad\"", "got = { code = \"UNKNOWN\" }", "fail", 1),
        (
            "an older version",
            "implementation = \"some-grpc\"\nversion = \"1.59\"",
            of_library,
            INTERNAL,
            "fail",
            1,
        ),
        ("nobody says who it is", "", of_library, INTERNAL, "fail", 1),
    ] {
        let run = project(manifest).known(entry(whose, got)).run();
        let culprit = run.report.trials.iter().find(|trial| trial.is_culprit()).unwrap();
        assert_eq!((&*culprit.verdict, run.exit), (verdict, exit), "{name}\n{run}");
    }
}

/// The client says who it is by itself.
#[test]
fn an_entry_that_covers_what_passes_is_fixed_and_one_of_nobody_is_stale() {
    let project = |whose: &str| {
        let entry = entry(whose, INTERNAL).replace("role = \"server\"\n", "");
        Project::new().server("server", "none").client("client", "none").known(entry)
    };
    let fixed = project("implementation = \"faulty\"").run();
    let culprit = fixed.report.trials.iter().find(|trial| trial.case == CULPRIT).unwrap();
    assert_eq!((&*culprit.verdict, fixed.exit), ("fixed", 1), "{fixed}");
    let stale = project("implementation = \"another\"").run();
    assert_eq!(stale.exit, 3, "{stale}");
    let part = project("implementation = \"another\"").run_with(&["--client", "client"]);
    assert_eq!(part.exit, 0, "a part of the matrix shows nothing stale\n{part}");
}

#[test]
fn a_waived_rule_is_shown_and_fails_nothing() {
    let client = |waive: &str| {
        let client = faulty(&format!("client none --on {CULPRIT} --header drop:te"));
        let peer = format!("{waive}\nclient = {{ cmd = {client} }}");
        Project::new().server("server", "none").peer("bad", &peer).run()
    };
    assert_eq!(client("").exit, 1);
    let waived = client("waive = [{ rule = \"WIRE-3\", why = \"it is old\" }]");
    assert_eq!(waived.exit, 0, "{waived}");
    let text = waived.to_string();
    assert!(text.contains("waived: WIRE-3, by bad client, 1 time: it is old"), "{text}");
    assert_eq!(client("waive = [{ rule = \"WIRE-4\", why = \"it is old\" }]").exit, 1);
}
