use std::{path::Path, sync::Arc};

use super::*;
use crate::{
    input::Place,
    suite::{Call, Expect, Method, Script},
};

const GRACE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(10);

fn case(calls: usize, change: impl Fn(&mut Case)) -> Trial {
    let method = || Method { path: "S/M".into(), descriptor: None };
    let call = || Call::new(method(), vec![], TIMEOUT, Expect::default());
    let calls = (0..calls).map(|_| call()).collect();
    let mut case = Case::new("s/c", "R-1", "w", Place::from(Path::new("x")), calls);
    change(&mut case);
    Trial { case: Arc::new(case), unsupported: None }
}

fn plain() -> Trial {
    case(1, |_| ())
}

fn flights(trials: &[Trial], most_calls: usize) -> Flights<'_> {
    let taking = Taking { most_calls, features: vec![] };
    Flights::new(trials, taking, GRACE, HashSet::new(), CallId(1))
}

fn hung(timeout: Duration) -> Outcome {
    let (stray, words, remarks) = (None, Vec::new(), Vec::new());
    Outcome::Hung { timeout, grace: GRACE, stray, words, remarks }
}

fn answered(id: u64) -> ClientEvent {
    ClientEvent::Answered { id, answer: Answer::default() }
}

/// What is to be done, in short: `call 1 of 0.0`, `await 0`, `observe 0`.
fn told(actions: Vec<Action>) -> Vec<String> {
    let short = |action| match action {
        Action::Call { id, trial, call } => format!("call {} of {}.{call}", id.0, trial.0),
        Action::AwaitStreams(trial) => format!("await {}", trial.0),
        Action::Observe(trial, _) => format!("observe {}", trial.0),
    };
    actions.into_iter().map(short).collect()
}

fn queue(trials: &[usize]) -> VecDeque<TrialId> {
    trials.iter().copied().map(TrialId).collect()
}

