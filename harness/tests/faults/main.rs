//! What the harness makes of faulty peers, and of being stopped itself.
//!
//! Each test runs the harness on a project whose peers are `faulty-peer` with one
//! fault or none: the right trial must get the right verdict, words and blame,
//! every other trial must pass, no process may be left, and nothing may wait for
//! ever. What holds of every run is checked in `support`.
//!
//! On Linux only: what processes are left is read from `/proc`.
#![cfg(target_os = "linux")]

mod bounds;
mod client;
mod known;
mod program;
mod server;
mod signals;
mod start;
mod stop;
mod support;
mod trials;
mod wire;
