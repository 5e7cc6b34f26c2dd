//! The tap: the client's target, which passes everything on to the server and
//! reads a copy.
//!
//! `forward` moves bytes, on a thread of its own, so that nothing else that the
//! harness does can hold them up. `watch` reads the copies, on another. Between
//! them is a queue that never makes the first wait for the second: when it is full,
//! copies are dropped, the connection's calls are no longer whole, and the
//! transcript says so.
//!
//! A tap may be asked to do something to the traffic, as a trial of its own needs it:
//! see [`Behaviour`].

mod door;
mod fault;
mod forward;
mod join;
mod line;
mod queue;
#[cfg(test)]
mod tests;
mod tls;
mod watch;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use door::Door;
pub use tls::{Ends, Tls};

use crate::{
    address::Address,
    manifest::Over,
    suite::{AddressPlace, Fault},
    wire::{
        tls::Opaque,
        transcript::{Aside, Ended, Note, Transcript},
    },
};

/// How long the reader may take to hand out a call that has to be handed out now. It has
/// all to read first that passed before; a flood, or what inflates to one, takes longer.
const HURRY_LIMIT: Duration = Duration::from_secs(2);

/// A running tap. Dropped, it closes its port and its connections.
#[derive(Debug)]
pub struct Tap {
    addresses: Vec<Address>,
    watch: queue::Sender,
    /// How many connections have ended on which calls may have passed unread.
    lossy_ends: Arc<AtomicUsize>,
    /// The addresses where nobody listens, which nobody else must take.
    _closed: Vec<Door>,
    /// Its end tells the forwarding thread to stop.
    _running: mpsc::Sender<()>,
}

/// What a tap does besides passing everything on. By default, nothing.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// What it does to the first connection; later ones pass unharmed, so that a
    /// client that connects again can go on. Settings are added on each.
    pub fault: Option<Fault>,
    /// What it does with TLS; without it, connections are plain.
    pub tls: Option<Tls>,
    /// Where it listens.
    pub entrance: Entrance,
}

/// Where a tap listens. By default, at one address of IPv4.
#[derive(Debug, Clone, Default)]
pub struct Entrance {
    /// Over what clients connect.
    pub over: Over,
    /// Its addresses, of which some may be nobody's; without any, it has one.
    pub places: Vec<AddressPlace>,
    /// The path of the Unix socket, where that is what they connect over.
    pub socket: Option<PathBuf>,
}

/// By what a call is found again on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// The value of its `x-crosswire-call`.
    Call(u64),
    /// It has none, so that nothing is added to what the client sends. Such calls
    /// are run alone, and all that is on the wire meanwhile is theirs.
    Pristine,
}

/// What was seen of a call.
#[derive(Debug, Default)]
pub struct Seen {
    /// Its streams, in the order in which they were opened. More than one is a retry.
    pub transcripts: Vec<Transcript>,
    /// What could not be read of any connection so far.
    pub notes: Vec<Note>,
    /// The connections that passed unread, with [`Tls::Opaque`]. There are no
    /// transcripts then.
    pub opaque: Vec<Opaque>,
    /// Whether the tap's fault has come to its place.
    pub has_struck: bool,
    /// The connections that a side has ended.
    pub ended: Vec<Ended>,
    /// Whether something of the call may have passed that was not kept, or on a connection
    /// that cannot be read. One that has ended is counted by [`Tap::lossy_ends`].
    pub has_gaps: bool,
}

impl Tap {
    /// Listens for the clients of a server.
    ///
    /// # Errors
    /// The system gives no port or thread, a file the behaviour's
    /// cannot be used, or its fault is in frames that pass unread.
    pub fn start(server: &Address, behaviour: Behaviour) -> io::Result<Self> {
        let Behaviour { fault, tls, entrance } = behaviour;
        let is_opaque = matches!(tls, Some(Tls::Opaque));
        if is_opaque && fault.as_ref().is_some_and(Fault::reads_frames) {
            let problem =
                "a fault that reads frames, on TLS that passes unread; have the tap end it";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let terminator = match &tls {
            Some(Tls::Ends(ends)) => Some(tls::Terminator::new(ends)?),
            Some(Tls::Opaque) | None => None,
        };
        let places = match &entrance.places[..] {
            [] => &[AddressPlace::Server],
            places => places,
        };
        let door = |_: &AddressPlace| Door::new(entrance.over, entrance.socket.as_deref());
        let doors: Vec<Door> = places.iter().map(door).collect::<io::Result<_>>()?;
        let addresses = doors.iter().map(|door| door.address.clone()).collect();
        let (doors, closed): (Vec<_>, Vec<_>) = doors
            .into_iter()
            .enumerate()
            .partition(|(address, _)| places[*address] == AddressPlace::Server);
        let (watch, copies) = queue::queue(queue::of_process());
        let (running, stop) = mpsc::channel(1);
        let lossy_ends = Arc::new(AtomicUsize::new(0));
        watch::spawn(copies, is_opaque, Arc::clone(&lossy_ends))?;
        let server = server.clone();
        let place = forward::Place { doors, server, fault, terminator };
        forward::spawn(place, watch.clone(), stop)?;
        let closed = closed.into_iter().map(|(_, door)| door).collect();
        Ok(Self { addresses, watch, lossy_ends, _closed: closed, _running: running })
    }

    /// Its first address.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.addresses.first().expect("a tap has an address")
    }

    /// All of its addresses, where nobody listens included.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Whether the server has ended a connection, or has taken none, since this was asked
    /// last. Whatever the client makes of that, it makes it later.
    #[must_use]
    pub fn has_server_left(&self) -> bool {
        self.watch.has_server_left()
    }

    /// How many connections have ended so far on which calls may have passed unread. Calls
    /// that are made later were not among them.
    #[must_use]
    pub fn lossy_ends(&self) -> usize {
        self.lossy_ends.load(Ordering::Relaxed)
    }

    /// What was seen of a call, which is then forgotten. Waits until its stream has
    /// ended, for as long as the limit; after that, the call is handed out as far
    /// as it has come.
    pub async fn take(&self, key: Key, limit: Duration) -> Seen {
        self.take_until(key, sleep(limit)).await
    }

    /// Likewise, but waits no longer than `enough`.
    pub async fn take_until(&self, key: Key, enough: impl Future<Output = ()>) -> Seen {
        let (reply, mut seen) = oneshot::channel();
        self.watch.ask(key, reply);
        tokio::select! {
            biased;
            seen = &mut seen => return seen.unwrap_or_default(),
            () = enough => {}
        }
        self.watch.hurry(key);
        match timeout(HURRY_LIMIT, seen).await {
            Ok(seen) => seen.unwrap_or_default(),
            Err(_) => Seen { has_gaps: true, ..Seen::default() },
        }
    }

    /// Likewise, but collects for so long after the end of the call's stream what the
    /// server still sends on it.
    pub async fn linger(&self, key: Key, linger: Duration, limit: Duration) -> Seen {
        let (reply, ended) = oneshot::channel();
        self.watch.wait(key, reply);
        let left = match timeout(limit, ended).await {
            Ok(_) => {
                sleep(linger).await;
                limit
            }
            Err(_) => Duration::ZERO,
        };
        self.take(key, left).await
    }

    /// What has passed so far on each connection while no stream was open, and belongs to
    /// no call that came after it.
    pub async fn asides(&self) -> Vec<Aside> {
        let (reply, asides) = oneshot::channel();
        self.watch.send(queue::Item::AsidesAsked { reply });
        asides.await.unwrap_or_default()
    }
}
