import com.google.protobuf.Message;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Lets each call be answered as it directs; the services know nothing of it. */
final class DirectionsInterceptor implements ServerInterceptor {
  @Override
  public <RequestT, ResponseT> ServerCall.Listener<RequestT> interceptCall(
      ServerCall<RequestT, ResponseT> call,
      Metadata request,
      ServerCallHandler<RequestT, ResponseT> next) {
    Directions directions;
    try {
      directions = Directions.parse(request);
    } catch (Directions.RefusedException refused) {
      call.close(refused.status(), new Metadata());
      return new ServerCall.Listener<>() {};
    }
    if (directions.compress()) {
      // The library compresses nothing that the client has not offered.
      call.setCompression("gzip");
    }
    return next.startCall(new DirectedCall<>(call, directions), request);
  }

  private static final class DirectedCall<RequestT, ResponseT>
      extends EchoingCall<RequestT, ResponseT> {
    private final Directions directions;
    // Why a message could not be sent, which is then how the call ends.
    private Status refusal = null;

    DirectedCall(ServerCall<RequestT, ResponseT> call, Directions directions) {
      super(call, directions.header(), directions.trailer());
      this.directions = directions;
    }

    @Override
    @SuppressWarnings("unchecked") // A padded message has the type that it had.
    public void sendMessage(ResponseT message) {
      waitForItsTime();
      if (isOverMeanwhile() || refusal != null || answersWithoutMessage()) {
        return;
      }
      try {
        super.sendMessage((ResponseT) directions.padded((Message) message));
      } catch (Directions.RefusedException refused) {
        refusal = refused.status();
      }
    }

    @Override
    public void close(Status status, Metadata trailers) {
      if (isOverMeanwhile()) {
        return;
      }
      if (directions.panic() != null) {
        throw new IllegalStateException(directions.panic());
      }
      super.close(ending(status), trailers);
    }

    private Status ending(Status status) {
      if (refusal != null) {
        return refusal;
      }
      // A unary call that its handler has failed has no message, and cannot end with OK.
      if (directions.status() == null || (directions.status().isOk() && !status.isOk())) {
        return status;
      }
      return directions.status();
    }

    private boolean answersWithoutMessage() {
      boolean fails =
          directions.panic() != null
              || (directions.status() != null && !directions.status().isOk());
      return fails && getMethodDescriptor().getType().serverSendsOneMessage();
    }

    /** Whether the wait ended with the call, which then needs no answer of ours. */
    private boolean isOverMeanwhile() {
      return directions.delayMillis() > 0 && Context.current().isCancelled();
    }

    /** Blocks its thread, which is the call's own until then; ends when the call does. */
    private void waitForItsTime() {
      if (directions.delayMillis() == 0) {
        return;
      }
      CountDownLatch over = new CountDownLatch(1);
      Context.CancellationListener listener = call -> over.countDown();
      Context.current().addListener(listener, Runnable::run);
      try {
        over.await(directions.delayMillis(), TimeUnit.MILLISECONDS);
      } catch (InterruptedException error) {
        Thread.currentThread().interrupt();
      } finally {
        Context.current().removeListener(listener);
      }
    }
  }
}
