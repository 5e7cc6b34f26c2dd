//! The `crosswire` program: parses, calls one function, exits with its code.

use std::{panic::catch_unwind, process::ExitCode};

use clap::Parser as _;
use crosswire::{command, command_line::CommandLine, exit::Exit, guard};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(guard::SUBCOMMAND) {
        guard::main();
        return ExitCode::SUCCESS;
    }
    let arguments = CommandLine::parse();
    // A panic has said on stderr what and where; it is a defect of ours.
    let exit = match catch_unwind(|| command::execute(arguments)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            eprintln!("crosswire: {error}");
            error.exit()
        }
        Err(_) => Exit::Defect,
    };
    ExitCode::from(exit.code())
}
