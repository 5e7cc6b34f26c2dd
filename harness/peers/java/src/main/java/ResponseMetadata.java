import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;

/** Keeps the metadata of a call's response, and tells when the headers have come. */
final class ResponseMetadata implements ClientInterceptor {
  private final Runnable whenHeadersCame;
  private volatile Metadata headers = new Metadata();
  private volatile Metadata trailers = new Metadata();

  ResponseMetadata(Runnable whenHeadersCame) {
    this.whenHeadersCame = whenHeadersCame;
  }

  /** Empty as long as they have not come. */
  Metadata headers() {
    return headers;
  }

  Metadata trailers() {
    return trailers;
  }

  @Override
  public <RequestT, ResponseT> ClientCall<RequestT, ResponseT> interceptCall(
      MethodDescriptor<RequestT, ResponseT> method, CallOptions options, Channel next) {
    return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
      @Override
      public void start(Listener<ResponseT> listener, Metadata request) {
        super.start(new Keeper<>(listener), request);
      }
    };
  }

  private final class Keeper<ResponseT> extends SimpleForwardingClientCallListener<ResponseT> {
    Keeper(ClientCall.Listener<ResponseT> listener) {
      super(listener);
    }

    @Override
    public void onHeaders(Metadata came) {
      headers = came;
      whenHeadersCame.run();
      super.onHeaders(came);
    }

    @Override
    public void onClose(Status status, Metadata came) {
      trailers = came;
      super.onClose(status, came);
    }
  }
}
