//! One call: prepared, made, made again where gRPC allows it, and reported.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crosswire_http2::error;
use mutants::{mutant::Mutant, planted::planted};
use serde_json::Value;

use super::{
    attempt::{Attempt, Failure},
    channels::Channels,
    observed::Observed,
    protocol::{self, Call},
    steps::Step,
    types::Stub,
};
use crate::{
    grpc::status::{Status, code},
    http2::Ended,
    services::AnyMethod,
};

/// How many calls are being made.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);

/// What came of the call before, for whoever takes one for the other.
static ANOTHER: Mutex<Option<Vec<Vec<u8>>>> = Mutex::new(None);

/// How long whoever tries a call until its deadline waits before it does so again.
const BACKOFF: Duration = Duration::from_millis(50);

/// Makes a call and reports it.
pub(super) fn make(channels: &Channels, call: &Call) -> Value {
    IN_FLIGHT.fetch_add(1, Ordering::Relaxed);
    let answer = match prepare(call) {
        Ok(attempt) => {
            let mut observed = Observed::default();
            let made = run(channels, call, &attempt, &mut observed);
            let status = reported(made);
            if status.code != code::OK && !attempt.stub.is_streaming() {
                // A method that answers once has failed without an answer.
                observed.messages.clear();
            }
            deviate(call, &mut observed);
            if attempt.stub.is_streaming() {
                deviate_streams(&status, &mut observed);
            }
            protocol::result(call.id, &observed, &status)
        }
        Err(why) => protocol::unsupported(call.id, &why),
    };
    IN_FLIGHT.fetch_sub(1, Ordering::Relaxed);
    answer
}

fn prepare(call: &Call) -> Result<Attempt, String> {
    let path = format!("/{}", call.method);
    let stub = match AnyMethod::of(path.as_bytes()) {
        _ if call.raw => Stub::Raw,
        Some(method) => Stub::Of(method),
        None => return Err(format!("no stub has the method {}", call.method)),
    };
    let is_compressed = match call.compression.as_deref() {
        None => false,
        Some("gzip") => true,
        Some(other) => return Err(format!("no compression {other}")),
    };
    let steps = call.send.iter().map(|asked| Step::of(asked, stub, is_compressed));
    let steps = steps.collect::<Result<_, _>>().map_err(|error| format!("send: {error}"))?;
    let timeout = call.timeout_ms.map(Duration::from_millis);
    Ok(Attempt {
        path,
        authority: call.target.clone(),
        stub,
        steps,
        metadata: call.metadata().map_err(|error| format!("metadata: {error}"))?,
        is_compressed,
        timeout,
        deadline: timeout
            .filter(|_| !planted(Mutant::NeverTimesOut))
            .map(|timeout| Instant::now() + timeout),
        cancel_after_messages: call.cancel_after_messages,
        read_delay: Duration::from_millis(call.read_delay_ms),
    })
}

fn run(
    channels: &Channels,
    call: &Call,
    attempt: &Attempt,
    observed: &mut Observed,
) -> Result<Status, Failure> {
    if attempt.is_cancelled_at_once() && planted(Mutant::DropsCancelledUnconnected) {
        return Err(Failure::Cancelled);
    }
    let mut may_be_made_again = true;
    loop {
        *observed = Observed::default();
        let made = channels
            .connection(&call.target, attempt.deadline)
            .map_err(Failure::from)
            .and_then(|connection| match attempt.make(&connection, observed) {
                Err(Failure::Ended(Ended::Lost))
                    if planted(Mutant::BrokenIsInternal) && connection.is_broken() =>
                {
                    Err(Status::new(code::INTERNAL, "the server broke the protocol").into())
                }
                made => made,
            });
        let is_not_taken = match &made {
            Err(Failure::Ended(Ended::NotTaken | Ended::Reset(error::REFUSED_STREAM))) => {
                !observed.has_begun
                    || planted(Mutant::RetriesRefusedLate) && observed.messages.is_empty()
            }
            Err(Failure::Ended(Ended::Lost)) => planted(Mutant::RetriesLostCalls),
            Ok(status) => planted(Mutant::RetriesFailures) && status.code != code::OK,
            _ => false,
        };
        if observed.is_unsent {
            thread::sleep(BACKOFF);
            continue;
        }
        // As gRPC has it, a call that no server has seen is made again, once.
        if !is_not_taken || !std::mem::take(&mut may_be_made_again) {
            return made;
        }
    }
}

