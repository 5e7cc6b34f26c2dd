//! A server under test, from its start to its stop.

use std::{io, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    net::TcpListener,
    process::{ChildStdin, ChildStdout},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    Setting, StartError, loopback,
    protocol::{Ready, ReadyLine},
};
use crate::{
    address::{Address, Stream},
    child::{Child, Line, Lines, Log, MemoryMark, Pipes, StopRequest, Stopped},
    guard::Guard,
    identity::Identity,
    manifest::{Over, ServerStart},
    observe::{Death, Gone, Words},
    text,
};

/// How often to try whether a server that says nothing accepts connections.
const CONNECT_POLL: Duration = Duration::from_millis(20);

/// How long one connection attempt on loopback may take; a listening socket
/// accepts in microseconds, unless its queue is full.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// How long a server that accepted may take to say something. HTTP/2 servers
/// speak first, in less than a millisecond; of another it is only seen that it
/// keeps the connection, which a dying process does for microseconds, if nobody
/// else needs the core.
const SPEAKS_FIRST_LIMIT: Duration = Duration::from_secs(1);

/// How soon the end of a process is told that may be dying, where nothing else tells.
const SOON: Duration = Duration::from_millis(50);

/// How long a server that no longer accepts may take to be reaped, so that the
/// report can say how it ended.
const DYING_LIMIT: Duration = Duration::from_secs(2);

/// How a server is to serve.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// Where it listens, if its command leaves that open.
    pub over: Over,
    /// What follows its command's own words; their placeholders are filled in.
    pub words: &'a [String],
    /// Whether those have it serve TLS.
    pub is_encrypted: bool,
}

/// A server that is ready.
#[derive(Debug)]
pub struct Server {
    /// Where it listens; `None` for the harness itself, which listens anew for each script.
    pub address: Option<Address>,
    /// What it says it is made of.
    pub identity: Option<Identity>,
    /// Whether other machines reach it too, as far as the system tells. Not asked of one
    /// that runs elsewhere.
    pub is_open_to_all: bool,
    process: Option<Running>,
    /// Whether it says something on a new connection before its client does, as HTTP/2
    /// without TLS wants it.
    speaks_first: bool,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Held open: its end tells the server to stop.
    stdin: ChildStdin,
}

impl Server {
    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    /// It could not be started, ended first, or took too long.
    pub async fn start(
        start: &ServerStart,
        manner: Manner<'_>,
        setting: Setting<'_>,
    ) -> Result<Self, StartError> {
        match start {
            ServerStart::Announces { cmd } => {
                let socket = setting.guard.new_socket();
                let socket = socket.to_string_lossy();
                let listen = match manner.over {
                    Over::Ipv4 => "127.0.0.1:0".to_owned(),
                    Over::Ipv6 => "[::1]:0".to_owned(),
                    Over::Unix => format!("unix:{socket}"),
                };
                let placeholders = [("{listen}", &*listen), ("{port}", "0"), ("{socket}", &socket)];
                let cmd = fill(cmd, manner.words, &placeholders);
                let mut started = Started::spawn(&cmd, &setting)?;
                let limit = setting.limits.start;
                let ready = started.ready_line(limit).await?;
                let identity = ready.identity();
                let address = loopback::announced(&ready.address, setting.guard.folder())
                    .and_then(|address| is_asked(address, manner.over))
                    .map_err(|why| StartError::Announcement { why })?;
                Ok(Self { identity, ..started.ready(address, manner, setting.log) })
            }
            ServerStart::AcceptsOnFreePort { cmd } => {
                let address = free_address(manner.over, &setting.guard)
                    .await
                    .map_err(|source| StartError::Spawn { program: cmd[0].clone(), source })?;
                Self::accepting(cmd, address, manner, setting).await
            }
            ServerStart::AcceptsAt { cmd, address } => {
                let address = find(address).await?;
                if connect(&address).await.is_ok() {
                    return Err(StartError::AddressTaken { address: address.to_string() });
                }
                Self::accepting(cmd, address, manner, setting).await
            }
            ServerStart::Scripted => Ok(Self::elsewhere(None)),
            ServerStart::RunsAt { address } => {
                let address = find(address).await?;
                match connect(&address).await {
                    Ok(_) => Ok(Self::elsewhere(Some(address))),
                    Err(source) => {
                        Err(StartError::NotThere { address: address.to_string(), source })
                    }
                }
            }
        }
    }

