//! Holds a client to how HTTP/2 begins: its preface, then SETTINGS (RFC 9113, 3.4). The
//! library under tonic asks for the preface, and takes any frame after it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

use super::frames::{ACK, PREFACE_BYTES, SETTINGS};

/// Where the type of the first frame stands: after the preface and the frame's length.
const TYPE_POSITION: usize = PREFACE_BYTES + 3;

/// Likewise its flags.
const FLAGS_POSITION: usize = TYPE_POSITION + 1;

/// A connection that breaks, for whoever reads it, before a first frame that is not
/// SETTINGS.
#[derive(Debug)]
pub struct Greeted<IO> {
    io: IO,
    /// How many bytes were read, no further than is looked at.
    position: usize,
}

impl<IO> Greeted<IO> {
    /// A connection of which nothing was read yet.
    pub const fn new(io: IO) -> Self {
        Self { io, position: 0 }
    }

    /// A connection over TLS, which is read by whoever decrypts it.
    pub const fn encrypted(io: IO) -> Self {
        Self { io, position: FLAGS_POSITION + 1 }
    }

    /// Whether the bytes that come next may.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        let at = |position: usize| {
            position.checked_sub(self.position).and_then(|index| bytes.get(index)).copied()
        };
        let is_settings = at(TYPE_POSITION).is_none_or(|kind| kind == SETTINGS);
        let is_greeting = at(FLAGS_POSITION).is_none_or(|flags| flags & ACK == 0);
        self.position = (self.position + bytes.len()).min(FLAGS_POSITION + 1);
        is_settings && is_greeting
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Greeted<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let greeted = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut greeted.io).poll_read(context, buffer))?;
        if greeted.position > FLAGS_POSITION || greeted.takes(&buffer.filled()[before..]) {
            return Poll::Ready(Ok(()));
        }
        buffer.set_filled(before);
        let problem = "the first frame is not SETTINGS";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, problem)))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Greeted<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }
}

impl<IO: Connected> Connected for Greeted<IO> {
    type ConnectInfo = IO::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.io.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    /// How much is read of a client that sends this after its preface, in such pieces,
    /// and whether there is an error then.
    async fn read(frames: &[u8], piece: usize) -> (usize, Option<io::ErrorKind>) {
        let (mut client, server) = duplex(piece);
        let bytes = [PREFACE, frames].concat();
        let writing = tokio::spawn(async move { client.write_all(&bytes).await });
        let mut all = Vec::new();
        let error = Greeted::new(server).read_to_end(&mut all).await.err();
        // What nobody reads any more cannot be written.
        let _ = writing.await.expect("no panic");
        (all.len(), error.map(|error| error.kind()))
    }

    #[tokio::test]
    async fn settings_come_first_in_whatever_pieces() {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let headers = [0, 0, 0, 1, 4, 0, 0, 0, 1];
        let acknowledgement = [0, 0, 0, 4, 1, 0, 0, 0, 0];
        for piece in [1, 7, 25, 28, 100] {
            let lawful = [settings, headers, acknowledgement].concat();
            assert_eq!(read(&lawful, piece).await, (24 + 27, None), "pieces of {piece}");
            assert_eq!(read(&settings[..4], piece).await, (24 + 4, None), "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn any_other_frame_breaks_the_connection() {
        let headers = [0, 0, 0, 1, 4, 0, 0, 0, 1];
        let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0];
        let acknowledgement = [0, 0, 0, 4, 1, 0, 0, 0, 0];
        for frame in [headers, ping, acknowledgement] {
            for piece in [1, 26, 100] {
                let (bytes, error) = read(&frame, piece).await;
                assert_eq!(error, Some(io::ErrorKind::InvalidData), "{frame:?} by {piece}");
                assert!(bytes <= 24 + 4, "the frame is not read: {bytes}");
            }
        }
    }
}
