use std::time::Duration;

use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::{Deadline, lazy_channel};
use crate::address::Address;
use crate::pb::fibonacci_service_client::FibonacciServiceClient;
use crate::pb::outliers_client::OutliersClient;
use crate::pb::{Metric, OutliersRequest, SequenceElement, SequenceRequest};

/// Calls one server, giving each call the same time.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    limit: Duration,
}

impl Client {
    /// A client that connects on its first call. A call that takes longer than
    /// `limit`, connecting included, fails with DEADLINE_EXCEEDED.
    pub fn new(server: &Address, limit: Duration) -> Self {
        Self { channel: lazy_channel(server), limit }
    }

    /// `pb.Outliers/Detect`: the positions of the outliers, ascending.
    ///
    /// # Errors
    ///
    /// The call's status.
    pub async fn detect(&self, metrics: Vec<Metric>) -> Result<Vec<i32>, Status> {
        let deadline = Deadline::after(self.limit);
        let mut client =
            OutliersClient::new(self.channel.clone()).accept_compressed(CompressionEncoding::Gzip);
        let call = client.detect(deadline.request(OutliersRequest { metrics }));
        Ok(deadline.limit(call).await?.into_inner().indices)
    }

    /// `FibonacciService/GetSequence`: the first `count` elements.
    ///
    /// # Errors
    ///
    /// The call's status.
    pub async fn sequence(&self, count: i64) -> Result<Vec<i64>, Status> {
        let deadline = Deadline::after(self.limit);
        let mut client = self.fibonacci();
        let call = client.get_sequence(deadline.request(SequenceRequest { count }));
        Ok(deadline.limit(call).await?.into_inner().element)
    }

    /// `FibonacciService/StreamSequence`: the same, as the elements arrive.
    ///
    /// # Errors
    ///
    /// The call's status, if it failed before the first element.
    pub async fn stream(&self, count: i64) -> Result<Elements, Status> {
        let deadline = Deadline::after(self.limit);
        let mut client = self.fibonacci();
        let call = client.stream_sequence(deadline.request(SequenceRequest { count }));
        let messages = deadline.limit(call).await?.into_inner();
        Ok(Elements { messages, deadline })
    }

    fn fibonacci(&self) -> FibonacciServiceClient<Channel> {
        FibonacciServiceClient::new(self.channel.clone())
            .accept_compressed(CompressionEncoding::Gzip)
    }
}

/// The elements of [`Client::stream`]. To drop it cancels the call.
#[derive(Debug)]
pub struct Elements {
    messages: Streaming<SequenceElement>,
    deadline: Deadline,
}

impl Elements {
    /// The next element, or `None` when the call ended with OK.
    ///
    /// # Errors
    ///
    /// The call's status.
    pub async fn next(&mut self) -> Result<Option<SequenceElement>, Status> {
        self.deadline.limit(self.messages.message()).await
    }
}
