//! The `crosswire` program: parses, calls one function, exits with its code.

use std::process::ExitCode;

use clap::Parser as _;
use crosswire::{command, command_line::CommandLine, guard};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(guard::SUBCOMMAND) {
        guard::main();
        return ExitCode::SUCCESS;
    }
    let exit = command::execute(CommandLine::parse()).unwrap_or_else(|error| {
        eprintln!("crosswire: {error}");
        error.exit()
    });
    ExitCode::from(exit.code())
}
