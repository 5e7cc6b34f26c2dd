use std::future::Future;
use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;
use tokio_stream::{Stream, StreamExt as _};
use tonic::codec::CompressionEncoding;
use tonic::service::{LayerExt as _, Routes};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tower::Layer;

use super::greeting::Greeted;
use super::pings::PingLimit;
use crate::directions::Directed;
use crate::layers::binary::BinaryEntries;
use crate::layers::deadline::Deadlines;
use crate::layers::held::Held;
use crate::layers::http::OnlyGrpc;
use crate::layers::middleware::{Around, Handler};
use crate::layers::panics::Panics;
use crate::layers::requests::Requests;
use crate::pb;
use crate::pb::fibonacci_service_server::FibonacciServiceServer;
use crate::pb::outliers_server::OutliersServer;
use crate::services::{self, Fibonacci, Outliers};

/// How long calls that are in flight may go on once the server was told to
/// stop. Every answer of these services takes milliseconds; longer than this
/// lives only a stream that nobody reads, and whoever stops the server waits.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Calls that one connection may have open at once. The library's default, 200,
/// is less than the 256 that a client may announce (`max_in_flight`); a
/// connection needs no limit close to that, because a call costs little.
const MAX_CONCURRENT_STREAMS: u32 = 1024;

/// Calls that a client may have cancelled before the server looked at them. At
/// the library's default, 20, a client that cancels a few dozen calls at once
/// loses its connection, and every other call with it.
const MAX_PENDING_RESETS: usize = MAX_CONCURRENT_STREAMS as usize;

/// The server stopped without being told to.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The descriptors of the services, for reflection, are not valid.
    #[error("cannot serve reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("cannot serve")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves both services, health checking and reflection on every listener, over
/// TLS if it is given, until `shutdown` completes; then takes no more calls, and
/// waits up to [`DRAIN_LIMIT`] for those that are in flight.
///
/// The connections that are left after that end with the runtime.
///
/// # Errors
///
/// [`ServeError`]: no error of a client or of its connection is among them.
pub async fn run(
    listeners: Vec<TcpListener>,
    tls: Option<ServerTlsConfig>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let held = Held::default();
    let routes = routes(&held).await?;
    let (stop, stopping) = watch::channel(());
    let mut serving = JoinSet::new();
    for listener in listeners {
        let mut stopping = stopping.clone();
        let stopped = async move {
            // An error means that `stop` was dropped, which stops as well.
            let _ = stopping.changed().await;
        };
        let mut server = Server::builder();
        if let Some(tls) = &tls {
            server = server.tls_config(tls.clone())?;
        }
        serving.spawn(
            server
                .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
                .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
                .layer(layers(held.clone()))
                .add_routes(routes.clone())
                .serve_with_incoming_shutdown(incoming(listener, tls.is_some()), stopped),
        );
    }

    tokio::select! {
        () = shutdown => {}
        Some(Ok(Err(error))) = serving.join_next() => return Err(error.into()),
    }
    drop(stop);
    // Too late is no error: what is still open then is cut.
    let _ = time::timeout(DRAIN_LIMIT, serving.join_all()).await;
    Ok(())
}

/// Small messages leave at once: Nagle's algorithm would hold the second of two
/// until the first was acknowledged.
///
/// Only what is not encrypted can be watched, for PINGs and for how it begins: the
/// library makes the TLS.
fn incoming(
    listener: TcpListener,
    is_encrypted: bool,
) -> impl Stream<Item = io::Result<Greeted<PingLimit<TcpStream>>>> {
    let watched = move |stream| match is_encrypted {
        true => Greeted::encrypted(PingLimit::none(stream)),
        false => Greeted::new(PingLimit::new(stream)),
    };
    let accepted = TcpIncoming::from(listener).with_nodelay(Some(true));
    accepted.map(move |stream| stream.map(watched))
}

/// What stands around every service, from the outermost on.
fn layers(held: Held) -> impl Clone + Layer<Routes, Service = impl Handler + Sync> {
    let held = Around(held);
    (Around(Deadlines), held, Around(OnlyGrpc), Around(Panics), Around(BinaryEntries))
}

async fn routes(held: &Held) -> Result<Routes, ServeError> {
    let outliers = OutliersServer::new(Outliers).accept_compressed(CompressionEncoding::Gzip);
    let fibonacci =
        FibonacciServiceServer::new(Fibonacci).accept_compressed(CompressionEncoding::Gzip);

    let limited = |max_messages| Around(Requests { max_messages, held: held.clone() });
    let (any, one) = (limited(None), limited(Some(1)));
    let directed = (one.clone(), Around(Directed { streaming: services::STREAMING }));

    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<OutliersServer<Outliers>>().await;
    reporter.set_serving::<FibonacciServiceServer<Fibonacci>>().await;

    let routes = Routes::default()
        .add_service(directed.named_layer(outliers))
        .add_service(directed.named_layer(fibonacci))
        .add_service(one.named_layer(health))
        .add_service(any.named_layer(reflection().build_v1()?))
        .add_service(any.named_layer(reflection().build_v1alpha()?));
    Ok(routes.prepare())
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
