//! Over real connections, with another side that is as wrong as it has to be.

mod client;
mod held;
mod server;
mod small;
