use std::convert::Infallible;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codegen::http::{Request, Response};
use tonic::server::NamedService;
use tower::Service;

use super::Test;
use crate::pb::testing::test_service_server::TestServiceServer;

/// The paths of the methods whose requests say whether the one response is compressed.
const COMPRESSING: [&str; 2] =
    ["/grpc.testing.TestService/UnaryCall", "/grpc.testing.TestService/CacheableUnaryCall"];

/// The service as it is served: whether responses are compressed at all is told to tonic
/// for a whole service, and it then compresses all those of a stream.
#[derive(Clone, Debug)]
pub struct TestServer {
    compressing: TestServiceServer<Test>,
    other: TestServiceServer<Test>,
}

impl Default for TestServer {
    fn default() -> Self {
        let other = TestServiceServer::new(Test).accept_compressed(Gzip);
        Self { compressing: other.clone().send_compressed(Gzip), other }
    }
}

impl NamedService for TestServer {
    const NAME: &'static str = <TestServiceServer<Test> as NamedService>::NAME;
}

impl Service<Request<Body>> for TestServer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <TestServiceServer<Test> as Service<Request<Body>>>::Future;

    /// Both are, always.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if COMPRESSING.contains(&request.uri().path()) {
            self.compressing.call(request)
        } else {
            self.other.call(request)
        }
    }
}
