//! Compression of messages, by the names that `grpc-encoding` and `grpc-accept-encoding` have
//! for it (gRPC, `compression.md` and `PROTOCOL-HTTP2.md`, "Content-Coding").

use std::io::{self, Read, Write as _};

use flate2::{
    Compression,
    read::{MultiGzDecoder, ZlibDecoder},
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
        let mut message = Vec::new();
        match self {
            Self::Gzip => MultiGzDecoder::new(payload).take(most_bytes).read_to_end(&mut message),
            Self::Deflate => ZlibDecoder::new(payload).take(most_bytes).read_to_end(&mut message),
        }?;
        Ok(message)
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
        assert_eq!(Codec::from_name(b"GZIP"), None);
    }
}