    /// Starts one that says nothing, and waits until it accepts.
    async fn accepting(
        cmd: &[String],
        address: Address,
        manner: Manner<'_>,
        setting: Setting<'_>,
    ) -> Result<Self, StartError> {
        let listen = address.to_string();
        let port = listen.rsplit_once(':').map_or("", |(_, port)| port);
        let cmd = fill(cmd, manner.words, &[("{listen}", &listen), ("{port}", port)]);
        let mut started = Started::spawn(&cmd, &setting)?;
        started.accepts(&address, setting.limits.start).await?;
        Ok(started.ready(address, manner, setting.log))
    }

    /// One that is no process of this run's, without TLS.
    const fn elsewhere(address: Option<Address>) -> Self {
        Self { address, identity: None, is_open_to_all: false, process: None, speaks_first: true }
    }

    /// Waits until the server's process ends, and says how. One that runs
    /// elsewhere never does. Safe to cancel.
    pub async fn ended(&mut self) -> Death {
        match &mut self.process {
            Some(running) => {
                let status = running.child.ended().await;
                Death { how: status.into(), words: running.child.words().await }
            }
            None => std::future::pending().await,
        }
    }

    /// Marks how much memory its process holds now; `None` if it runs elsewhere, or
    /// the system does not tell.
    #[must_use]
    pub fn mark_memory(&self) -> Option<MemoryMark> {
        self.process.as_ref()?.child.mark_memory()
    }

    /// How it ended, if it is known to have.
    pub async fn death(&mut self) -> Option<Death> {
        self.process.as_ref()?.child.status()?;
        Some(self.ended().await)
    }

    /// Whether the server is dead or no longer accepts connections, and how it
    /// ended. A client may learn of its death before the system tells us.
    pub async fn is_gone(&mut self) -> Option<Death> {
        let address = self.address.clone()?;
        let refusal = match connect(&address).await {
            Err(error) => Some(error),
            // A process that dies just now accepts, too: its end is told soon.
            Ok(_) if !self.speaks_first => return timeout(SOON, self.ended()).await.ok(),
            Ok(stream) => {
                if is_held(stream).await {
                    return None;
                }
                None
            }
        };
        if let Ok(how) = timeout(DYING_LIMIT, self.ended()).await {
            return Some(how);
        }
        let refusal = match refusal {
            Some(error) => error,
            None => connect(&address).await.err()?,
        };
        let how = Gone::Refuses { address: address.to_string(), why: refusal.to_string() };
        Some(Death { how, words: self.words().await })
    }

    /// What its process has said.
    pub async fn words(&mut self) -> Words {
        match &mut self.process {
            Some(running) => running.child.words().await,
            None => Words::default(),
        }
    }

    /// Stops the server's process; `None` if it runs elsewhere.
    pub async fn stop(self, limit: Duration) -> Option<Stopped> {
        let Running { child, stdin } = self.process?;
        drop(stdin);
        Some(child.stop(StopRequest::Terminate, limit).await)
    }

    /// Kills the server's process without asking.
    pub async fn kill(self) {
        if let Some(running) = self.process {
            running.child.kill().await;
        }
    }
}

/// A server that was started and is not known to be ready.
struct Started {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<ChildStdout>,
    log: Log,
}

impl Started {
    fn spawn(cmd: &[String], setting: &Setting<'_>) -> Result<Self, StartError> {
        let log = setting.log.clone();
        let guard = std::sync::Arc::clone(&setting.guard);
        let (child, Pipes { stdin, stdout }) =
            Child::spawn(cmd, setting.folder, log.clone(), guard)
                .map_err(|source| StartError::Spawn { program: cmd[0].clone(), source })?;
        Ok(Self { child, stdin, stdout, log })
    }

