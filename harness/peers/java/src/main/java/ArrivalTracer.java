import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.ServerStreamTracer;

/** Sees how the request messages of a call come, of which the library tells tracers alone. */
final class ArrivalTracer extends ServerStreamTracer {
  private static final Context.Key<ArrivalTracer> OF_CALL = Context.key("arrival-tracer");

  private volatile boolean isCompressed = false;

  /**
   * Whether the request message that is being handled came compressed. The next one is not read
   * before the library has been asked for it.
   */
  static boolean isCompressed() {
    return OF_CALL.get().isCompressed;
  }

  @Override
  public Context filterContext(Context context) {
    return context.withValue(OF_CALL, this);
  }

  /** Of a compressed message, the library does not know the size yet: it is negative. */
  @Override
  public void inboundMessageRead(
      int number, long optionalWireSize, long optionalUncompressedSize) {
    isCompressed = optionalUncompressedSize < 0;
  }

  static final class Factory extends ServerStreamTracer.Factory {
    @Override
    public ServerStreamTracer newServerStreamTracer(String fullMethodName, Metadata headers) {
      return new ArrivalTracer();
    }
  }
}
