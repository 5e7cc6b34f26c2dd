//! Which scripted cases prove nothing, because no mutant fails them.
//!
//! Mutants do not meet all scripts from the start: that would be a thousand trials for
//! each of two hundred peers, and most scripts are failed by one of the first. So the
//! mutants come in groups, and each group meets only the scripts that none before it has
//! failed. What is left in the end has met them all.

use std::{collections::BTreeSet, path::Path};

use mutants::mutant::{Layer, Mutant};

use crate::{
    Failure,
    manifest::{Role, Subject},
    run::{self, Trial},
};

/// How many mutants meet what is left together. Fewer would mean more starts of the
/// harness, and more of them more trials of scripts that one of them is enough for.
const GROUP: usize = 24;

/// Nearly nothing comes through with these, whatever a script is about: that one fails for
/// them says nothing of it.
const FAIL_ANYTHING: [Mutant; 8] = [
    Mutant::BeginsWithoutSettings,
    Mutant::EvenStreams,
    Mutant::InterruptsBlocks,
    Mutant::NoHalfClose,
    Mutant::RefersToMissingEntry,
    Mutant::StatusMissing,
    Mutant::TrailersWithoutEnd,
    Mutant::UppercaseNames,
];

/// A scripted case, and the side that it tries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Script {
    pub(crate) role: Role,
    pub(crate) case: String,
}

/// What the scripts are worth.
pub(crate) struct Proof {
    /// How many there are.
    pub(crate) scripts: usize,
    /// Those that no mutant has failed, in their order of sides and names.
    pub(crate) unproven: Vec<Script>,
}

/// Tries on the mutants, group by group, the scripts that the correct peer passes and that
/// nobody has failed in the whole run.
pub(crate) fn of(
    root: &Path,
    folder: &Path,
    subjects: &[Subject],
    results: &[Trial],
    jobs: u16,
) -> Result<Proof, Failure> {
    let correct = Subject::Correct.name();
    let passed = results.iter().filter(|trial| trial.verdict == "pass");
    let mut left: BTreeSet<Script> = passed
        .filter_map(|trial| script_of(trial).filter(|(_, peer)| *peer == correct))
        .map(|(script, _)| script)
        .collect();
    let scripts = left.len();
    strike(&mut left, subjects, results);
    let told: Vec<Subject> = subjects.iter().copied().filter(can_tell).collect();
    for (index, group) in told.chunks(GROUP).enumerate() {
        let filter = filter(group, &left);
        let Some(filter) = filter else { continue };
        let folder = folder.join(format!("scripts-{}", index + 1));
        let results = run::crosswire(root, &folder, group, &filter, jobs)?;
        strike(&mut left, subjects, &results);
    }
    Ok(Proof { scripts, unproven: left.into_iter().collect() })
}

/// Whether a script that it fails is shown to be worth something.
fn can_tell(subject: &Subject) -> bool {
    match subject {
        Subject::Correct => false,
        // Those of the services fail what looks at an answer, and that is most of it.
        Subject::Mutant(entry) => {
            !entry.is_equivalent
                && !matches!(entry.layer, Layer::Detector | Layer::Fibonacci)
                && !FAIL_ANYTHING.contains(&entry.mutant)
        }
    }
}

