//! The harness as a server.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout},
};

use super::{
    link::Link,
    play::{Stage, play},
};
use crate::suite::{Awaited, Script};

/// How long to leave a listener alone that gives an error, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How many connections are served at once. A client that makes more of them for one
/// trial is refused.
const MAX_CONNECTIONS: usize = 64;

/// A server that plays one case's script. Dropped, it closes its port and connections.
#[derive(Debug)]
pub struct ScriptedServer {
    /// Where it listens, `HOST:PORT`.
    pub address: String,
    progress: watch::Receiver<Progress>,
    running: AbortHandle,
}

/// How far the script of the first connection has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// Nobody has connected.
    Alone,
    /// It plays, and waits for this.
    Playing(Option<Awaited>),
    /// It came to its end.
    Finished,
    /// It did not.
    Stalled(String),
}

impl ScriptedServer {
    /// Listens on a free port of loopback. Each connection may take so long.
    ///
    /// # Errors
    /// The system gives no port.
    pub async fn start(script: Arc<Script>, limit: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (sender, progress) = watch::channel(Progress::Alone);
        let running = tokio::spawn(accept(listener, script, limit, sender)).abort_handle();
        Ok(Self { address, progress, running })
    }

    /// What the script waited for in vain, once it is over or the limit is: in words that
    /// follow "the script".
    pub async fn stalled(&self, limit: Duration) -> Option<String> {
        let mut progress = self.progress.clone();
        let is_over =
            |progress: &Progress| matches!(progress, Progress::Finished | Progress::Stalled(_));
        let _ = timeout(limit, progress.wait_for(is_over)).await;
        let progress = progress.borrow().clone();
        match progress {
            Progress::Finished | Progress::Playing(None) => None,
            Progress::Alone => Some("waited in vain for a connection".to_owned()),
            Progress::Playing(Some(awaited)) => Some(format!("waited in vain for {awaited}")),
            Progress::Stalled(why) => Some(why),
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
    progress: watch::Sender<Progress>,
) {
    let progress = Arc::new(progress);
    // They end with this task.
    let mut connections = JoinSet::new();
    let mut is_first = true;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if connections.len() >= MAX_CONNECTIONS {
            continue;
        }
        let (script, progress) = (Arc::clone(&script), Arc::clone(&progress));
        let told = std::mem::take(&mut is_first).then_some(progress);
        connections.spawn(async move { serve(stream, &script, limit, told.as_deref()).await });
    }
}

/// Plays the script on a connection, and keeps it open until the client leaves. Only
/// the first one's progress is told: a client may connect again and ask for nothing.
async fn serve(
    stream: TcpStream,
    script: &Script,
    limit: Duration,
    told: Option<&watch::Sender<Progress>>,
) {
    let until = Instant::now() + limit;
    let tell = |progress| {
        if let Some(told) = told {
            told.send_replace(progress);
        }
    };
    tell(Progress::Playing(None));
    let mut link = Link::new(stream, script);
    let steps = if told.is_some() { &script.steps } else { &script.steps_again };
    let progress = |stage| {
        tell(match stage {
            Stage::Busy => Progress::Playing(None),
            Stage::Waiting(awaited) => Progress::Playing(Some(awaited)),
            Stage::Enough => Progress::Finished,
        });
    };
    let result = play(&mut link, steps, until, progress).await;
    tell(match result {
        Ok(()) => Progress::Finished,
        Err(stalled) => Progress::Stalled(stalled.why),
    });
    while !link.is_over() {
        link.read().await;
    }
}
