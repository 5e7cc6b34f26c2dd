//! The methods of `grpc.testing.TestService`. What they answer depends on when and how their
//! requests come, so the server's call plays them.

/// A method of gRPC's test service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestMethod {
    Empty,
    Unary,
    Output,
    Input,
    FullDuplex,
    HalfDuplex,
    /// Of either service: a stub has it, and no server.
    Unimplemented,
}

impl TestMethod {
    /// The method of a path.
    pub(crate) fn of(path: &[u8]) -> Option<Self> {
        if path == b"/grpc.testing.UnimplementedService/UnimplementedCall" {
            return Some(Self::Unimplemented);
        }
        Some(match path.strip_prefix(b"/grpc.testing.TestService/")? {
            b"EmptyCall" => Self::Empty,
            b"UnaryCall" | b"CacheableUnaryCall" => Self::Unary,
            b"StreamingOutputCall" => Self::Output,
            b"StreamingInputCall" => Self::Input,
            b"FullDuplexCall" => Self::FullDuplex,
            b"HalfDuplexCall" => Self::HalfDuplex,
            b"UnimplementedCall" => Self::Unimplemented,
            _ => return None,
        })
    }

    /// Whether it takes any number of requests.
    pub(crate) const fn takes_stream(self) -> bool {
        matches!(self, Self::Input | Self::FullDuplex | Self::HalfDuplex)
    }

    /// Whether it answers with any number of messages.
    pub(crate) const fn is_streaming(self) -> bool {
        matches!(self, Self::Output | Self::FullDuplex | Self::HalfDuplex)
    }
}
