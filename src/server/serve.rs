use std::future::Future;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;
use tonic::transport;

use super::listen::Listener;

/// How long calls that are in flight may go on once the server was told to
/// stop. Every answer of these services takes milliseconds; longer than this
/// lives only a stream that nobody reads, and whoever stops the server waits.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(2);

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

/// Has `serve` serve on every listener until `shutdown` completes; then it takes no more
/// calls, and those that are in flight have up to [`DRAIN_LIMIT`].
///
/// The connections that are left after that end with the runtime.
pub(super) async fn until<S>(
    shutdown: impl Future<Output = ()>,
    listeners: Vec<Listener>,
    serve: impl Fn(Listener, StopOrder) -> Result<S, ServeError>,
) -> Result<(), ServeError>
where
    S: Future<Output = Result<(), transport::Error>> + Send + 'static,
{
    let (stop, stopping) = watch::channel(());
    let mut serving = JoinSet::new();
    for listener in listeners {
        serving.spawn(serve(listener, StopOrder(stopping.clone()))?);
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

/// Comes when the server is to stop.
pub(super) struct StopOrder(watch::Receiver<()>);

impl StopOrder {
    /// Waits for it.
    pub(super) async fn comes(mut self) {
        // An error means that the sender was dropped, which stops as well.
        let _ = self.0.changed().await;
    }
}
