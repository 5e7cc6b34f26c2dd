//! A client of docs/peer-protocol.md, made of the official crate `grpc`: calls as JSON lines on
//! stdin, results on stdout.

mod call;
mod channels;
mod message;
mod protocol;
mod steps;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinSet;

use channels::Channels;
use protocol::{Asked, Call};

mod pb {
    include!(concat!(env!("OUT_DIR"), "/pb.rs"));
}
mod testing {
    include!(concat!(env!("OUT_DIR"), "/grpc.testing.rs"));
}
// The messages of fibonacci.proto, which has no package.
include!(concat!(env!("OUT_DIR"), "/_.rs"));

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments != ["drive"] {
        eprintln!("client: the only command is `drive`; got {arguments:?}");
        return ExitCode::from(2);
    }
    let provider = rustls::crypto::ring::default_provider();
    provider.install_default().expect("nothing else installs one");
    match drive().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers every line until stdin ends, and returns when the last call is over.
async fn drive() -> io::Result<()> {
    let mut channels = Channels::default();
    let mut calls = JoinSet::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line)? {
            Asked::Hello(_) => write(&protocol::hello())?,
            Asked::Close { target } => channels.close(&target),
            Asked::Call(call) => match channels.of(&call) {
                Ok(channel) => drop(calls.spawn(answer(channel, *call))),
                Err(why) => write(&protocol::unsupported(call.id, &why))?,
            },
        }
        while calls.try_join_next().is_some() {}
    }
    calls.join_all().await;
    Ok(())
}

async fn answer(channel: grpc::client::Channel, call: Call) {
    let id = call.id;
    // In a task of its own, so that a panic within the library is an answer, too.
    let answer = match tokio::spawn(call::make(channel, call)).await {
        Ok(Ok(result)) => result,
        Ok(Err(why)) => protocol::unsupported(id, &why),
        Err(panic) => protocol::unsupported(id, &panic.to_string()),
    };
    if let Err(error) = write(&answer) {
        eprintln!("client: {error}");
    }
}

fn write(answer: &Value) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{answer}")?;
    stdout.flush()
}
