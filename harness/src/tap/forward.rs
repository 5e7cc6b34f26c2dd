//! Takes the clients' connections and joins each to one of its own to the server.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::sleep,
};
use tokio_util::either::Either;

use super::{
    door::{Door, OpenDoor},
    line::{Line, Socket as _},
    queue::{Item, Sender},
    tls::Terminator,
};
use crate::{
    address::{Address, Stream},
    suite::{Action, Fault},
};

/// Between whom the tap stands, and what it does there.
#[derive(Debug)]
pub(super) struct Place {
    /// Where clients connect, each with its position among the target's addresses.
    pub(super) doors: Vec<(usize, Door)>,
    pub(super) server: Address,
    pub(super) fault: Option<Fault>,
    pub(super) terminator: Option<Terminator>,
}

/// Nobody is to listen for so long. Answered when nobody does.
pub(super) type Leave = (Duration, oneshot::Sender<()>);

/// What all connections have in common.
struct Common {
    start: Instant,
    watch: Sender,
    server: Address,
    terminator: Option<Terminator>,
    next: Mutex<Next>,
}

/// The number of the next connection, and the fault that waits for its own.
struct Next {
    number: u64,
    fault: Option<Fault>,
}

/// Starts the thread. It ends when nobody holds the other end of `stop`.
pub(super) fn spawn(place: Place, watch: Sender, mut stop: mpsc::Receiver<()>) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let Place { doors, server, fault, terminator } = place;
    let next = Mutex::new(Next { number: 0, fault });
    let common = Arc::new(Common { start: Instant::now(), watch, server, terminator, next });
    // Who is told the address may connect at once.
    let entered = runtime.enter();
    let open = doors.into_iter().map(|(address, door)| Ok((address, door.open()?)));
    let open: Vec<(usize, OpenDoor)> = open.collect::<io::Result<_>>()?;
    drop(entered);
    thread::Builder::new().name("tap".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut accepting = JoinSet::new();
            for (address, door) in open {
                accepting.spawn(accept(address, door, Arc::clone(&common)));
            }
            let _ = stop.recv().await;
        });
    })?;
    Ok(())
}

/// Accepts at one address, but for the times when nobody is to.
async fn accept(address: usize, mut door: OpenDoor, common: Arc<Common>) {
    let (leave, mut left) = mpsc::unbounded_channel::<Leave>();
    loop {
        let client = tokio::select! {
            client = door.accept() => client,
            Some((away, done)) = left.recv() => {
                // Who cannot come back is away for good.
                let Ok(closed) = door.close() else { return };
                let _ = done.send(());
                sleep(away).await;
                let Ok(open) = closed.open() else { return };
                door = open;
                continue;
            }
        };
        let (number, fault) = common.next(address);
        let line =
            Line { number, start: common.start, watch: common.watch.clone(), leave: leave.clone() };
        tokio::spawn(join(client, line, address, fault, Arc::clone(&common)));
    }
}

impl Common {
    /// The number of a connection at this address, and its fault. A client that connects again
    /// after the fault must be able to go on. What a server announces is no harm, and it is the
    /// same on each connection.
    fn next(&self, address: usize) -> (u64, Option<Fault>) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let number = next.number;
        next.number += 1;
        let fault = match &next.fault {
            Some(fault) if fault.address.is_some_and(|its| its != address) => None,
            Some(Fault { action: Action::Settings(_), .. }) => next.fault.clone(),
            _ => next.fault.take(),
        };
        (number, fault)
    }
}

/// One connection, from its beginning to its end.
async fn join(
    client: Stream,
    line: Line,
    address: usize,
    fault: Option<Fault>,
    common: Arc<Common>,
) {
    let connection = line.number;
    line.watch.send(Item::Opened { connection, address });
    // A server that cannot be reached is, to this client, one that hangs up.
    match common.server.connect().await {
        Ok(server) => {
            // What a side wrote at once goes on at once.
            for stream in [&client, &server] {
                if let Either::Left(tcp) = stream {
                    let _ = tcp.set_nodelay(true);
                }
            }
            match &common.terminator {
                None => line.join(client, server, fault.as_ref()).await,
                Some(terminator) => {
                    let ends = terminator.shake_hands(&line, client, server).await;
                    if let Some((client, server)) = ends {
                        line.join(client, server, fault.as_ref()).await;
                    }
                }
            }
        }
        Err(_) => {
            line.watch.server_leaves();
            client.abort();
        }
    }
    line.watch.send(Item::Gone { connection });
}