    /// Reads stdout until the ready line.
    async fn ready_line(&mut self, limit: Duration) -> Result<Ready, StartError> {
        let found = timeout(limit, async {
            while let Some(line) = self.stdout.next().await {
                let Line::Whole(bytes) = &line else { continue };
                match serde_json::from_slice::<ReadyLine>(bytes) {
                    Ok(line) => return Some(line.ready),
                    Err(_) => self.log.write(&format!("stdout: {line}")),
                }
            }
            None
        })
        .await;
        match found {
            Ok(Some(ready)) => Ok(ready),
            Ok(None) => match timeout(DYING_LIMIT, self.child.ended()).await {
                Ok(status) => Err(self.ended(Gone::from(status).to_string()).await),
                Err(_) => Err(self.ended(Gone::ClosedStdout.to_string()).await),
            },
            Err(_) => Err(self.not_ready(limit, "no ready line on stdout").await),
        }
    }

    /// Tries the address until it accepts.
    async fn accepts(&mut self, address: &Address, limit: Duration) -> Result<(), StartError> {
        let deadline = Instant::now() + limit;
        loop {
            if connect(address).await.is_ok() {
                return Ok(());
            }
            let pause = sleep(CONNECT_POLL);
            tokio::select! {
                status = self.child.ended() => return Err(self.ended(Gone::from(status).to_string()).await),
                () = pause => {}
            }
            if Instant::now() >= deadline {
                return Err(self.not_ready(limit, "its port accepts no connection").await);
            }
        }
    }

    fn ready(self, address: Address, manner: Manner<'_>, log: Log) -> Server {
        let Self { child, stdin, mut stdout, .. } = self;
        // Drained to the end, so that a server that prints never blocks.
        tokio::spawn(async move {
            while let Some(line) = stdout.next().await {
                log.write(&format!("stdout: {line}"));
            }
        });
        Server {
            is_open_to_all: address.port().is_some_and(loopback::is_open_to_all),
            address: Some(address),
            identity: None,
            process: Some(Running { child, stdin }),
            speaks_first: !manner.is_encrypted,
        }
    }

    async fn ended(&mut self, how: String) -> StartError {
        StartError::Ended { how, words: self.child.words().await }
    }

    async fn not_ready(&mut self, limit: Duration, waited_for: &'static str) -> StartError {
        let words = self.child.words().await;
        StartError::NotReady { limit: text::duration(limit), waited_for, words }
    }
}

/// An address of the kind that was asked for. A command without `{listen}` chooses by itself,
/// which is right where nobody asked for another kind than IPv4.
fn is_asked(address: Address, over: Over) -> Result<Address, String> {
    let is_it = over.is_ordinary() || address.over() == over;
    let why = || format!("`{address}` is not over {over}, as `{{listen}}` in its command asked");
    if is_it { Ok(address) } else { Err(why()) }
}

/// A command with what stands for its placeholders, and more words after it.
fn fill(cmd: &[String], words: &[String], placeholders: &[(&str, &str)]) -> Vec<String> {
    let filled = |word: &String| {
        let fill = |word: String, (name, value): &(&str, &str)| word.replace(name, value);
        placeholders.iter().fold(word.clone(), fill)
    };
    cmd.iter().map(filled).chain(words.iter().cloned()).collect()
}

/// A loopback address with a port that was free a moment ago. Somebody may take
/// it meanwhile; a server that announces itself has no such gap.
async fn free_address(over: Over, guard: &Guard) -> io::Result<Address> {
    let host = match over {
        Over::Ipv4 => "127.0.0.1",
        Over::Ipv6 => "::1",
        Over::Unix => return Ok(guard.new_socket().as_path().into()),
    };
    Ok(TcpListener::bind((host, 0)).await?.local_addr()?.into())
}

async fn find(address: &str) -> Result<Address, StartError> {
    let not_there = |source| StartError::NotThere { address: address.to_owned(), source };
    let found = timeout(CONNECT_LIMIT, Address::find(address)).await;
    found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(not_there)
}

async fn connect(address: &Address) -> io::Result<Stream> {
    timeout_at(Instant::now() + CONNECT_LIMIT, address.connect())
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Whether the server speaks on a connection or at least leaves it open.
///
/// The system closes a dying process's connections one by one, the listening
/// socket among them in no order to rely on: until then it accepts for the dead.
async fn is_held(mut stream: Stream) -> bool {
    match timeout(SPEAKS_FIRST_LIMIT, stream.read(&mut [0])).await {
        Ok(Ok(bytes)) => bytes > 0,
        Ok(Err(_)) => false,
        Err(_) => true,
    }
}
