//! The client: it speaks the peer protocol (docs/peer-protocol.md), and makes each call
//! on a thread of its own.

mod attempt;
mod call;
mod channels;
mod observed;
mod player;
mod progress;
mod protocol;
mod response;
mod steps;
mod types;

use std::{
    io::{self, BufRead as _, Write as _},
    sync::Arc,
    thread,
};

use mutants::{mutant::Mutant, planted::planted};
use serde_json::json;

use channels::Channels;
use protocol::Line;

/// What it understands beside plain calls.
const FEATURES: [&str; 10] = [
    "bidi",
    "cancel",
    "client-streaming",
    "close",
    GZIP,
    MIXED,
    "raw",
    SIZE_LIMIT,
    "slow",
    "test-service",
];
const GZIP: &str = "gzip";
const MIXED: &str = "mixed-compression";
const SIZE_LIMIT: &str = "size-limit";

fn features() -> Vec<&'static str> {
    let is_lacked = |feature: &&str| {
        [GZIP, MIXED].contains(feature) && planted(Mutant::KnowsNoGzip)
            || *feature == SIZE_LIMIT && planted(Mutant::TakesLongMessages)
    };
    FEATURES.into_iter().filter(|feature| !is_lacked(feature)).collect()
}

/// As many calls as are taken at once: the most that a case makes together, and some.
const MAX_IN_FLIGHT: usize = 256;

/// Makes the calls that stdin asks for, until it ends.
///
/// # Errors
/// stdin cannot be read.
pub(crate) fn run() -> io::Result<()> {
    let channels = Arc::new(Channels::default());
    let mut calls = Vec::new();
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?) {
            Ok(Line::Hello(_)) => say(&json!({ "hello": {
                "protocol": 2,
                "implementation": "mutant",
                "version": env!("CARGO_PKG_VERSION"),
                "features": features(),
                "max_in_flight": MAX_IN_FLIGHT,
            } })),
            Ok(Line::Close(close)) => channels.close(&close.target),
            Ok(Line::Call(call)) => {
                let channels = Arc::clone(&channels);
                calls.retain(|call: &thread::JoinHandle<()>| !call.is_finished());
                calls.push(thread::spawn(move || say(&call::make(&channels, &call))));
            }
            Err(error) => eprintln!("client: {error}"),
        }
    }
    for call in calls {
        // A call that panicked has not answered, which the harness sees.
        let _ = call.join();
    }
    Ok(())
}

fn say(line: &serde_json::Value) {
    let mut stdout = io::stdout().lock();
    // Without a reader there is nobody to tell.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
