//! Calls made by a client that no run has: the least that a harness must do for them,
//! and between client and server whatever is to be measured.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crosswire::{
    address::Address,
    child::Log,
    driver::{Client, ClientEvent, Errand, Manner, Server, Setting},
    judge::{Beliefs, Strictness, Verdict, judge},
    manifest::{Limits, Over},
    mark::CALL_ENTRY,
    observe::{Answer, Observation, Outcome, Wire},
    suite::Case,
    tap::{Behaviour, Key, Tap},
};
use tokio::task::JoinSet;

use super::{Bench, CALLS, Result, forwarder};

/// As long as a run waits for the end of a call's stream.
const STREAM_END_LIMIT: Duration = Duration::from_secs(2);

/// What stands between the client and the server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Between {
    Nothing,
    Forwarder,
    Tap,
}

/// The client, the server, and all that may stand between them.
pub(super) struct Beside {
    case: Arc<Case>,
    server: Server,
    address: Address,
    client: Client,
    forwarder: String,
    tap: Arc<Tap>,
    next_id: u64,
}

/// As its command has it serve.
const PLAINLY: Manner<'_> = Manner { over: Over::Ipv4, words: &[], is_encrypted: false };

impl Beside {
    pub(super) async fn start(bench: &Bench) -> Result<Self> {
        let setting = |name: &str| -> Result<Setting<'_>> {
            let log = Log::create(&bench.logs.path().join(name))?;
            let (folder, guard) = (bench.peer.folder.as_path(), Arc::clone(&bench.guard));
            Ok(Setting { folder, log, guard, limits: Limits::default() })
        };
        let server = Server::start(bench.server(), PLAINLY, setting("server.log")?).await?;
        let client = Client::start(bench.client(), setting("client.log")?).await?;
        let address = server.address.clone().ok_or("the server has no address")?;
        Ok(Self {
            case: Arc::clone(&bench.case),
            forwarder: forwarder::start(address.to_string().parse()?)?.to_string(),
            tap: Arc::new(Tap::start(&address, Behaviour::default())?),
            address,
            server,
            client,
            next_id: 1,
        })
    }

    pub(super) async fn stop(self) {
        self.client.kill().await;
        self.server.kill().await;
    }

    /// Makes the calls of one turn, so many at once, and judges each as a run does.
    /// Says how long it took.
    pub(super) async fn turn(&mut self, between: Between, in_flight: usize) -> Result<Duration> {
        let began = Instant::now();
        let target = match between {
            Between::Nothing => self.address.to_string(),
            Between::Forwarder => self.forwarder.clone(),
            Between::Tap => self.tap.address().to_string(),
        };
        let tap = matches!(between, Between::Tap).then(|| Arc::clone(&self.tap));
        let mut seen = JoinSet::new();
        let (mut made, mut judged) = (0, 0);
        while judged < CALLS {
            while made < CALLS && made - judged < in_flight {
                self.call(&target, tap.is_some());
                made += 1;
            }
            tokio::select! {
                biased;
                Some(ended) = seen.join_next() => {
                    let (answer, wire) = ended?;
                    self.judge(answer, Some(wire))?;
                    judged += 1;
                }
                event = self.client.next() => {
                    let ClientEvent::Answered { id, answer } = event else {
                        return Err(format!("no answer: {event:?}").into());
                    };
                    match &tap {
                        Some(tap) => {
                            seen.spawn(take(Arc::clone(tap), id, answer));
                        }
                        None => {
                            self.judge(answer, None)?;
                            judged += 1;
                        }
                    }
                }
            }
        }
        Ok(began.elapsed())
    }

    fn call(&mut self, target: &str, is_marked: bool) {
        let id = self.next_id;
        self.next_id += 1;
        let value = id.to_string();
        let mark = is_marked.then_some((CALL_ENTRY, value.as_str()));
        let errand = Errand { id, case: &self.case, target, mark, tls: None, channel: None };
        self.client.call(errand, &self.case.calls[0]);
    }

    fn judge(&self, answer: Answer, wire: Option<Wire>) -> Result<()> {
        let is_watched = wire.is_some();
        let outcome = Outcome::Answered(vec![answer]);
        let observation = Observation { wire, ..Observation::of(outcome) };
        let judgement =
            judge(&self.case, &observation, &Beliefs::none("server", "client"), Strictness::Must);
        if judgement.verdict != Verdict::Pass {
            return Err(format!("the call is judged wrong: {judgement:?}").into());
        }
        if is_watched && judgement.read_calls != 1 {
            return Err("a call was not read on the wire".into());
        }
        Ok(())
    }
}

async fn take(tap: Arc<Tap>, id: u64, answer: Answer) -> (Answer, Wire) {
    let seen = tap.take(Key::Call(id), STREAM_END_LIMIT).await;
    (answer, Wire { calls: vec![seen.transcripts], ..Wire::default() })
}
