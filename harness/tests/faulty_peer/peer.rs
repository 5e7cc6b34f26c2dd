//! Deliberately wrong peers, which the tests of the harness run: each has one
//! fault and does everything else as it should.
//!
//! No gRPC is spoken. The harness sees of a call only what the client reports of
//! it, so a line over TCP does: the client sends the case's name and the request
//! in base64, and the server sends the request back as the answer.

mod client;
mod misdeed;
mod server;

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
