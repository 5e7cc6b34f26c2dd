//! The peer: a correct server and client of both services, over its own HTTP/2 and
//! gRPC, that deviate at one place when they are told to. A library in between would
//! mend what must stay broken.
//!
//! `http2 → grpc → protobuf → services → server, client`

mod grpc;
mod http2;
mod protobuf;
mod services;

mod client;
mod server;

use clap::{Parser, Subcommand};
use mutants::{mutant, planted::plant};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Serve until SIGTERM or the end of stdin
    Server {
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        listen: String,
        /// How it deviates; `none` is correct
        #[arg(long, value_name = "NAME", default_value = "none")]
        mutant: String,
    },
    /// Make the calls that stdin asks for
    Client {
        #[command(subcommand)]
        what: Drive,
    },
}

#[derive(Subcommand)]
enum Drive {
    /// Speak the peer protocol
    Drive {
        /// How it deviates; `none` is correct
        #[arg(long, value_name = "NAME", default_value = "none")]
        mutant: String,
    },
}

fn main() {
    let (name, listen) = match Arguments::parse().role {
        Role::Server { listen, mutant } => (mutant, Some(listen)),
        Role::Client { what: Drive::Drive { mutant } } => (mutant, None),
    };
    if name != "none" {
        let Some(entry) = mutant::find(&name) else {
            eprintln!("mutant-peer: no mutant is called `{name}`");
            std::process::exit(2);
        };
        plant(entry.mutant);
    }
    let run = match listen {
        Some(listen) => server::run(&listen),
        None => client::run(),
    };
    if let Err(error) = run {
        eprintln!("mutant-peer: {error}");
        std::process::exit(1);
    }
}
