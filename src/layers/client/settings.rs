//! A client's connection that ends where the server's settings are not what HTTP/2
//! has them be: its first frame is SETTINGS, and it never says that it takes pushes
//! (RFC 9113, sections 3.4 and 6.5.2). `h2` lets both pass.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const HEAD_BYTES: usize = 9;

const SETTINGS: u8 = 4;
const ACK: u8 = 1;

/// A setting: its identifier and its value.
const SETTING_BYTES: usize = 6;
const ENABLE_PUSH: u16 = 2;

/// What a server sends over `inner` is followed as it is read; the first thing that is
/// wrong is the error of that read, and of every other.
#[derive(Debug)]
pub struct CheckedSettings<S> {
    inner: S,
    frames: Frames,
}

impl<S> CheckedSettings<S> {
    /// A connection from which nothing has been read.
    pub fn new(inner: S) -> Self {
        Self { inner, frames: Frames::default() }
    }
}

/// Where in its frames a server's bytes are.
#[derive(Debug, Default)]
struct Frames {
    /// The head of a frame, or a setting, as far as it has come.
    part: Vec<u8>,
    /// How much of the frame is missing.
    missing: usize,
    is_settings: bool,
    /// Whether the first frame has begun.
    has_begun: bool,
    problem: Option<&'static str>,
}

impl Frames {
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.problem.is_none() && !bytes.is_empty() {
            let (wanted, within) = match (self.missing, self.is_settings) {
                (0, _) => (HEAD_BYTES, false),
                (missing, true) => (SETTING_BYTES.min(missing), true),
                (missing, false) => {
                    let skipped = missing.min(bytes.len());
                    self.missing -= skipped;
                    bytes = &bytes[skipped..];
                    continue;
                }
            };
            let (now, rest) = bytes.split_at((wanted - self.part.len()).min(bytes.len()));
            self.part.extend_from_slice(now);
            bytes = rest;
            if self.part.len() == wanted {
                self.problem = if within { self.setting() } else { self.head() };
                self.part.clear();
            }
        }
        match self.problem {
            Some(problem) => Err(io::Error::new(io::ErrorKind::InvalidData, problem)),
            None => Ok(()),
        }
    }

    fn head(&mut self) -> Option<&'static str> {
        let (kind, flags) = (self.part[3], self.part[4]);
        self.missing =
            self.part[..3].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        self.is_settings = kind == SETTINGS;
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let is_greeting = self.is_settings && flags & ACK == 0;
        (is_first && !is_greeting).then_some("the server does not begin with SETTINGS")
    }

    fn setting(&mut self) -> Option<&'static str> {
        self.missing -= self.part.len();
        let is_push = self.part.starts_with(&ENABLE_PUSH.to_be_bytes());
        let is_on = self.part.iter().skip(2).any(|byte| *byte != 0);
        (is_push && is_on).then_some("the server says that it takes pushes")
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CheckedSettings<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        Poll::Ready(self.frames.follow(&buffer.filled()[before..]))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CheckedSettings<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short frame");
        [&[0, 0, length, kind, flags, 0, 0, 0, 0], payload].concat()
    }

    /// Whether the bytes pass, in pieces of every size.
    fn passes(bytes: &[u8]) -> bool {
        let passes = |size: usize| {
            let mut frames = Frames::default();
            bytes.chunks(size).all(|piece| frames.follow(piece).is_ok())
        };
        let first = passes(1);
        for size in 2..=bytes.len() {
            assert_eq!(passes(size), first, "in pieces of {size}: {bytes:?}");
        }
        first
    }

    #[test]
    fn settings_come_first_and_enable_no_push() {
        let off = [0, 3, 0, 0, 0, 100, 0, 2, 0, 0, 0, 0];
        let on = [0, 3, 0, 0, 0, 100, 0, 2, 0, 0, 0, 1];
        let two = [0, 2, 0, 0, 1, 0];
        let data = frame(0, 0, &[0, 2, 0, 0, 0, 1]);
        let table = [
            ("nothing in them", frame(SETTINGS, 0, &[]), true),
            ("no push", frame(SETTINGS, 0, &off), true),
            ("push", frame(SETTINGS, 0, &on), false),
            ("another push", frame(SETTINGS, 0, &two), false),
            ("then data like a setting", [frame(SETTINGS, 0, &off), data.clone()].concat(), true),
            (
                "later push",
                [frame(SETTINGS, 0, &off), data.clone(), frame(SETTINGS, 0, &on)].concat(),
                false,
            ),
            ("an acknowledgement first", frame(SETTINGS, ACK, &[]), false),
            ("data first", data, false),
            ("another protocol", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), false),
            ("half a setting", frame(SETTINGS, 0, &on[..9]), true),
        ];
        for (name, bytes, expected) in table {
            assert_eq!(passes(&bytes), expected, "{name}");
        }
    }

    #[test]
    fn an_error_stays() {
        let mut frames = Frames::default();
        frames.follow(&frame(0, 0, &[])).expect_err("not SETTINGS");
        frames.follow(&frame(SETTINGS, 0, &[])).expect_err("not SETTINGS either");
    }
}
