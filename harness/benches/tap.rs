//! What watching the wire costs: calls a second of the Rust client to the Rust server,
//! 64 at a time, with nothing between them, with a plain forwarder, and with the tap
//! and every rule. The three take turns, so that their ratios hold on a busy machine:
//! `make bench`.

use std::{
    error::Error,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crosswire::{
    driver::{Client, ClientEvent, Errand, Server, Setting},
    guard::{self, Guard},
    judge::{Strictness, judge},
    manifest::{ClientSpec, Limits, ServerStart},
    observe::{Observation, Outcome, Wire},
    project::Project,
    suite::Case,
    tap::{Behaviour, Key, Tap},
    wire::transcript::CALL_ENTRY,
};
use tokio::net::{TcpListener, TcpStream};

/// How many calls are in flight.
const IN_FLIGHT: u64 = 64;

/// How many calls make a turn: about a second.
const CALLS: u64 = 8_000;

/// How many turns each way of connecting gets; the median counts.
const TURNS: usize = 9;

/// A small Detect.
const CASE: &str = "outliers/detect/prose-example";

/// What stands between the client and the server.
#[derive(Debug, Clone, Copy)]
enum Between {
    Nothing,
    Forwarder,
    Tap,
}

const WAYS: [Between; 3] = [Between::Nothing, Between::Forwarder, Between::Tap];

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some(guard::SUBCOMMAND) {
        guard::main();
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let project = Project::load(Some(&root.join("crosswire.toml")))?;
    let case = project.cases().iter().find(|case| case.name == CASE).cloned();
    let case = case.ok_or("the case is gone")?;
    let logs = tempfile::tempdir()?;
    let guard = Arc::new(Guard::start()?);
    let setting = |name: &str| -> std::io::Result<Setting<'_>> {
        let log = crosswire::child::Log::create(&logs.path().join(name))?;
        Ok(Setting { folder: &root, log, guard: Arc::clone(&guard), limits: Limits::default() })
    };
    let program = |name: &str| -> PathBuf { root.join("target/release").join(name) };
    let command = |name: &str, words: &[&str]| -> Vec<String> {
        let program = program(name).display().to_string();
        std::iter::once(program).chain(words.iter().map(|word| (*word).to_owned())).collect()
    };
    let start = ServerStart::Announces { cmd: command("server", &["--listen", "{listen}"]) };
    let server = Server::start(&start, &[], setting("server")?).await?;
    let client = ClientSpec { cmd: command("client", &["drive"]) };
    let mut client = Client::start(&client, setting("client")?).await?;

    let forwarder = forward(server.address.parse()?)?.to_string();
    let tap = Tap::start(&server.address, Behaviour::default()).await?;
    let tapped = tap.address().to_string();
    let mut rates: [Vec<f64>; 3] = Default::default();
    let mut next_id = 1;
    for turn in 0..=TURNS {
        for (way, rates) in WAYS.iter().zip(&mut rates) {
            let (target, tap) = match way {
                Between::Nothing => (&server.address, None),
                Between::Forwarder => (&forwarder, None),
                Between::Tap => (&tapped, Some(&tap)),
            };
            let rate = turn_of_calls(&mut client, &case, target, tap, &mut next_id).await?;
            // The first turn opens connections and warms everything up.
            if turn > 0 {
                rates.push(rate);
            }
        }
    }
    let medians = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    for (way, median) in WAYS.iter().zip(medians) {
        println!(
            "{way:?}: {median:.0} calls a second, {:.0} % of the forwarder's",
            100.0 * median / medians[1]
        );
    }
    client.kill().await;
    server.kill().await;
    Ok(())
}

/// Makes the calls of one turn, and judges each as a run does.
async fn turn_of_calls(
    client: &mut Client,
    case: &Case,
    target: &str,
    tap: Option<&Tap>,
    next_id: &mut u64,
) -> Result<f64, Box<dyn Error>> {
    let first = *next_id;
    let end = first + CALLS;
    let call = |client: &Client, id: u64| {
        let value = id.to_string();
        let mark = tap.map(|_| (CALL_ENTRY, value.as_str()));
        client.call(Errand { id, case: &case.name, target, mark, tls: None }, &case.calls[0]);
    };
    let began = Instant::now();
    for id in first..first + IN_FLIGHT {
        call(client, id);
    }
    *next_id = first + IN_FLIGHT;
    for _ in 0..CALLS {
        let event = client.next().await;
        let ClientEvent::Answered { id, answer } = event else {
            return Err(format!("no answer: {event:?}").into());
        };
        if *next_id < end {
            call(client, *next_id);
            *next_id += 1;
        }
        let wire = match tap {
            Some(tap) => {
                let seen = tap.take(Key::Call(id), Duration::from_secs(2)).await;
                Some(Wire { calls: vec![seen.transcripts], ..Wire::default() })
            }
            None => None,
        };
        let outcome = Outcome::Answered(vec![answer]);
        let observation = Observation { wire, ..Observation::of(outcome) };
        let judgement = judge(case, &observation, None, Strictness::Must);
        if !judgement.reason.is_empty() {
            return Err(judgement.reason.into());
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand calls")]
    Ok(CALLS as f64 / began.elapsed().as_secs_f64())
}

/// Passes bytes on, on a thread of its own, as the tap does.
fn forward(server: SocketAddr) -> std::io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (mut client, _) = listener.accept().await?;
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await?;
                    client.set_nodelay(true)?;
                    server.set_nodelay(true)?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
            #[expect(unreachable_code, reason = "it names the block's type")]
            Ok::<(), std::io::Error>(())
        })
    });
    Ok(address)
}
