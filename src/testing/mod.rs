//! What several modules' tests need: the other side of the wire, as raw as it has
//! to be.

mod certificates;
mod raw_client;
mod raw_server;

pub(crate) use certificates::Certificates;
pub(crate) use raw_client::{Answer, RawRequest};
pub(crate) use raw_server::{RST_STREAM, RawServer, Step, WasReset};

use std::future::{self, Future};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::transport::ServerTlsConfig;

use crate::server::{self, Connections, Listener};

/// Long enough for a busy machine; no test comes near unless something hangs.
const HANG_LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn within_limit<T>(test: impl Future<Output = T>) -> T {
    timeout(HANG_LIMIT, test).await.expect("nothing hangs")
}

/// Starts a server that lives as long as the test, and names its address.
pub(crate) async fn start_server(tls: Option<ServerTlsConfig>) -> String {
    let (listener, address) = listen().await;
    let listeners = vec![Listener::Tcp(listener)];
    tokio::spawn(server::run(listeners, tls, Connections::default(), future::pending()));
    address
}

/// A listener on a free port, and its address.
pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}
