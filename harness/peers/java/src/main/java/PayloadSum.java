import grpc.testing.Testing.StreamingInputCallRequest;
import grpc.testing.Testing.StreamingInputCallResponse;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.StreamObserver;

/** Answers a stream of requests with the sum of their payloads' sizes (TEST-3). */
final class PayloadSum implements StreamObserver<StreamingInputCallRequest> {
  private final StreamObserver<StreamingInputCallResponse> responses;
  private long bytes = 0;
  private boolean isOver = false;

  PayloadSum(StreamObserver<StreamingInputCallResponse> responses) {
    this.responses = responses;
  }

  /** May be called once more after the end. */
  @Override
  public void onNext(StreamingInputCallRequest request) {
    if (isOver) {
      return;
    }
    try {
      Refusals.checkArrival(request.getExpectCompressed());
      add(request.getPayload().getBody().size());
    } catch (StatusException refused) {
      isOver = true;
      responses.onError(refused);
    }
  }

  private void add(int size) throws StatusException {
    bytes += size;
    if (bytes > Integer.MAX_VALUE) {
      throw Status.OUT_OF_RANGE
          .withDescription("%d bytes are more than an int32 says".formatted(bytes))
          .asException();
    }
  }

  @Override
  public void onCompleted() {
    if (isOver) {
      return;
    }
    responses.onNext(
        StreamingInputCallResponse.newBuilder().setAggregatedPayloadSize((int) bytes).build());
    responses.onCompleted();
  }

  @Override
  public void onError(Throwable error) {
    // The client has given the call up: nobody waits for the sum.
  }
}
