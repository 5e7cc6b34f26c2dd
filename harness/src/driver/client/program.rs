//! A client that is just a program: a process for each call, which knows nothing of the peer
//! protocol. Its exit status is what came of it.

use std::{path::PathBuf, sync::Arc};

use tokio::{task::JoinSet, time::timeout};

use super::ClientEvent;
use crate::{
    child::{Child, LAST_WORDS_LIMIT, Log},
    driver::{
        Setting,
        protocol::{Errand, Hello, VERSION},
    },
    feature::ClientFeature,
    guard::Guard,
    manifest::Program as Spec,
    observe::Death,
};

/// One process at a time: what it says goes to one log, and is quoted when it fails.
const MAX_AT_ONCE: usize = 1;

/// A program that is run once for each call. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) hello: Hello,
    exec: Vec<String>,
    folder: PathBuf,
    log: Log,
    guard: Arc<Guard>,
    running: JoinSet<ClientEvent>,
}

impl Program {
    pub(super) fn new(spec: &Spec, setting: Setting<'_>) -> Self {
        let hello = Hello {
            protocol: VERSION,
            // Whose program it is, the manifest says.
            implementation: spec.exec[0].clone(),
            version: String::new(),
            features: ClientFeature::ALL.to_vec(),
            max_in_flight: MAX_AT_ONCE,
        };
        let (exec, folder) = (spec.exec.clone(), setting.folder.to_owned());
        let (log, guard, running) = (setting.log, setting.guard, JoinSet::new());
        Self { hello, exec, folder, log, guard, running }
    }

    /// Runs the program for the call's case.
    pub(super) fn call(&mut self, errand: Errand<'_>) {
        let Some(run) = &errand.case.program else { return };
        let (host, port) = errand.target.rsplit_once(':').unwrap_or((errand.target, ""));
        let fill = |word: &String| {
            let word = word.replace("{host}", host).replace("{port}", port);
            word.replace("{target}", errand.target).replace("{case}", &run.case)
        };
        let cmd: Vec<String> = self.exec.iter().map(fill).collect();
        let (folder, log, guard) = (self.folder.clone(), self.log.clone(), Arc::clone(&self.guard));
        let id = errand.id;
        self.running.spawn(async move {
            match ended(&cmd, folder, log, guard).await {
                Ok(death) => ClientEvent::Ran { id, death },
                Err(error) => {
                    let why = format!("`{}` could not be started: {error}", cmd[0]);
                    ClientEvent::NotStarted { id, why }
                }
            }
        });
    }

    /// The end of the program that runs. Safe to cancel.
    pub(super) async fn next(&mut self) -> ClientEvent {
        match self.running.join_next().await {
            Some(Ok(event)) => event,
            // A defect of ours must not be taken for the program's.
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            None => std::future::pending().await,
        }
    }
}

/// How a program ended, and what it said on either output. How long it may take, the call's
/// timeout says: when that is over, this is dropped, and the program killed.
async fn ended(
    cmd: &[String],
    folder: PathBuf,
    log: Log,
    guard: Arc<Guard>,
) -> std::io::Result<Death> {
    let (mut child, pipes) = Child::spawn(cmd, &folder, log.clone(), guard)?;
    drop(pipes.stdin);
    let mut stdout = pipes.stdout;
    let mut heard = tokio::spawn(async move {
        while let Some(line) = stdout.next().await {
            log.write(&line.to_string());
        }
    });
    let status = child.ended().await;
    // What it said last is in the pipe; only a process that it has started holds that open.
    let _ = timeout(LAST_WORDS_LIMIT, &mut heard).await;
    let words = child.words().await;
    // What it has started goes with it.
    child.kill().await;
    heard.abort();
    Ok(Death { how: status.into(), words })
}
