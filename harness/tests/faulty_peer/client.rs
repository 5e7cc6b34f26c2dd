//! A client that speaks the peer protocol as it should, but for one fault.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    process::exit,
    sync::mpsc,
    thread,
    time::Duration,
};

use clap::{Args, ValueEnum};
use nix::sys::signal::{Signal, raise};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::{
    call::{Answer, Call, Connections},
    glut,
    misdeed::{
        HOSTILE, WRONG, block_sigterm, die, flood, hang, hang_in_spite_of, hang_with_stdout_closed,
        leave_a_daemon, leave_a_grandchild, start_daemons,
    },
    wire::Wire,
};

/// An id that is never reached.
const UNKNOWN_ID: u64 = 4711;

/// What a client reports that has lost its way.
const INTERNAL: i32 = 13;

/// How long it is waited for one more call that belongs to those before it.
const TOGETHER_WITHIN: Duration = Duration::from_millis(300);

/// Longer than any grace that a test gives.
const LATE: Duration = Duration::from_secs(3);

#[derive(Args)]
pub(crate) struct Client {
    fault: Fault,
    /// The case with which a fault in a call shows; every case if there is none.
    #[arg(long, value_name = "CASE")]
    on: Option<String>,
    /// How many calls it says that it takes at once. It makes one after another.
    #[arg(long, value_name = "CALLS", default_value_t = 8)]
    in_flight: usize,
    /// The features that it announces.
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    announce: Vec<String>,
    /// Make the calls that come together side by side on one connection.
    #[arg(long)]
    together: bool,
    /// Start daemons first.
    #[arg(long)]
    daemons: bool,
    #[command(flatten)]
    wire: Wire,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fault {
    None,

    // At the start.
    NeverReady,
    ExitsAtStart,
    ClosesStdout,
    SpeaksAnotherVersion,
    TakesNoCall,
    AnswersBeforeHello,
    SaysHelloInHostileText,

    // In a call.
    Dies,
    DiesOnce,
    DiesHavingAnswered,
    DiesAndLeavesAGrandchild,
    IsKilled,
    Hangs,
    HangsWithATrace,
    DiesWithATrace,
    HangsOnce,
    HangsHavingAnswered,
    HangsWithoutAServer,
    HangsWithStdoutClosed,
    HangsAfterHalfALine,
    HangsInALine,
    IgnoresDeadline,
    AnswersLate,
    AnswersTwice,
    AnswersForEver,
    AnswersUnknownId,
    AnswersUnknownIdToo,
    AnswersNothingWeKnow,
    AnswersNoBase64,
    AnswersWrongly,
    RefusesCall,
    RefusesFirstCall,
    PrintsGarbage,
    Floods,
    AnswersAtLength,
    AnswersInValues,
    AnswersInMessages,
    AnswersInEntries,
    AnswersInALineWithoutEnd,

    // In a call, with text that must not be shown as it is.
    AnswersHostileStatus,
    RefusesInHostileText,
    AnswersHostileNonsense,
    DiesWithHostileText,

    // When asked to stop.
    IgnoresSigterm,
    LeavesAGrandchild,
    LeavesADaemon,
    ExitsWithAnError,
}

impl Client {
    pub(crate) fn run(self) {
        if self.daemons {
            start_daemons();
        }
        let sigterm = (self.fault == Fault::IgnoresSigterm).then(block_sigterm);
        let mut connections = Connections::new(self.wire.clone());
        if self.together {
            return self.answer_together(&mut connections);
        }
        for line in io::stdin().lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line.get("hello").is_some() {
                self.say_hello();
                continue;
            }
            if let Some(target) = line["close"]["target"].as_str() {
                eprintln!("closing {target}");
                connections.close(target);
                continue;
            }
            let mut call = Call::deserialize(&line["call"]).unwrap();
            if self.on.as_ref().is_none_or(|case| *case == call.case) {
                call.wire = self.wire.clone();
                call.has_no_end = self.fault == Fault::IgnoresDeadline;
                self.misbehave(&call, &mut connections);
            } else {
                say(&connections.answer(&call));
            }
        }
        match (self.fault, sigterm) {
            (_, Some(sigterm)) => hang_in_spite_of(sigterm, "client"),
            (Fault::LeavesAGrandchild, _) => leave_a_grandchild(),
            (Fault::LeavesADaemon, _) => leave_a_daemon(),
            (Fault::ExitsWithAnError, _) => die(),
            _ => {}
        }
    }

