//! `server`: serves until it is told to stop.

use std::ffi::OsString;

use serde_json::json;
use tokio::net::TcpListener;

use super::arguments::Grammar;
use super::failure::{Failure, UsageError};
use super::output::print_line;
use crate::address::Address;
use crate::log::log;
use crate::server::{self, StopRequests};

const GRAMMAR: Grammar = Grammar { program: "server", flags: &[], valued: &["--listen"] };

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
    match parse(arguments)? {
        Command::Help => print_line(HELP),
        Command::Serve(addresses) => serve(&addresses).await,
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let Some(arguments) = GRAMMAR.parse(arguments)? else {
        return Ok(Command::Help);
    };
    arguments.allow_no_values()?;
    Ok(Command::Serve(arguments.addresses("--listen", "127.0.0.1:9999")?))
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
        log(GRAMMAR.program, format_args!("not listening on {address}: this machine has no IPv6"));
    }
    Ok(bound.listeners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_texts(texts: &[&str]) -> Result<Command, UsageError> {
        parse(texts.iter().map(OsString::from))
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
}
