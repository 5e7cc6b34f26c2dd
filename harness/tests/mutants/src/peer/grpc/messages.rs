//! Messages in DATA: a flag, four bytes of length, and the payload.

use std::collections::VecDeque;

use crosswire_http2::{
    message::{Message, MessageReader},
    write,
};
use mutants::{mutant::Mutant, planted::planted};

use super::{
    compression::{compress, inflate},
    limit::{MAX_MESSAGE_BYTES, has_limit, too_long},
    status::{Status, code},
};

/// A message as it is sent.
pub(crate) fn frame(payload: &[u8], is_compressed: bool) -> Vec<u8> {
    let (flag, payload) = match is_compressed {
        true => (1, compress(payload)),
        false => (0, payload.to_vec()),
    };
    let flag = match flag {
        0 if planted(Mutant::FlagOfTwo) => 2,
        0 if planted(Mutant::FlagOfPlain) => 1,
        flag => flag,
    };
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let length = match () {
        () if planted(Mutant::LengthOfWholeMessage) => length + 5,
        () if planted(Mutant::LengthOneTooLong) => length + 1,
        () if planted(Mutant::LengthOneTooShort) => length.saturating_sub(1),
        () if planted(Mutant::LengthLittleEndian) => length.swap_bytes(),
        () => length,
    };
    write::prefixed(flag, length, &payload)
}

/// A message as it came.
pub(crate) struct Content {
    /// Its bytes, inflated.
    pub(crate) bytes: Vec<u8>,
    pub(crate) was_compressed: bool,
}

/// The messages of one direction of a call.
pub(crate) struct Messages {
    reader: MessageReader,
    encoding: Option<Vec<u8>>,
    ready: VecDeque<Result<Content, Status>>,
}

impl Messages {
    /// Reads messages whose compression is named so.
    pub(crate) fn new(encoding: Option<&[u8]>) -> Self {
        Self {
            reader: MessageReader::default(),
            encoding: encoding.map(<[u8]>::to_vec),
            ready: VecDeque::new(),
        }
    }

    /// Takes the content of the next DATA.
    pub(crate) fn push(&mut self, content: &[u8]) {
        let Self { reader, encoding, ready } = self;
        reader.push(0, content, |_, message| {
            let was_compressed = message.flag == 1;
            let payload = payload(message, encoding.as_deref());
            ready.push_back(payload.map(|bytes| Content { bytes, was_compressed }));
        });
    }

    /// The next message that is whole.
    pub(crate) fn next(&mut self) -> Option<Result<Content, Status>> {
        self.ready.pop_front()
    }

    /// Whether a message has begun and is not whole.
    pub(crate) fn has_fragment(&self) -> bool {
        self.reader.fragment().is_some() && !planted(Mutant::IgnoresFragment)
    }

    /// Whether the message that has begun is going to be too long.
    pub(crate) fn is_too_long(&self) -> bool {
        let fragment = self.reader.fragment();
        let prefix = fragment.and_then(|(_, fragment)| <[u8; 5]>::try_from(fragment.prefix).ok());
        prefix
            .is_some_and(|[_, length @ ..]| u32::from_be_bytes(length) as usize > MAX_MESSAGE_BYTES)
    }
}

fn payload(message: Message, encoding: Option<&[u8]>) -> Result<Vec<u8>, Status> {
    let is_long = match () {
        () if !has_limit() => message.payload.is_none(),
        () if planted(Mutant::LimitExcludesItself) => message.length as usize >= MAX_MESSAGE_BYTES,
        () => message.length as usize > MAX_MESSAGE_BYTES,
    };
    let Some(payload) = message.payload.filter(|_| !is_long) else { return Err(too_long()) };
    let flag = match message.flag {
        2.. if planted(Mutant::AnyFlag) => 0,
        flag => flag,
    };
    match (flag, encoding) {
        (0, _) => Ok(payload.to_vec()),
        (1, Some(b"gzip")) if planted(Mutant::RefusesGzip) || planted(Mutant::KnowsNoGzip) => {
            Err(Status::new(code::UNIMPLEMENTED, "gzip is not known here"))
        }
        (1, Some(b"gzip")) => inflate(&payload),
        (1, None | Some(b"identity")) => {
            Err(Status::new(code::INTERNAL, "a compressed message, and no encoding is named"))
        }
        (1, Some(_)) => Err(Status::new(code::UNIMPLEMENTED, "an unknown encoding")),
        _ => Err(Status::new(bad_framing(), "a message whose flag is neither 0 nor 1")),
    }
}

/// What a message that is not framed as it should be is refused with.
pub(crate) fn bad_framing() -> i32 {
    if planted(Mutant::BadFramingIsUnavailable) { code::UNAVAILABLE } else { code::INTERNAL }
}
