//! What the payloads of the smaller frames say (RFC 9113, sections 6.4, 6.8 and 6.9).

use bytes::{Buf as _, Bytes};

use super::{Frame, FrameError};

/// The bits of a number of 31: the first of 32 is reserved and ignored.
pub(super) const NUMBER_BITS: u32 = (1 << 31) - 1;

/// What a GOAWAY says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoAway {
    /// The last stream that its sender takes care of.
    pub last: u32,
    /// Why: a code of [`crate::error`].
    pub code: u32,
    /// Words for people, or any bytes.
    pub debug: Bytes,
}

impl Frame {
    /// A payload that has one size.
    ///
    /// # Errors
    /// It has another.
    pub fn fixed<const BYTES: usize>(&self) -> Result<[u8; BYTES], FrameError> {
        <[u8; BYTES]>::try_from(&*self.payload).map_err(|_| FrameError::Size)
    }

    /// The code of RST_STREAM.
    ///
    /// # Errors
    /// The payload has another size.
    pub fn reset_code(&self) -> Result<u32, FrameError> {
        self.fixed().map(u32::from_be_bytes)
    }

    /// By how much WINDOW_UPDATE widens a window, 0 included.
    ///
    /// # Errors
    /// The payload has another size.
    pub fn increment(&self) -> Result<u32, FrameError> {
        self.fixed().map(|bytes| u32::from_be_bytes(bytes) & NUMBER_BITS)
    }

    /// What GOAWAY says.
    ///
    /// # Errors
    /// The payload is too short.
    pub fn goaway(&self) -> Result<GoAway, FrameError> {
        let mut payload = self.payload.clone();
        let last = payload.try_get_u32().map_err(|_| FrameError::Size)? & NUMBER_BITS;
        let code = payload.try_get_u32().map_err(|_| FrameError::Size)?;
        Ok(GoAway { last, code, debug: payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &'static [u8]) -> Frame {
        let payload = Bytes::from_static(payload);
        Frame { offset: 0, kind: 0xfa, flags: 0, stream: 1, payload }
    }

    #[test]
    fn payloads_have_a_size() {
        assert_eq!(frame(b"\0\0\0\x08").reset_code(), Ok(8));
        assert_eq!(frame(b"\x80\0\0\x08").increment(), Ok(8), "the first bit is ignored");
        for payload in [&b"\0\0\x08"[..], b"\0\0\0\0\x08"] {
            assert_eq!(frame(payload).reset_code(), Err(FrameError::Size));
            assert_eq!(frame(payload).increment(), Err(FrameError::Size));
        }
    }

    #[test]
    fn goaway_may_have_words() {
        let goaway = |payload| frame(payload).goaway();
        let said = |debug: &'static str| Ok(GoAway { last: 5, code: 11, debug: debug.into() });
        assert_eq!(goaway(b"\0\0\0\x05\0\0\0\x0b"), said(""));
        assert_eq!(goaway(b"\x80\0\0\x05\0\0\0\x0btoo_many"), said("too_many"));
        assert_eq!(goaway(b"\0\0\0\x05\0\0\0"), Err(FrameError::Size));
    }
}
