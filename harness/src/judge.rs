//! Judges observations: what came of a trial against what should have. Pure.

mod beliefs;
mod blame;
mod compare;
mod kept;
mod program;
mod script;
mod wire;
mod witness;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

pub use beliefs::{Beliefs, Waiver};
pub use blame::{Blame, CaseMatrix, Evidence, Tally, blame};
pub use witness::{Seen, Testimony};

use kept::Kept;

use crate::{
    contract::Level,
    finding::{Effect, Explanation, Finding, Kind, Side},
    observe::{Answer, Gone, Misstep, Observation, Outcome, Remark, Words},
    rules::Violation,
    suite::{Call, Case},
    text::shorten,
};

/// The longest text of a peer that is kept in a finding.
const MOST_QUOTED: usize = 1_000;

/// What a trial came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// The wrong answer, or none that can be read.
    Fail,
    /// Failed as the known list says.
    Known,
    /// Passed, although the known list says that it fails.
    Fixed,
    /// Not tried: a peer does not have what the case needs.
    Unsupported,
    /// Not tried: a peer could not be started, or died too often before.
    Blocked,
    /// No answer in time.
    Hung,
    /// A process died with the call in flight.
    Crashed,
    /// It did not come to the same whenever it was run.
    Flaky,
}

impl Verdict {
    /// Every verdict, in the order of summaries.
    pub const ALL: [Self; 9] = [
        Self::Pass,
        Self::Fail,
        Self::Hung,
        Self::Crashed,
        Self::Flaky,
        Self::Fixed,
        Self::Known,
        Self::Unsupported,
        Self::Blocked,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Known => "known",
            Self::Fixed => "fixed",
            Self::Unsupported => "unsupported",
            Self::Blocked => "blocked",
            Self::Hung => "hung",
            Self::Crashed => "crashed",
            Self::Flaky => "flaky",
        }
    }

    /// Whether it makes the run fail.
    #[must_use]
    pub const fn is_unexpected(self) -> bool {
        matches!(self, Self::Fail | Self::Fixed | Self::Hung | Self::Crashed | Self::Flaky)
    }
}

/// How many findings of a trial are kept; of more, the number says enough.
const MOST_FINDINGS: usize = 100;

/// A trial's verdict with its grounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What it came to.
    pub verdict: Verdict,
    /// All that is wrong, the first hundred.
    pub findings: Vec<Finding>,
    /// How many findings there are beside those.
    pub more_findings: usize,
    /// What should have come of the first call that was answered otherwise, where one was.
    pub expected: Option<Value>,
    /// What came of it.
    pub actual: Option<Value>,
    /// Entries of the known list that say that the trial fails, where it does not.
    pub passes: Vec<Arc<Explanation>>,
    /// What the bytes of the trial say of a side, where no finding names one.
    pub testimony: Option<Testimony>,
    /// Whether the case was answered when it ran again alone.
    pub is_answered_alone: bool,
    /// How many calls the rules of the wire were applied to.
    pub read_calls: usize,
    /// How many they were not applied to, because not all of what passed was read.
    pub unread_calls: usize,
    /// How often it came to what, where it was run more than once. The findings are those of
    /// the first run that failed, if one did.
    pub runs: BTreeMap<Verdict, usize>,
}

impl Judgement {
    pub(crate) fn of(findings: Vec<Finding>) -> Self {
        Self {
            verdict: Verdict::Pass,
            findings,
            more_findings: 0,
            expected: None,
            actual: None,
            passes: Vec::new(),
            testimony: None,
            is_answered_alone: false,
            read_calls: 0,
            unread_calls: 0,
            runs: BTreeMap::new(),
        }
        .judged()
    }

