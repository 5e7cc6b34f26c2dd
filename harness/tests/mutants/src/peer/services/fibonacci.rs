//! `FibonacciService`.

use mutants::{mutant::Mutant, planted::planted};

use super::Answer;
use crate::{
    grpc::status::{Status, code},
    protobuf::{
        Malformed,
        fibonacci::{SequenceElement, SequenceRequest, SequenceResponse},
    },
};

/// How many elements fit in an int64.
const LENGTH: i64 = 93;

/// More than anybody asks for who wants to see what is beyond it.
const MOST_WRAPPED: i64 = 1000;

pub(super) fn sequence(request: &[u8]) -> Result<Answer, Malformed> {
    let count = SequenceRequest::read(request)?.count;
    if planted(Mutant::AllocatesForCount) && count > i64::from(i32::MAX) {
        // What a handler that dies of it becomes (STATUS-7).
        return Ok(Answer::failure(Status::new(code::UNKNOWN, "capacity overflow")));
    }
    if let Some(status) = too_many(count) {
        return Ok(Answer::failure(status));
    }
    let element = elements(count).collect();
    Ok(Answer::of(SequenceResponse { element }.write()))
}

pub(super) fn stream(request: &[u8]) -> Result<Answer, Malformed> {
    let count = SequenceRequest::read(request)?.count;
    let status = too_many(count);
    if let Some(status) = &status
        && planted(Mutant::NothingBeforeTheError)
    {
        return Ok(Answer::failure(status.clone()));
    }
    let first = i64::from(planted(Mutant::PositionFromOne));
    let messages = elements(count)
        .zip(first..)
        .map(|(element, count)| SequenceElement { element, count }.write());
    let status = status.filter(|_| !planted(Mutant::StreamEndsWithOk));
    Ok(Answer { messages: Box::new(messages), status: status.unwrap_or_else(Status::ok) })
}

/// The failure of a count of which not all elements fit.
fn too_many(count: i64) -> Option<Status> {
    let is_unsigned = planted(Mutant::CountAsUnsigned) && count < 0;
    if count <= LENGTH && !is_unsigned || planted(Mutant::WrapsAround) {
        return None;
    }
    let code = if planted(Mutant::WrongCode) { code::INVALID_ARGUMENT } else { code::OUT_OF_RANGE };
    Some(Status::new(code, format!("more than {LENGTH} elements do not fit in int64")))
}

/// The first elements, one at least, computed as they are asked for.
fn elements(count: i64) -> Box<dyn Iterator<Item = i64> + Send> {
    let least = i64::from(!planted(Mutant::ZeroIsEmpty));
    let most = if planted(Mutant::WrapsAround) { MOST_WRAPPED } else { LENGTH };
    let mut count = count.clamp(least, most);
    if planted(Mutant::LastElementLost) {
        count -= 1;
    }
    if planted(Mutant::OneElementMore) && count < LENGTH {
        count += 1;
    }
    // At most MOST_WRAPPED, which fits.
    let count = usize::try_from(count).unwrap_or_default();
    let start = if planted(Mutant::StartsAtOne) { (1, 1) } else { (0, 1) };
    let pairs = std::iter::successors(Some(start), |&(one, next): &(i64, i64)| {
        Some((next, next_element(one, next)))
    });
    Box::new(pairs.map(|(one, _)| one).take(count))
}

fn next_element(one: i64, next: i64) -> i64 {
    match () {
        () if planted(Mutant::DoubleArithmetic) => (one as f64 + next as f64) as i64,
        () if planted(Mutant::Int32Arithmetic) => i64::from((one as i32).wrapping_add(next as i32)),
        // Beyond the last element, what is computed is not sent.
        () => one.wrapping_add(next),
    }
}
