import grpc.testing.TestServiceGrpc;
import grpc.testing.Testing.Empty;
import grpc.testing.Testing.SimpleRequest;
import grpc.testing.Testing.SimpleResponse;
import grpc.testing.Testing.StreamingInputCallRequest;
import grpc.testing.Testing.StreamingInputCallResponse;
import grpc.testing.Testing.StreamingOutputCallRequest;
import grpc.testing.Testing.StreamingOutputCallResponse;
import io.grpc.StatusException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.List;

/**
 * grpc.testing.TestService (TEST-*), without the metadata that it sends back: that is
 * EchoInterceptor's. UnimplementedCall is left to the library.
 */
final class InteropTestService extends TestServiceGrpc.TestServiceImplBase {
  @Override
  public void emptyCall(Empty request, StreamObserver<Empty> responses) {
    responses.onNext(Empty.getDefaultInstance());
    responses.onCompleted();
  }

  @Override
  public void unaryCall(SimpleRequest request, StreamObserver<SimpleResponse> responses) {
    SimpleResponse response;
    try {
      Refusals.checkArrival(request.getExpectCompressed());
      Refusals.checkStatus(request.getResponseStatus());
      response =
          SimpleResponse.newBuilder()
              .setPayload(Payloads.ofSize(request.getResponseSize()))
              .build();
    } catch (StatusException refused) {
      responses.onError(refused);
      return;
    }
    if (request.getResponseCompressed().getValue()) {
      ((ServerCallStreamObserver<SimpleResponse>) responses).setCompression("gzip");
    }
    responses.onNext(response);
    responses.onCompleted();
  }

  @Override
  public void cacheableUnaryCall(SimpleRequest request, StreamObserver<SimpleResponse> responses) {
    unaryCall(request, responses);
  }

  @Override
  public void streamingOutputCall(
      StreamingOutputCallRequest request, StreamObserver<StreamingOutputCallResponse> responses) {
    Answers answers = new Answers(responses, () -> {});
    answers.add(request);
    answers.complete();
  }

  @Override
  public StreamObserver<StreamingInputCallRequest> streamingInputCall(
      StreamObserver<StreamingInputCallResponse> responses) {
    return new PayloadSum(responses);
  }

  @Override
  public StreamObserver<StreamingOutputCallRequest> fullDuplexCall(
      StreamObserver<StreamingOutputCallResponse> responses) {
    var call = (ServerCallStreamObserver<StreamingOutputCallResponse>) responses;
    // Each request is asked for when the one before is answered.
    call.disableAutoRequest();
    Answers answers = new Answers(responses, () -> call.request(1));
    call.request(1);
    return new Requests() {
      @Override
      public void onNext(StreamingOutputCallRequest request) {
        answers.add(request);
      }

      @Override
      public void onCompleted() {
        answers.complete();
      }
    };
  }

  @Override
  public StreamObserver<StreamingOutputCallRequest> halfDuplexCall(
      StreamObserver<StreamingOutputCallResponse> responses) {
    Answers answers = new Answers(responses, () -> {});
    List<StreamingOutputCallRequest> asked = new ArrayList<>();
    return new Requests() {
      @Override
      public void onNext(StreamingOutputCallRequest request) {
        // What is kept until the client has half-closed is only what is to be answered.
        asked.add(request.toBuilder().clearPayload().build());
      }

      @Override
      public void onCompleted() {
        asked.forEach(answers::add);
        answers.complete();
      }
    };
  }

  private abstract static class Requests implements StreamObserver<StreamingOutputCallRequest> {
    @Override
    public void onError(Throwable error) {
      // The client has given the call up, which the answers have heard, too.
    }
  }
}