    /// With the verdict that the findings ask for.
    fn judged(self) -> Self {
        let is = |effect: fn(&Finding) -> bool| self.findings.iter().any(effect);
        let has = |kind: Kind| {
            self.findings.iter().any(|one| one.kind == kind && one.effect == Effect::Fails)
        };
        let verdict = if !is(Finding::counts) {
            Verdict::Pass
        } else if has(Kind::Blocked) {
            Verdict::Blocked
        } else if has(Kind::Unsupported) {
            Verdict::Unsupported
        } else if has(Kind::Crash) {
            Verdict::Crashed
        } else if has(Kind::Hang) {
            Verdict::Hung
        } else if is(|one| one.effect == Effect::Fails) {
            Verdict::Fail
        } else {
            Verdict::Known
        };
        Self { verdict, ..self }
    }

    /// For a trial that the manifest excludes.
    #[must_use]
    pub fn unsupported(why: &str) -> Self {
        Self::of(vec![Finding::new(Kind::Unsupported, Value::Null, json!({ "why": why }))])
    }

    /// The findings that decide: those that fail the trial; of a known failure, those that
    /// are known.
    pub fn deciding(&self) -> impl Iterator<Item = &Finding> {
        let fails = |finding: &&Finding| finding.effect == Effect::Fails;
        let is_known = !self.findings.iter().any(|finding| fails(&finding));
        let counts = move |finding: &&Finding| fails(finding) || (is_known && finding.counts());
        self.findings.iter().filter(counts)
    }

    /// The finding whose side is the trial's: the first that names one. Broken rules of
    /// the wire do if they are all of one side.
    #[must_use]
    pub fn names_side(&self) -> Option<&Finding> {
        let rules = || self.deciding().filter(|finding| finding.kind == Kind::Rule);
        let is_one_side = rules().all(|rule| Some(rule.side) == rules().next().map(|r| r.side));
        self.deciding()
            .find(|finding| finding.side.is_some() && (finding.kind != Kind::Rule || is_one_side))
    }

    /// The side that the trial itself names.
    #[must_use]
    pub fn side(&self) -> Option<Side> {
        let named = self.names_side().and_then(|finding| finding.side);
        named.or(self.testimony.map(|testimony| testimony.side))
    }

    /// Of a trial that was run again, what both runs say of it.
    #[must_use]
    pub fn repeated(self, later: Self) -> Self {
        let runs = |judgement: &Self| match judgement.runs.is_empty() {
            true => BTreeMap::from([(judgement.verdict, 1)]),
            false => judgement.runs.clone(),
        };
        let mut all = runs(&self);
        for (verdict, number) in runs(&later) {
            *all.entry(verdict).or_default() += number;
        }
        let has_failed = |judgement: &Self| judgement.verdict.is_unexpected();
        let mut one = if !has_failed(&self) && has_failed(&later) { later } else { self };
        if all.len() > 1 && all.keys().any(|verdict| verdict.is_unexpected()) {
            one.verdict = Verdict::Flaky;
        }
        Self { runs: all, ..one }
    }

    /// Whether the trial was not tried.
    #[must_use]
    pub const fn is_untried(&self) -> bool {
        matches!(self.verdict, Verdict::Blocked | Verdict::Unsupported)
    }

    /// Whether a clock may have decided it.
    #[must_use]
    pub fn is_by_clock(&self) -> bool {
        self.verdict == Verdict::Fixed || self.deciding().any(Finding::is_by_clock)
    }

    /// The entries of the known list that explain its findings, each once.
    #[must_use]
    pub fn known(&self) -> Vec<&Explanation> {
        let mut known: Vec<&Explanation> = Vec::new();
        for entry in self.findings.iter().filter_map(Finding::known) {
            if !known.contains(&&**entry) {
                known.push(entry);
            }
        }
        known
    }

    /// The broken rules of one of the case's calls.
    #[must_use]
    pub fn violations_of(&self, call: usize) -> Vec<Violation> {
        let of_call = self.findings.iter().filter(|finding| finding.call == Some(call));
        of_call.filter_map(|finding| finding.violation.clone()).collect()
    }

    /// Whether a rule of the wire is broken, be it listed alone.
    #[must_use]
    pub fn has_violations(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind == Kind::Rule)
    }
}

