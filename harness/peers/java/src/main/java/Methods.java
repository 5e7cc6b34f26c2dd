import com.google.protobuf.MessageLite;
import grpc.testing.TestServiceGrpc;
import grpc.testing.UnimplementedServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.stub.AbstractAsyncStub;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.function.Function;
import pb.OutliersGrpc;

/** The methods that can be called: those of the generated stubs, and any with bytes as they are. */
final class Methods {
  interface Method {
    /** The request, as the stub takes it. */
    Object parse(byte[] request);

    /** Whether a call with these steps is started with its one request, and needs no more. */
    boolean startsWithAll(Steps steps);

    /** Starts the call, and returns who gathers its answer. */
    PeerCall.Collector<?> start(PeerCall call, Channel channel, Steps steps);
  }

  /** Without a request, if the method takes a stream of them: the collector knows whereto. */
  private interface Invocation<StubT, RequestT, ResponseT> {
    void invoke(StubT stub, RequestT request, StreamObserver<ResponseT> responses);
  }

  private static final Map<String, Method> GENERATED =
      Map.ofEntries(
          generated(
              OutliersGrpc.getDetectMethod(),
              OutliersGrpc::newStub,
              OutliersGrpc.OutliersStub::detect),
          generated(
              FibonacciServiceGrpc.getGetSequenceMethod(),
              FibonacciServiceGrpc::newStub,
              FibonacciServiceGrpc.FibonacciServiceStub::getSequence),
          generated(
              FibonacciServiceGrpc.getStreamSequenceMethod(),
              FibonacciServiceGrpc::newStub,
              FibonacciServiceGrpc.FibonacciServiceStub::streamSequence),
          generated(
              TestServiceGrpc.getEmptyCallMethod(),
              TestServiceGrpc::newStub,
              TestServiceGrpc.TestServiceStub::emptyCall),
          generated(
              TestServiceGrpc.getUnaryCallMethod(),
              TestServiceGrpc::newStub,
              TestServiceGrpc.TestServiceStub::unaryCall),
          generated(
              TestServiceGrpc.getCacheableUnaryCallMethod(),
              TestServiceGrpc::newStub,
              TestServiceGrpc.TestServiceStub::cacheableUnaryCall),
          generated(
              TestServiceGrpc.getStreamingOutputCallMethod(),
              TestServiceGrpc::newStub,
              TestServiceGrpc.TestServiceStub::streamingOutputCall),
          generated(
              TestServiceGrpc.getStreamingInputCallMethod(),
              TestServiceGrpc::newStub,
              (stub, none, responses) -> stub.streamingInputCall(responses)),
          generated(
              TestServiceGrpc.getFullDuplexCallMethod(),
              TestServiceGrpc::newStub,
              (stub, none, responses) -> stub.fullDuplexCall(responses)),
          generated(
              TestServiceGrpc.getHalfDuplexCallMethod(),
              TestServiceGrpc::newStub,
              (stub, none, responses) -> stub.halfDuplexCall(responses)),
          generated(
              TestServiceGrpc.getUnimplementedCallMethod(),
              TestServiceGrpc::newStub,
              TestServiceGrpc.TestServiceStub::unimplementedCall),
          generated(
              UnimplementedServiceGrpc.getUnimplementedCallMethod(),
              UnimplementedServiceGrpc::newStub,
              UnimplementedServiceGrpc.UnimplementedServiceStub::unimplementedCall));

  private Methods() {}

  static Method named(String name, boolean raw) {
    if (raw) {
      return new RawMethod(name);
    }
    Method method = GENERATED.get(name);
    if (method == null) {
      throw new IllegalArgumentException("no stub for " + name);
    }
    return method;
  }

  private static <StubT extends AbstractStub<StubT>, RequestT, ResponseT extends MessageLite>
      Map.Entry<String, Method> generated(
          MethodDescriptor<RequestT, ResponseT> descriptor,
          Function<Channel, StubT> newStub,
          Invocation<StubT, RequestT, ResponseT> invocation) {
    return Map.entry(
        descriptor.getFullMethodName(), new GeneratedMethod<>(descriptor, newStub, invocation));
  }

  private record GeneratedMethod<
          StubT extends AbstractStub<StubT>, RequestT, ResponseT extends MessageLite>(
      MethodDescriptor<RequestT, ResponseT> descriptor,
      Function<Channel, StubT> newStub,
      Invocation<StubT, RequestT, ResponseT> invocation)
      implements Method {

    @Override
    public RequestT parse(byte[] request) {
      return descriptor.parseRequest(new ByteArrayInputStream(request));
    }

    @Override
    public boolean startsWithAll(Steps steps) {
      return descriptor.getType().clientSendsOneMessage();
    }

    @Override
    public PeerCall.Collector<?> start(PeerCall call, Channel channel, Steps steps) {
      @SuppressWarnings("unchecked") // It is what `parse` has returned.
      RequestT request = startsWithAll(steps) ? (RequestT) steps.onlyMessage().request() : null;
      PeerCall.Collector<ResponseT> collector =
          call.new Collector<>(
              MessageLite::toByteArray, descriptor.getType().serverSendsOneMessage());
      invocation.invoke(call.configured(newStub.apply(channel)), request, collector);
      return collector;
    }
  }

  /** Sends bytes as they are, and reads a stream of them, whatever the method is. */
  private record RawMethod(String name) implements Method {
    @Override
    public byte[] parse(byte[] request) {
      return request;
    }

    @Override
    public boolean startsWithAll(Steps steps) {
      return steps.areOneRequest();
    }

    @Override
    public PeerCall.Collector<?> start(PeerCall call, Channel channel, Steps steps) {
      PeerCall.Collector<byte[]> collector = call.new Collector<>(Function.identity(), false);
      RawStub stub = call.configured(new RawStub(channel, CallOptions.DEFAULT));
      if (startsWithAll(steps)) {
        stub.call(name, (byte[]) steps.onlyMessage().request(), collector);
      } else {
        stub.call(name, collector);
      }
      return collector;
    }
  }

  private static final class RawStub extends AbstractAsyncStub<RawStub> {
    RawStub(Channel channel, CallOptions options) {
      super(channel, options);
    }

    @Override
    protected RawStub build(Channel channel, CallOptions options) {
      return new RawStub(channel, options);
    }

    void call(String name, byte[] request, StreamObserver<byte[]> responses) {
      ClientCalls.asyncServerStreamingCall(
          newCall(name, MethodType.SERVER_STREAMING), request, responses);
    }

    void call(String name, StreamObserver<byte[]> responses) {
      ClientCalls.asyncBidiStreamingCall(newCall(name, MethodType.BIDI_STREAMING), responses);
    }

    private ClientCall<byte[], byte[]> newCall(String name, MethodType type) {
      MethodDescriptor<byte[], byte[]> method =
          MethodDescriptor.newBuilder(new BytesMarshaller(), new BytesMarshaller())
              .setType(type)
              .setFullMethodName(name)
              .build();
      return getChannel().newCall(method, getCallOptions());
    }
  }

  private static final class BytesMarshaller implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] bytes) {
      return new ByteArrayInputStream(bytes);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }
}
