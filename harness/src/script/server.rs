//! The harness as a server.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    link::{LAST_CHANCE, Link},
    play::{Stage, play},
};
use crate::{
    observe::{Stalled, Waited},
    suite::Script,
};

/// How long to leave a listener alone that gives an error, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How many connections are served at once. Of a client that makes more of them for one
/// trial, nothing can be said.
const MAX_CONNECTIONS: usize = 1024;

/// A server that plays one case's script. Dropped, it closes its port and connections.
#[derive(Debug)]
pub struct ScriptedServer {
    /// Where it listens.
    pub address: SocketAddr,
    state: watch::Receiver<State>,
    calls_are_over: watch::Sender<bool>,
    running: AbortHandle,
}

/// How far the script has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// The connection that counts, from when a client asks for something on one.
    counts: Option<u64>,
    progress: Progress,
    /// Whether nothing more can come on it.
    is_all: bool,
    connections: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Progress {
    /// There is no connection.
    #[default]
    Alone,
    /// It plays, and is at this stage.
    At(Stage),
    /// It came to its end.
    Finished,
    /// It did not.
    Stalled(Stalled),
}

impl State {
    /// Whether a new connection is one for the script, not for what comes after it.
    fn is_before_the_script(&self) -> bool {
        self.counts.is_none() && matches!(self.progress, Progress::Alone | Progress::At(_))
    }

    fn is_over(&self) -> bool {
        matches!(self.progress, Progress::Finished | Progress::Stalled(_))
    }
}

impl ScriptedServer {
    /// Listens on a free port of loopback. Each connection may take so long.
    ///
    /// # Errors
    /// The system gives no port.
    pub async fn start(script: Arc<Script>, limit: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, state) = watch::channel(State::default());
        let (calls_are_over, are_over) = watch::channel(false);
        let accept = accept(listener, script, limit, sender, are_over);
        let running = tokio::spawn(accept).abort_handle();
        Ok(Self { address, state, calls_are_over, running })
    }

    /// The calls are answered: the client is asked for what it still has to say.
    pub fn calls_are_over(&self) {
        self.calls_are_over.send_replace(true);
    }

    /// Waits until nothing more can come of a client whose calls are over, as far as that
    /// can be known.
    pub async fn is_all(&self) {
        let is_all = |state: &State| state.is_all && state.connections == 1;
        if self.state.clone().wait_for(is_all).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Where the script stopped, once it is over or the limit is; `None` if it came to its
    /// end.
    pub async fn stalled(&self, limit: Duration) -> Option<Stalled> {
        let progress = self.last_progress(limit).await;
        // A defect of ours must not be taken for the client's.
        assert!(!self.running.is_finished(), "a scripted server ended before its time");
        match progress {
            Progress::Finished | Progress::At(Stage::Optional) => None,
            Progress::Alone => Some(Stalled {
                step: None,
                waited: Waited::Connection(None),
                instead: Vec::new(),
                is_late: true,
            }),
            Progress::Stalled(stalled) | Progress::At(Stage::At(stalled)) => Some(stalled),
        }
    }

    async fn last_progress(&self, limit: Duration) -> Progress {
        let until = Instant::now() + limit;
        let mut state = self.state.clone();
        loop {
            let is_enough =
                |state: &State| state.is_over() || state.progress == Progress::At(Stage::Optional);
            let seen = timeout_at(until, state.wait_for(is_enough)).await;
            let Ok(Ok(seen)) = seen.map(|seen| seen.map(|seen| seen.clone())) else {
                return state.borrow().progress.clone();
            };
            if seen.is_over() || timeout(LAST_CHANCE, state.changed()).await.is_err() {
                return seen.progress;
            }
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn accept(
    listener: TcpListener,
    script: Arc<Script>,
    limit: Duration,
    state: watch::Sender<State>,
    calls_are_over: watch::Receiver<bool>,
) {
    let state = Arc::new(state);
    // They end with this task.
    let mut connections = JoinSet::new();
    for number in 0.. {
        let accepted = loop {
            tokio::select! {
                accepted = listener.accept() => break accepted,
                Some(ended) = connections.join_next() => if let Err(error) = ended {
                    // This task ends with it, which whoever waits for the script sees.
                    std::panic::resume_unwind(error.into_panic());
                },
            }
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if connections.len() >= MAX_CONNECTIONS {
            let waited = Waited::ForLess(format!("more than {MAX_CONNECTIONS} connections"));
            let stalled = Stalled { step: None, waited, instead: Vec::new(), is_late: false };
            state.send_modify(|state| {
                state.counts.get_or_insert(number);
                state.progress = Progress::Stalled(stalled);
            });
            continue;
        }
        // Nobody waits for that: it can only make the end less certain.
        state.send_if_modified(|state| {
            state.connections += 1;
            false
        });
        let told = state
            .borrow()
            .is_before_the_script()
            .then(|| Told { number, state: Arc::clone(&state) });
        let mut link = Link::new(stream, &script);
        link.asks_after(calls_are_over.clone());
        let script = Arc::clone(&script);
        connections.spawn(async move { serve(link, &script, limit, told).await });
    }
}

/// Who hears how far the script has come on a connection.
struct Told {
    number: u64,
    state: Arc<watch::Sender<State>>,
}

impl Told {
    /// Connections on which nobody asks for anything count only as long as there is no
    /// other: a client may probe, or connect before it needs to.
    fn tell(&self, link: &Link, progress: Progress) {
        self.change(link, |state| state.progress = progress);
    }

    fn tell_that_it_is_all(&self, link: &Link) {
        self.change(link, |state| state.is_all = true);
    }

    fn change(&self, link: &Link, change: impl FnOnce(&mut State)) {
        self.state.send_if_modified(|state| {
            if !link.seen.streams.is_empty() {
                state.counts.get_or_insert(self.number);
            }
            let before = state.clone();
            if state.counts.is_none_or(|counts| counts == self.number) {
                change(state);
            }
            *state != before
        });
    }
}

/// Plays the script on a connection, or what comes after it, and keeps the connection open
/// until the client leaves.
async fn serve(mut link: Link, script: &Script, limit: Duration, told: Option<Told>) {
    let until = Instant::now() + limit;
    let steps = if told.is_some() { &script.steps } else { &script.steps_again };
    let tell = |link: &Link, progress| {
        if let Some(told) = &told {
            told.tell(link, progress);
        }
    };
    let progress = |link: &Link, stage| tell(link, Progress::At(stage));
    let result = play(&mut link, steps, until, progress).await;
    let progress = match result {
        Ok(()) => Progress::Finished,
        Err(stalled) => match &link.seen.beyond {
            Some(why) => {
                Progress::Stalled(Stalled { waited: Waited::ForLess(why.clone()), ..stalled })
            }
            None if link.seen.streams.is_empty() && link.is_over() => Progress::Alone,
            None => Progress::Stalled(stalled),
        },
    };
    tell(&link, progress);
    while !link.is_over() && link.end_of_all().is_none() {
        link.read().await;
    }
    while let Some(end) = link.end_of_all()
        && timeout_at(end, link.read()).await.is_ok()
        && !link.is_over()
    {}
    if let Some(told) = told.filter(|_| !link.is_over()) {
        told.tell_that_it_is_all(&link);
    }
    while !link.is_over() {
        link.read().await;
    }
}
