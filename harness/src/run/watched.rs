//! The wire of a trial: which tap its calls pass, and what is seen there.

use std::{io, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    core::CallId,
    tls::{client_tls, tap_tls},
};
use crate::{
    address::Address,
    certificates::Certificates,
    driver::{ClientChannel, ClientTls, Server},
    guard::Guard,
    manifest::Over,
    observe::{Lost, Wire},
    role::Role,
    script::ScriptedServer,
    suite::{Case, TIME_AFTER_DEADLINE},
    tap::{Behaviour, Entrance, Key, Tap},
    wire::transcript::Transcript,
};

/// How long the streams of a trial may take to end once its calls are answered. A
/// client reports a call when it has read the last frame of it; all that can still
/// pass is its reset, and only one that forgets it takes so long.
pub(super) const STREAM_END_LIMIT: Duration = Duration::from_secs(2);

/// A server with the tap that stands before it.
pub(super) struct Tapped {
    pub(super) server: Server,
    /// What trials share; `None` before scripts, each of which has its own.
    tap: Option<Arc<Tap>>,
    /// The id of the next call. It is never used again while the tap lives, for the tap
    /// knows calls by it.
    pub(super) next_id: CallId,
}

impl Tapped {
    pub(super) fn new(server: Server) -> io::Result<Self> {
        let tap = match &server.address {
            Some(address) => Some(Arc::new(Tap::start(address, Behaviour::default())?)),
            None => None,
        };
        Ok(Self { server, tap, next_id: CallId(1) })
    }

    /// What has passed without a call's mark so far, on the connections that trials
    /// share.
    pub(super) async fn strays(&self) -> Vec<Transcript> {
        match &self.tap {
            Some(tap) => tap.take(Key::Pristine, Duration::ZERO).await.transcripts,
            None => Vec::new(),
        }
    }

    /// The server that plays a case's script, if it has one.
    async fn scripted_server(&self, case: &Case) -> io::Result<Option<ScriptedServer>> {
        let Some(script) = case.script.clone().filter(|script| script.role == Role::Server) else {
            return Ok(None);
        };
        ScriptedServer::start(script, case.longest() + TIME_AFTER_DEADLINE).await.map(Some)
    }

    /// What the calls of a trial will pass.
    pub(super) async fn watch(
        &self,
        case: &Case,
        certificates: Option<&Certificates>,
        guard: &Guard,
    ) -> io::Result<Watched> {
        let tls = case.tls.as_ref().zip(certificates);
        let scripted = self.scripted_server(case).await?.map(Arc::new);
        let own_server = scripted.as_ref().map(|server| Address::from(server.address));
        let shared_server = || self.server.address.clone();
        let tap = if case.has_own_connection() {
            let behaviour = Behaviour {
                fault: case.fault.clone(),
                tls: tls.map(|(tls, certificates)| tap_tls(tls, case.scripted(), certificates)),
                entrance: Entrance {
                    over: case.channel.over,
                    places: case.channel.addresses.clone(),
                    socket: (case.channel.over == Over::Unix).then(|| guard.new_socket()),
                },
            };
            let address = own_server.or_else(shared_server).ok_or_else(no_server)?;
            Arc::new(Tap::start(&address, behaviour)?)
        } else {
            self.tap.clone().ok_or_else(no_server)?
        };
        let tap_addresses = || tap.addresses().iter().map(Address::to_string).collect();
        let channel = ClientChannel::of(&case.channel, tap_addresses);
        Ok(Watched {
            is_own: case.has_own_connection(),
            lossy_ends_before: tap.lossy_ends(),
            tap,
            scripted,
            is_pristine: case.is_pristine,
            tls: tls.map(|(tls, certificates)| client_tls(tls, certificates)),
            channel,
            calls: Vec::new(),
        })
    }
}

/// A plan gives a scripted server nothing but scripts.
fn no_server() -> io::Error {
    io::Error::other("no server for a case without a script")
}

/// A trial's tap and its calls.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    tap: Arc<Tap>,
    scripted: Option<Arc<ScriptedServer>>,
    /// Whether the tap serves this trial alone.
    pub(super) is_own: bool,
    pub(super) is_pristine: bool,
    pub(super) tls: Option<ClientTls>,
    /// How the client is to make its channel, if not in the ordinary way.
    pub(super) channel: Option<ClientChannel>,
    /// The ids of the calls that were made.
    pub(super) calls: Vec<u64>,
    /// What the tap's [`Tap::lossy_ends`] was before them.
    lossy_ends_before: usize,
}

impl Watched {
    /// Where the client connects.
    pub(super) fn target(&self) -> String {
        self.tap.address().to_string()
    }

    /// Whether the server has ended a connection, or has taken none, since this was asked
    /// last. A script is no server that could die.
    pub(super) fn has_server_left(&self) -> bool {
        self.scripted.is_none() && self.tap.has_server_left()
    }

    /// Waits until nothing more can pass, as far as that can be known, or until then.
    async fn end_of_all(&self, until: Instant) {
        let is_all = async {
            match &self.scripted {
                Some(server) => server.is_all().await,
                None => std::future::pending().await,
            }
        };
        let _ = timeout_at(until, is_all).await;
    }

    /// What was seen, once the trial's streams have ended or the limit is over.
    pub(super) async fn seen(&self, linger: Duration, limit: Duration) -> Wire {
        let until = Instant::now() + limit;
        let mut wire = Wire::default();
        if let Some(server) = &self.scripted {
            server.calls_are_over();
            wire.stalled = server.stalled(limit).await;
        }
        for &call in &self.calls {
            let key = if self.is_pristine { Key::Pristine } else { Key::Call(call) };
            let limit = until.saturating_duration_since(Instant::now());
            let seen = match linger.is_zero() {
                true => self.tap.take_until(key, self.end_of_all(until)).await,
                false => self.tap.linger(key, linger, limit).await,
            };
            wire.calls.push(seen.transcripts);
            wire.has_gaps |= seen.has_gaps || self.tap.lossy_ends() > self.lossy_ends_before;
            if self.is_own {
                wire.notes = seen.notes;
                wire.opaque = seen.opaque;
                wire.ended = seen.ended;
                wire.has_struck |= seen.has_struck;
            }
        }
        if !self.is_own {
            wire.lost = Lost::of(self.tap.address().port().unwrap_or_default(), &wire.calls);
        }
        if self.is_own {
            wire.asides = self.tap.asides().await;
        }
        if self.is_own && !self.is_pristine {
            wire.strays = self.tap.take(Key::Pristine, Duration::ZERO).await.transcripts;
        }
        wire
    }
}