/// The status of a call that its own side has ended.
fn reported(made: Result<Status, Failure>) -> Status {
    let ended = match made {
        Err(Failure::Status(status)) if planted(Mutant::InventsCodes) => {
            return Status::new(code::ABORTED, status.message);
        }
        Ok(status) | Err(Failure::Status(status)) => return deviating(status),
        Err(Failure::Cancelled) => return Status::new(code::CANCELLED, "cancelled by the client"),
        Err(Failure::Ended(ended)) => ended,
    };
    let code = match ended {
        Ended::Late if planted(Mutant::LateIsCancelled) => code::CANCELLED,
        Ended::Late if planted(Mutant::LateIsSuccess) => code::OK,
        Ended::Late => code::DEADLINE_EXCEEDED,
        Ended::Lost if planted(Mutant::LostIsUnknown) => code::UNKNOWN,
        Ended::Lost if planted(Mutant::LostIsSuccess) => code::OK,
        Ended::Lost | Ended::NotTaken if planted(Mutant::InventsCodes) => code::ABORTED,
        Ended::Lost | Ended::NotTaken => code::UNAVAILABLE,
        Ended::Reset(code) => code_of_reset(code),
        Ended::GivenUp => code::CANCELLED,
    };
    Status::new(code, ended.to_string())
}

fn code_of_reset(code: u32) -> i32 {
    match code {
        _ if planted(Mutant::ResetsAreUnknown) => code::UNKNOWN,
        error::NO_ERROR if planted(Mutant::ResetIsSuccess) => code::OK,
        error::ENHANCE_YOUR_CALM if planted(Mutant::CalmIsUnavailable) => code::UNAVAILABLE,
        error::CANCEL if planted(Mutant::CancelIsInternal) => code::INTERNAL,
        error::REFUSED_STREAM => code::UNAVAILABLE,
        error::CANCEL => code::CANCELLED,
        error::ENHANCE_YOUR_CALM => code::RESOURCE_EXHAUSTED,
        error::INADEQUATE_SECURITY => code::PERMISSION_DENIED,
        error::STREAM_CLOSED | error::HTTP_1_1_REQUIRED..
            if planted(Mutant::OddResetIsExhausted) =>
        {
            code::RESOURCE_EXHAUSTED
        }
        _ if planted(Mutant::InventsCodes) => code::ABORTED,
        _ => code::INTERNAL,
    }
}

fn deviating(mut status: Status) -> Status {
    if planted(Mutant::ReportsUnknown) && status.code != code::OK {
        status.code = code::UNKNOWN;
    }
    if planted(Mutant::ReportsNoDetails) {
        status.details.clear();
    }
    status
}

/// What clients do wrong when they report a stream.
fn deviate_streams(status: &Status, observed: &mut Observed) {
    if planted(Mutant::StreamHeadersLost) {
        observed.headers.clear();
    }
    if planted(Mutant::StreamTrailersLost) {
        observed.trailers.clear();
    }
    if planted(Mutant::FailureLosesMessages) && status.code != code::OK {
        observed.messages.clear();
    }
}

/// What clients do wrong when they report.
fn deviate(call: &Call, observed: &mut Observed) {
    if planted(Mutant::ReportsNoTrailers) {
        observed.trailers.clear();
    }
    if planted(Mutant::DropsLastMessage) && observed.messages.len() > 1 {
        observed.messages.pop();
    }
    if planted(Mutant::ReportsMessagesTwice) {
        observed.messages.extend_from_within(..);
    }
    if planted(Mutant::MixesCalls) && call.cancel_after_messages.is_none() {
        let mut another = ANOTHER.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = another.replace(observed.messages.clone());
        if let Some(taken) = taken.filter(|_| IN_FLIGHT.load(Ordering::Relaxed) > 1) {
            observed.messages = taken;
        }
    }
}
