//! One call of gRPC's test service (docs/contract.md, TEST-1 to TEST-9): its requests are
//! answered as they come.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

use crosswire_http2::error;
use mutants::{mutant::Mutant, planted::planted};

use super::{
    refusal::Refusal,
    request::{Head, Requests},
    response::Response,
};
use crate::{
    grpc::{
        messages::Content,
        metadata::Entry,
        outgoing::Outgoing,
        status::{Status, code},
    },
    http2::Ended,
    protobuf::testing::{
        BoolValue, EchoStatus, Empty, InputRequest, InputResponse, Message, OutputRequest,
        Parameters, Payload, PayloadResponse, SimpleRequest, is_true,
    },
    services::TestMethod,
};

const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// The longest payload: what is longer is more likely a mistake than a test.
const MAX_PAYLOAD_BYTES: i64 = 64 << 20;

/// How much of a payload those send who cut it at the end of a frame, or of a window.
const FRAME_BYTES: usize = 16_384;
const WINDOW_BYTES: usize = 65_535;

/// How long whoever takes its time waits before an answer, and before how many of them.
const A_WHILE: Duration = Duration::from_millis(2);
const WAITS: usize = 50;

/// How long the end of a call waits for whoever sends it apart.
const APART: Duration = Duration::from_millis(20);

/// The answer of the call before, and its stream, for whoever takes one for the other.
static ANOTHER: Mutex<Option<(u32, Answer)>> = Mutex::new(None);

/// What whoever adds up all calls has added up.
static ALL_CALLS: AtomicI64 = AtomicI64::new(0);

/// A message, and whether it is compressed.
type Answer = (Vec<u8>, bool);

/// A call of the test service.
pub(super) struct Exchange<'a, 'b> {
    requests: Requests<'a>,
    response: &'b mut Response<'a>,
    offers_gzip: bool,
    initial: Vec<Entry>,
    outgoing: Outgoing<Answer>,
    answered: usize,
    has_compressed: bool,
}

impl<'a, 'b> Exchange<'a, 'b> {
    pub(super) fn new(
        method: TestMethod,
        head: &Head,
        requests: Requests<'a>,
        response: &'b mut Response<'a>,
    ) -> Self {
        let named =
            |name: &str| head.metadata.iter().filter(|entry| entry.name == name).cloned().collect();
        let (mut initial, mut trailing): (Vec<Entry>, Vec<Entry>) =
            (named(ECHO_INITIAL), named(ECHO_TRAILING));
        if planted(Mutant::InitialEchoLost) && method.is_streaming() {
            initial.clear();
        }
        if planted(Mutant::TrailingEchoLost) && method.is_streaming() {
            trailing.clear();
        }
        if planted(Mutant::InitialEchoAtTheEnd) {
            trailing.append(&mut initial);
        }
        // Which answers of a stream are compressed is known when they are asked for.
        response.set_headers(&initial, method.is_streaming() && head.offers_gzip);
        response.set_trailers(&trailing);
        response.offers_gzip = head.offers_gzip;
        Self {
            requests,
            response,
            offers_gzip: head.offers_gzip,
            initial,
            outgoing: Outgoing::new(method.is_streaming()),
            answered: 0,
            has_compressed: false,
        }
    }

    /// Answers the call.
    ///
    /// # Errors
    /// It fails, and nobody has been told.
    pub(super) fn run(&mut self, method: TestMethod) -> Result<(), Refusal> {
        if planted(Mutant::HeadersAtOnce) && method.is_streaming() {
            self.response.begin()?;
        }
        let played = match method {
            TestMethod::Empty => self.empty(),
            TestMethod::Unary => self.unary(),
            TestMethod::Output => self.output(),
            TestMethod::Input => self.input(),
            TestMethod::FullDuplex => self.full_duplex(),
            TestMethod::HalfDuplex => self.half_duplex(),
            TestMethod::Unimplemented => Err(Status::new(code::UNIMPLEMENTED, "nobody's").into()),
        };
        self.end(played)
    }

    fn end(&mut self, played: Result<(), Refusal>) -> Result<(), Refusal> {
        if let Err(Refusal::Ended(_)) = played {
            return played;
        }
        for answer in self.outgoing.end() {
            self.send(answer)?;
        }
        if planted(Mutant::EndsApart) {
            thread::sleep(APART);
        }
        if let Err(Refusal::Status(_)) = &played
            && planted(Mutant::ResetsBeforeStatus)
        {
            let Response { connection, stream, .. } = *self.response;
            if !connection.is_ended(stream) {
                connection.reset(stream, error::NO_ERROR);
            }
        }
        played?;
        Ok(self.response.end(&Status::ok())?)
    }

    fn empty(&mut self) -> Result<(), Refusal> {
        parse::<Empty>(&self.requests.only()?)?;
        self.answer(Empty.write(), false, true)
    }

