import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;

/** Sends metadata of a request to the test service back (TEST-7), and headers of streams early. */
final class EchoInterceptor implements ServerInterceptor {
  @Override
  public <RequestT, ResponseT> ServerCall.Listener<RequestT> interceptCall(
      ServerCall<RequestT, ResponseT> call,
      Metadata request,
      ServerCallHandler<RequestT, ResponseT> next) {
    EchoingCall<RequestT, ResponseT> echoing =
        new EchoingCall<>(
            call,
            MetadataKeys.only("x-grpc-test-echo-initial"::equals, request),
            MetadataKeys.only("x-grpc-test-echo-trailing-bin"::equals, request));
    if (!call.getMethodDescriptor().getType().serverSendsOneMessage()) {
      // Which of the messages are compressed is said later, with each of them.
      echoing.setCompression("gzip");
      echoing.sendHeaders(new Metadata());
    }
    return next.startCall(echoing, request);
  }
}
