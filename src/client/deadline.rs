use std::future::Future;
use std::time::Duration;

use tokio::time::{self, Instant};
use tonic::{Code, Request, Status};

/// When a call must be over, its last message and its status included.
///
/// tonic sends the deadline, but enforces it only until the response's headers
/// came, and reports CANCELLED then. This enforces it to the end of the call and
/// reports DEADLINE_EXCEEDED, as gRPC has it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    limit: Duration,
    at: Instant,
}

impl Deadline {
    /// A deadline so long from now.
    ///
    /// # Panics
    ///
    /// When the system's clock cannot hold the time: centuries from now.
    pub fn after(limit: Duration) -> Self {
        Self { limit, at: Instant::now() + limit }
    }

    /// A request that tells the server of the deadline.
    pub fn request<T>(self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        self.announce(&mut request);
        request
    }

    /// Has the request tell the server of the deadline (`grpc-timeout`).
    pub fn announce<T>(self, request: &mut Request<T>) {
        request.set_timeout(self.limit);
    }

    /// Runs a step of the call, but no longer than until the deadline.
    ///
    /// # Errors
    ///
    /// The step's own, or DEADLINE_EXCEEDED; also for a step that ends with
    /// CANCELLED once the deadline is there, since then it is why.
    pub async fn limit<T>(
        self,
        step: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        match time::timeout_at(self.at, step).await {
            Ok(Err(status)) if status.code() == Code::Cancelled && self.at <= Instant::now() => {
                Err(self.exceeded())
            }
            Ok(result) => result,
            Err(_) => Err(self.exceeded()),
        }
    }

    fn exceeded(self) -> Status {
        let limit_ms = self.limit.as_millis();
        Status::deadline_exceeded(format!("the call was not over within {limit_ms} ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future;

    #[tokio::test]
    async fn a_step_without_end_is_cut() {
        let step = future::pending::<Result<(), Status>>();
        let deadline = Deadline::after(Duration::from_millis(1));
        let status = deadline.limit(step).await.expect_err("the deadline");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(status.message(), "the call was not over within 1 ms");
    }

    #[tokio::test]
    async fn cancelled_counts_as_the_deadline_only_once_it_is_there() {
        let table = [
            (Duration::ZERO, Code::DeadlineExceeded),
            (Duration::from_secs(3600), Code::Cancelled),
        ];
        for (limit, expected) in table {
            let step = future::ready(Err::<(), _>(Status::cancelled("")));
            let status = Deadline::after(limit).limit(step).await.expect_err("an error");
            assert_eq!(status.code(), expected, "{limit:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_in_time_stays_as_it_is() {
        let step = future::ready(Ok::<_, Status>(7));
        let answer = Deadline::after(Duration::ZERO).limit(step).await;
        assert_eq!(answer.expect("the answer"), 7);
    }

    #[tokio::test]
    async fn the_server_is_told() {
        let request = Deadline::after(Duration::from_millis(1234)).request(());
        assert_eq!(request.metadata().get("grpc-timeout").expect("a timeout"), "1234000u");
    }
}
