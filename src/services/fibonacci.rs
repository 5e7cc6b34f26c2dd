use std::pin::Pin;

use tokio::task;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use crate::fibonacci;
use crate::pb::fibonacci_service_server::FibonacciService;
use crate::pb::{SequenceElement, SequenceRequest, SequenceResponse};

/// `FibonacciService`: rules FIB-1 to FIB-5 of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Fibonacci;

#[tonic::async_trait]
impl FibonacciService for Fibonacci {
    async fn get_sequence(
        &self,
        request: Request<SequenceRequest>,
    ) -> Result<Response<SequenceResponse>, Status> {
        let count = request.into_inner().count;
        if count > fibonacci::LENGTH {
            return Err(too_many(count));
        }
        let element = fibonacci::first(count).collect();
        Ok(Response::new(SequenceResponse { element }))
    }

    type StreamSequenceStream = Pin<Box<dyn Stream<Item = Result<SequenceElement, Status>> + Send>>;

    async fn stream_sequence(
        &self,
        request: Request<SequenceRequest>,
    ) -> Result<Response<Self::StreamSequenceStream>, Status> {
        Ok(Response::new(Box::pin(one_at_a_time(elements(request.into_inner().count)))))
    }
}

/// Takes an element from the iterator only when the stream is asked for it.
///
/// tonic gathers whatever a stream has ready into one write. To wait a turn
/// before each element lets the one before leave by itself (FIB-5).
fn one_at_a_time<T>(elements: impl Iterator<Item = T>) -> impl Stream<Item = T> {
    tokio_stream::iter(elements).then(|element| async {
        task::yield_now().await;
        element
    })
}

/// What the stream of `count` elements carries: the elements, as far as they
/// fit, then the error if they did not.
fn elements(count: i64) -> impl Iterator<Item = Result<SequenceElement, Status>> + Send {
    let elements = fibonacci::first(count)
        .zip(0..)
        .map(|(element, count)| Ok(SequenceElement { element, count }));
    elements.chain((count > fibonacci::LENGTH).then(|| Err(too_many(count))))
}

fn too_many(count: i64) -> Status {
    let most = fibonacci::LENGTH;
    Status::out_of_range(format!(
        "count {count} is more than {most}: F({most}) does not fit in int64"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::task::{Context, Waker};
    use tonic::Code;

    #[test]
    fn stream_numbers_its_elements_from_zero() {
        let elements: Vec<_> = elements(4)
            .map(|element| element.map(|element| (element.element, element.count)))
            .collect::<Result<_, _>>()
            .expect("no error");
        assert_eq!(elements, [(0, 0), (1, 1), (1, 2), (2, 3)]);
    }

    #[test]
    fn stream_of_too_many_ends_with_the_error() {
        let (last, elements) = {
            let mut all: Vec<_> = elements(94).collect();
            (all.pop().expect("an element"), all)
        };
        assert_eq!(elements.len(), 93);
        assert!(elements.iter().all(Result::is_ok));
        let status = last.expect_err("an error");
        assert_eq!(status.code(), Code::OutOfRange);
        assert_eq!(status.message(), "count 94 is more than 93: F(93) does not fit in int64");
    }

    #[tokio::test]
    async fn sequence_of_too_many_is_refused_at_once() {
        for count in [94, i64::MAX] {
            let request = Request::new(SequenceRequest { count });
            let status = Fibonacci.get_sequence(request).await.expect_err("an error");
            assert_eq!(status.code(), Code::OutOfRange, "{count}");
        }
    }

    /// tonic writes what it has whenever the stream is not ready.
    #[tokio::test]
    async fn stream_pauses_before_every_element() {
        let request = Request::new(SequenceRequest { count: 3 });
        let response = Fibonacci.stream_sequence(request).await.expect("a stream");
        let mut stream = response.into_inner();
        let mut context = Context::from_waker(Waker::noop());

        for count in 0..3 {
            assert!(stream.as_mut().poll_next(&mut context).is_pending(), "before {count}");
            assert!(stream.as_mut().poll_next(&mut context).is_ready(), "{count}");
        }
    }

    /// FIB-5.
    #[tokio::test]
    async fn elements_are_computed_as_the_stream_is_read() {
        let computed = Cell::new(0);
        let counted = elements(93).inspect(|_| computed.set(computed.get() + 1));
        let mut stream = Box::pin(one_at_a_time(counted));

        for sent in 1..=5 {
            stream.next().await.expect("an element").expect("no error");
            assert!(computed.get() <= sent + 1, "{} computed, {sent} sent", computed.get());
        }
    }

    /// What was collected knows its length; what is computed on demand does not.
    #[tokio::test]
    async fn nothing_is_collected_before_the_stream_is_read() {
        let request = Request::new(SequenceRequest { count: 93 });
        let response = Fibonacci.stream_sequence(request).await.expect("a stream");
        let (at_least, _) = response.into_inner().size_hint();
        assert!(at_least <= 1, "{at_least} elements are there already");
    }
}