/// How binding a rule must be for its breach to fail a trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// A broken MUST fails it; a broken SHOULD is only listed.
    #[default]
    Must,
    /// Either fails it.
    Should,
}

impl Strictness {
    /// What a broken rule of one of the case's calls is to the trial.
    fn finding(self, call: usize, violation: Violation) -> Finding {
        let is_grave = violation.level == Level::Must || self == Self::Should;
        let effect = if is_grave { Effect::Fails } else { Effect::Listed };
        Finding { effect, ..Finding::of_rule(call, violation) }
    }
}

/// Judges a trial.
#[must_use]
pub fn judge(
    case: &Case,
    observation: &Observation,
    beliefs: &Beliefs<'_>,
    strictness: Strictness,
) -> Judgement {
    let mut judgement = judge_outcome(case, &observation.outcome);
    judge_memory(&mut judgement, case, observation);
    if let Some((run, wire)) = case.program.as_ref().zip(observation.wire.as_ref()) {
        program::wire(&mut judgement, run, wire, strictness);
    } else if let Some(wire) = &observation.wire {
        wire::judge(&mut judgement, case, observation, wire, strictness);
    }
    beliefs.apply(case, judgement.judged()).bounded()
}

impl Judgement {
    /// With the findings that matter most, in their order: those that fail the trial have
    /// room before the others.
    fn bounded(mut self) -> Self {
        let all = self.findings.len();
        let fails = |finding: &Finding| finding.effect == Effect::Fails;
        let failing = self.findings.iter().filter(|one| fails(one)).count();
        let mut room_for_failing = MOST_FINDINGS;
        let mut room_for_others = MOST_FINDINGS.saturating_sub(failing);
        self.findings.retain(|finding| {
            let room = if fails(finding) { &mut room_for_failing } else { &mut room_for_others };
            let is_kept = *room > 0;
            *room = room.saturating_sub(1);
            is_kept
        });
        self.more_findings += all - self.findings.len();
        let mut kept = Kept::default();
        for finding in &mut self.findings {
            for value in [&mut finding.expected, &mut finding.got] {
                *value = kept.value(value.take());
            }
            if let Some(violation) = &mut finding.violation {
                violation.breach.expected = finding.expected.clone();
                violation.breach.got = finding.got.clone();
            }
        }
        let kept_value = |value: Value| Kept::default().value(value);
        self.expected = self.expected.map(kept_value);
        self.actual = self.actual.map(kept_value);
        self
    }
}

/// Holds the server to the memory that the case allows it.
fn judge_memory(judgement: &mut Judgement, case: &Case, observation: &Observation) {
    let Some(limit) = case.server_memory_bytes.filter(|_| judgement.verdict == Verdict::Pass)
    else {
        return;
    };
    let finding = match observation.server_growth_bytes {
        Some(growth) if growth <= limit => return,
        Some(growth) => Finding::new(Kind::Memory, limit, growth).of_side(Side::Server),
        None => Finding::new(Kind::Unsupported, limit, Value::Null).at("memory"),
    };
    judgement.findings.push(finding);
}

fn judge_outcome(case: &Case, outcome: &Outcome) -> Judgement {
    let of = |kind, why: &str| Finding::new(kind, Value::Null, json!({ "why": why }));
    let mut finding = match outcome {
        Outcome::Answered(answers) => return judge_answers(case, answers),
        Outcome::Played(played) => return script::judge(case, played),
        Outcome::Ran(death) => return program::outcome(death),
        Outcome::FeatureMissing { why } => of(Kind::Unsupported, why),
        Outcome::Refused { why } => {
            of(Kind::RefusedFeature, &shorten(why, MOST_QUOTED)).of_side(Side::Client)
        }
        Outcome::Malformed { misstep, .. } => {
            Finding::new(Kind::Breach, Value::Null, misstep_value(misstep)).of_side(Side::Client)
        }
        Outcome::Hung { timeout, grace, stray, words, .. } => {
            let waited = json!({ "timeout_ms": millis(*timeout), "grace_ms": millis(*grace) });
            let mut finding = Finding::new(Kind::Hang, Value::Null, waited);
            if let Some(stray) = stray {
                finding.got["stray"] = stray.as_str().into();
            }
            for (role, words) in words.iter().filter(|(_, words)| !words.is_empty()) {
                finding.got["words"][role.to_string()] = words_value(words);
            }
            finding
        }
        Outcome::Crashed { role, death, .. } => {
            let how = gone_value(&death.how);
            let mut finding = Finding::new(Kind::Crash, Value::Null, how).of_side(*role);
            if !death.words.is_empty() {
                finding.got["words"] = words_value(&death.words);
            }
            finding
        }
        Outcome::Blocked { why } => of(Kind::Blocked, why),
    };
    let remarks = outcome.remarks();
    if !remarks.is_empty() {
        finding.got["remarks"] = remarks.iter().map(remark_value).collect();
    }
    let is_answered_alone = remarks.iter().any(|remark| remark.is_not_alone());
    Judgement { is_answered_alone, ..Judgement::of(vec![finding]) }
}