    fn unary(&mut self) -> Result<(), Refusal> {
        let content = self.requests.only()?;
        let request: SimpleRequest = parse(&content)?;
        check_compression(request.expect_compressed.as_ref(), &content)?;
        check_status(request.response_status.as_ref())?;
        let message = PayloadResponse { payload: Some(payload(request.response_size)?) }.write();
        let is_compressed = self.is_compressed(request.response_compressed.as_ref());
        self.response.set_headers(&self.initial, is_compressed);
        self.answer(message, is_compressed, true)
    }

    fn output(&mut self) -> Result<(), Refusal> {
        let request = parse(&self.requests.only()?)?;
        self.answer_all(&request)
    }

    fn input(&mut self) -> Result<(), Refusal> {
        let (mut count, mut before, mut last) = (0_usize, 0_usize, 0_usize);
        while let Some(content) = self.requests.next()? {
            if content.bytes.is_empty() && planted(Mutant::EmptyMessageIsTheEnd) {
                break;
            }
            let request: InputRequest = parse(&content)?;
            check_compression(request.expect_compressed.as_ref(), &content)?;
            count += 1;
            before += last;
            last = match () {
                () if planted(Mutant::SumsWholeMessages) => content.bytes.len(),
                () => request.payload.map_or(0, |payload| payload.body.len()),
            };
            if planted(Mutant::SumsBeforeHalfClose) {
                break;
            }
        }
        if planted(Mutant::RefusesNoRequests) && count == 0 {
            return Err(Status::new(code::INTERNAL, "the stream has no message").into());
        }
        let sum = match () {
            () if planted(Mutant::SumsLosingLast) => before,
            () if planted(Mutant::SumsLastAlone) => last,
            () if planted(Mutant::SumsCount) => count,
            () if planted(Mutant::SumsIn16Bits) => (before + last) & 0xffff,
            () => before + last,
        };
        let mut sum = i64::try_from(sum).unwrap_or(i64::MAX);
        if planted(Mutant::SumsAllCalls) {
            sum += ALL_CALLS.fetch_add(sum, Ordering::Relaxed);
        }
        if sum > i64::from(i32::MAX) {
            return Err(Status::new(code::OUT_OF_RANGE, "more than an int32 says").into());
        }
        self.answer(InputResponse { aggregated_payload_size: sum }.write(), false, true)
    }

    fn full_duplex(&mut self) -> Result<(), Refusal> {
        if planted(Mutant::BuffersRequests) {
            return self.half_duplex();
        }
        let mut kept = None;
        while let Some(content) = self.requests.next()? {
            if content.bytes.is_empty() && planted(Mutant::EmptyMessageIsTheEnd) {
                break;
            }
            let answered = self.answer_all(&parse(&content)?);
            if planted(Mutant::StatusWaitsForHalfClose) && answered.is_err() {
                kept = kept.or(answered.err());
                continue;
            }
            answered?;
            if planted(Mutant::TakesFirstRequestAlone) {
                break;
            }
        }
        if planted(Mutant::RefusesNoRequests) && self.answered == 0 && kept.is_none() {
            return Err(Status::new(code::INTERNAL, "the stream has no message").into());
        }
        kept.map_or(Ok(()), Err)
    }

    fn half_duplex(&mut self) -> Result<(), Refusal> {
        let mut all: Vec<OutputRequest> = Vec::new();
        while let Some(content) = self.requests.next()? {
            let request: OutputRequest = parse(&content)?;
            if planted(Mutant::HalfDuplexIsFull) {
                self.answer_all(&request)?;
                continue;
            }
            // What is kept is only what is to be answered.
            all.push(OutputRequest { payload: None, ..request });
        }
        if planted(Mutant::HalfDuplexBackwards) {
            all.reverse();
        }
        all.iter().try_for_each(|request| self.answer_all(request))
    }

    /// Answers a request with all that it asks for.
    fn answer_all(&mut self, request: &OutputRequest) -> Result<(), Refusal> {
        if planted(Mutant::RefusesSecondRequest) && self.answered > 0 {
            return Err(Status::new(code::INTERNAL, "more than one message").into());
        }
        check_early_status(request.response_status.as_ref())?;
        let mut parameters = &request.parameters[..];
        if planted(Mutant::AnswersFirstParameters) {
            parameters = &parameters[..parameters.len().min(1)];
        }
        let has_intervals = parameters.iter().any(|one| one.interval_us > 0);
        self.response.may_hold = planted(Mutant::AnswersTogether) && !has_intervals;
        for (index, one) in parameters.iter().enumerate() {
            if !planted(Mutant::WaitsAfterAnswers) {
                self.wait(one)?;
            }
            let message = PayloadResponse { payload: Some(payload(one.size)?) }.write();
            let is_compressed = self.is_compressed(one.compressed.as_ref());
            self.answer(message, is_compressed, index + 1 == parameters.len())?;
            if planted(Mutant::WaitsAfterAnswers) {
                self.wait(one)?;
            }
        }
        self.response.may_hold = false;
        Ok(self.response.flush()?)
    }

