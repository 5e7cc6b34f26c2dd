//! What runs again, as tables of what each round brings.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::Value;

use super::*;
use crate::{
    finding::{Explanation, Finding},
    input::Place,
    observe::{Outcome, Wire},
};

/// What a trial came to in a round.
#[derive(Debug, Clone, Copy)]
enum Came {
    Pass,
    /// It failed on a connection of this number, having sent its last at this second.
    Lost(u64, u64),
    /// Likewise, and breaks a rule.
    Broke(u64, u64),
    /// Likewise, which is known of its peer.
    Known(u64, u64),
    /// It waited for a connection that never came.
    Waited,
    /// It failed, and no connection with it.
    Failed,
    /// It was late while the machine lagged.
    Lagged,
    /// Likewise while its processes were not warm yet.
    Cold,
    Blocked,
}
use Came::{Blocked, Broke, Cold, Failed, Known, Lagged, Lost as LostOn, Pass, Waited};

fn judged(again: &mut Again, trial: usize, came: Came) -> Counts {
    let kind = match came {
        Pass => None,
        Blocked => Some(Kind::Blocked),
        Broke(..) | Known(..) => Some(Kind::Rule),
        Lagged | Cold => Some(Kind::Hang),
        LostOn(..) | Waited | Failed => Some(Kind::Status),
    };
    let effect = match came {
        Known(..) => Effect::Known(Arc::new(Explanation {
            reason: String::new(),
            link: String::new(),
            place: Place::from(Path::new("known.toml")),
        })),
        _ => Effect::Fails,
    };
    let finding = |kind| Finding { effect, ..Finding::new(kind, Value::Null, Value::Null) };
    let judgement = Judgement::of(kind.map(finding).into_iter().collect());
    let lost = match came {
        LostOn(number, sent) | Broke(number, sent) | Known(number, sent) => {
            Some((Some(number), sent))
        }
        Waited => Some((None, 0)),
        Pass | Failed | Lagged | Cold | Blocked => None,
    };
    let lost = lost.map(|(connection, sent)| Lost {
        tap: 7,
        connection,
        last_sent: Duration::from_secs(sent),
    });
    let observation = Observation {
        wire: Some(Wire { lost, ..Wire::default() }),
        was_lagging: !matches!(came, Failed | Cold),
        was_cold: matches!(came, Cold),
        ..Observation::of(Outcome::Answered(Vec::new()))
    };
    again.judged((0, trial), &observation, &judgement)
}

/// Plays rounds: in each, what the trials that it names must come to, which are all that run.
fn check(name: &str, rounds: &[(bool, &[(usize, Came)])], charged: &[usize]) {
    let mut again = Again::new(3);
    for (number, (is_alone, trials)) in rounds.iter().enumerate() {
        let expected = BTreeSet::from_iter(trials.iter().map(|(trial, _)| (0, *trial)));
        if number > 0 {
            let next = again.next();
            let round = Round { trials: Some(expected), is_alone: *is_alone, number };
            assert_eq!(next, Some(round), "{name}, round {number}");
        }
        for (trial, came) in *trials {
            judged(&mut again, *trial, *came);
        }
    }
    assert_eq!(again.next(), None, "{name}");
    let expected = BTreeSet::from_iter(charged.iter().map(|trial| (0, *trial)));
    assert_eq!(again.ran().charged, expected, "{name}");
}

