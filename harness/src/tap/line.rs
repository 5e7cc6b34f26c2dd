//! One connection, from the client's side to the server's, and its two directions.

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    sync::{mpsc, oneshot},
};
use tokio_rustls::rustls;
use tokio_util::either::Either;

use super::{
    forward::Leave,
    queue::{Item, Sender},
};
use crate::{
    role::Role,
    suite::Cut,
    wire::transcript::{Alpn, Closing},
};

/// How much is read at once, if it is there.
const BUFFER_BYTES: usize = 256 << 10;

/// With less room than this, a buffer is left to its copies and a new one made. One for
/// each read would cost more than all else that is done with a small frame.
const LEAST_ROOM_BYTES: usize = 64 << 10;

/// One connection, as the watching thread is told of it.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) start: Instant,
    pub(super) watch: Sender,
    /// Whom to ask that nobody listens for a while where this connection came from.
    pub(super) leave: mpsc::UnboundedSender<Leave>,
}

/// One end of a connection.
pub(super) trait Socket: Send {
    /// Its two directions.
    fn halves(
        &mut self,
    ) -> (impl AsyncRead + Unpin + Send + '_, impl AsyncWrite + Unpin + Send + '_);

    /// Has it end as one that broke.
    fn abort(&self);
}

impl Socket for TcpStream {
    fn halves(
        &mut self,
    ) -> (impl AsyncRead + Unpin + Send + '_, impl AsyncWrite + Unpin + Send + '_) {
        self.split()
    }

    fn abort(&self) {
        // Sends RST instead of FIN when it is dropped. A socket that refuses is closed in the
        // ordinary way, which is all that is left.
        let _ = self.set_zero_linger();
    }
}

impl Socket for UnixStream {
    fn halves(
        &mut self,
    ) -> (impl AsyncRead + Unpin + Send + '_, impl AsyncWrite + Unpin + Send + '_) {
        self.split()
    }

    /// A Unix socket knows no RST.
    fn abort(&self) {}
}

impl<A: Socket, B: Socket> Socket for Either<A, B> {
    fn halves(
        &mut self,
    ) -> (impl AsyncRead + Unpin + Send + '_, impl AsyncWrite + Unpin + Send + '_) {
        match self {
            Self::Left(one) => {
                let (reads, writes) = one.halves();
                (Either::Left(reads), Either::Left(writes))
            }
            Self::Right(other) => {
                let (reads, writes) = other.halves();
                (Either::Right(reads), Either::Right(writes))
            }
        }
    }

    fn abort(&self) {
        match self {
            Self::Left(one) => one.abort(),
            Self::Right(other) => other.abort(),
        }
    }
}

/// One direction: where bytes come from, and where they go.
pub(super) struct Way<'a, R, W> {
    pub(super) inlet: Inlet<'a, R>,
    pub(super) outlet: Outlet<'a, W>,
}

/// Where a direction's bytes come from.
pub(super) struct Inlet<'a, R> {
    line: &'a Line,
    from: Role,
    reads: R,
    buffer: BytesMut,
}

/// Where a direction's bytes go. The watching thread gets a copy of what goes there.
pub(super) struct Outlet<'a, W> {
    line: &'a Line,
    pub(super) from: Role,
    writes: W,
}

/// How one direction came to its end.
pub(super) enum End {
    /// The sender has finished, and the receiver was told.
    Finished,
    /// The sender is gone.
    SenderGone,
    /// The receiver is gone; what it sent before may still be on its way.
    ReceiverGone,
    /// The tap ends the connection.
    Cut(Cut),
}

/// How both directions came to their end.
pub(super) enum Outcome {
    Finished,
    Broke,
    Cut(Cut),
}

impl Line {
    /// One of its directions.
    pub(super) fn way<R, W>(&self, from: Role, reads: R, writes: W) -> Way<'_, R, W> {
        Way {
            inlet: Inlet { line: self, from, reads, buffer: BytesMut::new() },
            outlet: Outlet { line: self, from, writes },
        }
    }

    /// What TLS has led to.
    pub(super) fn handshakes(&self, alpn: Alpn) {
        self.watch.send(Item::Handshakes { connection: self.number, alpn });
    }

    /// Something is wrong with a side that its bytes do not show.
    pub(super) fn note(&self, from: Role, text: String) {
        let at = self.start.elapsed();
        self.watch.send(Item::Noted { connection: self.number, from, text, at });
    }

    /// Nobody listens for so long where this connection came from, from now on.
    pub(super) async fn leave(&self, away: Duration) {
        let (done, is_done) = oneshot::channel();
        // Who does not accept any more, at the tap's end, does not listen either.
        if self.leave.send((away, done)).is_ok() {
            let _ = is_done.await;
        }
    }

    /// The tap ends the connection.
    pub(super) fn cut(&self, closing: Closing) {
        let at = self.start.elapsed();
        self.watch.send(Item::Cut { connection: self.number, closing, at });
    }
}