/// The group with what is left for its sides, if there is anything.
fn filter(group: &[Subject], left: &BTreeSet<Script>) -> Option<String> {
    let sides = [(Role::Server, "client"), (Role::Client, "server")];
    let parts = sides.into_iter().filter_map(|(role, scripted)| {
        let names: Vec<String> = group
            .iter()
            .filter(|subject| subject.has(role))
            .map(|subject| format!("{role}({})", subject.name()))
            .collect();
        let cases: Vec<String> = left
            .iter()
            .filter(|script| script.role == role)
            .map(|script| format!("case({})", script.case))
            .collect();
        let (names, cases) = (
            (!names.is_empty()).then(|| names.join(" | "))?,
            (!cases.is_empty()).then(|| cases.join(" | "))?,
        );
        Some(format!("({scripted}(scripted) & ({names}) & ({cases}))"))
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(" | "))
}

/// Takes away what a mutant has failed.
fn strike(left: &mut BTreeSet<Script>, subjects: &[Subject], results: &[Trial]) {
    let telling: BTreeSet<String> =
        subjects.iter().filter(|subject| can_tell(subject)).map(Subject::name).collect();
    for trial in results.iter().filter(|trial| fails_by_its_own(trial)) {
        if let Some((script, peer)) = script_of(trial)
            && telling.contains(peer)
        {
            left.remove(&script);
        }
    }
}

/// Whether it is the case itself that failed, and not a rule of the wire alone, which
/// would have failed any other case as well.
fn fails_by_its_own(trial: &Trial) -> bool {
    match trial.verdict.as_str() {
        "hung" | "crashed" => true,
        "fail" => trial.expected.is_some() || !trial.reason.starts_with("WIRE-"),
        _ => false,
    }
}

/// The script of a trial, with the name of the peer that met it.
fn script_of(trial: &Trial) -> Option<(Script, &str)> {
    const SCRIPTED: &str = "scripted";
    let (role, peer) = match (trial.server.as_str(), trial.client.as_str()) {
        (SCRIPTED, client) => (Role::Client, client),
        (server, SCRIPTED) => (Role::Server, server),
        _ => return None,
    };
    Some((Script { role, case: trial.case.clone() }, peer))
}

#[cfg(test)]
mod tests {
    use mutants::mutant;
    use serde_json::json;

    use super::*;

    fn trial(client: &str, verdict: &str, reason: &str, has_expected: bool) -> Trial {
        let expected = has_expected.then(|| json!({ "code": "OK" }));
        let trial = json!({
            "server": "scripted", "client": client, "case": "s/c", "rule": "R-1",
            "verdict": verdict, "reason": reason, "expected": expected,
        });
        serde_json::from_value(trial).unwrap()
    }

    #[test]
    fn a_script_is_proven_by_a_mutant_that_fails_its_own_outcomes() {
        let script = || Script { role: Role::Client, case: "s/c".to_owned() };
        let subjects: Vec<Subject> = ["reports-unknown", "even-streams", "strips-blanks"]
            .iter()
            .map(|name| Subject::Mutant(mutant::find(name).unwrap()))
            .collect();
        for (trial, is_proof) in [
            (trial("reports-unknown", "fail", "expected NOT_FOUND, got UNKNOWN", true), true),
            (trial("reports-unknown", "fail", "the script waited in vain", false), true),
            (trial("reports-unknown", "hung", "no answer", false), true),
            (trial("reports-unknown", "pass", "", false), false),
            (trial("reports-unknown", "fail", "WIRE-3 (MUST): the client: x", false), false),
            (trial("even-streams", "fail", "expected OK, got INTERNAL", true), false),
            (trial("strips-blanks", "fail", "expected OK, got INTERNAL", true), false),
        ] {
            let mut left = BTreeSet::from([script()]);
            strike(&mut left, &subjects, &[trial]);
            assert_eq!(left.is_empty(), is_proof);
        }
    }

    #[test]
    fn a_group_meets_what_is_left_for_its_sides() {
        let group = [Subject::Mutant(mutant::find("reports-unknown").unwrap())];
        let script = |role, case: &str| Script { role, case: case.to_owned() };
        let left = BTreeSet::from([script(Role::Client, "a/b"), script(Role::Server, "c/d")]);
        let expected = "(server(scripted) & (client(reports-unknown)) & (case(a/b)))";
        assert_eq!(filter(&group, &left).as_deref(), Some(expected));
        assert_eq!(filter(&group, &BTreeSet::from([script(Role::Server, "c/d")])), None);
    }
}
