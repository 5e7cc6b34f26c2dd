//! `crosswire list`: what there is, before anything runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use super::{CommandError, check_peers, print, selected, selection};
use crate::{
    command_line::{ListArgs, Listed},
    exit::Exit,
    known::Known,
    manifest::ServerStart,
    output::say,
    plan::Selection,
    project::{Project, Wanted},
    rules,
    run::missing_programs,
    suite::Case,
    text::{count, printable},
};

pub(super) fn list(manifest: Option<&Path>, arguments: &ListArgs) -> Result<Exit, CommandError> {
    let index = || Project::load(manifest, Wanted::Nothing);
    match arguments.what {
        Listed::Peers => print(&peers(&index()?))?,
        Listed::Rules => print(&rules(&index()?))?,
        Listed::Known => {
            let selection = selection(&arguments.select)?;
            let project = index()?;
            check_peers(&project, &selection)?;
            print(&known(&project, &selection))?;
        }
        Listed::Cases => {
            let (project, selection) = selected(manifest, &arguments.select)?;
            let text = cases(&project, &selection);
            if text.is_empty() {
                say("crosswire: nothing selected: no trial matches");
                return Ok(Exit::NothingRan);
            }
            print(&text)?;
        }
    }
    Ok(Exit::Success)
}

/// Each case of the selection, in the suites' order.
fn cases(project: &Project, selection: &Selection) -> String {
    let names = names(project, selection);
    let cases = project.cases().into_iter().filter(|case| names.contains(case.name.as_str()));
    let line =
        |case: Arc<Case>| format!("{}  {}  {}\n", case.name, case.rule, printable(&case.why));
    cases.map(line).collect()
}

/// The names of the selection's cases.
fn names<'a>(project: &'a Project, selection: &Selection) -> BTreeSet<&'a str> {
    let pairs = selection.pairs(&project.peers());
    let index = project.index().into_iter();
    let selected = index.filter(|case| pairs.iter().any(|pair| pair.takes(case)));
    selected.map(|case| case.name.as_str()).collect()
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

/// Each entry that is about a case of the selection, with its cause. Which library a peer is
/// made of, it says when it has started: here, entries of all libraries are shown.
fn known(project: &Project, selection: &Selection) -> String {
    let mut text = String::new();
    let cases = names(project, selection);
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
    let mut cases: BTreeMap<&str, usize> = BTreeMap::new();
    for case in project.index() {
        *cases.entry(&case.rule).or_default() += 1;
    }
    let mut text = String::new();
    for rule in &project.contract.rules {
        let number = cases.get(rule.id.as_str()).copied().unwrap_or_default();
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
