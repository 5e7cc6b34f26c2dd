//! One attempt at a call, on one stream.

use std::{
    thread,
    time::{Duration, Instant},
};

use crosswire_http2::error;
use mutants::{mutant::Mutant, planted::planted};

use super::{
    observed::Observed,
    player::{Player, Sent},
    progress::Progress,
    response::Response,
    steps::Step,
    types::Stub,
};
use crate::{
    grpc::{
        metadata::{self, Entry},
        status::{Status, code},
        timeout,
    },
    http2::{Connection, Ended, Fields, Received},
};

/// What is to be done, as often as it is tried.
pub(super) struct Attempt {
    pub(super) path: String,
    pub(super) authority: String,
    pub(super) stub: Stub,
    pub(super) steps: Vec<Step>,
    pub(super) metadata: Vec<Entry>,
    pub(super) is_compressed: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) deadline: Option<Instant>,
    pub(super) cancel_after_messages: Option<usize>,
    pub(super) read_delay: Duration,
}

/// Why an attempt has no status of the server's.
pub(super) enum Failure {
    /// The client has a status of its own for it.
    Status(Status),
    /// It was cancelled.
    Cancelled,
    /// Its stream has ended before.
    Ended(Ended),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<Ended> for Failure {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::GivenUp => Self::Cancelled,
            ended => Self::Ended(ended),
        }
    }
}

impl Attempt {
    /// Makes the call on a connection, and records what comes.
    pub(super) fn make(
        &self,
        connection: &Connection,
        observed: &mut Observed,
    ) -> Result<Status, Failure> {
        if self.is_cancelled_at_once() && planted(Mutant::NeverSendsCancelled) {
            return Err(Failure::Cancelled);
        }
        let stream = match connection.open(self.fields(), self.deadline) {
            // It has not been sent, so no server can have seen it.
            Err(Ended::Lost)
                if planted(Mutant::TriesUntilTheDeadline) && !connection.is_broken() =>
            {
                observed.is_unsent = true;
                return Err(Ended::Lost.into());
            }
            opened => opened?,
        };
        let (sent, made) = self.exchange(connection, stream, observed);
        observed.steps = sent.steps.get();
        self.give_up(connection, stream, &sent, &made);
        connection.forget(stream);
        made
    }

