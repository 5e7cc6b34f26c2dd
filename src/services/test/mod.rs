//! gRPC's test service, `grpc.testing.TestService`: rules TEST-1 to TEST-9 of the contract.

mod answers;
mod echo;
mod server;

#[cfg(test)]
mod tests;

pub use echo::Echo;
pub use server::TestServer;

use std::pin::Pin;

use futures_util::{TryFutureExt as _, TryStreamExt as _, stream};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use self::answers::{answers, check_status, payload};
use crate::pb::testing::test_service_server::TestService;
use crate::pb::testing::{
    Empty, SimpleRequest, SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest, StreamingOutputCallResponse,
};

/// The service itself, without the metadata that it sends back: [`Echo`] does that.
///
/// A response is compressed where its request says so if its method answers once. tonic has
/// no say over a single message of a stream, nor does it tell whether one came compressed.
#[derive(Clone, Copy, Debug)]
pub struct Test;

type Answers = Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;

#[tonic::async_trait]
impl TestService for Test {
    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(uncompressed(Empty {}))
    }

    async fn unary_call(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let asked = request.into_inner();
        check_status(asked.response_status)?;
        let payload = Some(payload(asked.response_size)?);
        let answer = SimpleResponse { payload, ..SimpleResponse::default() };
        let is_compressed = asked.response_compressed.is_some_and(|compressed| compressed.value);
        Ok(if is_compressed { Response::new(answer) } else { uncompressed(answer) })
    }

    async fn cacheable_unary_call(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        self.unary_call(request).await
    }

    type StreamingOutputCallStream = Answers;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Answers>, Status> {
        Ok(Response::new(Box::pin(answers(request.into_inner()))))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let mut requests = request.into_inner();
        let mut sum = 0_usize;
        while let Some(request) = requests.message().await? {
            sum += request.payload.map_or(0, |payload| payload.body.len());
        }
        let aggregated_payload_size = i32::try_from(sum).map_err(|_| {
            Status::out_of_range(format!("{sum} bytes are more than an int32 says"))
        })?;
        Ok(uncompressed(StreamingInputCallResponse { aggregated_payload_size }))
    }

    type FullDuplexCallStream = Answers;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let requests = request.into_inner();
        Ok(Response::new(Box::pin(requests.map_ok(answers).try_flatten())))
    }

    type HalfDuplexCallStream = Answers;

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Answers>, Status> {
        // What is kept until the client has half-closed is only what is to be answered.
        let asked = request
            .into_inner()
            .map_ok(|request| StreamingOutputCallRequest { payload: None, ..request });
        let all = asked.try_collect::<Vec<_>>();
        let requests = all.map_ok(|all| stream::iter(all.into_iter().map(Ok))).try_flatten_stream();
        Ok(Response::new(Box::pin(requests.map_ok(answers).try_flatten())))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("nobody implements this method"))
    }
}

fn uncompressed<M>(message: M) -> Response<M> {
    let mut response = Response::new(message);
    response.disable_compression();
    response
}
