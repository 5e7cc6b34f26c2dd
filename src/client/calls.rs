use std::time::Duration;

use tonic::codec::CompressionEncoding;
use tonic::{Status, Streaming};

use super::{Connecting, Deadline, open_channel};
use crate::address::{Address, Place};
use crate::layers::client::channel::MendedChannel;
use crate::pb::fibonacci_service_client::FibonacciServiceClient;
use crate::pb::outliers_client::OutliersClient;
use crate::pb::{Metric, OutliersRequest, SequenceElement, SequenceRequest};

/// Calls one server, giving each call the same time.
#[derive(Clone, Debug)]
pub struct Client {
    server: Address,
    limit: Duration,
}

impl Client {
    /// A client that connects anew for each call. A call that takes longer than
    /// `limit`, connecting included, fails with DEADLINE_EXCEEDED.
    pub fn new(server: &Address, limit: Duration) -> Self {
        Self { server: server.clone(), limit }
    }

    /// `pb.Outliers/Detect`: the positions of the outliers, ascending.
    ///
    /// # Errors
    ///
    /// The call's status.
    pub async fn detect(&self, metrics: Vec<Metric>) -> Result<Vec<i32>, Status> {
        let deadline = Deadline::after(self.limit);
        let call = async {
            OutliersClient::new(self.channel().with_one_message())
                .accept_compressed(CompressionEncoding::Gzip)
                .detect(deadline.request(OutliersRequest { metrics }))
                .await
        };
        Ok(deadline.limit(call).await?.into_inner().indices)
    }

    /// `FibonacciService/GetSequence`: the first `count` elements.
    ///
    /// # Errors
    ///
    /// The call's status.
    pub async fn sequence(&self, count: i64) -> Result<Vec<i64>, Status> {
        let deadline = Deadline::after(self.limit);
        let call = async {
            let request = deadline.request(SequenceRequest { count });
            self.fibonacci().get_sequence(request).await
        };
        Ok(deadline.limit(call).await?.into_inner().element)
    }

    /// `FibonacciService/StreamSequence`: the same, as the elements arrive.
    ///
    /// # Errors
    ///
    /// The call's status, if it failed before the first element.
    pub async fn stream(&self, count: i64) -> Result<Elements, Status> {
        let deadline = Deadline::after(self.limit);
        let call = async {
            let request = deadline.request(SequenceRequest { count });
            self.fibonacci().stream_sequence(request).await
        };
        let messages = deadline.limit(call).await?.into_inner();
        Ok(Elements { messages, deadline })
    }

    fn fibonacci(&self) -> FibonacciServiceClient<MendedChannel> {
        FibonacciServiceClient::new(self.channel()).accept_compressed(CompressionEncoding::Gzip)
    }

    fn channel(&self) -> MendedChannel {
        open_channel(&Connecting::to(Place::Tcp(self.server.clone())))
            .expect("plaintext needs no file")
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
