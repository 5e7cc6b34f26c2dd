//! `crosswire list`: what there is, before anything runs.

use std::collections::{BTreeMap, BTreeSet};

use super::{CommandError, print, selection};
use crate::{
    command_line::{ListArgs, Listed},
    exit::Exit,
    known::Known,
    manifest::ServerStart,
    output::say,
    plan::{Cell, Plan},
    project::Project,
    rules,
    run::missing_programs,
    text::{count, printable},
};

pub(super) fn list(project: &Project, arguments: &ListArgs) -> Result<Exit, CommandError> {
    match arguments.what {
        Listed::Peers => print(&peers(project))?,
        Listed::Rules => print(&rules(project))?,
        Listed::Known => {
            let selection = selection(project, &arguments.select)?;
            print(&known(project, &project.plan(&selection)))?;
        }
        Listed::Cases => {
            let selection = selection(project, &arguments.select)?;
            let plan = project.plan(&selection);
            let mut text = String::new();
            for case in project.cases() {
                let is_planned =
                    |cell: &Cell| cell.trials.iter().any(|trial| trial.case.name == case.name);
                if plan.cells.iter().any(is_planned) {
                    text.push_str(&format!(
                        "{}  {}  {}\n",
                        case.name,
                        case.rule,
                        printable(&case.why)
                    ));
                }
            }
            if text.is_empty() {
                say("crosswire: nothing selected: no trial matches");
                return Ok(Exit::NothingRan);
            }
            print(&text)?;
        }
    }
    Ok(Exit::Success)
}

fn peers(project: &Project) -> String {
    let mut text = String::new();
    for peer in &project.manifest.peers {
        let server = peer.server.as_ref().map(|server| match &server.start {
            ServerStart::RunsAt { address } => format!("server at {address}"),
            _ => "server".to_owned(),
        });
        let roles: Vec<String> =
            server.into_iter().chain(peer.client.as_ref().map(|_| "client".to_owned())).collect();
        let language = peer.language.as_deref().unwrap_or("-");
        text.push_str(&format!("{}  {language}  {}", peer.name, roles.join(", ")));
        if let Some(why) = missing_programs(peer) {
            text.push_str(&format!("  blocked: {why}"));
        }
        text.push('\n');
    }
    text
}

/// Each entry that is about a case of the plan, with its cause. Which library a peer is
/// made of, it says when it has started: here, entries of all libraries are shown.
fn known(project: &Project, plan: &Plan) -> String {
    let mut text = String::new();
    let cases: BTreeSet<&str> = plan.names().map(|(_, _, case)| case).collect();
    for entry in project.known.entries.iter().chain(&project.built_in.entries) {
        let about = cases.iter().filter(|case| entry.is_about(case)).count();
        if about > 0 {
            let Known { whose, cases, explanation, .. } = &**entry;
            let role = entry.role.map(|role| format!(" {role}")).unwrap_or_default();
            let patterns: Vec<String> = cases.iter().map(ToString::to_string).collect();
            let number = count(about, "case");
            text.push_str(&format!("{whose}{role}: {}  {number}\n", patterns.join(", ")));
            let (reason, link) = (printable(&explanation.reason), printable(&explanation.link));
            text.push_str(&format!("    {reason} ({link})\n"));
        }
    }
    text
}

fn rules(project: &Project) -> String {
    let mut cases: BTreeMap<String, usize> = BTreeMap::new();
    for case in project.cases() {
        *cases.entry(case.rule.clone()).or_default() += 1;
    }
    let mut text = String::new();
    for rule in &project.contract.rules {
        let number = cases.get(&rule.id).copied().unwrap_or_default();
        let is_judged = rules::RULES.iter().any(|judged| judged.id == rule.id);
        let checked = match (number, is_judged) {
            (0, true) => "every call".to_owned(),
            (number, true) => format!("every call, {}", count(number, "case")),
            (number, false) => count(number, "case"),
        };
        text.push_str(&format!("{}  {}  {checked}  {}\n", rule.id, rule.level, rule.text));
    }
    text
}
