//! The two services, as tonic serves them.

mod fibonacci;
mod outliers;

pub use fibonacci::Fibonacci;
pub use outliers::Outliers;

/// The paths of the methods that answer with a stream of messages.
pub const STREAMING: &[&str] = &["/FibonacciService/StreamSequence"];
