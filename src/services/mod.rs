//! The two services, as tonic serves them.

mod fibonacci;
mod outliers;

pub use fibonacci::Fibonacci;
pub use outliers::Outliers;
