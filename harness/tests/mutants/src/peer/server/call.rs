//! One call, from its headers to its end.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crosswire_http2::{error, hpack::Field};
use mutants::{mutant::Mutant, planted::planted};

use super::{
    directions::Directions,
    exchange::Exchange,
    padding::pad,
    refusal::Refusal,
    request::{Head, Requests},
    response::Response,
};
use crate::{
    grpc::status::{Status, code},
    http2::{Connection, Ended, Received},
    services::{Answer, AnyMethod, Method, TestMethod},
};

/// How many calls are being answered.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);

/// The answer of the call before, for whoever takes one for the other.
static ANOTHER: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// How long an answer waits for another, so that they can be taken for each other.
const MIX_UP: Duration = Duration::from_millis(3);

/// The last stream before whoever ends connections from time to time does so.
const LAST_BEFORE_END: u32 = 200;

/// How long a connection may be idle for whoever ends those that are.
const IDLE: Duration = Duration::from_millis(500);

/// How long whoever answers early still reads what comes.
const DRAIN: Duration = Duration::from_millis(100);

/// Headers that a server with a smaller limit than gRPC's still takes.
const SMALL_HEADERS_BYTES: usize = 4096;

/// Headers that every server takes, by gRPC's own default.
const LARGE_HEADERS_BYTES: usize = 8192;

/// Answers a call on a thread of its own.
pub(super) fn start(connection: &Arc<Connection>, stream: u32, fields: Vec<Field>) {
    let connection = Arc::clone(connection);
    IN_FLIGHT.fetch_add(1, Ordering::Relaxed);
    thread::spawn(move || {
        let arrived = Instant::now();
        let ended = Call::answer(&connection, stream, arrived, &fields);
        if let Err(ended @ Ended::Reset(_)) = ended {
            eprintln!("server: stream {stream}: {ended}");
        }
        connection.forget(stream);
        IN_FLIGHT.fetch_sub(1, Ordering::Relaxed);
        if planted(Mutant::AnnouncesEnd) && stream > LAST_BEFORE_END {
            connection.end_gracefully();
        } else if planted(Mutant::LeavesWhenIdle) {
            thread::sleep(IDLE);
            if connection.is_idle_since(stream) {
                connection.end_gracefully();
            }
        }
    });
}

struct Call<'a> {
    response: Response<'a>,
    directions: Directions,
    method: Method,
}

/// A call that is not refused yet.
enum Taken<'a> {
    /// Whole, of a method that takes one request.
    Own(Directions, Method, Vec<u8>),
    /// To be played, message by message.
    Test(TestMethod, Head, Requests<'a>),
}

