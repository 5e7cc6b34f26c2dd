use std::future::Future;
use std::time::Duration;

use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::service::{LayerExt as _, Routes};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tower::Layer;

use super::connections::Connections;
use super::listen::Listener;
use super::plain::{fibonacci, health, outliers, reflection};
use super::serve::{self, ServeError};
use crate::directions::Directed;
use crate::layers::binary::BinaryEntries;
use crate::layers::middleware::{Around, Handler};
use crate::layers::server::deadline::Deadlines;
use crate::layers::server::greeting::Greeted;
use crate::layers::server::held::Held;
use crate::layers::server::http::OnlyGrpc;
use crate::layers::server::panics::Panics;
use crate::layers::server::pings::PingLimit;
use crate::layers::server::requests::Requests;
use crate::layers::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use crate::services::{self, Echo, TestServer};

/// Calls that one connection may have open at once. The library's default, 200,
/// is less than the 256 that a client may announce (`max_in_flight`); a
/// connection needs no limit close to that, because a call costs little.
const MAX_CONCURRENT_STREAMS: u32 = 1024;

/// Calls that a client may have cancelled before the server looked at them. At
/// the library's default, 20, a client that cancels a few dozen calls at once
/// loses its connection, and every other call with it.
const MAX_PENDING_RESETS: usize = MAX_CONCURRENT_STREAMS as usize;

/// Serves as [`run_plain`](super::run_plain) does, with layers around what tonic does
/// otherwise than gRPC has it.
///
/// # Errors
///
/// [`ServeError`]: no error of a client or of its connection is among them.
pub async fn run(
    listeners: Vec<Listener>,
    tls: Option<ServerTlsConfig>,
    connections: Connections,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let held = Held::default();
    let routes = routes(&held).await?;
    serve::until(shutdown, listeners, |listener, stop| {
        let mut server = connections.told(Server::builder());
        if let Some(tls) = &tls {
            server = server.tls_config(tls.clone())?;
        }
        let watched =
            Watched { is_encrypted: tls.is_some(), ping_interval: connections.ping_interval };
        let router = server
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
            .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
            .layer(layers(held.clone()))
            .add_routes(routes.clone());
        Ok(async move {
            match listener {
                // Small messages leave at once: Nagle's algorithm would hold the second of
                // two until the first was acknowledged.
                Listener::Tcp(listener) => {
                    let accepted = TcpIncoming::from(listener).with_nodelay(Some(true));
                    let incoming = accepted.map(move |stream| stream.map(|one| watched.of(one)));
                    router.serve_with_incoming_shutdown(incoming, stop.comes()).await
                }
                Listener::Unix(listener, _file) => {
                    let accepted = UnixListenerStream::new(listener);
                    let incoming = accepted.map(move |stream| stream.map(|one| watched.of(one)));
                    router.serve_with_incoming_shutdown(incoming, stop.comes()).await
                }
            }
        })
    })
    .await
}

/// How connections are watched, for PINGs and for how they begin. Only what is not encrypted
/// can be: the library makes the TLS.
#[derive(Clone, Copy)]
struct Watched {
    is_encrypted: bool,
    ping_interval: Option<Duration>,
}

impl Watched {
    fn of<S>(self, stream: S) -> Greeted<PingLimit<S>> {
        match self.is_encrypted {
            true => Greeted::encrypted(PingLimit::none(stream)),
            false => Greeted::new(PingLimit::new(stream, self.ping_interval)),
        }
    }
}

/// What stands around every service, from the outermost on.
fn layers(held: Held) -> impl Clone + Layer<Routes, Service = impl Handler + Sync> {
    let held = Around(held);
    (Around(Deadlines), held, Around(OnlyGrpc), Around(Panics), Around(BinaryEntries))
}

async fn routes(held: &Held) -> Result<Routes, ServeError> {
    let limited = Around(Requests { streaming: services::TAKING_STREAMS, held: held.clone() });
    let directed = (limited.clone(), Around(Directed { streaming: services::STREAMING }));
    let routes = Routes::default()
        .add_service(directed.named_layer(outliers()))
        .add_service(directed.named_layer(fibonacci()))
        .add_service((limited.clone(), Around(Echo)).named_layer(TestServer::default()))
        .add_service(limited.named_layer(health().await))
        .add_service(limited.named_layer(reflection().build_v1()?))
        .add_service(limited.named_layer(reflection().build_v1alpha()?));
    Ok(routes.prepare())
}
