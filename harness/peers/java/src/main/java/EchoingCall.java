import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.Status;

/** Sends entries of metadata of its own before and after all else, whatever the call ends with. */
class EchoingCall<RequestT, ResponseT> extends SimpleForwardingServerCall<RequestT, ResponseT> {
  private final Metadata header;
  private final Metadata trailer;
  private boolean headersSent = false;

  EchoingCall(ServerCall<RequestT, ResponseT> call, Metadata header, Metadata trailer) {
    super(call);
    this.header = header;
    this.trailer = trailer;
  }

  /** The second time does nothing: a stub sends headers, too, although they were sent early. */
  @Override
  public void sendHeaders(Metadata headers) {
    if (headersSent) {
      return;
    }
    headersSent = true;
    headers.merge(header);
    super.sendHeaders(headers);
  }

  @Override
  public void close(Status status, Metadata trailers) {
    if (!header.keys().isEmpty()) {
      sendHeaders(new Metadata());
    }
    trailers.merge(trailer);
    super.close(status, trailers);
  }
}
