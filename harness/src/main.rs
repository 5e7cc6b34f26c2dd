//! The `crosswire` program: parses, calls one function, exits with its code.

use std::{panic::catch_unwind, process::ExitCode};

use clap::Parser as _;
use crosswire::{command, command_line::CommandLine, exit::Exit, guard::Guard, output::say};

fn main() -> ExitCode {
    let mut words = std::env::args_os().collect();
    let guard = match Guard::find(&mut words) {
        Ok(guard) => guard,
        Err(error) => {
            say(&format!("crosswire: the guard of the run's processes is not there: {error}"));
            return ExitCode::from(Exit::Defect.code());
        }
    };
    let arguments = CommandLine::parse_from(words);
    // A panic has said on stderr what and where; it is a defect of ours.
    let exit = match catch_unwind(|| command::execute(arguments, guard)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            say(&format!("crosswire: {error}"));
            error.exit()
        }
        Err(_) => Exit::Defect,
    };
    ExitCode::from(exit.code())
}
