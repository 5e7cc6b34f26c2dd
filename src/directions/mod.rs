//! Lets a request say, by its metadata, how the server answers it, as
//! `docs/peer-protocol.md` lists. A layer around the services does what it says,
//! so that they know nothing of it; without such metadata a call is served as if
//! the layer were not there.

mod parse;

mod messages;
mod padding;

mod layer;

pub use layer::Directed;

#[cfg(test)]
mod tests;
