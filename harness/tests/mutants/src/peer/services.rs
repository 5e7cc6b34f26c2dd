//! The services (docs/contract.md): requests to messages and a status.

mod detector;
mod fibonacci;
mod outliers;
mod testing;

pub(crate) use testing::TestMethod;

use mutants::{mutant::Mutant, planted::planted};

use crate::grpc::status::{Status, code};

/// What a method answers.
pub(crate) struct Answer {
    pub(crate) messages: Box<dyn Iterator<Item = Vec<u8>> + Send>,
    /// What follows the messages.
    pub(crate) status: Status,
}

impl Answer {
    fn of(message: Vec<u8>) -> Self {
        Self { messages: Box::new(std::iter::once(message)), status: Status::ok() }
    }

    fn failure(status: Status) -> Self {
        Self { messages: Box::new(std::iter::empty()), status }
    }
}

/// A method of any service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnyMethod {
    /// Of a service that takes one request.
    Own(Method),
    /// Of gRPC's test service.
    Test(TestMethod),
}

impl AnyMethod {
    /// The method of a path.
    pub(crate) fn of(path: &[u8]) -> Option<Self> {
        TestMethod::of(path).map(Self::Test).or_else(|| Method::of(path).map(Self::Own))
    }
}

/// A method of one of our two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Detect,
    GetSequence,
    StreamSequence,
}

impl Method {
    /// The method of a path.
    fn of(path: &[u8]) -> Option<Self> {
        let lowered;
        let mut path = path;
        if planted(Mutant::MethodsInAnyCase) {
            lowered = path.to_ascii_lowercase();
            path = match &lowered[..] {
                b"/pb.outliers/detect" => b"/pb.Outliers/Detect",
                _ => path,
            };
        }
        if planted(Mutant::ServicesWithoutPackage) && path == b"/Outliers/Detect" {
            return Some(Self::Detect);
        }
        match path {
            b"/pb.Outliers/Detect" => Some(Self::Detect),
            b"/FibonacciService/GetSequence" => Some(Self::GetSequence),
            b"/FibonacciService/StreamSequence" => Some(Self::StreamSequence),
            _ if planted(Mutant::AnyPath) => Some(Self::GetSequence),
            _ => None,
        }
    }

    /// Whether it answers with any number of messages.
    pub(crate) const fn is_streaming(self) -> bool {
        matches!(self, Self::StreamSequence)
    }

    /// Answers a request.
    pub(crate) fn answer(self, request: &[u8]) -> Answer {
        let answer = match self {
            Self::Detect => outliers::detect(request),
            Self::GetSequence => fibonacci::sequence(request),
            Self::StreamSequence => fibonacci::stream(request),
        };
        answer.unwrap_or_else(|malformed| {
            let code = if planted(Mutant::MalformedIsInvalid) {
                code::INVALID_ARGUMENT
            } else {
                code::INTERNAL
            };
            Answer::failure(Status::new(code, malformed.to_string()))
        })
    }
}
