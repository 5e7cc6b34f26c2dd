//! What was found, in sentences. All that reads findings reads their data; these words
//! are for people alone.

mod breach;

pub use breach::{breach, violation};
