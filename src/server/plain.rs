use std::future::Future;

use tokio_stream::wrappers::UnixListenerStream;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::service::{LayerExt as _, Routes};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic_health::pb::health_server::{Health, HealthServer};

use super::connections::Connections;
use super::listen::Listener;
use super::serve::{self, ServeError};
use crate::directions::Directed;
use crate::layers::middleware::Around;
use crate::pb;
use crate::pb::fibonacci_service_server::FibonacciServiceServer;
use crate::pb::outliers_server::OutliersServer;
use crate::pb::testing::test_service_server::TestServiceServer;
use crate::services::{self, Echo, Fibonacci, Outliers, Test, TestServer};

/// Serves the services, health checking and reflection on every listener, over TLS if it
/// is given, until `shutdown` completes, as tonic does it by default; then takes no more
/// calls, and waits up to [`DRAIN_LIMIT`](super::DRAIN_LIMIT) for those that are in flight.
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
    let routes = routes().await?;
    serve::until(shutdown, listeners, |listener, stop| {
        let mut server = connections.told(Server::builder());
        if let Some(tls) = &tls {
            server = server.tls_config(tls.clone())?;
        }
        let router = server.add_routes(routes.clone());
        Ok(async move {
            match listener {
                Listener::Tcp(listener) => {
                    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                    router.serve_with_incoming_shutdown(incoming, stop.comes()).await
                }
                Listener::Unix(listener, _file) => {
                    let incoming = UnixListenerStream::new(listener);
                    router.serve_with_incoming_shutdown(incoming, stop.comes()).await
                }
            }
        })
    })
    .await
}

async fn routes() -> Result<Routes, ServeError> {
    let directed = Around(Directed { streaming: services::STREAMING });
    let routes = Routes::default()
        .add_service(directed.named_layer(outliers()))
        .add_service(directed.named_layer(fibonacci()))
        .add_service(Around(Echo).named_layer(TestServer::default()))
        .add_service(health().await)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok(routes.prepare())
}

pub(super) fn outliers() -> OutliersServer<Outliers> {
    OutliersServer::new(Outliers).accept_compressed(Gzip)
}

pub(super) fn fibonacci() -> FibonacciServiceServer<Fibonacci> {
    FibonacciServiceServer::new(Fibonacci).accept_compressed(Gzip)
}

pub(super) async fn health() -> HealthServer<impl Health> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<OutliersServer<Outliers>>().await;
    reporter.set_serving::<FibonacciServiceServer<Fibonacci>>().await;
    reporter.set_serving::<TestServiceServer<Test>>().await;
    health
}

pub(super) fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
