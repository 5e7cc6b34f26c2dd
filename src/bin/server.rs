//! The server: `server --help` says how to start it.

use std::env;
use std::process::ExitCode;

use interop::command_line;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = command_line::server::run(env::args_os().skip(1)).await;
    command_line::exit_code("server", outcome)
}
