//! Makes a peer ready to be started.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::Context;
use crate::{
    child::{Child, Log, Pipes, StopRequest},
    event::Event,
    manifest::{Build, Peer},
    observe::Gone,
    text,
};

/// How long a build that was asked to stop may take to do so.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The programs that a peer needs and that are not on PATH, in words that help.
#[must_use]
pub fn missing_programs(peer: &Peer) -> Option<String> {
    let missing = peer.requires.iter().find(|required| which::which(&required.program).is_err())?;
    Some(format!("{} not found on PATH; {}", missing.program, missing.hint))
}

/// Checks what the peer needs and builds it.
pub(super) async fn prepare(peer: &Peer, context: Context) -> Result<(), String> {
    if let Some(why) = missing_programs(peer) {
        return Err(why);
    }
    let Some(build) = &peer.build else { return Ok(()) };
    context.send(Event::BuildStarted { peer: peer.name.clone() });
    let began = Instant::now();
    let result = run_build(peer, build, context.clone()).await;
    context.send(Event::BuildFinished { peer: peer.name.clone(), took: began.elapsed() });
    result
}

async fn run_build(peer: &Peer, build: &Build, mut context: Context) -> Result<(), String> {
    let path = context.settings.logs.join(format!("build-{}.log", peer.name));
    let command = build.cmd.join(" ");
    let log = Log::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let guard = Arc::clone(&context.settings.guard);
    let (mut child, Pipes { stdin, mut stdout }) =
        Child::spawn(&build.cmd, &peer.folder, log.clone(), guard)
            .map_err(|error| format!("`{command}` could not be started: {error}"))?;
    drop(stdin);
    tokio::spawn(async move {
        while let Some(line) = stdout.next().await {
            log.write(&line.to_string());
        }
    });
    let status = tokio::select! {
        status = timeout(build.timeout, child.ended()) => status,
        () = context.stopped() => {
            child.stop(StopRequest::Terminate, STOP_LIMIT).await;
            return Err("the run was stopped while it was built".to_owned());
        }
    };
    let log_place = path.display();
    match status {
        Ok(Some(status)) if status.success() => {
            child.stop(StopRequest::Finish, STOP_LIMIT).await;
            Ok(())
        }
        Ok(status) => {
            let words = child.words().await;
            let how = Gone::from(status);
            Err(format!("`{command}` {how}{words}; all of it is in {log_place}"))
        }
        Err(_) => {
            let limit = text::duration(build.timeout);
            child.stop(StopRequest::Terminate, STOP_LIMIT).await;
            Err(format!("`{command}` took longer than {limit}; its output is in {log_place}"))
        }
    }
}
