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

/// The most that a message is inflated to.
const MAX_INFLATED_BYTES: u64 = 64 << 20;

/// One message, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// 0 for plain, 1 for compressed, anything else is wrong.
    pub flag: u8,
    /// The length that its prefix announced.
    pub length: u32,
    /// What followed; `None` if it was too long to be kept.
    pub payload: Option<Bytes>,
}

/// Bytes at the end of a direction that are no whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The prefix, as far as it came.
    pub prefix: Vec<u8>,
    /// How many bytes of the payload came.
    pub payload_bytes: usize,
}

/// Why a compressed message cannot be read.
#[derive(Debug, Error)]
pub enum InflateError {
    /// An encoding that is not followed here.
    #[error("encoding `{0}` is not known here")]
    Unknown(String),
    /// More than is read.
    #[error("it inflates to more than {MAX_INFLATED_BYTES} bytes")]
    TooLong,
    /// The bytes are no such encoding.
    #[error("it does not decompress")]
    Malformed(#[source] std::io::Error),
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
            let payload = is_kept.then(|| payload.into());
            complete(self.begun_at, Message { flag, length, payload });
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
    /// Its payload, decompressed with the encoding that its side named if need be;
    /// `None` if it was not kept.
    pub fn plain(&self, encoding: Option<&[u8]>) -> Option<Result<Bytes, InflateError>> {
        let payload = self.payload.clone()?;
        Some(match self.flag {
            0 => Ok(payload),
            _ => inflate(encoding.unwrap_or_default(), &payload),
        })
    }
}

/// Decompresses a payload.
///
/// # Errors
/// The encoding is not known, the bytes are not of it, or they inflate to too much.
pub fn inflate(encoding: &[u8], payload: &[u8]) -> Result<Bytes, InflateError> {
    let unknown = || InflateError::Unknown(String::from_utf8_lossy(encoding).into_owned());
    let codec = Codec::from_name(encoding).ok_or_else(unknown)?;
    let inflated =
        codec.decompress(payload, MAX_INFLATED_BYTES + 1).map_err(InflateError::Malformed)?;
    if inflated.len() as u64 > MAX_INFLATED_BYTES {
        return Err(InflateError::TooLong);
    }
    Ok(inflated.into())
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
        assert_eq!(messages, [Message { flag: 0, length, payload: None }]);
    }

    #[test]
    fn inflation_is_bounded() {
        let gzip = |bytes: &[u8]| Codec::Gzip.compress(bytes);
        let inflate = |payload: &[u8]| inflate(b"gzip", payload).map_err(|error| error.to_string());
        assert_eq!(inflate(&gzip(b"abc")), Ok(Bytes::from("abc")));
        let bomb = gzip(&vec![0; (MAX_INFLATED_BYTES + 1) as usize]);
        assert_eq!(inflate(&bomb), Err("it inflates to more than 67108864 bytes".to_owned()));
        for (name, bytes) in [("cut", &gzip(b"abc")[..8]), ("empty", b""), ("other", b"abc")] {
            assert_eq!(inflate(bytes), Err("it does not decompress".to_owned()), "{name}");
        }
        assert!(matches!(super::inflate(b"zstd", b""), Err(InflateError::Unknown(_))));
    }
}
