//! `crosswire compare`: two peers of the last run, trial by trial, as a page in Markdown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use super::{
    CommandError,
    last_run::{self, RunPeer, Trial},
    print, report_folder,
};
use crate::{
    command_line::CompareArgs,
    exit::Exit,
    input::BadInput,
    project::{Project, Wanted},
    role::Role,
    text::count,
};

pub(super) fn compare(
    manifest: Option<&Path>,
    arguments: &CompareArgs,
) -> Result<Exit, CommandError> {
    let project = Project::load(manifest, Wanted::Nothing)?;
    let folder = report_folder(&project, arguments.report.as_ref());
    let (mut peers, mut trials) = (Vec::new(), Vec::new());
    for line in last_run::lines(folder)? {
        peers.extend(line.run.into_iter().flat_map(|run| run.peers));
        trials.extend(line.trial);
    }
    let both = [&arguments.first, &arguments.second];
    for name in both {
        if !trials.iter().any(|trial| trial.server == *name || trial.client == *name) {
            let problem = format!(
                "no trial of a peer `{name}`; run it, or name another folder with --report"
            );
            return Err(BadInput::new(folder, problem).into());
        }
    }
    print(&page(both.map(String::as_str), &peers, &trials))?;
    Ok(Exit::Success)
}

/// What became of a trial: nothing but that it passed, or in a few words what failed.
type Came<'a> = Option<&'a str>;

/// The rows of one role: case and rule, then what came of both; with the other sides.
type Rows<'a> = BTreeMap<(&'a str, &'a str, [Came<'a>; 2]), BTreeSet<&'a str>>;

fn page(both: [&str; 2], peers: &[RunPeer], trials: &[Trial]) -> String {
    let mut tables = String::new();
    let mut shared = 0;
    let (mut first_alone, mut second_alone, mut fail_otherwise) = (0, 0, 0);
    for role in [Role::Server, Role::Client] {
        let [first, second] = both.map(|name| of_peer(trials, role, name));
        let mut rows = Rows::new();
        for (key, came) in &first {
            let Some(other) = second.get(key) else { continue };
            shared += 1;
            match (came, other) {
                (None, None) => continue,
                (Some(came), Some(other)) if same(came, other) => continue,
                (Some(_), Some(_)) => fail_otherwise += 1,
                (Some(_), None) => second_alone += 1,
                (None, Some(_)) => first_alone += 1,
            }
            let (partner, case, rule) = *key;
            rows.entry((case, rule, [*came, *other])).or_default().insert(partner);
        }
        if rows.is_empty() {
            continue;
        }
        let [a, b] = both;
        let other = match role {
            Role::Server => Role::Client,
            Role::Client => Role::Server,
        };
        let _ = write!(
            tables,
            "\n## As a {role}\n\n| case | rule | {other} | {a} | {b} |\n| --- | --- | --- | --- | --- |\n"
        );
        for ((case, rule, came), partners) in rows {
            let partners = partners.into_iter().collect::<Vec<_>>().join(", ");
            let [a, b] = came.map(cell);
            let _ = writeln!(tables, "| `{case}` | {rule} | {partners} | {a} | {b} |");
        }
    }
    let [a, b] = both;
    let [made_of_a, made_of_b] = both.map(|name| made_of(peers, name));
    format!(
        "# {a} and {b}\n\n\
         {made_of_a} and {made_of_b} have both been through {}: {second_alone} passed with `{b}` \
         alone, {first_alone} with `{a}` alone, and {fail_otherwise} failed with both, each in its \
         own way. What the other side is to blame for is left out.\n{tables}",
        count(shared, "trial")
    )
}

/// What came of the trials that this peer has in this role, by the other side, the case and
/// its rule.
fn of_peer<'a>(
    trials: &'a [Trial],
    role: Role,
    name: &str,
) -> BTreeMap<(&'a str, &'a str, &'a str), Came<'a>> {
    let sides = |trial: &'a Trial| match role {
        Role::Server => (trial.server.as_str(), trial.client.as_str()),
        Role::Client => (trial.client.as_str(), trial.server.as_str()),
    };
    let is_others = |trial: &Trial| {
        let blame = trial.blame.as_deref();
        blame.is_some_and(|side| side != "unclear" && side != role.to_string())
    };
    let came = |trial: &'a Trial| match trial.verdict.as_str() {
        "pass" => Some(None),
        _ if is_others(trial) => None,
        "unsupported" | "blocked" => None,
        verdict => Some(Some(trial.short.as_deref().unwrap_or(verdict))),
    };
    let own = trials.iter().filter(|trial| sides(trial).0 == name);
    own.filter_map(|trial| {
        Some(((sides(trial).1, trial.case.as_str(), trial.rule.as_str()), came(trial)?))
    })
    .collect()
}

/// Whether two failures are alike, whatever numbers of streams and of tasks they name.
fn same(one: &str, other: &str) -> bool {
    let words = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    words(one) == words(other)
}

fn cell(came: Came<'_>) -> String {
    match came {
        None => "passes".to_owned(),
        Some(words) => words.replace('|', "\\|").replace('\n', " "),
    }
}

fn made_of(peers: &[RunPeer], name: &str) -> String {
    let peer = peers.iter().find(|peer| peer.name == name);
    let library = peer.and_then(|peer| {
        let version = peer.version.as_deref().unwrap_or_default();
        Some(format!(" ({} {version})", peer.implementation.as_deref()?))
    });
    format!("`{name}`{}", library.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_passes_with_one_alone_is_told_by_role_and_other_side() {
        let trial = |server: &str, client: &str, case: &str, verdict: &str| {
            let short = (verdict != "pass").then_some("answers OK | not");
            let value = json!({
                "server": server, "client": client, "case": case, "rule": "R-1",
                "verdict": verdict, "short": short,
            });
            serde_json::from_value::<Trial>(value).unwrap()
        };
        let trials = [
            trial("new", "x", "s/a", "pass"),
            trial("old", "x", "s/a", "known"),
            trial("new", "y", "s/a", "pass"),
            trial("old", "y", "s/a", "fail"),
            trial("new", "x", "s/b", "fail"),
            trial("old", "x", "s/b", "known"),
            trial("new", "x", "s/c", "unsupported"),
            trial("old", "x", "s/c", "fail"),
            trial("z", "old", "s/d", "pass"),
            trial("z", "new", "s/d", "crash"),
        ];
        let peers: Vec<RunPeer> = serde_json::from_value(
            json!([{ "name": "old", "implementation": "lib", "version": "1" }]),
        )
        .unwrap();
        let page = page(["old", "new"], &peers, &trials);
        assert_eq!(
            page,
            "# old and new\n\n`old` (lib 1) and `new` have both been through 4 trials: 2 passed with `new` alone, 1 with `old` alone, and 0 failed with both, each in its own way. What the other side is to blame for is left out.\n\
             \n## As a server\n\n| case | rule | client | old | new |\n| --- | --- | --- | --- | --- |\n\
             | `s/a` | R-1 | x, y | answers OK \\| not | passes |\n\
             \n## As a client\n\n| case | rule | server | old | new |\n| --- | --- | --- | --- | --- |\n\
             | `s/d` | R-1 | z | passes | answers OK \\| not |\n"
        );
    }
}