    /// Waits as long as is asked for, unless the call ends before.
    fn wait(&self, parameters: &Parameters) -> Result<(), Ended> {
        let mut wait =
            Duration::from_micros(u64::try_from(parameters.interval_us).unwrap_or_default());
        if planted(Mutant::WaitsForNothing) {
            return Ok(());
        }
        if planted(Mutant::AnswersSlowly) && self.answered < WAITS {
            wait += A_WHILE;
        }
        if wait.is_zero() {
            return Ok(());
        }
        let Response { connection, stream, mut deadline, .. } = *self.response;
        if planted(Mutant::DeadlineUntilHalfClose) && connection.is_ended(stream) {
            deadline = None;
        }
        match connection.pause(stream, wait, deadline) {
            Err(Ended::Reset(_))
                if planted(Mutant::IgnoresCancel) || self.requests.is_cancelled =>
            {
                thread::sleep(wait);
                Ok(())
            }
            paused => paused,
        }
    }

    fn is_compressed(&mut self, asked: Option<&BoolValue>) -> bool {
        let is_asked = is_true(asked);
        let was_asked = std::mem::replace(&mut self.has_compressed, is_asked);
        self.has_compressed |= was_asked;
        let is_wanted = match () {
            () if planted(Mutant::CompressesNothing) => false,
            () if planted(Mutant::CompressesUnasked) => true,
            () if planted(Mutant::CompressesWholeStreams) => self.has_compressed,
            () => is_asked,
        };
        is_wanted && self.offers_gzip
    }

    /// Sends a message when it is its turn.
    fn answer(
        &mut self,
        message: Vec<u8>,
        is_compressed: bool,
        is_last: bool,
    ) -> Result<(), Refusal> {
        for answer in self.outgoing.next((message, is_compressed), is_last) {
            self.send(answer)?;
        }
        Ok(())
    }

    fn send(&mut self, mut answer: Answer) -> Result<(), Ended> {
        if planted(Mutant::MixesStreams) {
            answer = mixed(self.response.stream, answer);
        }
        let (message, is_compressed) = answer;
        self.response.message(&message, is_compressed)?;
        self.answered += 1;
        if planted(Mutant::DeadlineUntilFirstAnswer) {
            self.requests.deadline = None;
            self.response.deadline = None;
        }
        Ok(())
    }
}

fn parse<M: Message>(content: &Content) -> Result<M, Status> {
    M::read(&content.bytes).map_err(|error| Status::new(code::INTERNAL, error.to_string()))
}

/// Whether a message came compressed that had to.
fn check_compression(expected: Option<&BoolValue>, content: &Content) -> Result<(), Status> {
    if !is_true(expected) || content.was_compressed || planted(Mutant::ExpectsNothing) {
        return Ok(());
    }
    let code = match planted(Mutant::UncompressedIsInternal) {
        true => code::INTERNAL,
        false => code::INVALID_ARGUMENT,
    };
    Err(Status::new(code, "the message came uncompressed"))
}

/// The status that the request ends its call with, if it does.
fn check_status(status: Option<&EchoStatus>) -> Result<(), Status> {
    match status {
        Some(EchoStatus { code, message }) if *code != 0 => {
            Err(Status::new(i32::try_from(*code).unwrap_or(code::UNKNOWN), message.clone()))
        }
        _ => Ok(()),
    }
}

/// The status of a request amid a stream.
fn check_early_status(status: Option<&EchoStatus>) -> Result<(), Status> {
    let mut checked = check_status(status);
    if let Err(status) = &mut checked {
        if planted(Mutant::EarlyStatusLosesText) {
            status.message.clear();
        }
        if planted(Mutant::EarlyStatusIsUnknown) {
            status.code = code::UNKNOWN;
        }
        if planted(Mutant::EarlyStatusIsOk) {
            status.code = code::OK;
        }
        if planted(Mutant::EarlyStatusIgnored) {
            return Ok(());
        }
    }
    checked
}

/// So many zeros.
fn payload(size: i64) -> Result<Payload, Status> {
    let bytes = usize::try_from(size).ok().filter(|_| size <= MAX_PAYLOAD_BYTES);
    let bytes = bytes.ok_or_else(|| {
        Status::new(code::INVALID_ARGUMENT, format!("no payload has {size} bytes"))
    })?;
    let bytes = match () {
        () if planted(Mutant::PayloadOneShort) => bytes.saturating_sub(1),
        () if planted(Mutant::PayloadOfOneFrame) => bytes.min(FRAME_BYTES),
        () if planted(Mutant::PayloadOfOneWindow) => bytes.min(WINDOW_BYTES),
        () => bytes,
    };
    let filling = u8::from(planted(Mutant::PayloadOfOnes));
    Ok(Payload { body: vec![filling; bytes] })
}

/// The answer of another call, if there is one.
fn mixed(stream: u32, answer: Answer) -> Answer {
    let mut another = ANOTHER.lock().unwrap_or_else(PoisonError::into_inner);
    match another.replace((stream, answer.clone())) {
        Some((other, taken)) if other != stream => taken,
        _ => answer,
    }
}
