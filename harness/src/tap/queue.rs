//! The queue between the thread that moves bytes and the one that reads copies.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Key, Seen};
use crate::{
    role::Role,
    wire::transcript::{Alpn, Aside, Closing},
};

/// How many bytes of copies may wait, for all taps together. Reading is faster than a peer
/// can write gRPC; only a flood gets here.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// Something for the watching thread.
#[derive(Debug)]
pub(super) enum Item {
    /// A client has connected, at one of the target's addresses.
    Opened { connection: u64, address: usize },
    /// Bytes are about to be passed on.
    Passed { connection: u64, from: Role, bytes: Bytes, at: Duration },
    /// Frames of the tap's own are about to be sent in the name of a side.
    Added { connection: u64, from: Role, bytes: Bytes, at: Duration },
    /// From now on, what a side sends is altered, or only passes later.
    Struck { connection: u64, from: Role, only_slows: bool },
    /// What the TLS handshakes have led to.
    Handshakes { connection: u64, alpn: Alpn },
    /// Something is wrong with a side that its bytes do not show.
    Noted { connection: u64, from: Role, text: String, at: Duration },
    /// The tap ends the connection for both sides.
    Cut { connection: u64, closing: Closing, at: Duration },
    /// Bytes were passed on without a copy.
    Missed { connection: u64, from: Role, at: Duration },
    /// One side sends nothing more.
    Closed { connection: u64, from: Role, closing: Closing, at: Duration },
    /// The connection is gone.
    Gone { connection: u64 },
    /// Somebody asks for a call.
    Asked { key: Key, reply: oneshot::Sender<Seen> },
    /// Somebody waits for the end of a call.
    Awaited { key: Key, reply: oneshot::Sender<()> },
    /// Somebody asks for what belongs to no call.
    AsidesAsked { reply: oneshot::Sender<Vec<Aside>> },
    /// Who asked for a call waits no longer.
    Hurried { key: Key },
}

/// The end that never waits.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    items: mpsc::Sender<Item>,
    waiting_bytes: Arc<AtomicUsize>,
    server_has_left: Arc<AtomicBool>,
}

/// The end that is read.
#[derive(Debug)]
pub(super) struct Receiver {
    items: mpsc::Receiver<Item>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// How many bytes of copies wait in this process.
pub(super) fn of_process() -> Arc<AtomicUsize> {
    static WAITING_BYTES: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);
    Arc::clone(&WAITING_BYTES)
}

/// A queue, with the count of the bytes that wait in it and in others.
pub(super) fn queue(waiting_bytes: Arc<AtomicUsize>) -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel();
    let sender = Sender {
        items: sender,
        waiting_bytes: Arc::clone(&waiting_bytes),
        server_has_left: Arc::default(),
    };
    (sender, Receiver { items: receiver, waiting_bytes })
}

impl Sender {
    /// Hands over a copy, or says that there was none.
    pub(super) fn passed(&self, connection: u64, from: Role, bytes: Bytes, at: Duration) {
        let waiting = self.waiting_bytes.load(Ordering::Relaxed);
        let item = if waiting + bytes.len() > MAX_WAITING_BYTES {
            Item::Missed { connection, from, at }
        } else {
            self.waiting_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
            Item::Passed { connection, from, bytes, at }
        };
        self.send(item);
    }

    /// The server ends a connection, or takes none. Said before the client can see it.
    pub(super) fn server_leaves(&self) {
        self.server_has_left.store(true, Ordering::SeqCst);
    }

    /// Whether it has, since this was asked last.
    pub(super) fn has_server_left(&self) -> bool {
        self.server_has_left.swap(false, Ordering::SeqCst)
    }

    pub(super) fn ask(&self, key: Key, reply: oneshot::Sender<Seen>) {
        self.send(Item::Asked { key, reply });
    }

    pub(super) fn wait(&self, key: Key, reply: oneshot::Sender<()>) {
        self.send(Item::Awaited { key, reply });
    }

    pub(super) fn hurry(&self, key: Key) {
        self.send(Item::Hurried { key });
    }

    /// A failed send means that nobody reads any more; the traffic goes on.
    pub(super) fn send(&self, item: Item) {
        let _ = self.items.send(item);
    }
}

impl Receiver {
    /// The next item; `None` when there will be no more.
    pub(super) fn next(&self) -> Option<Item> {
        self.items.recv().ok().inspect(|item| self.read(item))
    }

    /// The next item, if one waits.
    pub(super) fn waiting(&self) -> Option<Item> {
        self.items.try_recv().ok().inspect(|item| self.read(item))
    }

    fn read(&self, item: &Item) {
        if let Item::Passed { bytes, .. } = item {
            self.waiting_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_copies_and_says_so() {
        let (sender, receiver) = queue(Arc::default());
        let bytes = Bytes::from(vec![0; MAX_WAITING_BYTES / 2]);
        for _ in 0..3 {
            sender.passed(0, Role::Client, bytes.clone(), Duration::ZERO);
        }
        assert!(matches!(receiver.waiting(), Some(Item::Passed { .. })));
        assert!(matches!(receiver.waiting(), Some(Item::Passed { .. })));
        assert!(matches!(receiver.waiting(), Some(Item::Missed { .. })));
        sender.passed(0, Role::Client, bytes, Duration::ZERO);
        assert!(matches!(receiver.next(), Some(Item::Passed { .. })));
        assert!(receiver.waiting().is_none());
    }
}
