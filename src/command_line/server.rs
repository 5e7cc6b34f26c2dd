//! `server`: serves until it is told to stop.

use std::ffi::OsString;

use serde_json::json;
use tonic::transport::ServerTlsConfig;

use super::arguments::{Arguments, Grammar};
use super::failure::{Failure, UsageError};
use super::output::print_line;
use crate::address::Place;
use crate::library::Library;
use crate::log::log;
use crate::server::{self, Connections, Listener, StopRequests};
use crate::tls::{self, IdentityFiles};

const GRAMMAR: Grammar = Grammar {
    program: "server",
    flags: &[PLAIN],
    valued: &[
        "--listen",
        MAX_AGE,
        MAX_AGE_GRACE,
        KEEPALIVE,
        KEEPALIVE_WAIT,
        PING_INTERVAL,
        CERTIFICATE,
        KEY,
        CLIENT_CA,
    ],
};

const PLAIN: &str = "--plain";

const MAX_AGE: &str = "--max-age";
const MAX_AGE_GRACE: &str = "--max-age-grace";
const KEEPALIVE: &str = "--keepalive";
const KEEPALIVE_WAIT: &str = "--keepalive-wait";
const PING_INTERVAL: &str = "--ping-interval";

const CERTIFICATE: &str = "--tls-cert";
const KEY: &str = "--tls-key";
const CLIENT_CA: &str = "--tls-client-ca";

const HELP: &str = "\
Usage: server [--plain] [--listen ADDRESS]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen ADDRESS      HOST:PORT or unix:PATH to listen on; may be given more than once; port 0 takes a free one
                        [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --plain               Serve with tonic as it is, without this repository's layers around it
  --max-age MS          Let no connection take calls that is older than this, in milliseconds
  --max-age-grace MS    Close it so long after that, whatever runs on it
  --keepalive MS        Send a PING on a connection that has been silent for so long
  --keepalive-wait MS   Close it if no answer comes within this
  --ping-interval MS    Take a client's PINGs as often as this, also while no call runs
  --tls-cert FILE       Serve TLS with this certificate chain (PEM); needs --tls-key
  --tls-key FILE        The certificate's private key (PEM)
  --tls-client-ca FILE  Ask every client for a certificate that this CA has signed (PEM)
  --help                Print this help";

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Serve(Serve),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Serve {
    /// The default ones if there is none.
    places: Vec<Place>,
    connections: Connections,
    /// Plaintext if there is none.
    tls: Option<Tls>,
    library: Library,
}

/// The paths of PEM files.
#[derive(Debug, PartialEq, Eq)]
struct Tls {
    identity: IdentityFiles,
    client_ca: Option<String>,
}

/// Does what the arguments ask for; they do not include the program's name.
///
/// # Errors
///
/// What [`exit_code`](super::exit_code) then reports.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    match parse(arguments)? {
        Command::Help => print_line(HELP),
        Command::Serve(options) => serve(options).await,
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let Some(arguments) = GRAMMAR.parse(arguments)? else {
        return Ok(Command::Help);
    };
    arguments.allow_no_values()?;
    let places = arguments.all_of("--listen", "127.0.0.1:9999")?;
    let library = Library::new(arguments.has(PLAIN));
    let connections = Connections {
        max_age: arguments.milliseconds(MAX_AGE)?,
        max_age_grace: arguments.milliseconds(MAX_AGE_GRACE)?,
        keepalive: arguments.milliseconds(KEEPALIVE)?,
        keepalive_wait: arguments.milliseconds(KEEPALIVE_WAIT)?,
        ping_interval: arguments.milliseconds(PING_INTERVAL)?,
    };
    Ok(Command::Serve(Serve { places, connections, tls: parse_tls(&arguments)?, library }))
}

fn parse_tls(arguments: &Arguments) -> Result<Option<Tls>, UsageError> {
    let [certificate, key, client_ca] =
        [CERTIFICATE, KEY, CLIENT_CA].map(|option| arguments.last(option).map(str::to_owned));
    match (certificate, key, client_ca) {
        (Some(certificate), Some(key), client_ca) => {
            Ok(Some(Tls { identity: IdentityFiles { certificate, key }, client_ca }))
        }
        (None, None, None) => Ok(None),
        (None, None, Some(_)) => Err(UsageError::ClientCaWithoutIdentity),
        _ => Err(UsageError::HalfAnIdentity),
    }
}

async fn serve(options: Serve) -> Result<(), Failure> {
    let tls = options.tls.as_ref().map(read_tls).transpose()?;
    // Before the ready lines: who reads them may stop the server at once.
    let stop_requests = StopRequests::watch().map_err(Failure::Prepare)?;
    let listeners = bind(&options.places).await?;
    for listener in &listeners {
        let address = listener.address().map_err(Failure::Prepare)?;
        let ready = json!({
            "address": address,
            "implementation": options.library.implementation(),
            "version": options.library.version(),
        });
        print_line(json!({ "ready": ready }))?;
    }
    let (connections, shutdown) = (options.connections, stop_requests.first());
    match options.library {
        Library::Layered => server::run(listeners, tls, connections, shutdown).await?,
        Library::Plain => server::run_plain(listeners, tls, connections, shutdown).await?,
    }
    Ok(())
}

fn read_tls(files: &Tls) -> Result<ServerTlsConfig, Failure> {
    let config = tls::server(&files.identity)
        .map_err(|source| Failure::Tls { source, options: "--tls-cert or --tls-key" })?;
    match &files.client_ca {
        None => Ok(config),
        Some(ca) => tls::ask_clients(config, ca)
            .map_err(|source| Failure::Tls { source, options: CLIENT_CA }),
    }
}

async fn bind(places: &[Place]) -> Result<Vec<Listener>, Failure> {
    if !places.is_empty() {
        return Ok(server::bind(places).await?);
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
        let place = |text: &str| text.parse::<Place>().expect("an address");
        let table = [
            (vec![], vec![]),
            (vec!["--listen", "a:1"], vec![place("a:1")]),
            (vec!["--listen=a:1", "--listen", "[::1]:0"], vec![place("a:1"), place("[::1]:0")]),
        ];
        for (texts, expected) in table {
            let expected = Serve { places: expected, ..Serve::default() };
            assert_eq!(parse_texts(&texts), Ok(Command::Serve(expected)), "{texts:?}");
        }
    }
}
