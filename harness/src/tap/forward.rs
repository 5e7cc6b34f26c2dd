//! Takes the clients' connections and joins each to one of its own to the server.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, runtime, sync::mpsc};
use tokio_util::either::Either;

use super::{
    line::{Line, Socket as _},
    queue::{Item, Sender},
    tls::Terminator,
};
use crate::{
    address::Address,
    suite::{Action, Fault},
};

/// How long to leave a listener alone that gives an error, such as too many open
/// files. Trying again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Between whom the tap stands, and what it does there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) listener: std::net::TcpListener,
    pub(super) server: Address,
    pub(super) fault: Option<Fault>,
    pub(super) terminator: Option<Terminator>,
}

/// Starts the thread. It ends when nobody holds the other end of `stop`.
pub(super) fn spawn(place: Place, watch: Sender, mut stop: mpsc::Receiver<()>) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("tap".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(place, watch) => {}
                _ = stop.recv() => {}
            }
        });
    })?;
    Ok(())
}

async fn accept(place: Place, watch: Sender) {
    let Place { listener, server, mut fault, terminator } = place;
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
        let address = server.clone();
        // A client that connects again after the fault must be able to go on. What a server
        // announces is no harm, and it is the same on each connection.
        let fault = match &fault {
            Some(Fault { action: Action::Settings(_), .. }) => fault.clone(),
            _ => fault.take(),
        };
        let terminator = terminator.clone();
        tokio::spawn(async move {
            line.watch.send(Item::Opened { connection: number });
            // A server that cannot be reached is, to this client, one that hangs up.
            match address.connect().await {
                Ok(server) => {
                    // What a side wrote at once goes on at once.
                    let _ = client.set_nodelay(true);
                    if let Either::Left(server) = &server {
                        let _ = server.set_nodelay(true);
                    }
                    match terminator {
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
            line.watch.send(Item::Gone { connection: number });
        });
    }
}
