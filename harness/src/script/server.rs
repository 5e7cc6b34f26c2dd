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
use crate::suite::{Script, Step};

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
    script: Arc<Script>,
    progress: watch::Receiver<Progress>,
    running: AbortHandle,
}

/// How far the script has come on the connection that counts: the first on which the
/// client asked for something, or the script came to its end without.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// There is no connection.
    Alone,
    /// It plays, and is at the step with this index.
    Playing(usize),
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
        let accept = accept(listener, Arc::clone(&script), limit, sender);
        let running = tokio::spawn(accept).abort_handle();
        Ok(Self { address, script, progress, running })
    }

    /// Why the script did not come to its end, once it is over or the limit is: in words
    /// that follow "the script".
    pub async fn stalled(&self, limit: Duration) -> Option<String> {
        let mut progress = self.progress.clone();
        let is_over =
            |progress: &Progress| matches!(progress, Progress::Finished | Progress::Stalled(_));
        let _ = timeout(limit, progress.wait_for(is_over)).await;
        // A defect of ours must not be taken for the client's.
        assert!(!self.running.is_finished(), "a scripted server ended before its time");
        let progress = progress.borrow().clone();
        match progress {
            Progress::Finished => None,
            Progress::Alone => Some("waited in vain for a connection".to_owned()),
            Progress::Playing(index) => Some(match self.script.steps.get(index) {
                Some(Step::WaitFor(awaited)) => {
                    format!("waited in vain for {awaited} (step {index})")
                }
                Some(step) => format!("did not come to its end: {step} (step {index})"),
                None => "did not come to its end".to_owned(),
            }),
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
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => match ended {
                Ok(()) => continue,
                // This task ends with it, which whoever waits for the script sees.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if connections.len() >= MAX_CONNECTIONS {
            continue;
        }
        let is_first = *progress.borrow() == Progress::Alone;
        let (script, progress) = (Arc::clone(&script), Arc::clone(&progress));
        if is_first {
            progress.send_replace(Progress::Playing(0));
        }
        let told = is_first.then_some(progress);
        connections.spawn(async move { serve(stream, &script, limit, told.as_deref()).await });
    }
}

/// Plays the script on a connection, and keeps it open until the client leaves.
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
    let mut link = Link::new(stream, script);
    let steps = if told.is_some() { &script.steps } else { &script.steps_again };
    let progress = |stage| {
        tell(match stage {
            Stage::At(index) => Progress::Playing(index),
            Stage::Enough => Progress::Finished,
        });
    };
    let result = play(&mut link, steps, until, progress).await;
    tell(match result {
        Ok(()) => Progress::Finished,
        // It left before it asked for anything: it may be probing, and come again.
        Err(_) if link.seen.streams.is_empty() && link.is_over() => Progress::Alone,
        Err(stalled) => Progress::Stalled(stalled.why),
    });
    while !link.is_over() {
        link.read().await;
    }
}