/// Waits for both directions. The first that ends is reported at once, unless it ends
/// the other too.
pub(super) async fn both(
    one: impl Future<Output = End>,
    another: impl Future<Output = End>,
    first_has_ended: impl FnOnce(),
) -> Outcome {
    tokio::pin!(one, another);
    let (first, is_one) = tokio::select! {
        end = &mut one => (end, true),
        end = &mut another => (end, false),
    };
    let second = match first {
        End::SenderGone => return Outcome::Broke,
        End::Cut(cut) => return Outcome::Cut(cut),
        End::Finished | End::ReceiverGone => {
            first_has_ended();
            if is_one { another.await } else { one.await }
        }
    };
    match (first, second) {
        (End::Finished, End::Finished) => Outcome::Finished,
        (_, End::Cut(cut)) => Outcome::Cut(cut),
        _ => Outcome::Broke,
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Way<'_, R, W> {
    /// Passes everything on, unread.
    pub(super) async fn pass(mut self) -> End {
        let Err(end) = self.pass_on().await;
        end
    }

    /// Likewise, as a part of something.
    pub(super) async fn pass_on(&mut self) -> Result<Infallible, End> {
        loop {
            match self.inlet.read().await {
                Ok(bytes) => self.outlet.write(bytes).await?,
                Err(closing) => return Err(self.outlet.end(closing).await),
            }
        }
    }
}

impl<R: AsyncRead + Unpin> Inlet<'_, R> {
    /// The next bytes, or how they have come to their end. May be dropped while it
    /// waits.
    pub(super) async fn read(&mut self) -> Result<Bytes, Closing> {
        if self.buffer.capacity() < LEAST_ROOM_BYTES {
            self.buffer.reserve(BUFFER_BYTES);
        }
        match self.reads.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Closing::End),
            Ok(_) => Ok(self.buffer.split().freeze()),
            // TLS calls it so when a peer closes without saying that it does.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(Closing::End),
            Err(error) => {
                if let Some(reason) = reason(&error) {
                    self.line.note(self.from, reason);
                }
                Err(Closing::Abort)
            }
        }
    }
}

impl<W: AsyncWrite + Unpin> Outlet<'_, W> {
    /// Passes bytes on.
    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), End> {
        self.show(bytes.clone());
        self.send(&bytes).await
    }

    /// Sends frames of the tap's own.
    pub(super) async fn add(&mut self, bytes: Bytes) -> Result<(), End> {
        self.show_added(bytes.clone());
        self.send(&bytes).await
    }

    /// Hands over a copy of frames of the tap's own, which are about to be sent.
    pub(super) fn show_added(&self, bytes: Bytes) {
        let (connection, from, at) = (self.line.number, self.from, self.line.start.elapsed());
        self.line.watch.send(Item::Added { connection, from, bytes, at });
    }

    /// Hands over a copy. That is done before the bytes are sent, and without waiting:
    /// once they are sent, their answer may pass, and it must not come before them in
    /// the transcript. Reading the copy is another thread's work.
    pub(super) fn show(&self, bytes: Bytes) {
        let Line { number, start, watch, .. } = self.line;
        watch.passed(*number, self.from, bytes, start.elapsed());
    }

    /// Says that the fault strikes now.
    pub(super) fn struck(&self, only_slows: bool) {
        let (connection, from) = (self.line.number, self.from);
        self.line.watch.send(Item::Struck { connection, from, only_slows });
    }

    /// The sender sends nothing more.
    pub(super) async fn end(&mut self, closing: Closing) -> End {
        let (connection, from, at) = (self.line.number, self.from, self.line.start.elapsed());
        if from == Role::Server {
            self.line.watch.server_leaves();
        }
        self.line.watch.send(Item::Closed { connection, from, closing, at });
        match closing {
            Closing::Abort => End::SenderGone,
            Closing::End => match self.writes.shutdown().await {
                Ok(()) => End::Finished,
                Err(_) => End::ReceiverGone,
            },
        }
    }

    /// Sends bytes of which a copy was handed over.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), End> {
        let sent = async {
            self.writes.write_all(bytes).await?;
            // TLS may hold bytes back until it is told.
            self.writes.flush().await
        };
        sent.await.map_err(|_| End::ReceiverGone)
    }
}

/// What TLS itself says of a connection that ends before its time.
fn reason(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(format!("TLS ends: {error}"))
}
