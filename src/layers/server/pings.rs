//! Says GOAWAY to a client that pings without need, as gRFC A8 has it. The library
//! answers every PING, however many there are.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tonic::transport::server::Connected;

use super::frames::{self, Frame, Frames};

/// How often a client may ping while nothing is sent to it, by gRFC A8's default. (For
/// a connection without calls A8 has two hours. A PING in five minutes harms nobody.)
const PERMITTED: Duration = Duration::from_secs(5 * 60);

/// How many PINGs may come sooner, because clocks and networks are not exact.
const MAX_STRIKES: u32 = 2;

/// Why the connection ends, for the client's log; A8 has clients look for it.
const REASON: &[u8] = b"too_many_pings";

/// HTTP/2's ENHANCE_YOUR_CALM.
const ENHANCE_YOUR_CALM: u32 = 11;

/// A connection that ends when its client pings too often.
///
/// What follows a HEADERS or DATA frame of the server is counted anew: a client may
/// measure the way there and back whenever it was sent something.
#[derive(Debug)]
pub struct PingLimit<S> {
    stream: S,
    /// Nothing is counted without it.
    watch: Option<Watch>,
}

#[derive(Debug)]
struct Watch {
    received: Frames,
    sent: Frames,
    last_stream: u32,
    permitted: Duration,
    last_permitted: Option<Instant>,
    strikes: u32,
    farewell: Farewell,
}

#[derive(Debug)]
enum Farewell {
    None,
    /// GOAWAY, as far as it is not written. It waits for the end of the frame before.
    Due(Vec<u8>),
    Said,
}

impl<S> PingLimit<S> {
    /// A plaintext connection, whose frames can be read, and whose client may ping as often as
    /// this.
    pub fn new(stream: S, permitted: Option<Duration>) -> Self {
        let watch = Watch {
            received: Frames::after(frames::PREFACE_BYTES),
            sent: Frames::after(0),
            last_stream: 0,
            permitted: permitted.unwrap_or(PERMITTED),
            last_permitted: None,
            strikes: 0,
            farewell: Farewell::None,
        };
        Self { stream, watch: Some(watch) }
    }

    /// A connection that is encrypted above this: no PING is ever too many.
    pub fn none(stream: S) -> Self {
        Self { stream, watch: None }
    }
}

impl Watch {
    fn received(&mut self, bytes: &[u8]) {
        let Self { last_stream, last_permitted, strikes, farewell, .. } = self;
        self.received.read(bytes, |Frame { kind, flags, stream }| match kind {
            frames::HEADERS => *last_stream = stream.max(*last_stream),
            frames::PING if flags & frames::ACK == 0 => {
                let now = Instant::now();
                if last_permitted.is_none_or(|last| last + self.permitted <= now) {
                    *last_permitted = Some(now);
                    return;
                }
                *strikes += 1;
                if *strikes > MAX_STRIKES && matches!(farewell, Farewell::None) {
                    let goaway = frames::goaway(*last_stream, ENHANCE_YOUR_CALM, REASON);
                    *farewell = Farewell::Due(goaway);
                }
            }
            _ => {}
        });
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.sent.read(bytes, |frame| {
            if matches!(frame.kind, frames::DATA | frames::HEADERS) {
                self.last_permitted = None;
                self.strikes = 0;
            }
        });
    }

    /// Whether the farewell's turn has come.
    fn is_leaving(&self) -> bool {
        match self.farewell {
            Farewell::None => false,
            Farewell::Due(_) => self.sent.is_between(),
            Farewell::Said => true,
        }
    }

