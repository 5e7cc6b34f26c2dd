//! One attempt at a call, on one stream.

use std::time::{Duration, Instant};

use crosswire_http2::error;
use mutants::{mutant::Mutant, planted::planted};

use super::{observed::Observed, response::Response, types::Stub};
use crate::{
    grpc::{
        messages::frame,
        metadata::{self, Entry},
        status::Status,
        timeout,
    },
    http2::{Connection, Ended, Fields, Received},
};

/// What is to be done, as often as it is tried.
pub(super) struct Attempt {
    pub(super) path: String,
    pub(super) authority: String,
    pub(super) stub: Stub,
    pub(super) request: Vec<u8>,
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
        Self::Ended(ended)
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
        let made =
            self.send(connection, stream).and_then(|()| self.receive(connection, stream, observed));
        self.give_up(connection, stream, &made);
        connection.forget(stream);
        made
    }

    /// Whether nobody waits for it from the start.
    pub(super) fn is_cancelled_at_once(&self) -> bool {
        self.cancel_after_messages == Some(0)
    }

    /// Tells the server, if it does not know, that nobody waits any more.
    fn give_up(&self, connection: &Connection, stream: u32, made: &Result<Status, Failure>) {
        let is_over = match made {
            Ok(_) => connection.is_ended(stream),
            Err(Failure::Ended(Ended::Late)) => planted(Mutant::NoResetWhenLate),
            Err(Failure::Cancelled) => {
                connection.is_ended(stream) || planted(Mutant::NoResetWhenCancelled)
            }
            Err(Failure::Status(_)) => connection.is_ended(stream),
            Err(Failure::Ended(_)) => true,
        };
        let code = match () {
            () if planted(Mutant::ResetsWithNoError) => error::NO_ERROR,
            () if planted(Mutant::ResetsWithInternalError) => error::INTERNAL_ERROR,
            () => error::CANCEL,
        };
        if !is_over {
            connection.reset(stream, code);
        }
        if matches!(made, Err(Failure::Cancelled)) && planted(Mutant::HangsUpWhenCancelled) {
            connection.close();
        }
    }

    fn send(&self, connection: &Connection, stream: u32) -> Result<(), Failure> {
        let mut content = frame(&self.request, self.is_compressed);
        if planted(Mutant::SendsRequestTwice) {
            content.extend_from_within(..);
        }
        let has_trailers = planted(Mutant::RequestTrailers);
        let ends = !planted(Mutant::NoHalfClose) && !has_trailers;
        let sent = connection.send_data(stream, &content, ends, self.deadline);
        match sent {
            Ok(true) if has_trailers => {
                let trailers = vec![("x-trailer".to_owned(), b"1".to_vec())];
                connection.send_headers(stream, trailers, true)?;
                Ok(())
            }
            // The response says why the rest is not needed, if it has come.
            Ok(_) | Err(Ended::Reset(error::NO_ERROR)) => Ok(()),
            Err(ended) => Err(ended.into()),
        }
    }

    fn receive(
        &self,
        connection: &Connection,
        stream: u32,
        observed: &mut Observed,
    ) -> Result<Status, Failure> {
        let mut response = Response::new(self.stub);
        let mut deadline = self.deadline;
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
                    Err(ended @ Ended::Late) => return Err(ended.into()),
                }
            }
            if let Some(message) = response.next_message() {
                observed.messages.push(message?);
                has_paused = false;
                if planted(Mutant::DeadlineForEachMessage) {
                    deadline = self.timeout.map(|timeout| Instant::now() + timeout);
                }
                continue;
            }
            match connection.receive(stream, deadline)? {
                Received::Headers(fields, ends) => response.block(&fields, ends, observed)?,
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
            std::thread::sleep(READS_ON);
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

/// How long whoever has cancelled reads on.
const READS_ON: Duration = Duration::from_millis(100);
