//! Whether a script makes sense as a whole.

use std::time::Duration;

use crosswire_http2::frame::{flag, kind};

use crate::{
    role::Role,
    suite::{
        AnyOf, Awaited, Step, TIME_AFTER_DEADLINE,
        problem::{Problem, Within as _},
    },
    text,
};

/// A step, with the index of what it is written as.
pub(super) type Numbered = (usize, Step);

/// Checks the steps of one connection.
///
/// # Errors
/// The first step that makes no sense, or what is wrong with all of them.
pub(super) fn check(
    role: Role,
    greets: bool,
    limit: Duration,
    steps: &[Numbered],
) -> Result<(), Problem> {
    check_streams(role, steps)?;
    check_acknowledgements(greets, steps)?;
    check_pauses(steps, limit)?;
    match role {
        Role::Client => Ok(()),
        Role::Server => check_last_pauses(steps),
    }
}

/// Pauses that leave no time for anything else.
fn check_pauses(steps: &[Numbered], limit: Duration) -> Result<(), Problem> {
    let pauses = steps.iter().filter_map(|(_, step)| match step {
        Step::Pause(pause) => Some(*pause),
        _ => None,
    });
    let pauses: Duration = pauses.sum();
    if pauses < limit {
        return Ok(());
    }
    let (pauses, limit) = (text::duration(pauses), text::duration(limit));
    Err(format!("the script pauses for {pauses}, and is over after {limit}").into())
}

/// Pauses of a server that would go on when its trial is over.
fn check_last_pauses(steps: &[Numbered]) -> Result<(), Problem> {
    let is_wait = |(_, step): &Numbered| matches!(step, Step::WaitFor(_) | Step::MayWaitFor(_));
    let after = steps.iter().rposition(is_wait).map_or(0, |wait| wait + 1);
    check_pauses(&steps[after..], TIME_AFTER_DEADLINE).map_err(|_| {
        let limit = text::duration(TIME_AFTER_DEADLINE);
        format!("the script pauses after its last wait for longer than its trial goes on after the calls; that is {limit}").into()
    })
}

/// A wait for the answer to what was not sent, which would be over at once.
fn check_acknowledgements(greets: bool, steps: &[Numbered]) -> Result<(), Problem> {
    let mut sent = if greets { vec![kind::SETTINGS] } else { Vec::new() };
    for (index, step) in steps {
        match step {
            Step::Settings(_) => sent.push(kind::SETTINGS),
            Step::Frame { kind, flags, .. } if flags & flag::ACK == 0 => sent.push(*kind),
            // Whatever they are.
            Step::Bytes(_) => sent.extend([kind::SETTINGS, kind::PING]),
            Step::WaitFor(AnyOf(awaited)) | Step::MayWaitFor(AnyOf(awaited)) => {
                let not_sent = |awaited: &&Awaited| match awaited {
                    Awaited::SettingsAck => !sent.contains(&kind::SETTINGS),
                    Awaited::PingAck => !sent.contains(&kind::PING),
                    _ => false,
                };
                if let Some(awaited) = awaited.iter().find(not_sent) {
                    return Err(format!(
                        "a wait for {awaited}, and none was sent; send one before it"
                    ))
                    .within(*index);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A wait for what that side never does, and steps about a stream that is not there.
fn check_streams(role: Role, steps: &[Numbered]) -> Result<(), Problem> {
    let is_wait = |(_, step): &Numbered| match step {
        Step::WaitFor(AnyOf(awaited)) | Step::MayWaitFor(AnyOf(awaited)) => {
            awaited.contains(&Awaited::Request)
        }
        _ => false,
    };
    let first_request = steps.iter().position(is_wait);
    if role == Role::Client {
        return match first_request {
            Some(wait) => {
                Err("`wait_for = \"request\"` belongs to a scripted server; a client is sent none")
                    .within(steps[wait].0)
            }
            None => Ok(()),
        };
    }
    let before = &steps[..first_request.unwrap_or(steps.len())];
    match before.iter().find(|(_, step)| step.is_about_the_current_stream()) {
        Some((index, _)) => Err(
            "a server has no stream before the first `wait_for = \"request\"`; wait for it, or give `stream`",
        )
        .within(*index),
        None => Ok(()),
    }
}
