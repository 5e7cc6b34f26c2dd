//! Moves bytes between clients and the server, unread.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    runtime,
    sync::mpsc,
};

use super::queue::{Item, Sender};
use crate::{observe::Role, wire::transcript::Closing};

/// How much is read at once, if it is there.
const BUFFER_BYTES: usize = 256 << 10;

/// How long to leave a listener alone that gives an error, such as too many open
/// files. Trying again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Starts the thread. It ends when nobody holds the other end of `stop`.
pub(super) fn spawn(
    listener: std::net::TcpListener,
    servers: Vec<SocketAddr>,
    watch: Sender,
    mut stop: mpsc::Receiver<()>,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("tap".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(listener, servers, watch) => {}
                _ = stop.recv() => {}
            }
        });
    })?;
    Ok(())
}

async fn accept(listener: std::net::TcpListener, servers: Vec<SocketAddr>, watch: Sender) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let start = Instant::now();
    for number in 0.. {
        let client = loop {
            match listener.accept().await {
                Ok((client, _)) => break client,
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        };
        let line = Line { number, start, watch: watch.clone() };
        let servers = servers.clone();
        tokio::spawn(async move {
            line.watch.send(Item::Opened { connection: number });
            // A server that cannot be reached is, to this client, one that hangs up.
            match TcpStream::connect(&servers[..]).await {
                Ok(server) => line.join(client, server).await,
                Err(_) => abort(&client),
            }
            line.watch.send(Item::Gone { connection: number });
        });
    }
}

/// One connection, from the client's side to the server's.
struct Line {
    number: u64,
    start: Instant,
    watch: Sender,
}

/// How one direction came to its end.
enum End {
    /// The sender has finished, and the receiver was told.
    Finished,
    /// The sender is gone.
    SenderGone,
    /// The receiver is gone; what it sent before may still be on its way.
    ReceiverGone,
}

impl Line {
    /// Passes everything on until both directions have ended, or one broke.
    async fn join(&self, mut client: TcpStream, mut server: TcpStream) {
        // What a side wrote at once goes on at once.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let broke = {
            let (client_reads, client_writes) = client.split();
            let (server_reads, server_writes) = server.split();
            let up = self.pass(Role::Client, client_reads, server_writes);
            let down = self.pass(Role::Server, server_reads, client_writes);
            tokio::pin!(up, down);
            let (first, is_up) = tokio::select! {
                end = &mut up => (end, true),
                end = &mut down => (end, false),
            };
            let second = match first {
                End::SenderGone => None,
                End::Finished | End::ReceiverGone if is_up => Some(down.await),
                End::Finished | End::ReceiverGone => Some(up.await),
            };
            !matches!((first, second), (End::Finished, Some(End::Finished)))
        };
        if broke {
            // The two ends of one connection break together.
            abort(&client);
            abort(&server);
        }
    }

    /// Passes one direction on.
    async fn pass(&self, from: Role, mut reads: ReadHalf<'_>, mut writes: WriteHalf<'_>) -> End {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(BUFFER_BYTES);
            match reads.read_buf(&mut buffer).await {
                Ok(0) => {
                    self.closed(from, Closing::End);
                    return match writes.shutdown().await {
                        Ok(()) => End::Finished,
                        Err(_) => End::ReceiverGone,
                    };
                }
                Ok(_) => {}
                Err(_) => {
                    self.closed(from, Closing::Abort);
                    return End::SenderGone;
                }
            }
            let bytes = buffer.split().freeze();
            // The copy is handed over first, and without waiting: once bytes are
            // written, their answer may pass, and it must not come before them in
            // the transcript. Reading the copy is another thread's work.
            self.watch.passed(self.number, from, bytes.clone(), self.start.elapsed());
            if writes.write_all(&bytes).await.is_err() {
                return End::ReceiverGone;
            }
        }
    }

    fn closed(&self, from: Role, closing: Closing) {
        let at = self.start.elapsed();
        self.watch.send(Item::Closed { connection: self.number, from, closing, at });
    }
}

/// Has the socket send RST instead of FIN when it is dropped.
fn abort(stream: &TcpStream) {
    // A socket that refuses is closed in the ordinary way, which is all that is left.
    let _ = stream.set_zero_linger();
}
