//! A client: a process under test, a program that is run for each call, or the harness itself,
//! which plays scripts.

mod process;
mod program;
mod scripted;

use std::time::Duration;

use process::Process;
use program::Program;
use scripted::Scripted;
use tokio::sync::mpsc;

use super::{
    Setting, StartError,
    protocol::{Errand, Hello, close_line},
};
use crate::{
    child::Stopped,
    feature::ClientFeature,
    manifest::ClientSpec,
    observe::{Answer, Death, Misstep, Played, Words},
    suite::Call,
};

/// A client that has introduced itself.
#[derive(Debug)]
pub struct Client(Kind);

#[derive(Debug)]
enum Kind {
    Process(Box<Process>),
    Program(Box<Program>),
    Scripted(Scripted),
}

/// What a client did.
#[derive(Debug)]
pub enum ClientEvent {
    /// It answered a call.
    Answered {
        /// The call's.
        id: u64,
        /// What it reported.
        answer: Answer,
    },
    /// It has played a script.
    Played {
        /// The call's.
        id: u64,
        /// What it saw.
        played: Box<Played>,
    },
    /// It is a program, and has ended.
    Ran {
        /// The call's.
        id: u64,
        /// How it ended, and what it said.
        death: Death,
    },
    /// It would not make a call.
    Refused {
        /// The call's.
        id: u64,
        /// Its words.
        why: String,
    },
    /// The program in its place could not be started.
    NotStarted {
        /// The call's.
        id: u64,
        /// Why not.
        why: String,
    },
    /// It broke the protocol.
    Malformed {
        /// The id in its line, if there is one.
        id: Option<u64>,
        /// How.
        misstep: Misstep,
    },
    /// It is gone, or cannot be heard any more.
    Ended {
        /// How it ended.
        death: Death,
    },
}

impl Client {
    /// Starts a client and exchanges introductions.
    ///
    /// # Errors
    /// It could not be started, ended first, took too long, or does not speak
    /// this protocol.
    pub async fn start(spec: &ClientSpec, setting: Setting<'_>) -> Result<Self, StartError> {
        match spec {
            ClientSpec::Command { cmd } => {
                let process = Process::start(cmd, setting).await?;
                Ok(Self(Kind::Process(Box::new(process))))
            }
            ClientSpec::Program(program) => {
                Ok(Self(Kind::Program(Box::new(Program::new(program, setting)))))
            }
            ClientSpec::Scripted => Ok(Self(Kind::Scripted(Scripted::new()))),
        }
    }

    /// What it said of itself.
    #[must_use]
    pub const fn hello(&self) -> &Hello {
        match &self.0 {
            Kind::Process(process) => &process.hello,
            Kind::Program(program) => &program.hello,
            Kind::Scripted(scripted) => &scripted.hello,
        }
    }

    /// Hands the client a call.
    pub fn call(&mut self, errand: Errand<'_>, call: &Call) {
        match &mut self.0 {
            Kind::Process(process) => process.call(errand, call),
            Kind::Program(program) => program.call(errand),
            Kind::Scripted(scripted) => scripted.call(errand, call),
        }
    }

    /// What can have the client close connections later.
    #[must_use]
    pub fn closer(&self) -> Closer {
        match &self.0 {
            Kind::Process(process) if self.has_feature(ClientFeature::Close) => {
                Closer(Some(process.requests()))
            }
            // A script closes its own.
            _ => Closer(None),
        }
    }

    /// Whether the client announced a feature.
    #[must_use]
    pub fn has_feature(&self, feature: ClientFeature) -> bool {
        self.hello().features.contains(&feature)
    }

    /// The next thing that the client does. Safe to cancel.
    pub async fn next(&mut self) -> ClientEvent {
        match &mut self.0 {
            Kind::Process(process) => process.next().await,
            Kind::Program(program) => program.next().await,
            Kind::Scripted(scripted) => scripted.next().await,
        }
    }

    /// How it ended, if it is known to have: what it may have said last is not
    /// waited for.
    pub async fn death(&mut self) -> Option<Death> {
        match &mut self.0 {
            Kind::Process(process) => process.death().await,
            Kind::Program(_) | Kind::Scripted(_) => None,
        }
    }

    /// What it has said beside its answers.
    pub async fn words(&mut self) -> Words {
        match &mut self.0 {
            Kind::Process(process) => process.words().await,
            Kind::Program(_) | Kind::Scripted(_) => Words::default(),
        }
    }

    /// What a silent client may have meant to say: lines that were no JSON, or one
    /// that has not ended.
    #[must_use]
    pub fn stray_output(&self) -> Option<String> {
        match &self.0 {
            Kind::Process(process) => process.stray_output(),
            Kind::Program(_) | Kind::Scripted(_) => None,
        }
    }

    /// Closes the client's stdin, which tells it to finish, and collects what it
    /// still says. `None` instead of how it stopped for one that is no process.
    pub async fn finish(self, limit: Duration) -> (Vec<ClientEvent>, Option<Stopped>) {
        match self.0 {
            Kind::Process(process) => {
                let (late, stopped) = process.finish(limit).await;
                (late, Some(stopped))
            }
            Kind::Program(_) | Kind::Scripted(_) => (Vec::new(), None),
        }
    }

    /// Kills the client without asking.
    pub async fn kill(self) {
        if let Kind::Process(process) = self.0 {
            process.kill().await;
        }
    }
}

/// Has a client close connections, if it knows how and still runs.
#[derive(Debug)]
pub struct Closer(Option<mpsc::WeakUnboundedSender<String>>);

impl Closer {
    /// Has it close those to a target.
    pub fn close(&self, target: &str) {
        if let Some(requests) = self.0.as_ref().and_then(mpsc::WeakUnboundedSender::upgrade) {
            // A failed send means that the client is gone, and its connections with it.
            let _ = requests.send(close_line(target));
        }
    }
}
