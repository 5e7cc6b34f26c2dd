//! `server`: serves until it is told to stop.

use std::ffi::OsString;

use serde_json::json;
use tokio::net::TcpListener;

use super::arguments::{Argument, Arguments};
use super::failure::{Failure, UsageError};
use super::output::print_line;
use crate::address::Address;
use crate::log::log;
use crate::server::{self, StopRequests};

const PROGRAM: &str = "server";

const HELP: &str = "\
Usage: server [--listen HOST:PORT]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen HOST:PORT  Address to listen on; may be given more than once; port 0 takes a free one
                      [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --help              Print this help";

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    /// Serve on these addresses, or on the default ones if there is none.
    Serve(Vec<Address>),
}

/// Does what the arguments ask for; they do not include the program's name.
///
/// # Errors
///
/// What [`exit_code`](super::exit_code) then reports.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    match parse(Arguments::new(PROGRAM, arguments))? {
        Command::Help => print_line(HELP),
        Command::Serve(addresses) => serve(&addresses).await,
    }
}

fn parse(mut arguments: Arguments) -> Result<Command, UsageError> {
    let mut addresses = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument {
            Argument::Option { name, attached } => match (name.as_str(), attached) {
                ("--help", None) => return Ok(Command::Help),
                ("--listen", attached) => {
                    let address = arguments.address_of("--listen", attached, "127.0.0.1:9999")?;
                    addresses.push(address);
                }
                _ => return Err(arguments.unknown_option(name)),
            },
            Argument::Value(text) => return Err(arguments.unexpected(text)),
        }
    }
    Ok(Command::Serve(addresses))
}

async fn serve(addresses: &[Address]) -> Result<(), Failure> {
    // Before the ready lines: who reads them may stop the server at once.
    let stop_requests = StopRequests::watch().map_err(Failure::Prepare)?;
    let listeners = bind(addresses).await?;
    for listener in &listeners {
        let address = listener.local_addr().map_err(Failure::Prepare)?.to_string();
        print_line(json!({ "ready": { "address": address } }))?;
    }
    server::run(listeners, stop_requests.first()).await?;
    Ok(())
}

async fn bind(addresses: &[Address]) -> Result<Vec<TcpListener>, Failure> {
    if !addresses.is_empty() {
        return Ok(server::bind(addresses).await?);
    }
    let bound = server::bind_defaults().await?;
    for address in bound.without_ipv6 {
        let note = format!("not listening on {address}: this machine has no IPv6");
        log(PROGRAM, note);
    }
    Ok(bound.listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_texts(texts: &[&str]) -> Result<Command, String> {
        let arguments = texts.iter().map(OsString::from);
        parse(Arguments::new(PROGRAM, arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_replace_the_defaults_in_order() {
        let address = |text: &str| text.parse::<Address>().expect("an address");
        let table = [
            (vec![], vec![]),
            (vec!["--listen", "a:1"], vec![address("a:1")]),
            (vec!["--listen=a:1", "--listen", "[::1]:0"], vec![address("a:1"), address("[::1]:0")]),
        ];
        for (texts, expected) in table {
            assert_eq!(parse_texts(&texts), Ok(Command::Serve(expected)), "{texts:?}");
        }
    }

    #[test]
    fn help_wins_over_what_follows() {
        assert_eq!(parse_texts(&["--help", "--foo"]), Ok(Command::Help));
    }
}
