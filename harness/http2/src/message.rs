//! gRPC messages: a flag, four bytes of length, and that many bytes (gRPC,
//! `PROTOCOL-HTTP2.md`, "Length-Prefixed-Message"), cut into DATA anywhere.

use bytes::Bytes;
use thiserror::Error;

use crate::codec::Codec;

/// The flag and the length.
pub const PREFIX_BYTES: usize = 5;

/// The longest message that is kept; a longer one is counted and not read.
/// gRPC's own default limit is 4 MiB.
const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// How much of the name of an encoding is kept that is not known here.
const MAX_NAME_BYTES: usize = 64;

/// What it costs to begin a compressed member, as so many bytes that come of it: a payload
/// of thousands of empty ones comes to nothing, and keeps whoever inflates it busy.
const MEMBER_BYTES: usize = 4 << 10;

/// One message, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// 0 for plain, 1 for compressed, anything else is wrong.
    pub flag: u8,
    /// The length that its prefix announced.
    pub length: u32,
    /// What followed; `None` if it was too long to be kept.
    pub payload: Option<Bytes>,
    /// What it says, once it is inflated if need be: see [`Self::inflate`].
    pub plain: Result<Bytes, Unread>,
}

/// Bytes at the end of a direction that are no whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The prefix, as far as it came.
    pub prefix: Vec<u8>,
    /// How many bytes of the payload came.
    pub payload_bytes: usize,
}

/// Why it is not known what a message says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unread {
    /// It is compressed, and was not inflated.
    #[error("not inflated")]
    Compressed,
    /// An encoding that is not followed here.
    #[error("encoding `{0}` is not known here")]
    Unknown(String),
    /// It is longer than what is kept of it.
    #[error("too long to be kept")]
    TooLong,
    /// The bytes are no such encoding.
    #[error("it does not decompress")]
    Malformed,
}

/// Puts the messages of one direction of a call together.
#[derive(Debug, Default)]
pub struct MessageReader {
    /// Where the message that has begun stands in its direction.
    begun_at: u64,
    prefix: Vec<u8>,
    payload: Vec<u8>,
    payload_bytes: usize,
}

impl MessageReader {
    /// Takes the content of the next DATA, which stands here in its direction; hands
    /// out each message that it completes, with the place where its prefix begins.
    pub fn push(&mut self, offset: u64, content: &[u8], mut complete: impl FnMut(u64, Message)) {
        let mut data = content;
        loop {
            if self.prefix.is_empty() {
                self.begun_at = offset + (content.len() - data.len()) as u64;
            }
            let missing = PREFIX_BYTES - self.prefix.len();
            let (prefix, rest) = data.split_at(missing.min(data.len()));
            self.prefix.extend_from_slice(prefix);
            let Some((flag, length)) = self.announced() else { return };
            let missing = (length as usize).saturating_sub(self.payload_bytes);
            let (payload, rest) = rest.split_at(missing.min(rest.len()));
            self.payload_bytes += payload.len();
            let is_kept = length as usize <= MAX_MESSAGE_BYTES;
            if is_kept {
                self.payload.extend_from_slice(payload);
            }
            if self.payload_bytes < length as usize {
                return;
            }
            let payload = std::mem::take(&mut self.payload);
            let payload = is_kept.then(|| Bytes::from(payload));
            let plain = match &payload {
                None => Err(Unread::TooLong),
                Some(payload) if flag == 0 => Ok(payload.clone()),
                Some(_) => Err(Unread::Compressed),
            };
            complete(self.begun_at, Message { flag, length, payload, plain });
            self.prefix.clear();
            self.payload_bytes = 0;
            data = rest;
            if data.is_empty() {
                return;
            }
        }
    }

    /// What is there of a message that is not whole, and where it begins.
    #[must_use]
    pub fn fragment(&self) -> Option<(u64, Fragment)> {
        let Self { prefix, payload_bytes, .. } = self;
        (!prefix.is_empty()).then(|| {
            (self.begun_at, Fragment { prefix: prefix.clone(), payload_bytes: *payload_bytes })
        })
    }

    fn announced(&self) -> Option<(u8, u32)> {
        let &[flag, a, b, c, d] = self.prefix.first_chunk::<PREFIX_BYTES>()?;
        Some((flag, u32::from_be_bytes([a, b, c, d])))
    }
}

impl Message {
    /// A message that is not compressed, as it would be read.
    #[must_use]
    pub fn of(payload: Bytes) -> Self {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        Self { flag: 0, length, payload: Some(payload.clone()), plain: Ok(payload) }
    }

    /// Inflates it, once, with the encoding that its side named, if it is compressed and
    /// was kept. Returns how much that cost, in bytes: what came of it, and what it took to
    /// begin. What costs more than `most_bytes` is too long, and what it said is forgotten.
    pub fn inflate(&mut self, encoding: Option<&[u8]>, most_bytes: usize) -> usize {
        let Some(payload) = self.payload.as_ref().filter(|_| self.flag != 0) else { return 0 };
        let encoding = encoding.unwrap_or_default();
        let Some(codec) = Codec::from_name(encoding) else {
            let named = &encoding[..encoding.len().min(MAX_NAME_BYTES)];
            self.plain = Err(Unread::Unknown(String::from_utf8_lossy(named).into_owned()));
            return 0;
        };
        let (plain, cost) = inflate(codec, payload, most_bytes);
        self.plain = plain;
        cost
    }
}

