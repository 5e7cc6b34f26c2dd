//! Adds the fault's frame to a direction, and takes away what it forbids.

use bytes::Bytes;
use crosswire_http2::{
    frame::{Frame, HEADER_BYTES, flag, kind},
    write,
};

use super::{
    place::{Finder, Place},
    rewrite::Rewriter,
};
use crate::{
    role::Role,
    suite::{Action, Fault, LastStream, PING_DATA, Position},
};

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Pass the sender's bytes on.
    Pass(Bytes),
    /// Send a frame of the tap's own.
    Add(Bytes),
    /// Say that the fault strikes.
    Strike,
    /// Give the sender this much of the connection's window back: its DATA was dropped,
    /// and the receiver, which never saw it, will not.
    Credit(u32),
}

/// Edits one direction, frame by frame.
#[derive(Debug)]
pub(super) struct Editor<'a> {
    fault: &'a Fault,
    finder: Finder,
    headers: Rewriter,
    /// The side has sent its first frame, before which nothing may stand.
    has_begun: bool,
    is_due: bool,
    has_struck: bool,
}

impl<'a> Editor<'a> {
    /// `None` for a fault that does nothing to frames.
    pub(super) fn new(fault: &'a Fault) -> Option<Self> {
        match fault.action {
            Action::RstStream(_) | Action::GoAway { .. } | Action::Settings(_) | Action::Ping => {}
            Action::Delay(_) | Action::Throttle { .. } | Action::Blackhole | Action::Cut(_) => {
                return None;
            }
        }
        Some(Self {
            fault,
            finder: Finder::new(fault),
            headers: Rewriter::default(),
            has_begun: false,
            is_due: false,
            has_struck: false,
        })
    }

    /// The client has opened this stream; 0 says that it has not.
    pub(super) fn opened(&mut self, stream: u32, steps: &mut Vec<Step>) {
        self.finder.opened(stream);
        self.is_due |= stream != 0 && self.fault.at == Position::Start;
        self.strike(steps);
    }

    /// The next frame, with its bytes.
    pub(super) fn frame(&mut self, raw: Bytes, frame: &Frame, steps: &mut Vec<Step>) {
        if let Action::Settings(settings) = &self.fault.action {
            self.settings(&settings.0, raw, frame, steps);
            return;
        }
        if self.has_struck {
            self.pass(raw, frame, steps);
            return;
        }
        let is_reset = matches!(self.fault.action, Action::RstStream(_));
        let place = self.finder.find(raw.len(), frame);
        self.is_due |= place.is_some();
        match place {
            Some(Place::Before) => self.strike(steps),
            Some(Place::Between(first, second)) => {
                steps.push(Step::Pass(first));
                self.strike(steps);
                if self.drops(frame) {
                    let length = second.len().saturating_sub(HEADER_BYTES);
                    credit(u32::try_from(length).unwrap_or_default(), steps);
                } else {
                    steps.push(Step::Pass(second));
                }
                return;
            }
            // After the trailers, there would be nothing to reset.
            Some(Place::Within(_)) if is_reset && self.fault.at == Position::Trailers => {
                self.strike(steps);
            }
            Some(Place::Within(_) | Place::After) | None => {}
        }
        self.pass(raw, frame, steps);
        self.strike(steps);
    }

    fn pass(&mut self, raw: Bytes, frame: &Frame, steps: &mut Vec<Step>) {
        self.has_begun = true;
        let is_dropped = self.drops(frame);
        let passed = match frame.kind {
            kind::DATA if is_dropped => {
                credit(frame.length(), steps);
                return;
            }
            _ => self.headers.frame(raw, frame, is_dropped),
        };
        if !passed.is_empty() {
            steps.push(Step::Pass(passed));
        }
    }

    /// Whether the fault keeps this frame from passing: nobody sends more on a stream
    /// that it has reset, nor a server on one that its GOAWAY does not take care of.
    fn drops(&self, frame: &Frame) -> bool {
        if !self.has_struck {
            return false;
        }
        match self.fault.action {
            Action::RstStream(_) => frame.stream == self.finder.stream(),
            Action::GoAway { last, .. } if self.fault.of == Role::Server => {
                frame.stream > self.number(last)
            }
            _ => false,
        }
    }

    const fn number(&self, last: LastStream) -> u32 {
        match last {
            LastStream::This => self.finder.stream(),
            LastStream::None => 0,
        }
    }

    /// Adds the frame if it is due and can stand here.
    fn strike(&mut self, steps: &mut Vec<Step>) {
        let stream = self.finder.stream();
        let has_place = self.has_begun && !self.headers.is_within_block();
        let names_a_stream = self.fault.action != Action::Ping;
        if !self.is_due || self.has_struck || !has_place || (names_a_stream && stream == 0) {
            return;
        }
        let frame = match self.fault.action {
            Action::RstStream(code) => write::reset(stream, code.0),
            Action::GoAway { code, last } => write::goaway(self.number(last), code.0),
            _ => write::ping(0, PING_DATA),
        };
        self.has_struck = true;
        steps.extend([Step::Strike, Step::Add(frame.into())]);
    }

    /// The first SETTINGS get more entries. The last of a kind is the one that counts
    /// (RFC 9113, section 6.5).
    fn settings(
        &mut self,
        settings: &[(u16, u32)],
        mut raw: Bytes,
        frame: &Frame,
        steps: &mut Vec<Step>,
    ) {
        if self.has_struck || frame.kind != kind::SETTINGS || frame.has(flag::ACK) {
            steps.push(Step::Pass(raw));
            return;
        }
        self.has_struck = true;
        let size = usize::try_from(frame.size_bytes()).unwrap_or_default();
        let preface = raw.split_to(raw.len().saturating_sub(size));
        if !preface.is_empty() {
            steps.push(Step::Pass(preface));
        }
        let mut payload = frame.payload.to_vec();
        for (setting, value) in settings {
            payload.extend_from_slice(&setting.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        let frame = write::frame(kind::SETTINGS, frame.flags, frame.stream, &payload);
        steps.extend([Step::Strike, Step::Add(frame.into())]);
    }
}

/// An empty frame takes nothing of the window, and WINDOW_UPDATE of 0 is an error.
fn credit(bytes: u32, steps: &mut Vec<Step>) {
    if bytes > 0 {
        steps.push(Step::Credit(bytes));
    }
}
