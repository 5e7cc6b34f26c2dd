use std::time::Duration;

use super::*;
use crate::observe::Death;

fn crashed() -> Outcome {
    Outcome::Crashed { role: Role::Client, death: Death::default(), remarks: Vec::new() }
}

fn started(trial: usize) -> Started {
    Started { trial: TrialId(trial), elapsed: Duration::ZERO, waits: false }
}

/// An incident with these in flight, after that one was decided.
fn incident(in_flight: &[usize], last_decided: Option<usize>) -> Incident {
    let last_decided = last_decided.map(TrialId);
    let in_flight: Vec<Started> = in_flight.iter().copied().map(started).collect();
    Incident {
        outcome: crashed(),
        known_hangs: Vec::new(),
        suspect: in_flight.first().map(|started| started.trial).or(last_decided),
        last_decided,
        is_certain: in_flight.len() == 1 && last_decided.is_none(),
        in_flight,
        server_is_fine: true,
    }
}

fn quiet_end() -> Fate {
    Fate::Ended { breach: None, client: None, server: None }
}

fn late_death() -> Fate {
    use std::os::unix::process::ExitStatusExt as _;
    let status = Some(std::process::ExitStatus::from_raw(11));
    let client = Stopped { status, killed: false, left_processes: false, daemons: 0 };
    Fate::Ended { breach: None, client: Some(client), server: None }
}

/// Settles an incident; each trial that runs alone comes to what is said of it.
fn settle(
    incident: Incident,
    mut alone: impl FnMut(usize) -> Option<Incident>,
    mut watched: impl FnMut(usize) -> Fate,
) -> Vec<String> {
    let mut settling = Settling::of(incident);
    let mut log = Vec::new();
    let mut effects = Vec::new();
    loop {
        match settling.want() {
            Want::Nothing => break,
            Want::Do(more) => effects.extend(more),
            Want::RunAlone(trial) => {
                log.push(format!("alone {}", trial.0));
                effects.extend(settling.ran_alone(alone(trial.0)));
            }
            Want::WatchToEnd(trial) => {
                log.push(format!("watch {}", trial.0));
                effects.extend(settling.watched(watched(trial.0)));
            }
        }
    }
    effects.extend(settling.end(false));
    log.extend(effects.into_iter().map(|effect| match effect {
        Effect::Observe(started, outcome) => {
            format!("{} {:?}", started.trial.0, outcome.remarks())
        }
        Effect::ObserveAgain(trial, outcome) => {
            format!("{} again {:?}", trial.0, outcome.remarks())
        }
        Effect::PutBack(trial) => format!("back {}", trial.0),
        Effect::Count => "count".to_owned(),
    }));
    log
}

#[test]
fn what_is_certain_is_told_at_once() {
    let log = settle(incident(&[3], None), |_| panic!(), |_| panic!());
    assert_eq!(log, ["3 []"]);
}

#[test]
fn the_one_that_causes_it_alone_has_caused_it() {
    let again = |trial| (trial == 2).then(|| incident(&[2], None));
    let log = settle(incident(&[1, 2, 3], None), again, |_| panic!());
    assert_eq!(log, ["alone 1", "alone 2", "alone 3", "2 []", "count"]);
}

#[test]
fn if_none_causes_it_alone_the_suspect_stands_for_it() {
    let log = settle(incident(&[1, 2], None), |_| None, |_| panic!());
    assert_eq!(log, ["alone 1", "alone 2", "1 [AnsweredAlone { beside: 1 }]"]);
}

#[test]
fn the_one_that_was_decided_before_is_watched_to_its_end() {
    for (fate, expected) in [
        (late_death as fn() -> Fate, &["0 again [AfterItsAnswer]", "count"][..]),
        (quiet_end, &["1 [AnsweredAlone { beside: 0 }]"]),
        (|| Fate::Again(Box::new(incident(&[0], None))), &["0 []", "count"]),
    ] {
        let log = settle(incident(&[1], Some(0)), |_| None, |_| fate());
        assert_eq!(log, [&["alone 1", "watch 0"], expected].concat());
    }
}

#[test]
fn with_nothing_in_flight_it_belongs_to_the_last_that_was_decided() {
    let log = settle(incident(&[], Some(4)), |_| panic!(), |_| quiet_end());
    assert_eq!(log, ["watch 4", "4 again [AfterItsAnswerAndNotAlone]"]);
    let log = settle(incident(&[], Some(4)), |_| panic!(), |_| late_death());
    assert_eq!(log, ["watch 4", "4 again [AfterItsAnswer]", "count"]);
}

#[test]
fn an_incident_after_an_answer_alone_is_doubtful() {
    // Trial 1 is answered alone, and then its processes die.
    let again = |_| Some(incident(&[], Some(1)));
    let log = settle(incident(&[1, 2], None), again, |_| quiet_end());
    let expected = [
        "alone 1",
        "alone 2",
        "watch 1",
        "watch 1",
        "count",
        "count",
        "1 again [AnsweredAlone { beside: 0 }]",
        "1 again [AnsweredAlone { beside: 0 }]",
        "1 [AnsweredAlone { beside: 1 }]",
    ];
    assert_eq!(log, expected);
}

/// Another had these processes before it, and then it dies with fresh ones.
#[test]
fn what_is_certain_in_the_end_is_not_doubtful() {
    let mut died = 0;
    let again = |trial| {
        died += usize::from(trial == 2);
        (trial == 2).then(|| incident(&[2], (died == 1).then_some(1)))
    };
    let log = settle(incident(&[1, 2], None), again, |_| panic!());
    assert_eq!(log, ["alone 1", "alone 2", "alone 2", "count", "2 []", "count"]);
}

/// Each that waits would take until its deadline.
#[test]
fn who_waits_is_not_tried_once_another_has_explained_it() {
    let mut about = incident(&[1, 2, 3], None);
    about.in_flight[2].waits = true;
    let dies = |trial| (trial == 1).then(|| incident(&[1], None));
    let log = settle(about.clone(), dies, |_| panic!());
    assert_eq!(log, ["alone 1", "alone 2", "1 []", "count", "back 3"]);
    let log = settle(about, |_| None, |_| panic!());
    assert_eq!(log[..3], ["alone 1", "alone 2", "alone 3"], "nobody has explained it");
}

#[test]
fn what_was_not_tried_is_put_back_in_its_order() {
    let mut settling = Settling::of(incident(&[1, 2, 3], None));
    assert_eq!(settling.want(), Want::RunAlone(TrialId(1)));
    settling.ran_alone(None);
    let effects = settling.end(true);
    assert_eq!(effects, [Effect::PutBack(TrialId(3)), Effect::PutBack(TrialId(2))]);
}