fn inflate(codec: Codec, payload: &[u8], most_bytes: usize) -> (Result<Bytes, Unread>, usize) {
    let (mut inflated, mut rest, mut members) = (Vec::new(), payload, 0);
    loop {
        members += MEMBER_BYTES;
        let left = most_bytes.saturating_sub(members + inflated.len());
        let member = codec.decompress_member(&mut rest, &mut inflated, left as u64 + 1);
        let cost = members + inflated.len();
        if cost > most_bytes {
            return (Err(Unread::TooLong), cost);
        }
        match member {
            Err(_) => return (Err(Unread::Malformed), cost),
            Ok(()) if rest.is_empty() => return (Ok(inflated.into()), cost),
            Ok(()) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> (Vec<Message>, Option<Fragment>) {
        let mut reader = MessageReader::default();
        let mut messages = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(0, piece, |_, message| messages.push(message));
        }
        (messages, reader.fragment().map(|(_, fragment)| fragment))
    }

    #[test]
    fn the_cuts_mean_nothing() {
        let bytes = b"\0\0\0\0\x03abc\0\0\0\0\0\x01\0\0\0\x02de\0\0\0\0\x09f";
        let (messages, fragment) = read(bytes, bytes.len());
        let seen: Vec<_> =
            messages.iter().map(|m| (m.flag, m.payload.as_deref().unwrap())).collect();
        assert_eq!(seen, [(0, &b"abc"[..]), (0, b""), (1, b"de")]);
        assert_eq!(fragment, Some(Fragment { prefix: b"\0\0\0\0\x09".to_vec(), payload_bytes: 1 }));
        for piece in 1..bytes.len() {
            assert_eq!(
                read(bytes, piece),
                (messages.clone(), fragment.clone()),
                "pieces of {piece}"
            );
        }
    }

    #[test]
    fn nothing_is_left_after_a_whole_message() {
        assert_eq!(read(b"\0\0\0\0\x01a", 2).1, None);
        assert_eq!(read(b"\0\0\0", 2).1.unwrap().prefix, [0, 0, 0]);
        assert_eq!(read(b"", 2), (vec![], None));
    }

    #[test]
    fn a_long_message_is_counted_and_not_kept() {
        let mut reader = MessageReader::default();
        let mut messages = Vec::new();
        let length = u32::try_from(MAX_MESSAGE_BYTES).unwrap() + 1;
        reader.push(0, &[&[0][..], &length.to_be_bytes()].concat(), |_, _| panic!());
        for piece in vec![0; MAX_MESSAGE_BYTES + 1].chunks(1 << 20) {
            reader.push(0, piece, |_, message| messages.push(message));
            assert_eq!(reader.payload.capacity(), 0);
        }
        let (payload, plain) = (None, Err(Unread::TooLong));
        assert_eq!(messages, [Message { flag: 0, length, payload, plain }]);
    }

    fn inflated(
        encoding: &str,
        payload: &[u8],
        most_bytes: usize,
    ) -> (Result<Bytes, Unread>, usize) {
        let mut message = Message { flag: 1, ..Message::of(Bytes::copy_from_slice(payload)) };
        let cost = message.inflate(Some(encoding.as_bytes()), most_bytes);
        (message.plain, cost)
    }

    #[test]
    fn inflation_is_bounded() {
        let gzip = |bytes: &[u8]| Codec::Gzip.compress(bytes);
        let most = 1 << 20;
        assert_eq!(inflated("gzip", &gzip(b"abc"), most), (Ok("abc".into()), MEMBER_BYTES + 3));
        let fits = gzip(&vec![0; most - MEMBER_BYTES]);
        assert_eq!(inflated("gzip", &fits, most).1, most);
        let bomb = gzip(&vec![0; 64 << 20]);
        assert_eq!(inflated("gzip", &bomb, most), (Err(Unread::TooLong), most + 1));
        for (name, bytes) in [("cut", &gzip(b"abc")[..8]), ("empty", b""), ("other", b"abc")] {
            assert_eq!(inflated("gzip", bytes, most).0, Err(Unread::Malformed), "{name}");
        }
        assert_eq!(inflated("zstd", b"", most), (Err(Unread::Unknown("zstd".to_owned())), 0));
    }

    /// They come to nothing, and cost nevertheless.
    #[test]
    fn empty_members_are_bounded() {
        let members = Codec::Gzip.compress(b"").repeat(1000);
        let (plain, cost) = inflated("gzip", &members, 1 << 30);
        assert_eq!((plain, cost), (Ok(Bytes::new()), 1000 * MEMBER_BYTES));
        let (plain, cost) = inflated("gzip", &members, 100 * MEMBER_BYTES);
        assert_eq!((plain, cost), (Err(Unread::TooLong), 101 * MEMBER_BYTES));
    }

    /// What it took before the error is paid for, too.
    #[test]
    fn a_bomb_that_is_broken_at_its_end_is_bounded() {
        let mut bomb = Codec::Gzip.compress(&vec![0; 1 << 20]);
        bomb.truncate(bomb.len() - 1);
        let (plain, cost) = inflated("gzip", &bomb, 1 << 30);
        assert_eq!(plain, Err(Unread::Malformed));
        assert!(cost >= 1 << 20, "{cost}");
    }
}
