//! Deliberately wrong peers, which the tests of the harness run: each has one
//! fault and does everything else as it should.
//!
//! They speak gRPC, for the harness watches what passes between them: the server
//! sends each request's message back as the answer.

mod call;
mod client;
mod glut;
mod http2;
mod misdeed;
mod server;
mod tls;
mod wire;

use clap::Parser;

#[derive(Parser)]
enum Peer {
    Server(server::Server),
    Client(client::Client),
}

fn main() {
    match Peer::parse() {
        Peer::Server(server) => server.run(),
        Peer::Client(client) => client.run(),
    }
}
