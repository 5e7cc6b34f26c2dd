//! The harness as a client: it takes calls as a process does, and plays each one's script.

use tokio::{sync::mpsc, task::JoinSet};

use super::ClientEvent;
use crate::{
    driver::protocol::{Errand, Hello, VERSION},
    feature::ClientFeature,
    script::play_client,
    suite::Call,
};

/// How many scripts are played at once. Each has a connection of its own, and some wait
/// most of the time for a server that must do nothing.
const MAX_AT_ONCE: usize = 32;

/// A client that plays scripts. Dropped, it ends them.
#[derive(Debug)]
pub(super) struct Scripted {
    pub(super) hello: Hello,
    running: JoinSet<()>,
    sender: mpsc::UnboundedSender<ClientEvent>,
    played: mpsc::UnboundedReceiver<ClientEvent>,
}

impl Scripted {
    pub(super) fn new() -> Self {
        let (sender, played) = mpsc::unbounded_channel();
        let hello = Hello {
            protocol: VERSION,
            implementation: "crosswire".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            features: vec![ClientFeature::Raw],
            max_in_flight: MAX_AT_ONCE,
        };
        Self { hello, running: JoinSet::new(), sender, played }
    }

    /// Plays the script of the call's case.
    pub(super) fn call(&mut self, errand: Errand<'_>, call: &Call) {
        while let Some(ended) = self.running.try_join_next() {
            // A defect of ours must not be taken for the server's.
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        let Some(script) = errand.case.script.clone() else { return };
        let (id, target, call) = (errand.id, errand.target.to_owned(), call.clone());
        let sender = self.sender.clone();
        self.running.spawn(async move {
            let played = Box::new(play_client(&target, &script, &call).await);
            // Nobody waits for it any more if the run is to stop.
            let _ = sender.send(ClientEvent::Played { id, played });
        });
    }

    pub(super) async fn next(&mut self) -> ClientEvent {
        match self.played.recv().await {
            Some(event) => event,
            // We hold the sender ourselves.
            None => std::future::pending().await,
        }
    }
}