    fn poll_farewell(
        &mut self,
        mut stream: Pin<&mut (impl AsyncWrite + ?Sized)>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if let Farewell::Due(goaway) = &mut self.farewell {
            while !goaway.is_empty() {
                let written = ready!(stream.as_mut().poll_write(context, goaway))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                goaway.drain(..written);
            }
            ready!(stream.poll_shutdown(context))?;
            self.farewell = Farewell::Said;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for PingLimit<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, watch } = self.get_mut();
        let Some(watch) = watch else {
            return Pin::new(stream).poll_read(context, buffer);
        };
        if !watch.is_leaving() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut *stream).poll_read(context, buffer))?;
            watch.received(&buffer.filled()[before..]);
            return Poll::Ready(Ok(()));
        }
        // To the library it looks as if the client had gone.
        watch.poll_farewell(Pin::new(stream), context)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PingLimit<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, watch } = self.get_mut();
        let mut stream = Pin::new(stream);
        let Some(watch) = watch else {
            return stream.poll_write(context, bytes);
        };
        if watch.is_leaving() {
            ready!(watch.poll_farewell(stream, context))?;
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let most = match watch.farewell {
            Farewell::Due(_) => watch.sent.rest().min(bytes.len()),
            _ => bytes.len(),
        };
        let written = ready!(stream.as_mut().poll_write(context, &bytes[..most]))?;
        watch.sent(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.watch.as_ref().is_some_and(|watch| !matches!(watch.farewell, Farewell::None)) {
            let first = pieces.iter().find(|piece| !piece.is_empty());
            return self.poll_write(context, first.map_or(&[], |piece| piece));
        }
        let Self { stream, watch } = self.get_mut();
        let written = ready!(Pin::new(stream).poll_write_vectored(context, pieces))?;
        if let Some(watch) = watch {
            let mut left = written;
            for piece in pieces {
                let of_piece = left.min(piece.len());
                watch.sent(&piece[..of_piece]);
                left -= of_piece;
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl<S: Connected> Connected for PingLimit<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> S::ConnectInfo {
        self.stream.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    const PING: [u8; 17] = [0, 0, 8, frames::PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    async fn connection() -> (DuplexStream, PingLimit<DuplexStream>) {
        let (mut client, server) = duplex(4096);
        client.write_all(&[b'x'; frames::PREFACE_BYTES]).await.expect("room");
        (client, PingLimit::new(server, None))
    }

    async fn reads(server: &mut PingLimit<DuplexStream>) -> usize {
        server.read(&mut [0; 4096]).await.expect("a read")
    }

    async fn all(mut client: DuplexStream) -> Vec<u8> {
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.expect("an end");
        all
    }

    #[tokio::test]
    async fn the_fourth_ping_is_too_many() {
        let (mut client, mut server) = connection().await;
        client.write_all(&[0, 0, 0, frames::HEADERS, 0, 0, 0, 0, 7]).await.expect("room");
        for _ in 0..3 {
            client.write_all(&PING).await.expect("room");
            assert_ne!(reads(&mut server).await, 0);
        }
        server.write_all(&PING).await.expect("not yet");
        client.write_all(&PING).await.expect("room");
        assert_ne!(reads(&mut server).await, 0);

        let error = server.write_all(&PING).await.expect_err("it has ended");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(reads(&mut server).await, 0);
        let goaway = [&[0, 0, 22, 7, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 11], REASON].concat();
        assert_eq!(all(client).await, [&PING[..], &goaway].concat());
    }

    #[tokio::test]
    async fn nothing_need_be_written_for_it() {
        let (mut client, mut server) = connection().await;
        client.write_all(&PING.repeat(4)).await.expect("room");
        assert_ne!(reads(&mut server).await, 0);
        assert_eq!(reads(&mut server).await, 0);
        assert!(all(client).await.ends_with(REASON));
    }

    #[tokio::test]
    async fn a_frame_that_has_begun_is_finished_first() {
        let (mut client, mut server) = connection().await;
        server.write_all(&PING[..5]).await.expect("room");
        client.write_all(&PING.repeat(4)).await.expect("room");
        assert_ne!(reads(&mut server).await, 0);
        let rest = [&PING[5..], &PING].concat();
        server.write_all(&rest).await.expect_err("the second is too much");
        let all = all(client).await;
        assert_eq!((&all[..17], all.len()), (&PING[..], 17 + 31));
    }

    #[tokio::test]
    async fn what_is_sent_permits_pings() {
        let (mut client, mut server) = connection().await;
        for _ in 0..10 {
            client.write_all(&PING.repeat(3)).await.expect("room");
            assert_ne!(reads(&mut server).await, 0);
            server.write_all(&[0, 0, 1, frames::DATA, 0, 0, 0, 0, 1, 9]).await.expect("room");
        }
    }

    #[tokio::test]
    async fn a_ping_now_and_then_is_permitted() {
        let (mut client, mut server) = connection().await;
        server.watch.as_mut().expect("a watch").permitted = Duration::ZERO;
        for _ in 0..10 {
            client.write_all(&PING).await.expect("room");
            assert_ne!(reads(&mut server).await, 0);
        }
        server.write_all(&PING).await.expect("nothing has ended");
    }

    #[tokio::test]
    async fn pieces_written_at_once_are_followed() {
        let (mut client, mut server) = connection().await;
        client.write_all(&PING.repeat(3)).await.expect("room");
        assert_ne!(reads(&mut server).await, 0);
        let pieces = [IoSlice::new(&[0, 0, 1, frames::DATA, 0, 0]), IoSlice::new(&[0, 0, 1, 9])];
        assert_eq!(server.write_vectored(&pieces).await.expect("room"), 10);
        client.write_all(&PING.repeat(3)).await.expect("room");
        assert_ne!(reads(&mut server).await, 0);
        server.write_all(&PING).await.expect("nothing has ended");
    }

    #[tokio::test]
    async fn acknowledgements_are_none() {
        let (mut client, mut server) = connection().await;
        let mut acknowledgement = PING;
        acknowledgement[4] = frames::ACK;
        client.write_all(&acknowledgement.repeat(10)).await.expect("room");
        assert_ne!(reads(&mut server).await, 0);
        server.write_all(&PING).await.expect("nothing has ended");
    }
}