impl Call<'_> {
    fn answer(
        connection: &Connection,
        stream: u32,
        arrived: Instant,
        fields: &[Field],
    ) -> Result<(), Ended> {
        let mut response = Response::new(connection, stream);
        let mut taken = take(&mut response, arrived, fields);
        if planted(Mutant::ReadsToTheEnd) && taken.as_ref().err().is_some_and(Refusal::is_said) {
            taken = read_to_the_end(connection, stream, response.deadline).and(taken);
        }
        let answered = match taken {
            Ok(Taken::Test(method, head, requests)) => {
                Exchange::new(method, &head, requests, &mut response).run(method)
            }
            Ok(Taken::Own(directions, method, request)) => {
                let mut call = Call { response, directions, method };
                return match call.run(method.answer(&request)) {
                    Err(Ended::Late) => call.response.end(&late()),
                    ended => ended,
                };
            }
            Err(refusal) if planted(Mutant::RefusesInSilence) && refusal.is_said() => Ok(()),
            Err(refusal) => Err(refusal),
        };
        answered.or_else(|refusal| refuse(&mut response, refusal))
    }

    fn run(&mut self, mut answer: Answer) -> Result<(), Ended> {
        if planted(Mutant::MixesAnswers) {
            answer = mixed(answer);
        }
        let Directions { headers, gzip, .. } = &self.directions;
        self.response.set_headers(headers, *gzip);
        if planted(Mutant::HeadersAtOnce) {
            self.response.begin()?;
        }
        if self.method.is_streaming() {
            return self.stream(answer);
        }
        self.pause()?;
        let message = answer.messages.next();
        if let Some(text) = &self.directions.panic {
            return self.response.end(&bug(text));
        }
        let directed = self.directions.status.clone();
        let fails = directed.filter(|status| status.code != code::OK);
        match (message, fails) {
            (Some(_), Some(status)) => self.response.end(&status),
            (Some(message), None) => {
                if self.send(message.clone())? {
                    if planted(Mutant::AnswersTwice) {
                        self.send(message)?;
                    }
                    return self.response.end(&Status::ok());
                }
                Ok(())
            }
            (None, directed) => self.response.end(&directed.unwrap_or(answer.status)),
        }
    }

    fn stream(&mut self, answer: Answer) -> Result<(), Ended> {
        let mut messages = answer.messages;
        if planted(Mutant::Buffers) {
            let mut all = Vec::new();
            for mut message in messages {
                self.pause()?;
                // What cannot be made so long is told when it is sent.
                let _ = pad(&mut message, self.directions.size);
                all.push(message);
            }
            messages = Box::new(all.into_iter());
            self.directions.delay = Duration::ZERO;
        }
        let Directions { delay, size, gzip, .. } = &self.directions;
        let is_plain = *size == 0 && !*gzip && !delay.is_zero();
        for message in messages {
            if is_plain && planted(Mutant::PrefixFirst) {
                self.response.prefix(&message)?;
                self.pause()?;
                self.response.rest(&message)?;
                continue;
            }
            self.pause()?;
            if !self.send(message)? {
                return Ok(());
            }
        }
        if let Some(text) = &self.directions.panic {
            return self.response.end(&bug(text));
        }
        let status = self.directions.status.clone().unwrap_or(answer.status);
        self.response.end(&status)
    }

    /// Sends a message as directed. Says whether it could be made so.
    fn send(&mut self, mut message: Vec<u8>) -> Result<bool, Ended> {
        if let Err(status) = pad(&mut message, self.directions.size) {
            self.response.end(&status)?;
            return Ok(false);
        }
        self.response.message(&message, self.directions.gzip)?;
        Ok(true)
    }

    fn pause(&self) -> Result<(), Ended> {
        let Response { connection, stream, deadline, .. } = self.response;
        if self.directions.delay.is_zero() {
            return Ok(());
        }
        match connection.pause(stream, self.directions.delay, deadline) {
            Err(Ended::Reset(_)) if planted(Mutant::IgnoresCancel) => {
                thread::sleep(self.directions.delay);
                Ok(())
            }
            paused => paused,
        }
    }
}

/// Takes a call, unless it is to be refused.
fn take<'a>(
    response: &mut Response<'a>,
    arrived: Instant,
    fields: &[Field],
) -> Result<Taken<'a>, Refusal> {
    let Response { connection, stream, .. } = *response;
    let head = Head::read(fields)?;
    // What is no time any more is as good as none.
    response.deadline = head.timeout.and_then(|timeout| arrived.checked_add(timeout));
    let size: usize = fields.iter().map(|one| one.name.len() + one.value.len()).sum();
    if planted(Mutant::TakesSmallHeaders) && size > SMALL_HEADERS_BYTES
        || planted(Mutant::LimitsHeaders) && size > LARGE_HEADERS_BYTES
    {
        return Err(Refusal::Http(431));
    }
    if planted(Mutant::LongHeadersEndAll) && size > LARGE_HEADERS_BYTES {
        connection.close();
        return Err(Refusal::Ended(Ended::Lost));
    }
    if response.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return Err(Refusal::Ended(Ended::Late));
    }
    let mut requests = head.messages(connection, stream, response.deadline);
    let method = match AnyMethod::of(&head.path) {
        Some(AnyMethod::Own(method)) => method,
        None | Some(AnyMethod::Test(TestMethod::Unimplemented)) => return Err(unknown_method()),
        Some(AnyMethod::Test(method)) => return Ok(Taken::Test(method, head, requests)),
    };
    let directions = Directions::read(&head.metadata, head.offers_gzip)?;
    let request = requests.only()?.bytes;
    response.set_trailers(&directions.trailers);
    response.offers_gzip = head.offers_gzip;
    response.may_hold = directions.delay.is_zero();
    Ok(Taken::Own(directions, method, request))
}

