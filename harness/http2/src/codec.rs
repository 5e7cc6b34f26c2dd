//! Compression of messages, by the names that `grpc-encoding` and `grpc-accept-encoding` have
//! for it (gRPC, `compression.md` and `PROTOCOL-HTTP2.md`, "Content-Coding").

use std::{
    io::{self, Read, Write as _},
    mem,
};

use flate2::{
    Compression,
    bufread::{GzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};

/// A way to compress that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// gzip, RFC 1952, of one member or more.
    Gzip,
    /// zlib's format, RFC 1950, which HTTP calls deflate.
    Deflate,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::Deflate];

    /// Its name in header fields.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// The codec of this name, if it is known here.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name().as_bytes() == name)
    }

    /// Compresses a message.
    #[must_use]
    pub fn compress(self, message: &[u8]) -> Vec<u8> {
        let (out, level) = (Vec::new(), Compression::default());
        let written = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, level);
                encoder.write_all(message).and_then(|()| encoder.finish())
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, level);
                encoder.write_all(message).and_then(|()| encoder.finish())
            }
        };
        // Writing to memory does not fail.
        written.unwrap_or_default()
    }

    /// Decompresses a message, to so many bytes at most.
    ///
    /// # Errors
    /// The bytes are not of this codec.
    pub fn decompress(self, payload: &[u8], most_bytes: u64) -> io::Result<Vec<u8>> {
        let (mut message, mut rest) = (Vec::new(), payload);
        while let Some(left) = most_bytes.checked_sub(message.len() as u64).filter(|left| *left > 0)
        {
            self.decompress_member(&mut rest, &mut message, left)?;
            if rest.is_empty() {
                break;
            }
        }
        Ok(message)
    }

    /// Decompresses the next member of a payload, to so many bytes at most, and adds it to
    /// the message; the payload is then what follows. Of a member that is not whole, what
    /// came before the error is added.
    ///
    /// # Errors
    /// The bytes are not of this codec.
    pub fn decompress_member(
        self,
        payload: &mut &[u8],
        message: &mut Vec<u8>,
        most_bytes: u64,
    ) -> io::Result<()> {
        match self {
            Self::Gzip => {
                let mut decoder = GzDecoder::new(*payload);
                decoder.by_ref().take(most_bytes).read_to_end(message)?;
                *payload = decoder.into_inner();
            }
            Self::Deflate => {
                ZlibDecoder::new(mem::take(payload)).take(most_bytes).read_to_end(message)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_is_decompressed() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_name(codec.name().as_bytes()), Some(codec));
            for message in [&b""[..], b"abc", &[0; 100_000]] {
                let compressed = codec.compress(message);
                assert_eq!(codec.decompress(&compressed, 1 << 20).unwrap(), message, "{codec:?}");
            }
            let cut = &codec.compress(b"abc")[..5];
            assert!(codec.decompress(cut, 1 << 20).is_err(), "{codec:?}");
            assert_eq!(codec.decompress(&codec.compress(&[7; 1000]), 9).unwrap(), [7; 9]);
        }
        let members = [Codec::Gzip.compress(b"ab"), Codec::Gzip.compress(b"c")].concat();
        assert_eq!(Codec::Gzip.decompress(&members, 1 << 20).unwrap(), b"abc");
        let more = [members, b"more".to_vec()].concat();
        assert!(Codec::Gzip.decompress(&more, 1 << 20).is_err());
        assert_eq!(Codec::from_name(b"GZIP"), None);
    }
}
