//! Where a fault strikes.

use bytes::Bytes;
use crosswire_http2::{
    frame::{Frame, flag, kind},
    message::PREFIX_BYTES,
    write,
};

use crate::{
    role::Role,
    suite::{Fault, Position},
};

/// A position beside or in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Before it.
    Before,
    /// After so many of its bytes.
    Within(usize),
    /// Between these two frames, into which a DATA frame has been split.
    Between(Bytes, Bytes),
    /// After it.
    After,
}

/// Looks for the position in one direction, frame by frame.
#[derive(Debug)]
pub(super) struct Finder {
    from: Role,
    at: Position,
    /// The call's; 0 before there is one.
    stream: u32,
    passed: u64,
    messages: Messages,
}

impl Finder {
    pub(super) fn new(fault: &Fault) -> Self {
        Self { from: fault.of, at: fault.at, stream: 0, passed: 0, messages: Messages::default() }
    }

    /// The call's stream; 0 before there is one.
    pub(super) const fn stream(&self) -> u32 {
        self.stream
    }

    /// The client has opened this stream; 0 says that it has not.
    pub(super) const fn opened(&mut self, stream: u32) {
        if self.stream == 0 {
            self.stream = stream;
        }
    }

    /// Where the position is, if it is at this frame, which has so many bytes.
    pub(super) fn find(&mut self, size: usize, frame: &Frame) -> Option<Place> {
        let opens = self.from == Role::Client && frame.kind == kind::HEADERS && self.stream == 0;
        if opens {
            self.stream = frame.stream;
        }
        let place = self.place(size, frame);
        // Nothing can be said of a stream before the frame that opens it.
        if opens && place == Some(Place::Before) { Some(Place::After) } else { place }
    }

    fn place(&mut self, size: usize, frame: &Frame) -> Option<Place> {
        let before = self.passed;
        self.passed += size as u64;
        let is_calls = frame.stream != 0 && frame.stream == self.stream;
        match self.at {
            Position::Start => Some(Place::Before),
            Position::Bytes(bytes) if bytes <= before => Some(Place::Before),
            Position::Bytes(bytes) if bytes < self.passed => {
                Some(Place::Within(usize::try_from(bytes - before).unwrap_or(size)))
            }
            Position::Bytes(bytes) => (bytes == self.passed).then_some(Place::After),
            _ if !is_calls => None,
            Position::Headers => {
                let is_block = matches!(frame.kind, kind::HEADERS | kind::CONTINUATION);
                (is_block && frame.has(flag::END_HEADERS)).then_some(Place::After)
            }
            Position::Trailers => {
                let are_trailers = frame.kind == kind::HEADERS && frame.has(flag::END_STREAM);
                are_trailers.then_some(Place::Within(size / 2))
            }
            Position::End => frame.has(flag::END_STREAM).then_some(Place::After),
            Position::Messages(_) if frame.kind != kind::DATA => None,
            Position::Messages(0) => Some(Place::Before),
            Position::Messages(count) => {
                let content = frame.content().ok()?;
                let end = self.messages.end_of(count, &content)?;
                Some(if end < content.len() { split(frame, &content, end) } else { Place::After })
            }
        }
    }
}

/// Two frames for one. The padding goes with the second, so that both together count
/// against the windows as the one did.
fn split(frame: &Frame, content: &Bytes, at: usize) -> Place {
    let (first, second) = content.split_at(at);
    let flags = frame.flags & !flag::END_STREAM & !flag::PADDED;
    let first = write::data(frame.stream, flags, first).into();
    let second = if frame.has(flag::PADDED) {
        let padding = frame.payload.len() - 1 - content.len();
        let length = u8::try_from(padding).unwrap_or_default();
        [&[length], second, &vec![0; padding]].concat()
    } else {
        second.to_vec()
    };
    Place::Between(first, write::data(frame.stream, frame.flags, &second).into())
}

/// Counts the messages of one direction of the call.
#[derive(Debug, Default)]
struct Messages {
    count: u32,
    prefix: Vec<u8>,
    /// What is missing of the payload, once the prefix is whole.
    missing: usize,
}

impl Messages {
    /// Where in the content of the next DATA the message of this number ends.
    fn end_of(&mut self, number: u32, content: &[u8]) -> Option<usize> {
        let mut rest = content;
        while !rest.is_empty() {
            if self.prefix.len() < PREFIX_BYTES {
                let taken = (PREFIX_BYTES - self.prefix.len()).min(rest.len());
                self.prefix.extend_from_slice(&rest[..taken]);
                rest = &rest[taken..];
                let &[_, a, b, c, d] = self.prefix.first_chunk::<PREFIX_BYTES>()?;
                self.missing = u32::from_be_bytes([a, b, c, d]) as usize;
            }
            let taken = self.missing.min(rest.len());
            self.missing -= taken;
            rest = &rest[taken..];
            if self.missing > 0 {
                return None;
            }
            self.prefix.clear();
            self.count += 1;
            if self.count == number {
                return Some(content.len() - rest.len());
            }
        }
        None
    }
}