    /// Plays the steps and reads the response beside them.
    fn exchange(
        &self,
        connection: &Connection,
        stream: u32,
        observed: &mut Observed,
    ) -> (Sent, Result<Status, Failure>) {
        let progress = Progress::default();
        let player = Player::new(self, connection, stream, &progress);
        if self.is_cancelled_at_once() || planted(Mutant::ReadsAfterSending) {
            // The server sees a whole request.
            let sent = player.play();
            if planted(Mutant::ReadsAfterSending) && self.is_late() {
                return (sent, Err(Ended::Late.into()));
            }
            return (sent, self.receive(connection, stream, &progress, observed));
        }
        thread::scope(|scope| {
            let playing = scope.spawn(move || player.play());
            let mut made = self.receive(connection, stream, &progress, observed);
            if made.is_ok() && planted(Mutant::StatusWaitsForSteps) {
                while !playing.is_finished() && !self.is_late() {
                    thread::sleep(READS_ON);
                }
                if !playing.is_finished() {
                    made = Err(Ended::Late.into());
                }
            }
            progress.update(|reached| reached.is_over = true);
            // Nothing more is sent of what waits for room.
            connection.give_up(stream);
            let sent = playing.join().unwrap_or_default();
            if made.is_ok() && !sent.is_whole.get() {
                made = ended_early(made, connection, stream);
            }
            let is_lost = matches!(made, Err(Failure::Ended(Ended::Lost)));
            if is_lost && !sent.is_whole.get() && planted(Mutant::LostSendingIsInternal) {
                made = Err(Status::new(code::INTERNAL, "the request was not whole").into());
            }
            (sent, made)
        })
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Whether nobody waits for it from the start.
    pub(super) fn is_cancelled_at_once(&self) -> bool {
        self.cancel_after_messages == Some(0)
    }

    /// Tells the server, if it does not know, that nobody waits any more.
    fn give_up(
        &self,
        connection: &Connection,
        stream: u32,
        sent: &Sent,
        made: &Result<Status, Failure>,
    ) {
        let is_over = connection.is_ended(stream);
        let is_over = match made {
            Ok(_) if is_over && !sent.is_whole.get() => {
                return leave_early_ended(self.stub.sends_stream(), connection, stream);
            }
            Ok(_) | Err(Failure::Status(_)) => is_over,
            Err(Failure::Ended(Ended::Late)) => {
                if planted(Mutant::HalfClosesWhenLate) && !sent.is_whole.get() {
                    connection.end_request(stream);
                }
                planted(Mutant::NoResetWhenLate)
            }
            Err(Failure::Cancelled) => is_over || planted(Mutant::NoResetWhenCancelled),
            Err(Failure::Ended(_)) => true,
        };
        if !is_over {
            connection.reset(stream, reset_code());
        }
        if matches!(made, Err(Failure::Cancelled)) && planted(Mutant::SendsBehindCancel) {
            connection.send_empty_data(stream);
        }
        if matches!(made, Err(Failure::Cancelled)) && planted(Mutant::HangsUpWhenCancelled) {
            connection.close();
        }
    }

    fn receive(
        &self,
        connection: &Connection,
        stream: u32,
        progress: &Progress,
        observed: &mut Observed,
    ) -> Result<Status, Failure> {
        let mut response = Response::new(self.stub);
        let mut deadline = self.deadline;
        if self.stub.sends_stream() && planted(Mutant::DeadlineOfSendingAlone) {
            deadline = None;
        }
        let mut has_paused = false;
        loop {
            let least = usize::from(planted(Mutant::CancelsLate));
            let most = self.cancel_after_messages.map(|most| most.max(least));
            if most.is_some_and(|most| observed.messages.len() >= most) {
                return Err(self.cancelled(connection, stream, response, observed));
            }
            if !self.read_delay.is_zero() && !has_paused && response.wants_message() {
                has_paused = true;
                match connection.pause(stream, self.read_delay, deadline) {
                    // What has come before that is still to be read.
                    Ok(()) | Err(Ended::Reset(_) | Ended::Lost | Ended::NotTaken) => {}
                    Err(ended @ (Ended::Late | Ended::GivenUp)) => return Err(ended.into()),
                }
            }
            if let Some(message) = response.next_message() {
                observed.messages.push(message?);
                has_paused = false;
                if !planted(Mutant::DeliversAtTheEnd) {
                    progress.update(|reached| reached.messages += 1);
                }
                if planted(Mutant::ReadsSlowly) && observed.messages.len() < SLOW_READS {
                    thread::sleep(SLOW_READ);
                }
                if self.stub.is_streaming() && planted(Mutant::TakesFirstAnswerAlone) {
                    return Ok(Status::ok());
                }
                if planted(Mutant::DeadlineUntilFirstMessage) {
                    deadline = None;
                }
                if planted(Mutant::DeadlineForEachMessage) {
                    deadline = self.timeout.map(|timeout| Instant::now() + timeout);
                }
                continue;
            }
            match connection.receive(stream, deadline)? {
                Received::Headers(fields, ends) => {
                    response.block(&fields, ends, observed)?;
                    if observed.has_begun && !ends {
                        progress.update(|reached| reached.has_headers = true);
                    }
                    if planted(Mutant::DeadlineUntilHeaders) {
                        deadline = None;
                    }
                }
                Received::Data(content, _) => response.data(&content)?,
                Received::End => return Ok(response.end(observed)?),
            }
        }
    }

    /// What is left to be done for a call that is cancelled.
    fn cancelled(
        &self,
        connection: &Connection,
        stream: u32,
        mut response: Response,
        observed: &mut Observed,
    ) -> Failure {
        if planted(Mutant::LeaksWindowOfCancelled) {
            // Until as much as can come has come.
            thread::sleep(READS_ON);
        }
        if planted(Mutant::ReadsOnWhenCancelled) {
            // The reset is sent, and what comes all the same is reported.
            connection.reset(stream, error::CANCEL);
            let until = Some(Instant::now() + READS_ON);
            while let Ok(Received::Data(content, _)) = connection.receive(stream, until) {
                if response.data(&content).is_err() {
                    break;
                }
                while let Some(Ok(message)) = response.next_message() {
                    observed.messages.push(message);
                }
            }
        }
        Failure::Cancelled
    }

    fn fields(&self) -> Fields {
        let mut fields = Fields::new();
        let mut add = |name: &str, value: &str| {
            fields.push((name.to_owned(), value.as_bytes().to_vec()));
        };
        add(":method", if planted(Mutant::MethodGet) { "GET" } else { "POST" });
        add(":scheme", "http");
        add(":path", &self.path);
        add(":authority", &self.authority);
        if !planted(Mutant::NoTe) {
            add("te", "trailers");
        }
        add(
            "content-type",
            match () {
                () if planted(Mutant::NamesCharset) => "application/grpc;charset=utf-8",
                () if planted(Mutant::NamesCodec) => "application/grpc+proto",
                () => "application/grpc",
            },
        );
        if !planted(Mutant::NoUserAgent) {
            add("user-agent", "grpc-mutant/1.0");
        }
        if let Some(timeout) = self.timeout.filter(|_| !planted(Mutant::NoTimeout)) {
            add("grpc-timeout", &timeout::format(timeout));
        }
        if planted(Mutant::TimeoutTwice) {
            add("grpc-timeout", "10S");
        }
        let encodings = match () {
            () if planted(Mutant::OffersEncodings) => "identity,gzip",
            () => "gzip",
        };
        if !planted(Mutant::KnowsNoGzip) {
            add("grpc-accept-encoding", encodings);
        }
        if self.is_compressed && !planted(Mutant::RequestFlagWithoutEncoding) {
            add("grpc-encoding", "gzip");
        }
        if planted(Mutant::ExtraMetadata) {
            add("x-extra", "1");
            add("x-extra", "2");
        }
        fields.extend(metadata::write(&self.metadata));
        fields
    }
}

/// What is made of a status that came before the request was whole.
fn ended_early(
    made: Result<Status, Failure>,
    connection: &Connection,
    stream: u32,
) -> Result<Status, Failure> {
    if planted(Mutant::EarlyEndIsCancelled) {
        return Ok(Status::new(code::CANCELLED, "the request was not whole"));
    }
    if planted(Mutant::ResetBeatsStatus) {
        thread::sleep(READS_ON);
        if let Some(code) = connection.reset_code(stream) {
            return Err(Ended::Reset(code).into());
        }
    }
    made
}

/// Leaves a stream that the server has ended, and this side has not.
fn leave_early_ended(sends_stream: bool, connection: &Connection, stream: u32) {
    if connection.reset_code(stream).is_some() || planted(Mutant::LeavesEarlyEnded) {
        return;
    }
    match () {
        // It has no half-close at all, whatever the server does.
        () if planted(Mutant::NoHalfClose) => {}
        // Of a request that is to have one message, an end says that it has none.
        () if sends_stream && planted(Mutant::HalfClosesEarlyEnded) => {
            connection.end_request(stream);
        }
        () if planted(Mutant::ResetsEarlyEndedWithNoError) => {
            connection.reset(stream, error::NO_ERROR);
        }
        () => connection.reset(stream, reset_code()),
    }
}

/// With what a stream is reset of which nobody waits for more.
fn reset_code() -> u32 {
    match () {
        () if planted(Mutant::ResetsWithNoError) => error::NO_ERROR,
        () if planted(Mutant::ResetsWithInternalError) => error::INTERNAL_ERROR,
        () => error::CANCEL,
    }
}

/// How long whoever reads slowly waits after a message, and after how many of them.
const SLOW_READ: Duration = Duration::from_millis(2);
const SLOW_READS: usize = 50;

/// How long whoever has cancelled reads on.
const READS_ON: Duration = Duration::from_millis(100);
