import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;

/** Answers with the first Fibonacci numbers, at once or one by one (FIB-*). */
final class FibonacciSequenceService extends FibonacciServiceGrpc.FibonacciServiceImplBase {
  /** F(93) does not fit into a long. */
  private static final long MOST = 93;

  @Override
  public void getSequence(
      Fibonacci.SequenceRequest request, StreamObserver<Fibonacci.SequenceResponse> responses) {
    if (request.getCount() > MOST) {
      responses.onError(outOfRange(request));
      return;
    }
    Fibonacci.SequenceResponse.Builder response = Fibonacci.SequenceResponse.newBuilder();
    Sequence sequence = new Sequence(request.getCount());
    while (sequence.hasNext()) {
      response.addElement(sequence.next().getElement());
    }
    responses.onNext(response.build());
    responses.onCompleted();
  }

  @Override
  public void streamSequence(
      Fibonacci.SequenceRequest request, StreamObserver<Fibonacci.SequenceElement> responses) {
    Sequence sequence = new Sequence(request.getCount());
    Runnable end =
        request.getCount() > MOST
            ? () -> responses.onError(outOfRange(request))
            : responses::onCompleted;
    sendWhenReady(sequence, (ServerCallStreamObserver<Fibonacci.SequenceElement>) responses, end);
  }

  /** The library queues all that it is given: a slow reader must not make it hold everything. */
  private static void sendWhenReady(
      Sequence sequence,
      ServerCallStreamObserver<Fibonacci.SequenceElement> responses,
      Runnable end) {
    responses.setOnReadyHandler(
        () -> {
          // It may be ready once more after the end.
          if (!sequence.hasNext()) {
            return;
          }
          while (responses.isReady() && sequence.hasNext()) {
            responses.onNext(sequence.next());
          }
          if (!sequence.hasNext()) {
            end.run();
          }
        });
  }

  private static StatusRuntimeException outOfRange(Fibonacci.SequenceRequest request) {
    return Status.OUT_OF_RANGE
        .withDescription(
            "count is %d; only the first %d numbers fit into int64"
                .formatted(request.getCount(), MOST))
        .asRuntimeException();
  }

  /** The first elements, of which there is always one (FIB-2), and never more than fit. */
  private static final class Sequence {
    private final long length;
    private long position = 0;
    private long current = 0;
    // Overflows when the last number that fits is the current one, and is not used then.
    private long following = 1;

    Sequence(long count) {
      length = Math.max(1, Math.min(count, MOST));
    }

    boolean hasNext() {
      return position < length;
    }

    Fibonacci.SequenceElement next() {
      Fibonacci.SequenceElement element =
          Fibonacci.SequenceElement.newBuilder().setElement(current).setCount(position).build();
      long sum = current + following;
      current = following;
      following = sum;
      position++;
      return element;
    }
  }
}
