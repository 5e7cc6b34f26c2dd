use std::sync::Arc;

use prost::Message;
use tonic::Status;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding::Gzip;

use super::observed::Observed;
use super::options::CallOptions;
use super::raw_codec::RawCodec;
use super::request::ParsedRequest;
use super::watched::{Watch, WatchedChannel};
use crate::pb::fibonacci_service_client::FibonacciServiceClient;
use crate::pb::outliers_client::OutliersClient;
use crate::pb::testing::test_service_client::TestServiceClient;
use crate::pb::testing::unimplemented_service_client::UnimplementedServiceClient;

/// A stub that takes gzip, and sends it if the call says so. Every stub's type can, and no
/// trait says that it can.
macro_rules! stub {
    ($stub:ident, $channel:expr, $options:expr) => {{
        let stub = $stub::new($channel).accept_compressed(Gzip);
        if $options.gzip { stub.send_compressed(Gzip) } else { stub }
    }};
}

/// Sends what the call sends, and records what comes back as it comes: whoever drops
/// this half-way finds in `observed` what there was until then.
pub(super) async fn exchange(
    channel: WatchedChannel,
    request: ParsedRequest,
    options: &CallOptions,
    watch: &Arc<Watch>,
    observed: &mut Observed,
) -> Result<(), Status> {
    use ParsedRequest as Asked;
    let one_answer = channel.clone().with_one_answer(options.read_delay);
    match request {
        Asked::Detect(message) => {
            let mut stub = stub!(OutliersClient, one_answer, options);
            observed.one(stub.detect(options.whole(message, watch)).await, watch)
        }
        Asked::GetSequence(message) => {
            let mut stub = stub!(FibonacciServiceClient, one_answer, options);
            observed.one(stub.get_sequence(options.whole(message, watch)).await, watch)
        }
        Asked::StreamSequence(message) => {
            let mut stub = stub!(FibonacciServiceClient, channel, options);
            let response = stub.stream_sequence(options.whole(message, watch)).await?;
            observed.stream(response, options, watch, serialized).await
        }
        Asked::EmptyCall(message) => {
            let mut stub = stub!(TestServiceClient, one_answer, options);
            observed.one(stub.empty_call(options.whole(message, watch)).await, watch)
        }
        Asked::UnaryCall(message) => {
            let mut stub = stub!(TestServiceClient, one_answer, options);
            observed.one(stub.unary_call(options.whole(message, watch)).await, watch)
        }
        Asked::CacheableUnaryCall(message) => {
            let mut stub = stub!(TestServiceClient, one_answer, options);
            observed.one(stub.cacheable_unary_call(options.whole(message, watch)).await, watch)
        }
        Asked::StreamingOutputCall(message) => {
            let mut stub = stub!(TestServiceClient, channel, options);
            let response = stub.streaming_output_call(options.whole(message, watch)).await?;
            observed.stream(response, options, watch, serialized).await
        }
        Asked::StreamingInputCall(script) => {
            let mut stub = stub!(TestServiceClient, one_answer, options);
            let request = options.request(script.play(watch), watch);
            observed.one(stub.streaming_input_call(request).await, watch)
        }
        Asked::FullDuplexCall(script) => {
            let mut stub = stub!(TestServiceClient, channel, options);
            let request = options.request(script.play(watch), watch);
            let response = stub.full_duplex_call(request).await?;
            observed.stream(response, options, watch, serialized).await
        }
        Asked::HalfDuplexCall(script) => {
            let mut stub = stub!(TestServiceClient, channel, options);
            let request = options.request(script.play(watch), watch);
            let response = stub.half_duplex_call(request).await?;
            observed.stream(response, options, watch, serialized).await
        }
        Asked::UnimplementedCall(message) => {
            let mut stub = stub!(TestServiceClient, one_answer, options);
            observed.one(stub.unimplemented_call(options.whole(message, watch)).await, watch)
        }
        Asked::UnimplementedService(message) => {
            let mut stub = stub!(UnimplementedServiceClient, one_answer, options);
            observed.one(stub.unimplemented_call(options.whole(message, watch)).await, watch)
        }
        Asked::Raw { path, script } => {
            let mut client = stub!(Grpc, channel, options);
            client.ready().await.map_err(Status::from_error)?;
            let response = if let Some(message) = script.only_message().cloned() {
                let request = options.whole(message, watch);
                client.server_streaming(request, path, RawCodec).await?
            } else {
                let request = options.request(script.play(watch), watch);
                client.streaming(request, path, RawCodec).await?
            };
            observed.stream(response, options, watch, |bytes| bytes.into()).await
        }
    }
}

fn serialized(message: impl Message) -> Vec<u8> {
    message.encode_to_vec()
}
