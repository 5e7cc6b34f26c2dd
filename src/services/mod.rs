//! The two services and gRPC's test service, as tonic serves them.

mod fibonacci;
mod outliers;
mod test;

pub use fibonacci::Fibonacci;
pub use outliers::Outliers;
pub use test::{Echo, Test, TestServer};

/// The paths of the methods of the two services that answer with a stream of messages.
pub const STREAMING: &[&str] = &["/FibonacciService/StreamSequence"];

/// The paths of all methods that take a stream of messages, reflection's included. All
/// others take one.
pub const TAKING_STREAMS: &[&str] = &[
    "/grpc.testing.TestService/StreamingInputCall",
    "/grpc.testing.TestService/FullDuplexCall",
    "/grpc.testing.TestService/HalfDuplexCall",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