/// Tells the client that its call is refused, or has failed.
fn refuse(response: &mut Response<'_>, refusal: Refusal) -> Result<(), Ended> {
    match refusal {
        Refusal::Status(status) => response.end(&status)?,
        Refusal::Http(status) => return response.refuse(status),
        Refusal::HttpAndStatus(http, status) => response.refuse_with_status(http, &status)?,
        Refusal::Other(answer) => response.other(&answer)?,
        Refusal::Ended(Ended::Late) => response.end(&late())?,
        Refusal::Ended(ended) => return Err(ended),
    }
    stop_request(response.connection, response.stream)
}

/// Reads what is left of the request, as whoever answers nothing before it.
fn read_to_the_end(
    connection: &Connection,
    stream: u32,
    deadline: Option<Instant>,
) -> Result<(), Refusal> {
    while !matches!(connection.receive(stream, deadline)?, Received::End) {}
    Ok(())
}

/// What is left of the request is not needed (RFC 9113, section 8.1).
fn stop_request(connection: &Connection, stream: u32) -> Result<(), Ended> {
    if !connection.is_ended(stream) && planted(Mutant::HangsUpWhenEarly) {
        connection.close();
    }
    if planted(Mutant::DrainsWhenEarly) {
        let until = Some(Instant::now() + DRAIN);
        while !matches!(connection.receive(stream, until), Ok(Received::End) | Err(_)) {}
    }
    if !connection.is_ended(stream) && !planted(Mutant::EndsEarlyWithoutReset) {
        connection.reset(stream, error::NO_ERROR);
    }
    Ok(())
}

fn unknown_method() -> Refusal {
    match () {
        () if planted(Mutant::UnknownMethodIs404) => Refusal::Http(404),
        () if planted(Mutant::UnknownMethodIs404AndStatus) => {
            Refusal::HttpAndStatus(404, Status::new(code::UNIMPLEMENTED, "no such method"))
        }
        () if planted(Mutant::UnknownMethodIsNotFound) => {
            Status::new(code::NOT_FOUND, "no such method").into()
        }
        () => Status::new(code::UNIMPLEMENTED, "no such method").into(),
    }
}

fn late() -> Status {
    let code = match planted(Mutant::LateIsCancelledByServer) {
        true => code::CANCELLED,
        false => code::DEADLINE_EXCEEDED,
    };
    Status::new(code, "the deadline has passed")
}

/// What a handler's bug becomes.
fn bug(text: &str) -> Status {
    if planted(Mutant::BugEndsProcess) {
        eprintln!("{text}");
        std::process::abort();
    }
    match () {
        () if planted(Mutant::BugTextLeaks) => Status::new(code::UNKNOWN, text),
        () if planted(Mutant::BugIsInternal) => Status::new(code::INTERNAL, "the handler failed"),
        () => Status::new(code::UNKNOWN, "the handler failed"),
    }
}

/// The answer with another call's message, if there is another call.
fn mixed(answer: Answer) -> Answer {
    thread::sleep(MIX_UP);
    let Answer { mut messages, status } = answer;
    let first = messages.next();
    let mut another = ANOTHER.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = std::mem::replace(&mut *another, first.clone());
    let has_company = IN_FLIGHT.load(Ordering::Relaxed) > 1;
    let first = if has_company { taken.or(first) } else { first };
    Answer { messages: Box::new(first.into_iter().chain(messages)), status }
}