    /// Takes lines until none comes for a while, and makes the calls among them at once.
    fn answer_together(&self, connections: &mut Connections) {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = io::stdin().lines();
            while let Some(line) = lines.next().transpose().unwrap() {
                sender.send(serde_json::from_str::<Value>(&line).unwrap()).unwrap();
            }
        });
        while let Ok(first) = lines.recv() {
            let more = std::iter::from_fn(|| lines.recv_timeout(TOGETHER_WITHIN).ok());
            let lines: Vec<Value> = [first].into_iter().chain(more).collect();
            if lines.iter().any(|line| line.get("hello").is_some()) {
                self.say_hello();
            }
            let calls = lines.iter().filter(|line| line.get("call").is_some());
            let calls: Vec<Call> =
                calls.map(|line| Call::deserialize(&line["call"]).unwrap()).collect();
            let answers = connections.answer_together(&calls.iter().collect::<Vec<_>>());
            answers.iter().for_each(say);
        }
    }

    fn say_hello(&self) {
        let mut hello = json!({
            "protocol": 1,
            "implementation": "faulty",
            "version": "0",
            "features": self.announce,
            "max_in_flight": self.in_flight,
        });
        match self.fault {
            Fault::NeverReady => hang(),
            Fault::ExitsAtStart => die(),
            Fault::ClosesStdout => hang_with_stdout_closed(),
            Fault::SpeaksAnotherVersion => hello["protocol"] = 9.into(),
            Fault::TakesNoCall => hello["max_in_flight"] = 0.into(),
            Fault::AnswersBeforeHello => say(&Answer::of("").report(1)),
            Fault::SaysHelloInHostileText => hello["implementation"] = HOSTILE.into(),
            _ => {}
        }
        say(&json!({ "hello": hello }));
    }

    /// Does to a call what the fault says; what shows elsewhere answers it.
    fn misbehave(&self, call: &Call, connections: &mut Connections) {
        let is_first_time = || {
            let flag = format!("has-misbehaved-{}", self.in_flight);
            OpenOptions::new().write(true).create_new(true).open(flag).is_ok()
        };
        match self.fault {
            Fault::Dies => die(),
            Fault::DiesOnce if is_first_time() => die(),
            Fault::DiesHavingAnswered => {
                say(&connections.answer(call));
                die();
            }
            Fault::DiesAndLeavesAGrandchild => {
                leave_a_grandchild();
                die();
            }
            Fault::IsKilled => raise(Signal::SIGKILL).unwrap(),
            Fault::Hangs => hang(),
            Fault::HangsWithATrace => {
                print_a_trace();
                hang();
            }
            Fault::DiesWithATrace => {
                print_a_trace();
                exit(3);
            }
            Fault::HangsHavingAnswered => {
                say(&connections.answer(call));
                hang();
            }
            Fault::HangsOnce if is_first_time() => hang(),
            Fault::HangsWithoutAServer => match connections.ask(call) {
                Ok(answer) => say(&answer.report(call.id)),
                Err(_) => hang(),
            },
            Fault::HangsWithStdoutClosed => hang_with_stdout_closed(),
            Fault::HangsAfterHalfALine => {
                say(&format!(r#"{{"result":{{"id":{},"mess"#, call.id));
                hang();
            }
            Fault::HangsInALine => {
                print!(r#"{{"result":{{"id":{},"mess"#, call.id);
                io::stdout().flush().unwrap();
                hang();
            }
            Fault::AnswersLate => {
                thread::sleep(Duration::from_millis(call.timeout_ms) + LATE);
                say(&connections.answer(call));
            }
            Fault::AnswersTwice => {
                let answer = connections.answer(call);
                say(&answer);
                say(&answer);
            }
            Fault::AnswersForEver => {
                let answer = connections.answer(call);
                loop {
                    say(&answer);
                }
            }
            Fault::AnswersUnknownId => say(&Answer::of(&call.request).report(UNKNOWN_ID)),
            Fault::AnswersUnknownIdToo => {
                say(&connections.answer(call));
                say(&Answer::of(&call.request).report(UNKNOWN_ID));
            }
            Fault::AnswersNothingWeKnow => say(&json!({ "answer": 42 })),
            Fault::AnswersNoBase64 => say(&Answer::of("*").report(call.id)),
            Fault::AnswersWrongly => {
                connections.answer(call);
                say(&Answer::of(WRONG).report(call.id));
            }
            Fault::RefusesCall => say(&refusal(call.id, "not today")),
            // Ids count from 1, and each of the cases before has one call.
            Fault::RefusesFirstCall if call.id % 2 == 1 => say(&refusal(call.id, "not today")),
            Fault::PrintsGarbage => {
                print_garbage();
                say(&connections.answer(call));
                print_garbage();
            }
            Fault::Floods => {
                flood();
                say(&connections.answer(call));
            }
            Fault::AnswersAtLength => {
                say(&Answer::failed(INTERNAL, &glut::long_text()).report(call.id));
            }
            Fault::AnswersInMessages => say(&glut::line_of_messages(call.id)),
            Fault::AnswersInEntries => say(&glut::line_of_entries(call.id)),
            Fault::AnswersInValues => say(&glut::line_of_values(call.id)),
            Fault::AnswersInALineWithoutEnd => say(&glut::line_without_end(call.id)),
            Fault::AnswersHostileStatus => say(&Answer::failed(INTERNAL, HOSTILE).report(call.id)),
            Fault::RefusesInHostileText => say(&refusal(call.id, HOSTILE)),
            Fault::AnswersHostileNonsense => say(&json!({ HOSTILE: { "id": call.id } })),
            Fault::DiesWithHostileText => {
                eprintln!("{HOSTILE}");
                die();
            }
            _ => say(&connections.answer(call)),
        }
    }
}

fn refusal(id: u64, why: &str) -> Value {
    json!({ "unsupported": { "id": id, "why": why } })
}

/// What went wrong, and then where, in more lines than anybody quotes.
fn print_a_trace() {
    eprintln!("Error: no such thing\n");
    for line in 1..=20 {
        eprintln!("    at place {line}");
    }
}

/// Lines that are not JSON, or not ours.
fn print_garbage() {
    let lines: [&[u8]; 7] = [
        b"INFO all is well",
        b"",
        b"[1]",
        b"{oops",
        br#"{"log":"\ud800"}"#,
        b"\xff\xfe\0\x1b[31m",
        b"null",
    ];
    for line in lines {
        io::stdout().write_all(&[line, b"\n"].concat()).unwrap();
    }
}

fn say(line: &impl std::fmt::Display) {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").unwrap();
    stdout.flush().unwrap();
}
