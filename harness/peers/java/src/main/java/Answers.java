import grpc.testing.Testing.ResponseParameters;
import grpc.testing.Testing.StreamingOutputCallRequest;
import grpc.testing.Testing.StreamingOutputCallResponse;
import io.grpc.StatusException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Iterator;
import java.util.Queue;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * The stream of responses of a call, made one by one: each when its time has come and there is
 * room for it. Requests come on the call's thread, and pauses end on the clock's.
 */
final class Answers {
  private final ServerCallStreamObserver<StreamingOutputCallResponse> responses;
  private final Runnable whenAnswered;
  private final Queue<StreamingOutputCallRequest> requests = new ArrayDeque<>();
  // What the request that is being answered still asks for.
  private Iterator<ResponseParameters> left = Collections.emptyIterator();
  private boolean isAnswering = false;
  // Null if none is going on.
  private ScheduledFuture<?> pause = null;
  private boolean isComplete = false;
  private boolean isOver = false;

  /** To be made while the library starts the call. The action is done after each request. */
  Answers(StreamObserver<StreamingOutputCallResponse> responses, Runnable whenAnswered) {
    this.responses = (ServerCallStreamObserver<StreamingOutputCallResponse>) responses;
    this.whenAnswered = whenAnswered;
    this.responses.setOnReadyHandler(this::advance);
    this.responses.setOnCancelHandler(this::stop);
  }

  synchronized void add(StreamingOutputCallRequest request) {
    requests.add(request);
    advance();
  }

  /** No more requests come: the call ends when those that came are answered. */
  synchronized void complete() {
    isComplete = true;
    advance();
  }

  private synchronized void stop() {
    isOver = true;
    if (pause != null) {
      pause.cancel(false);
    }
  }

  private synchronized void advance() {
    try {
      while (!isOver && pause == null && responses.isReady() && doNext()) {}
    } catch (StatusException refused) {
      end(refused);
    }
  }

  /** Whether there was something to do. */
  private boolean doNext() throws StatusException {
    if (left.hasNext()) {
      answer(left.next());
    } else if (isAnswering) {
      isAnswering = false;
      whenAnswered.run();
    } else if (!requests.isEmpty()) {
      StreamingOutputCallRequest request = requests.remove();
      Refusals.checkStatus(request.getResponseStatus());
      left = request.getResponseParametersList().iterator();
      isAnswering = true;
    } else {
      if (isComplete) {
        end(null);
      }
      return false;
    }
    return true;
  }

  private void answer(ResponseParameters parameters) throws StatusException {
    if (parameters.getIntervalUs() > 0) {
      pause =
          Clock.after(
              parameters.getIntervalUs(),
              TimeUnit.MICROSECONDS,
              () -> answerAfterPause(parameters));
    } else {
      send(parameters);
    }
  }

  private synchronized void answerAfterPause(ResponseParameters parameters) {
    pause = null;
    if (isOver) {
      return;
    }
    try {
      send(parameters);
    } catch (StatusException refused) {
      end(refused);
    }
    advance();
  }

  private void send(ResponseParameters parameters) throws StatusException {
    StreamingOutputCallResponse response =
        StreamingOutputCallResponse.newBuilder()
            .setPayload(Payloads.ofSize(parameters.getSize()))
            .build();
    responses.setMessageCompression(parameters.getCompressed().getValue());
    responses.onNext(response);
  }

  /** With OK, if nothing was refused. */
  private void end(StatusException refused) {
    isOver = true;
    if (refused == null) {
      responses.onCompleted();
    } else {
      responses.onError(refused);
    }
  }
}