#[test]
fn a_lost_connection_costs_one_trial() {
    let all = [(1, LostOn(0, 1)), (2, LostOn(0, 3)), (3, LostOn(0, 2)), (4, Pass)];
    let (rest, last) = ([(1, Pass), (3, Pass)], 2);
    check(
        "it costs the connection alone, too",
        &[(false, &all), (false, &rest), (true, &[(last, LostOn(0, 1))])],
        &[],
    );
    check(
        "nobody does any more",
        &[(false, &all), (false, &rest), (true, &[(last, Pass)])],
        &[last],
    );
    let once_more = [(1, LostOn(0, 5)), (3, LostOn(0, 4))];
    check(
        "it was another, which was not the last to send then",
        &[
            (false, &all),
            (false, &once_more),
            (true, &[(2, Pass), (3, LostOn(0, 1))]),
            (true, &[(1, Pass)]),
        ],
        &[],
    );
    check(
        "it was another, and nobody costs it alone",
        &[
            (false, &all),
            (false, &once_more),
            (true, &[(2, Pass), (3, Pass)]),
            (true, &[(1, Pass)]),
        ],
        &[1],
    );
    check("all that there was", &[(false, &[(1, LostOn(0, 1))]), (true, &[(1, Pass)])], &[1]);
    check(
        "two connections",
        &[
            (false, &[(1, LostOn(0, 1)), (2, LostOn(0, 2)), (3, LostOn(1, 1)), (4, LostOn(1, 2))]),
            (false, &[(1, Pass), (3, Pass)]),
            (true, &[(2, Pass), (4, LostOn(0, 1))]),
        ],
        &[2],
    );
    check(
        "a broken rule is explanation enough",
        &[
            (false, &[(1, Broke(0, 1)), (2, LostOn(0, 2)), (3, Waited)]),
            (false, &[(2, Pass), (3, Pass)]),
        ],
        &[],
    );
    check(
        "so is one that is known to be broken",
        &[
            (false, &[(1, Known(0, 1)), (2, LostOn(0, 2)), (3, LostOn(0, 1))]),
            (false, &[(2, Pass), (3, Pass)]),
        ],
        &[],
    );
    check("nothing was lost", &[(false, &[(1, Waited), (2, Failed)])], &[]);
}

/// A server that ends every connection is not tried for ever, nor each trial alone.
#[test]
fn there_is_an_end_of_trying() {
    let all: Vec<_> =
        (1..=12).map(|trial| (trial, LostOn(0, u64::try_from(trial).unwrap()))).collect();
    // The last sent last, then the last but one; of the others, the latest run alone.
    let (without, rest) = (&all[..11], &all[..3]);
    let few: Vec<_> = all[3..10].iter().chain(&all[11..]).copied().collect();
    let rounds =
        [(false, &all[..]), (false, without), (true, &few), (false, rest), (true, &all[10..11])];
    check("always", &rounds, &[]);
}

#[test]
fn what_the_machine_failed_runs_again_alone() {
    check(
        "thrice at most",
        &[
            (false, &[(1, Lagged)]),
            (true, &[(1, Lagged)]),
            (true, &[(1, Lagged)]),
            (true, &[(1, Lagged)]),
        ],
        &[],
    );
    check("until it is judged", &[(false, &[(1, Lagged)]), (true, &[(1, Failed)])], &[]);
    check("or cannot be", &[(false, &[(1, Lagged)]), (true, &[(1, Pass)])], &[]);
    check("its processes were not warm", &[(false, &[(1, Cold)]), (true, &[(1, Pass)])], &[]);
}

/// Of many that one thing failed, a few speak for the others.
#[test]
fn a_few_that_fail_alone_speak_for_the_others() {
    let all = |came| (0..9).map(move |trial| (trial, came)).collect::<Vec<_>>();
    let in_vain: Vec<_> = (0..3).map(|trial| (trial, Failed)).collect();
    check("all fail", &[(false, &all(Lagged)), (true, &in_vain)], &[]);
    let one = [(0, Failed), (1, Pass), (2, Failed)];
    let others: Vec<_> = (3..9).map(|trial| (trial, Pass)).collect();
    check("one is excused", &[(false, &all(Lagged)), (true, &one), (true, &others)], &[]);
}

#[test]
fn what_cannot_be_tried_again_is_as_it_was() {
    let mut again = Again::new(3);
    assert_eq!(judged(&mut again, 1, LostOn(0, 1)), Counts::Yes);
    again.next().unwrap();
    assert_eq!(judged(&mut again, 1, Blocked), Counts::No);
    assert_eq!(judged(&mut again, 1, Pass), Counts::NotAlone);
    assert_eq!(judged(&mut again, 1, Failed), Counts::Yes);
}

/// What one repetition left in doubt says nothing of the next.
#[test]
fn a_repetition_begins_anew() {
    let mut again = Again::new(3);
    judged(&mut again, 1, LostOn(0, 1));
    again.next().unwrap();
    judged(&mut again, 1, Pass);
    assert_eq!(again.next(), None);
    assert_eq!(again.repeat(), Round { number: 2, ..Round::default() });
    assert_eq!(judged(&mut again, 1, Pass), Counts::Yes);
    assert_eq!(again.next(), None);
    assert_eq!((again.ran().lost.len(), again.ran().charged.len()), (1, 1));
}
