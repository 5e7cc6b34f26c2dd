//! Connections: one for each target, made anew when it is lost or ends.

use std::{
    collections::BTreeMap,
    net::{TcpStream, ToSocketAddrs as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crosswire::role::Role;
use mutants::{mutant::Mutant, planted::planted};

use crate::http2::{Connection, Ended};

/// How long a connection may take if the call has no deadline.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// How long a connection may be idle for whoever ends those that are.
const LONG_IDLE: Duration = Duration::from_millis(900);

/// How many connections to a target there are at most.
const POOL: usize = 2;

/// The connection to one target; who makes it holds the lock, and others wait for it.
type Channel = Arc<Mutex<Option<Arc<Connection>>>>;

/// The connections of the client.
#[derive(Default)]
pub(super) struct Channels {
    by_target: Mutex<BTreeMap<(String, usize), Channel>>,
    /// How many calls have asked for a connection.
    calls: AtomicUsize,
}

impl Channels {
    /// The connection to a target that takes streams.
    pub(super) fn connection(
        &self,
        target: &str,
        until: Option<Instant>,
    ) -> Result<Arc<Connection>, Ended> {
        if planted(Mutant::ConnectsForEachCall) {
            return connect(target, until);
        }
        let of_pool = match planted(Mutant::PoolsConnections) {
            true => self.calls.fetch_add(1, Ordering::Relaxed) % POOL,
            false => 0,
        };
        let mut all = self.by_target.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = Arc::clone(all.entry((target.to_owned(), of_pool)).or_default());
        drop(all);
        let mut channel = channel.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*channel
            && (connection.takes_streams() || planted(Mutant::NeverConnectsAgain))
        {
            let is_left =
                planted(Mutant::ConnectsAnewWhenIdle) && connection.end_if_idle(LONG_IDLE);
            if planted(Mutant::ConnectsWhenFull) && connection.is_full() {
                return connect(target, until);
            }
            if !is_left {
                return Ok(Arc::clone(connection));
            }
        }
        let connection = connect(target, until)?;
        *channel = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Ends the connection to a target.
    pub(super) fn close(&self, target: &str) {
        let mut all = self.by_target.lock().unwrap_or_else(PoisonError::into_inner);
        let of_target: Vec<Channel> =
            (0..POOL).filter_map(|of_pool| all.remove(&(target.to_owned(), of_pool))).collect();
        drop(all);
        for channel in of_target {
            let channel = channel.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(connection) = &*channel {
                connection.close();
            }
        }
    }
}

fn connect(target: &str, until: Option<Instant>) -> Result<Arc<Connection>, Ended> {
    let limit =
        until.map_or(CONNECT_LIMIT, |until| until.saturating_duration_since(Instant::now()));
    if limit.is_zero() {
        return Err(Ended::Late);
    }
    let mut addresses = target.to_socket_addrs().map_err(|_| Ended::Lost)?;
    let address = addresses.next().ok_or(Ended::Lost)?;
    TcpStream::connect_timeout(&address, limit)
        .and_then(|socket| Connection::start(socket, Role::Client, |_, _, _| {}))
        .map_err(|_| Ended::Lost)
}
