//! Plays the steps of a call, while another thread reads its response.

use std::{cell::Cell, thread, time::Duration};

use mutants::{mutant::Mutant, planted::planted};

use super::{attempt::Attempt, progress::Progress, steps::Step};
use crate::{
    grpc::{messages::frame, outgoing::Outgoing},
    http2::Connection,
};

/// How long a half-close waits for whoever sends it apart.
const APART: Duration = Duration::from_millis(20);

/// More messages are not sent together.
const TOGETHER_BYTES: usize = 60_000;

/// What of a request was sent.
#[derive(Default)]
pub(super) struct Sent {
    /// How many steps are done.
    pub(super) steps: Cell<usize>,
    /// It is complete.
    pub(super) is_whole: Cell<bool>,
    /// Its caller has cancelled the call.
    pub(super) is_cancelled: Cell<bool>,
}

/// The request of one attempt at a call.
pub(super) struct Player<'a> {
    attempt: &'a Attempt,
    connection: &'a Connection,
    stream: u32,
    progress: &'a Progress,
    outgoing: Outgoing<Vec<u8>>,
    sent: Sent,
    messages: usize,
    /// Messages that wait for one more, to be sent in one DATA.
    together: Vec<u8>,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        attempt: &'a Attempt,
        connection: &'a Connection,
        stream: u32,
        progress: &'a Progress,
    ) -> Self {
        Self {
            attempt,
            connection,
            stream,
            progress,
            outgoing: Outgoing::new(attempt.stub.sends_stream()),
            sent: Sent::default(),
            messages: 0,
            together: Vec::new(),
        }
    }

    /// Plays the steps until the last is done, or the call is over.
    pub(super) fn play(mut self) -> Sent {
        let mut steps = self.attempt.steps.iter().peekable();
        while let Some(step) = steps.next() {
            let is_done = match step {
                Step::Message { payload, times, is_compressed } => {
                    let ends = matches!(steps.peek(), Some(Step::HalfClose));
                    let is_followed = matches!(steps.peek(), Some(Step::Message { .. }));
                    let framed = frame(payload, self.is_compressed(*is_compressed));
                    let framed = match planted(Mutant::SendsRequestTwice) {
                        true => framed.repeat(2),
                        false => framed,
                    };
                    (1..=*times).all(|time| {
                        let is_last = time == *times;
                        self.message(&framed, ends && is_last, is_followed || !is_last)
                    })
                }
                Step::WaitForHeaders => {
                    planted(Mutant::WaitsForNoHeaders)
                        || self.progress.wait(|reached| reached.has_headers)
                }
                Step::WaitForMessages(count) => self.wait_for_messages(*count),
                Step::Pause(pause) => planted(Mutant::PausesNever) || self.progress.pause(*pause),
                Step::HalfClose => self.half_close(),
                Step::Cancel => self.cancel(),
            };
            if !is_done && !planted(Mutant::GoesOnWhenOver) {
                break;
            }
            self.sent.steps.set(self.sent.steps.get() + 1);
            if planted(Mutant::WaitsForEachAnswer) && matches!(step, Step::Message { .. }) {
                let count = self.messages;
                self.progress.wait(|reached| reached.messages >= count);
            }
        }
        self.sent
    }

    fn is_compressed(&self, is_asked: bool) -> bool {
        match () {
            () if !self.attempt.stub.sends_stream() => is_asked,
            () if planted(Mutant::CompressesNoStream) => false,
            () if planted(Mutant::CompressesFirstAlone) => is_asked && self.messages == 0,
            () => is_asked,
        }
    }

    /// Sends a message. `ends`: the half-close is next. `is_followed`: another message is.
    fn message(&mut self, framed: &[u8], ends: bool, is_followed: bool) -> bool {
        self.messages += 1;
        let is_stream = self.attempt.stub.sends_stream();
        if is_stream && planted(Mutant::SendsFirstAlone) && self.messages > 1 {
            return true;
        }
        if is_stream && ends && planted(Mutant::HalfClosesTooSoon) {
            return self.send(b"", true) && self.send(framed, false);
        }
        let mut pieces = self.outgoing.next(framed.to_vec(), ends);
        if ends {
            pieces.extend(self.outgoing.end());
        }
        let ends = ends && !self.is_apart();
        if planted(Mutant::SendsTogether) {
            self.together.extend(pieces.concat());
            if is_followed && self.together.len() < TOGETHER_BYTES {
                return true;
            }
            pieces = vec![std::mem::take(&mut self.together)];
        }
        let Some(last) = pieces.pop() else { return !ends || self.send(b"", true) };
        pieces.iter().all(|piece| self.send(piece, false)) && self.send(&last, ends)
    }

    /// Whether the half-close has a frame of its own.
    fn is_apart(&self) -> bool {
        let is_stream = self.attempt.stub.sends_stream();
        planted(Mutant::NoHalfClose)
            || planted(Mutant::RequestTrailers)
            || planted(Mutant::HalfClosesApart)
            || is_stream && planted(Mutant::HalfClosesUponAnswer)
    }

    fn half_close(&mut self) -> bool {
        let is_stream = self.attempt.stub.sends_stream();
        if self.sent.is_whole.get() {
            return !(is_stream && planted(Mutant::HalfClosesTwice)) || self.send(b"", true);
        }
        if planted(Mutant::NoHalfClose) {
            return true;
        }
        if planted(Mutant::RequestTrailers) {
            let trailers = vec![("x-trailer".to_owned(), b"1".to_vec())];
            self.sent.is_whole.set(true);
            return self.connection.send_headers(self.stream, trailers, true).is_ok();
        }
        if planted(Mutant::HalfClosesApart) {
            thread::sleep(APART);
        }
        if is_stream && planted(Mutant::HalfClosesUponAnswer) {
            self.progress.wait(|reached| reached.messages > 0);
        }
        if is_stream && planted(Mutant::AddsMessageToNone) && self.messages == 0 {
            return self.send(&frame(b"", false), true);
        }
        let rest = self.outgoing.end().concat();
        self.send(&rest, true)
    }

    fn cancel(&mut self) -> bool {
        if planted(Mutant::SwallowsCancel) {
            return true;
        }
        if planted(Mutant::HalfClosesForCancel) {
            return self.sent.is_whole.get() || self.send(b"", true);
        }
        if planted(Mutant::HalfClosesBeforeCancel) && !self.sent.is_whole.get() {
            self.send(b"", true);
        }
        if planted(Mutant::CancelsLater) {
            thread::sleep(APART);
        }
        self.sent.is_cancelled.set(true);
        self.connection.give_up(self.stream);
        true
    }

    fn wait_for_messages(&self, count: usize) -> bool {
        let count = match () {
            () if planted(Mutant::WaitsForNoMessages) => 0,
            () if planted(Mutant::WaitsForOneMore) => count + 1,
            () => count,
        };
        self.progress.wait(|reached| reached.messages >= count)
    }

    /// Sends DATA. Says whether all of it is sent.
    fn send(&self, content: &[u8], ends: bool) -> bool {
        let sent = self.connection.send_data(self.stream, content, ends, self.attempt.deadline);
        // Of what goes wrong, whoever reads the response learns as well.
        let is_sent = matches!(sent, Ok(true));
        if ends && is_sent {
            self.sent.is_whole.set(true);
        }
        is_sent
    }
}
