use tonic::{Request, Response, Status};

use crate::detect;
use crate::pb::outliers_server;
use crate::pb::{OutliersRequest, OutliersResponse};

/// `pb.Outliers`: rules OUT-1 to OUT-9 of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Outliers;

#[tonic::async_trait]
impl outliers_server::Outliers for Outliers {
    async fn detect(
        &self,
        request: Request<OutliersRequest>,
    ) -> Result<Response<OutliersResponse>, Status> {
        let values: Vec<f64> =
            request.into_inner().metrics.iter().map(|metric| metric.value).collect();
        // A request has too few metrics for an index to outgrow an i32: each
        // takes two bytes at least, and gRPC's messages end at four gigabytes.
        let indices = detect::outliers(&values).map(|index| index as i32).collect();
        Ok(Response::new(OutliersResponse { indices }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::Metric;
    use crate::pb::outliers_server::Outliers as _;
    use prost_types::Timestamp;

    #[tokio::test]
    async fn time_and_name_do_not_influence_the_answer() {
        let values = [1.0, 2.0, 100.0, 1.0, 3.0, 200.0, 1.0];
        let metrics = values.iter().enumerate().map(|(index, &value)| Metric {
            time: (index % 2 == 0).then_some(Timestamp { seconds: i64::MIN, nanos: -1 }),
            name: "x".repeat(index),
            value,
        });
        let request = OutliersRequest { metrics: metrics.collect() };

        let response = Outliers.detect(Request::new(request)).await;

        assert_eq!(response.expect("an answer").into_inner().indices, [5]);
    }
}
