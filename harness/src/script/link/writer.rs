//! The task that writes to a connection's socket.

use tokio::{io::AsyncWriteExt as _, net::tcp::OwnedWriteHalf, sync::mpsc, task::JoinHandle};

/// What is to be done with the socket, in order. A task of its own does it, so that a
/// side that does not read never keeps us from reading.
pub(super) enum Write {
    Bytes(Vec<u8>),
    End,
    Abort,
}

/// The task that writes.
pub(super) struct Writer(pub(super) JoinHandle<()>);

impl Drop for Writer {
    /// Nobody waits for what is not written yet, which a side that does not read would
    /// keep from ever being.
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes what is to be written, and writes it.
pub(super) fn write_all(mut writes: OwnedWriteHalf) -> (mpsc::UnboundedSender<Write>, Writer) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let writer = tokio::spawn(async move {
        while let Some(next) = receiver.recv().await {
            let result = match next {
                Write::Bytes(bytes) => writes.write_all(&bytes).await,
                Write::End => writes.shutdown().await,
                Write::Abort => {
                    // A socket that refuses is closed in the ordinary way.
                    let _ = writes.as_ref().set_zero_linger();
                    // Dropped, it would end its direction in the ordinary way first.
                    writes.forget();
                    return;
                }
            };
            // The other side is gone, which reading shows.
            if result.is_err() {
                return;
            }
        }
    });
    (sender, Writer(writer))
}
