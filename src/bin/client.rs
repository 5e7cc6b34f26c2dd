//! The client: `client --help` says what it calls.

use std::env;
use std::process::ExitCode;

use interop::command_line;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let runtime = Runtime::new().expect("the system grants threads");
    let outcome = runtime.block_on(command_line::client::run(env::args_os().skip(1)));
    // A read of stdin cannot be cancelled, and whoever holds the other end need
    // not end it: `drive` without a reader of its answers is over all the same.
    runtime.shutdown_background();
    command_line::exit_code("client", outcome)
}