#[test]
fn a_trial_is_called_then_awaited_then_observed() {
    let trials = [plain()];
    let (mut flights, now) = (flights(&trials, 8), Instant::now());
    assert_eq!(flights.next(&queue(&[0]), Company::Others, now), Next::Start(TrialId(0)));
    assert_eq!(told(flights.start(TrialId(0), now)), ["call 1 of 0.0"]);
    let later = now + Duration::from_millis(7);
    assert_eq!(told(flights.heard(answered(1), later).unwrap()), ["await 0"]);
    assert!(!flights.is_idle(), "its streams have not ended");
    let actions = flights.streams_ended(TrialId(0), Wire::default(), Some(3));
    let [Action::Observe(TrialId(0), seen)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!((seen.duration, seen.server_growth_bytes), (later - now, Some(3)));
    assert!(seen.wire.is_some() && flights.is_idle());
}

/// Connections of scripted servers are made a few at a time; who only waits keeps nobody from
/// one.
#[test]
fn scripted_servers_are_met_a_few_at_a_time() {
    let scripted = || {
        let script = Script::of_no_steps(Role::Server);
        case(1, |case| case.script = Some(Arc::new(script.clone())))
    };
    let trials: Vec<Trial> = (0..=MOST_YOUNG).map(|_| scripted()).collect();
    let (mut flights, now) = (flights(&trials, 64), Instant::now());
    for trial in 0..MOST_YOUNG {
        assert_eq!(
            flights.next(&queue(&[trial]), Company::Others, now),
            Next::Start(TrialId(trial))
        );
        flights.start(TrialId(trial), now);
    }
    let last = queue(&[MOST_YOUNG]);
    assert_eq!(flights.next(&last, Company::Others, now), Next::Wait);
    assert_eq!(flights.next_time(now), Some(now + YOUNG), "then it is looked at again");
    assert_eq!(flights.next(&last, Company::Others, now + YOUNG), Next::Start(TrialId(MOST_YOUNG)));
}

#[test]
fn what_may_start_next() {
    use Company::{Nobody, Others};
    let many = |calls| case(calls, |_| ());
    for (name, trials, most_calls, company, started, expected) in [
        ("room", vec![plain(), plain()], 8, Others, 1, Next::Start(TrialId(1))),
        ("no call is free", vec![plain(), plain()], 1, Others, 1, Next::Wait),
        ("alone beside another", vec![plain(), plain()], 8, Nobody, 1, Next::Wait),
        ("alone", vec![plain()], 8, Nobody, 0, Next::Start(TrialId(0))),
        ("two calls and one is free", vec![plain(), many(2)], 2, Others, 1, Next::Wait),
        (
            "one that fits, behind one that does not",
            vec![plain(), many(2), plain()],
            2,
            Others,
            1,
            Next::Start(TrialId(2)),
        ),
        (
            "more calls than the client takes",
            vec![many(3)],
            2,
            Others,
            0,
            Next::Skip(
                TrialId(0),
                Outcome::FeatureMissing {
                    why: "the client takes 2 calls at once, and the case makes 3".to_owned(),
                },
            ),
        ),
    ] {
        let (mut flights, now) = (flights(&trials, most_calls), Instant::now());
        for trial in 0..started {
            flights.start(TrialId(trial), now);
        }
        let waiting: Vec<usize> = (started..trials.len()).collect();
        assert_eq!(flights.next(&queue(&waiting), company, now), expected, "{name}");
    }
    assert_eq!(flights(&[], 1).next(&queue(&[]), Company::Others, Instant::now()), Next::Wait);
}

#[test]
fn a_sequence_makes_each_call_when_it_is_due() {
    let pause = Duration::from_secs(3);
    let trials = [case(2, |case| {
        case.is_sequential = true;
        case.calls[1].pause = pause;
    })];
    let (mut flights, now) = (flights(&trials, 8), Instant::now());
    assert_eq!(told(flights.start(TrialId(0), now)), ["call 1 of 0.0"]);
    assert!(flights.heard(answered(1), now).unwrap().is_empty());
    assert_eq!(flights.next_time(now + YOUNG), Some(now + pause));
    assert!(flights.due_calls(now + pause / 2).is_empty(), "it is early");
    assert_eq!(told(flights.due_calls(now + pause)), ["call 2 of 0.1"]);
    assert!(flights.due_calls(now + pause).is_empty(), "it is made once");
    assert_eq!(told(flights.heard(answered(2), now + pause).unwrap()), ["await 0"]);
}

#[test]
fn a_trial_is_late_after_its_timeout_and_the_grace() {
    let trials = [plain(), case(1, |case| case.calls[0].timeout = TIMEOUT / 2)];
    let (mut flights, now) = (flights(&trials, 8), Instant::now());
    flights.start(TrialId(0), now);
    flights.start(TrialId(1), now);
    let late = now + TIMEOUT / 2 + GRACE;
    assert_eq!(flights.next_time(now + YOUNG), Some(late));
    assert!(!flights.is_late(late - Duration::from_millis(1)));
    assert!(flights.is_late(late));
    let incident = flights.time_is_over(hung, late);
    assert_eq!(incident.outcome, hung(TIMEOUT / 2));
    let order: Vec<usize> = incident.in_flight.iter().map(|started| started.trial.0).collect();
    assert_eq!(order, [1, 0], "the late one is the first to be tried again");
    assert_eq!(incident.suspect, Some(TrialId(1)));
    assert!(!incident.is_certain, "either may have caused it");
}

/// What is known to hang costs its time once, beside all others, and nothing runs again for it.
#[test]
fn known_hangs_are_believed_when_nothing_else_is_in_flight() {
    let trials = [plain(), plain(), case(1, |case| case.calls[0].timeout = TIMEOUT / 2)];
    let (mut flights, now) = (flights(&trials, 8), Instant::now());
    flights.known_hangs = HashSet::from([TrialId(1), TrialId(2)]);
    for trial in 0..3 {
        flights.start(TrialId(trial), now);
    }
    let late = now + TIMEOUT / 2 + GRACE;
    assert!(!flights.is_late(late), "the first may still be answered");
    flights.heard(answered(1), late).unwrap();
    assert!(!flights.is_late(late), "so may the other that is known to hang");
    let last = now + TIMEOUT + GRACE;
    assert_eq!(flights.next_time(late), Some(last));
    assert!(flights.is_late(last));
    let incident = flights.time_is_over(hung, last);
    let known: Vec<(usize, Outcome)> = incident
        .known_hangs
        .iter()
        .map(|(started, hung)| (started.trial.0, hung.clone()))
        .collect();
    assert_eq!(known, [(1, hung(TIMEOUT)), (2, hung(TIMEOUT / 2))]);
    assert!(incident.is_known() && incident.suspect.is_none(), "{incident:?}");
}

/// Another that hangs is settled as ever, without those that are known to.
#[test]
fn a_hang_beside_known_ones_is_settled() {
    let trials = [plain(), plain(), plain()];
    let (mut flights, now) = (flights(&trials, 8), Instant::now());
    flights.known_hangs = HashSet::from([TrialId(0)]);
    for trial in 0..3 {
        flights.start(TrialId(trial), now + Duration::from_secs(trial as u64));
    }
    let late = now + Duration::from_secs(1) + TIMEOUT + GRACE;
    assert!(flights.is_late(late));
    let incident = flights.time_is_over(hung, late);
    assert_eq!(incident.suspect, Some(TrialId(1)));
    assert_eq!((incident.known_hangs.len(), incident.in_flight.len()), (1, 2));
    assert!(!incident.is_known());
}

#[test]
fn an_incident_is_certain_with_one_in_flight_and_nothing_before() {
    let died = || ClientEvent::Ended { death: crate::observe::Death::default() };
    let trials = [plain(), plain()];
    for (name, answered_before, started, is_certain, suspect) in [
        ("one, and nothing before", false, 1, true, Some(0)),
        ("two", false, 2, false, Some(0)),
        ("one, after another", true, 2, false, Some(1)),
        ("none, after one", true, 1, false, Some(0)),
        ("none at all", false, 0, false, None),
    ] {
        let (mut flights, now) = (flights(&trials, 8), Instant::now());
        for trial in 0..started {
            flights.start(TrialId(trial), now);
        }
        if answered_before {
            flights.heard(answered(1), now).unwrap();
        }
        let incident = flights.heard(died(), now).unwrap_err();
        assert_eq!(incident.is_certain, is_certain, "{name}");
        assert_eq!(incident.suspect, suspect.map(TrialId), "{name}");
        assert!(incident.server_is_fine, "{name}: it was the client");
    }
}

#[test]
fn an_answer_that_nobody_asked_for_ends_the_clients_work() {
    let trials = [plain()];
    let mut flights = flights(&trials, 8);
    let incident = flights.heard(answered(4711), Instant::now()).unwrap_err();
    assert_eq!(incident.outcome, Outcome::malformed(Misstep::UnknownCall(4711)));
}

#[test]
fn an_answer_again_costs_its_trial_and_in_the_end_the_client() {
    let trials = [plain()];
    let (mut flights, now) = (flights(&trials, 8), Instant::now());
    flights.start(TrialId(0), now);
    flights.heard(answered(1), now).unwrap();
    assert!(flights.heard(answered(1), now).unwrap().is_empty(), "its streams have not ended");
    let actions = flights.streams_ended(TrialId(0), Wire::default(), None);
    let [Action::Observe(_, seen)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(seen.outcome, Outcome::malformed(Misstep::AnsweredTwice(1)));
    let again = (0..MOST_REPETITIONS).map(|_| flights.heard(answered(1), now));
    let ends: Vec<bool> = again.map(|heard| heard.is_err()).collect();
    assert_eq!(ends.iter().position(|is_end| *is_end), Some(MOST_REPETITIONS - 2));
}

#[test]
fn what_a_client_says_while_it_finishes() {
    let trials = [plain(), plain()];
    let (mut flights, now) = (flights(&trials, 8), Instant::now());
    flights.start(TrialId(0), now);
    flights.start(TrialId(1), now);
    flights.heard(answered(1), now).unwrap();
    let misstep = Misstep::HelloTwice;
    for (event, expected) in [
        (answered(1), Some((0, Misstep::AnsweredTwice(1)))),
        (answered(2), None),
        (answered(9), Some((0, Misstep::UnknownCall(9)))),
        (ClientEvent::Malformed { id: Some(2), misstep: misstep.clone() }, Some((1, misstep))),
    ] {
        let expected = expected.map(|(trial, misstep)| (TrialId(trial), misstep));
        assert_eq!(flights.late_breach(&event), expected, "{event:?}");
    }
}

/// A virtual machine that loads fails nothing by that; what begins later has no such excuse.
#[test]
fn what_began_before_slow_processes_were_warm_was_cold() {
    let moment = Duration::from_millis(1);
    for (name, first_answer, expected) in
        [("quick", COLD, [false, false, false]), ("slow", COLD + moment, [true, true, false])]
    {
        let trials = [plain(), plain(), plain()];
        let (mut flights, now) = (flights(&trials, 8), Instant::now());
        let warm = now + first_answer;
        flights.start(TrialId(0), now);
        flights.start(TrialId(1), now + moment);
        flights.heard(answered(1), warm).unwrap();
        flights.start(TrialId(2), warm + moment);
        for id in [2, 3] {
            flights.heard(answered(id), warm + TIMEOUT).unwrap();
        }
        let was_cold = [0, 1, 2].map(|trial| {
            let actions = flights.streams_ended(TrialId(trial), Wire::default(), None);
            let [Action::Observe(_, seen)] = &actions[..] else { panic!("{actions:?}") };
            seen.was_cold
        });
        assert_eq!(was_cold, expected, "{name}");
    }
}
