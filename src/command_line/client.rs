//! `client`: one call and its answer, or the harness's calls.

use std::ffi::OsString;

use tokio::io::BufReader;

use super::arguments::{Arguments, Grammar};
use super::failure::{ANSWER_LIMIT, Failure, UsageError};
use super::numbers;
use super::output::{go_list, print_line};
use crate::address::Address;
use crate::client::{Client, article_metrics};
use crate::drive;
use crate::library::Library;
use crate::pb::Metric;

const GRAMMAR: Grammar =
    Grammar { program: "client", flags: &["--dummy", "--plain"], valued: &["--addr"] };

const HELP: &str = "\
Usage: client detect [--addr HOST:PORT] (VALUE... | --dummy)
       client sequence [--addr HOST:PORT] COUNT
       client stream [--addr HOST:PORT] COUNT
       client drive [--plain]

Commands:
  detect    Ask which values lie more than two standard deviations from the mean
  sequence  Ask for the first COUNT Fibonacci numbers
  stream    The same, one line an element as it arrives
  drive     Make the calls that stand on stdin (docs/peer-protocol.md)

Options:
  --addr HOST:PORT  Server to call [default: localhost:9999 for detect, localhost:50051 for the others]
  --dummy           Send the article's 1,000 metrics instead of values
  --plain           Make the calls with tonic as it is, without this repository's layers around it
  --help            Print this help";

/// Where the article's client expects its server.
const OUTLIERS_SERVER: &str = "localhost:9999";

/// Where the tutorial's client expects its server.
const FIBONACCI_SERVER: &str = "localhost:50051";

#[derive(Debug, PartialEq)]
enum Command {
    Help,
    Detect { server: Address, metrics: Vec<Metric> },
    Sequence { server: Address, count: i64 },
    Stream { server: Address, count: i64 },
    Drive { library: Library },
}

/// Does what the arguments ask for; they do not include the program's name.
///
/// # Errors
///
/// What [`exit_code`](super::exit_code) then reports.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    match parse(arguments)? {
        Command::Help => print_line(HELP),
        Command::Detect { server, metrics } => detect(&server, metrics).await,
        Command::Sequence { server, count } => sequence(&server, count).await,
        Command::Stream { server, count } => stream(&server, count).await,
        Command::Drive { library } => {
            let stdin = BufReader::new(tokio::io::stdin());
            Ok(drive::run(library, stdin, tokio::io::stdout()).await?)
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let Some(mut arguments) = GRAMMAR.parse(arguments)? else {
        return Ok(Command::Help);
    };
    if arguments.values.is_empty() {
        return Err(UsageError::NoCommand);
    }
    let name = arguments.values.remove(0);
    match name.as_str() {
        "detect" => parse_detect(&arguments),
        "sequence" => {
            let (server, count) = parse_count("sequence", &arguments)?;
            Ok(Command::Sequence { server, count })
        }
        "stream" => {
            let (server, count) = parse_count("stream", &arguments)?;
            Ok(Command::Stream { server, count })
        }
        "drive" => parse_drive(&arguments),
        _ => Err(UsageError::UnknownCommand(name)),
    }
}

fn parse_detect(arguments: &Arguments) -> Result<Command, UsageError> {
    arguments.allow(&["--addr", "--dummy"])?;
    let server = parse_server(arguments, OUTLIERS_SERVER)?;
    let metrics = match (arguments.has("--dummy"), arguments.values.as_slice()) {
        (true, []) => article_metrics(),
        (true, _) => return Err(UsageError::DummyAndValues),
        (false, []) => return Err(UsageError::NoValues),
        (false, texts) => texts
            .iter()
            .map(|text| numbers::value(text).map(nameless_metric))
            .collect::<Result<_, _>>()?,
    };
    Ok(Command::Detect { server, metrics })
}

fn nameless_metric(value: f64) -> Metric {
    Metric { value, ..Metric::default() }
}

fn parse_count(command: &'static str, arguments: &Arguments) -> Result<(Address, i64), UsageError> {
    arguments.allow(&["--addr"])?;
    let server = parse_server(arguments, FIBONACCI_SERVER)?;
    match arguments.values.as_slice() {
        [] => Err(UsageError::NoCount(command)),
        [text] => Ok((server, numbers::count(text)?)),
        _ => Err(UsageError::ManyCounts(command)),
    }
}

fn parse_drive(arguments: &Arguments) -> Result<Command, UsageError> {
    arguments.allow(&["--plain"])?;
    arguments.allow_no_values()?;
    Ok(Command::Drive { library: Library::new(arguments.has("--plain")) })
}

/// The last of several: who repeats an option corrects it.
fn parse_server(arguments: &Arguments, default: &str) -> Result<Address, UsageError> {
    let given = arguments.all_of("--addr", OUTLIERS_SERVER)?.pop();
    Ok(given.unwrap_or_else(|| default.parse().expect("the default is an address")))
}

async fn detect(server: &Address, metrics: Vec<Metric>) -> Result<(), Failure> {
    let indices = Client::new(server, ANSWER_LIMIT)
        .detect(metrics)
        .await
        .map_err(|status| Failure::of_call(&status, server))?;
    print_line(format_args!("outliers at: {}", go_list(&indices)))
}

async fn sequence(server: &Address, count: i64) -> Result<(), Failure> {
    let elements = Client::new(server, ANSWER_LIMIT)
        .sequence(count)
        .await
        .map_err(|status| Failure::of_call(&status, server))?;
    print_line(format_args!("sequence: {}", go_list(&elements)))
}

async fn stream(server: &Address, count: i64) -> Result<(), Failure> {
    let failure = |status| Failure::of_call(&status, server);
    let mut elements = Client::new(server, ANSWER_LIMIT).stream(count).await.map_err(failure)?;
    while let Some(element) = elements.next().await.map_err(failure)? {
        print_line(format_args!("F({}) = {}", element.count, element.element))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_texts(texts: &[&str]) -> Result<Command, UsageError> {
        parse(texts.iter().map(OsString::from))
    }

    #[test]
    fn options_stand_anywhere() {
        let expected = Command::Sequence { server: "a:1".parse().expect("an address"), count: -3 };
        let table = [
            ["--addr", "a:1", "sequence", "-3"],
            ["sequence", "--addr", "a:1", "-3"],
            ["sequence", "-3", "--addr", "a:1"],
        ];
        for texts in table {
            assert_eq!(parse_texts(&texts).as_ref(), Ok(&expected), "{texts:?}");
        }
    }

    #[test]
    fn commands_have_their_own_default_server() {
        let table = [("detect", OUTLIERS_SERVER), ("sequence", FIBONACCI_SERVER)];
        for (command, expected) in table {
            let server = match parse_texts(&[command, "1"]) {
                Ok(Command::Detect { server, .. } | Command::Sequence { server, .. }) => server,
                other => panic!("{command}: {other:?}"),
            };
            assert_eq!(server.to_string(), expected, "{command}");
        }
    }
}
