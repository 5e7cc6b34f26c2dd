//! The client: `client --help` says what it calls.

use std::env;
use std::process::ExitCode;

use interop::command_line;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = command_line::client::run(env::args_os().skip(1)).await;
    command_line::exit_code("client", outcome)
}