fn gone_value(how: &Gone) -> Value {
    match how {
        Gone::Exited(code) => json!({ "exit_status": code }),
        Gone::Killed(signal) => json!({ "signal": signal }),
        Gone::Ended => json!({}),
        Gone::ClosedStdout => json!({ "closed": "stdout" }),
        Gone::Refuses { address, why } => json!({ "refuses_at": address, "why": why }),
    }
}

fn misstep_value(misstep: &Misstep) -> Value {
    match misstep {
        Misstep::BadLine { problem, line } => {
            json!({ "breach": "bad-line", "problem": problem, "line": line })
        }
        Misstep::UnknownCall(call) => json!({ "breach": "unknown-call", "call": call }),
        Misstep::AnsweredTwice(call) => json!({ "breach": "answered-twice", "call": call }),
        Misstep::HelloTwice => json!({ "breach": "hello-twice" }),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn words_value(Words { first, last }: &Words) -> Value {
    json!({ "first": first, "last": last })
}

fn remark_value(remark: &Remark) -> Value {
    match remark {
        Remark::AnsweredAlone { beside } => json!({ "answered_alone": { "beside": beside } }),
        Remark::AfterItsAnswer => json!("after_its_answer"),
        Remark::AfterItsAnswerAndNotAlone => json!("after_its_answer_and_not_alone"),
    }
}

/// Every call that is not answered as it should be.
fn judge_answers(case: &Case, answers: &[Answer]) -> Judgement {
    let mut findings = Vec::new();
    let mut first = None;
    for (index, (call, answer)) in case.calls.iter().zip(answers).enumerate() {
        let differences = compare::differences(call, answer);
        if !differences.is_empty() {
            first = first.or(Some((call, answer)));
        }
        findings.extend(differences.into_iter().map(|finding| finding.in_call(index)));
    }
    Judgement {
        expected: first.map(|(call, _)| json!(call.expect)),
        actual: first.map(|(call, answer)| actual_value(call, answer)),
        ..Judgement::of(findings)
    }
}

fn actual_value(call: &Call, answer: &Answer) -> Value {
    // Hostile: a value is made only as long as it will be kept.
    let mut kept = Kept::default();
    let messages = answer.messages.iter();
    let messages = kept.list(messages.len(), messages, |bytes| compare::bytes_value(call, bytes));
    let mut value = json!({ "code": answer.code.to_string(), "messages": messages });
    if let Some(steps) = answer.steps.filter(|_| call.one_request().is_none()) {
        value["steps"] = steps.into();
    }
    if !answer.message.is_empty() {
        value["status_message"] = kept.text(&answer.message).into();
    }
    let mut pairs =
        |pairs: &[(String, String)]| kept.list(pairs.len(), pairs.iter(), |pair| json!(pair));
    if !call.expect.headers.is_empty() {
        value["headers"] = pairs(&answer.headers);
    }
    if !call.expect.trailers.is_empty() {
        value["trailers"] = pairs(&answer.trailers);
    }
    value
}

#[cfg(test)]
mod tests;
