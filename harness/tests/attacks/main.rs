//! Attacks on each server of this repository, while a client that does nothing wrong
//! makes its calls: how much memory the server's process comes to hold, and how long
//! that client waits. The Rust server is held to a bound; all servers must answer
//! afterwards. `make attack` prints the table.

mod attack;
mod bystander;

use std::{
    fmt,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crosswire::{
    child::Log,
    driver::{Manner, Server, Setting},
    guard::Guard,
    manifest::{Limits, Manifest, Over, Peer, ServerStart},
};

use attack::{ATTACKS, Attack};
use bystander::{Bystander, Served};

/// What is asked: the first two numbers.
const CALL: &[u8] = &[0, 0, 0, 0, 2, 8, 2];

/// How long each attack goes on. What the Rust server holds at its highest, it holds
/// within one.
const ATTACK: Duration = Duration::from_secs(2);

/// By how much the Rust server may grow: twice what it holds for clients that do not
/// read, for what it has in hand.
const MOST_GROWTH_BYTES: u64 = 512 << 20;

/// The fields of a request.
fn request() -> Vec<(&'static str, &'static str)> {
    vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/FibonacciService/GetSequence"),
        (":authority", "127.0.0.1"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
}

/// A server under one attack.
struct Figures {
    growth_bytes: u64,
    served: Served,
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} MiB, ", self.growth_bytes >> 20)?;
        match self.served.median() {
            Some(median) => write!(formatter, "{:.2} ms", median.as_secs_f64() * 1e3)?,
            None => formatter.write_str("no answer")?,
        }
        match self.served.failures.len() {
            0 => Ok(()),
            failures => write!(formatter, ", {failures} failed"),
        }
    }
}

#[tokio::test]
#[ignore = "takes two minutes and all three servers: make attack"]
async fn servers_bear_attacks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let manifest = Manifest::load(&root.join("crosswire.toml")).unwrap();
    // A peer for some suites alone need not have the service that is asked.
    let has_all = |peer: &&Arc<Peer>| peer.suites.is_none();
    let servers: Vec<_> = manifest
        .peers
        .iter()
        .filter(has_all)
        .filter_map(|peer| Some((peer.name.as_str(), &peer.server.as_ref()?.start)))
        .collect();
    let mut table = format!("| attack |{}\n", row(servers.iter().map(|(name, _)| name)));
    table += &format!("| --- |{}\n", row(servers.iter().map(|_| "--:")));
    let mut of_rust = Vec::new();
    for attack in std::iter::once(None).chain(ATTACKS.iter().map(Some)) {
        let mut figures = Vec::new();
        for (_, start) in &servers {
            figures.push(attacked(&root, start, attack).await);
        }
        let name = attack.map_or("none", |attack| attack.name);
        table += &format!("| {name} |{}\n", row(&figures));
        let rust = servers.iter().position(|(name, _)| *name == "rust").unwrap();
        of_rust.push((name, figures.swap_remove(rust)));
    }
    println!("{table}");
    for (name, Figures { growth_bytes, served }) in of_rust {
        assert!(growth_bytes < MOST_GROWTH_BYTES, "{name}: {growth_bytes}");
        assert!(served.failures.is_empty(), "{name}: {:?}", served.failures);
    }
}

fn row(cells: impl IntoIterator<Item = impl fmt::Display>) -> String {
    cells.into_iter().map(|cell| format!(" {cell} |")).collect()
}

/// Attacks a server of its own, and asks it once more afterwards.
async fn attacked(root: &Path, start: &ServerStart, attack: Option<&'static Attack>) -> Figures {
    let logs = tempfile::tempdir().unwrap();
    let setting = Setting {
        folder: root,
        log: Log::create(&logs.path().join("server.log")).unwrap(),
        guard: Arc::new(Guard::alone()),
        limits: Limits::default(),
    };
    let manner = Manner { over: Over::Ipv4, words: &[], is_encrypted: false };
    let server = Server::start(start, manner, setting).await.unwrap();
    let address = server.address.clone().unwrap().to_string();
    // What it needs for its first call is no attack's doing.
    Bystander::call(&mut None, &address).unwrap();
    let mark = server.mark_memory().unwrap();
    let work = tokio::task::spawn_blocking(move || {
        let until = Instant::now() + ATTACK;
        let served = thread::scope(|scope| {
            if let Some(attack) = attack {
                scope.spawn(|| attack.run(&address, until));
            }
            Served::until(&address, until)
        });
        Bystander::call(&mut None, &address).unwrap();
        served
    });
    let served = work.await.unwrap();
    let growth_bytes = mark.growth_bytes().unwrap();
    server.kill().await;
    Figures { growth_bytes, served }
}
