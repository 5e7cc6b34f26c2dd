use std::io;
use std::process::ExitCode;
use std::time::Duration;

use thiserror::Error;
use tonic::{Code, Status};

use super::status_name::status_name;
use crate::address::Address;
use crate::drive::DriveError;
use crate::log::log;
use crate::server::{ListenError, ServeError};
use crate::tls::TlsError;
use crate::words::{quote, reason};

/// How long a call of the command line may take: plenty for any answer of these
/// services, and as long as somebody at a terminal cares to wait.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Why a binary ends without having done what it was asked.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line makes no sense.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A file for TLS cannot be used.
    #[error("cannot serve TLS: {source}; name another file with {options}")]
    Tls {
        /// What is wrong with it.
        source: TlsError,
        /// The options that name such files.
        options: &'static str,
    },
    /// The operating system denies the server something that it never should.
    #[error("cannot get ready to serve: {}", reason(.0))]
    Prepare(#[source] io::Error),
    /// The server stopped of itself.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A call ended with another status than OK.
    #[error("{}: {message}", status_name(*code))]
    Call {
        /// The status's code.
        code: Code,
        /// What it means to whoever called.
        message: String,
    },
    /// The harness cannot be talked to.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// Stdout takes no more.
    #[error("cannot write to stdout: {}", reason(.0))]
    Output(#[source] io::Error),
}

impl Failure {
    pub(super) fn of_call(status: &Status, server: &Address) -> Self {
        let code = status.code();
        let message = match code {
            Code::Unavailable => format!(
                "no gRPC server answers at {server}; start one, or name another with --addr"
            ),
            Code::DeadlineExceeded => {
                format!("no answer within {} s", ANSWER_LIMIT.as_secs())
            }
            _ => status.message().to_owned(),
        };
        Self::Call { code, message }
    }

    /// 2 if another command line is what helps, else 1.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Listen(_) | Self::Tls { .. } => 2,
            _ => 1,
        }
    }

    /// Whoever read stdout has gone (`| head`), and wants no words about it.
    fn is_unread_output(&self) -> bool {
        let (Self::Output(error) | Self::Drive(DriveError::Write(error))) = self else {
            return false;
        };
        error.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Says on stderr, in one line, how the program failed, if it did.
///
/// The exit code is 0 for success, 2 if another command line is what helps, and
/// 1 for any other failure.
pub fn exit_code(program: &str, outcome: Result<(), Failure>) -> ExitCode {
    let Err(failure) = outcome else {
        return ExitCode::SUCCESS;
    };
    if !failure.is_unread_output() {
        log(program, &failure);
    }
    ExitCode::from(failure.exit_code())
}

/// What the user wrote that makes no sense.
#[derive(Debug, Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the message of each says what it is")]
pub enum UsageError {
    #[error("no command; one of detect, sequence, stream, drive")]
    NoCommand,
    #[error("unknown command {}; one of detect, sequence, stream, drive", quote(.0))]
    UnknownCommand(String),
    #[error("unknown option {option}; see {program} --help")]
    UnknownOption { option: String, program: &'static str },
    #[error("{option} takes no value; see {program} --help")]
    FlagWithValue { option: String, program: &'static str },
    #[error("{option} needs a value; see {program} --help")]
    NoOptionValue { option: String, program: &'static str },
    #[error("unexpected argument {}; see {program} --help", quote(argument))]
    UnexpectedArgument { argument: String, program: &'static str },
    #[error("{option} {}: not an address; give HOST:PORT, such as {example}", quote(text))]
    NotAnAddress { option: &'static str, text: String, example: &'static str },
    #[error("{option}: {} is no number of milliseconds from 1 to 86400000", quote(text))]
    NotATime { option: &'static str, text: String },
    #[error("{} is not a number; give decimal numbers, such as 1 2.5 -3e4", quote(.0))]
    NotANumber(String),
    #[error("{} is not a count; give a whole number, such as 10", quote(.0))]
    NotACount(String),
    #[error("--tls-cert and --tls-key go together")]
    HalfAnIdentity,
    #[error("--tls-client-ca needs --tls-cert and --tls-key")]
    ClientCaWithoutIdentity,
    #[error("detect: no values; give some, such as 1 2 100, or --dummy")]
    NoValues,
    #[error("detect: --dummy and values exclude each other")]
    DummyAndValues,
    #[error("{0}: no count; give a whole number, such as 10")]
    NoCount(&'static str),
    #[error("{0}: one count only")]
    ManyCounts(&'static str),
}
