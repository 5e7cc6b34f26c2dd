//! `wire` of the harness, but for TLS.

#[path = "../../../src/wire/announced.rs"]
mod announced;
#[path = "../../../src/wire/between.rs"]
mod between;
#[path = "../../../src/wire/budget.rs"]
mod budget;
#[path = "../../../src/wire/connection.rs"]
pub(crate) mod connection;
#[path = "../../../src/wire/control.rs"]
mod control;
#[path = "../../../src/wire/ended.rs"]
mod ended;
#[path = "../../../src/wire/stream.rs"]
mod stream;
#[path = "../../../src/wire/transcript.rs"]
pub(crate) mod transcript;
#[path = "../../../src/wire/unreadable.rs"]
mod unreadable;
