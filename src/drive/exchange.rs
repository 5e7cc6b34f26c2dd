use prost::Message as _;
use tonic::Status;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding::Gzip;

use super::observed::Observed;
use super::options::CallOptions;
use super::raw_codec::RawCodec;
use super::request::ParsedRequest;
use super::watched::{Watch, WatchedChannel};
use crate::pb::SequenceElement;
use crate::pb::fibonacci_service_client::FibonacciServiceClient;
use crate::pb::outliers_client::OutliersClient;

/// Sends the request, and records what comes back as it comes: whoever drops
/// this half-way finds in `observed` what there was until then.
pub(super) async fn exchange(
    channel: WatchedChannel,
    request: ParsedRequest,
    options: &CallOptions,
    watch: &Watch,
    observed: &mut Observed,
) -> Result<(), Status> {
    match request {
        ParsedRequest::Detect(message) => {
            let channel = channel.unary(options.read_delay);
            let mut client = OutliersClient::new(channel).accept_compressed(Gzip);
            if options.gzip {
                client = client.send_compressed(Gzip);
            }
            observed.unary(client.detect(options.request(message)).await, watch)
        }
        ParsedRequest::GetSequence(message) => {
            let mut client = fibonacci(channel.unary(options.read_delay), options);
            observed.unary(client.get_sequence(options.request(message)).await, watch)
        }
        ParsedRequest::StreamSequence(message) => {
            let mut client = fibonacci(channel, options);
            let response = client.stream_sequence(options.request(message)).await?;
            let serialize = |element: SequenceElement| element.encode_to_vec();
            observed.stream(response, options, serialize).await
        }
        ParsedRequest::Raw { path, bytes } => {
            let mut client = Grpc::new(channel).accept_compressed(Gzip);
            if options.gzip {
                client = client.send_compressed(Gzip);
            }
            client.ready().await.map_err(Status::from_error)?;
            let request = options.request(bytes);
            let response = client.server_streaming(request, path, RawCodec).await?;
            observed.stream(response, options, |bytes| bytes).await
        }
    }
}

fn fibonacci(
    channel: WatchedChannel,
    options: &CallOptions,
) -> FibonacciServiceClient<WatchedChannel> {
    let client = FibonacciServiceClient::new(channel).accept_compressed(Gzip);
    if options.gzip { client.send_compressed(Gzip) } else { client }
}
