use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// What asks this process to stop: SIGTERM, SIGINT, and the end of stdin if
/// stdin is a pipe.
///
/// Whoever holds the other end of such a pipe ends the server by ending itself.
/// A terminal, a file or `/dev/null` is nobody's end: those are not watched.
#[derive(Debug)]
pub struct StopRequests {
    terminate: Signal,
    interrupt: Signal,
    input_end: Option<oneshot::Receiver<()>>,
}

impl StopRequests {
    /// Starts to watch, so that no request after this call is missed.
    ///
    /// # Errors
    ///
    /// When the operating system refuses to tell of signals, or what stdin is.
    pub fn watch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            input_end: if stdin_is_pipe()? { Some(watch_stdin()?) } else { None },
        })
    }

    /// Waits for the first request.
    pub async fn first(mut self) {
        let input_end = async {
            match self.input_end {
                // An error means that the thread is gone, and stdin with it.
                Some(end) => drop(end.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = input_end => {}
        }
    }
}

fn stdin_is_pipe() -> io::Result<bool> {
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(stdin.metadata()?.file_type().is_fifo())
}

/// Reads on a thread of its own: a read of stdin cannot be cancelled, and the
/// runtime would wait for one of its own threads when the server ends.
fn watch_stdin() -> io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // What is written there means nothing, and a pipe that cannot be
        // read any more has ended, too.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    })?;
    Ok(end)
}
