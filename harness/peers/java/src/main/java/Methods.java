import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.MethodDescriptor;
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
import pb.OutliersOuterClass.OutliersRequest;

/** The methods that can be called: those of the generated stubs, and any with bytes as they are. */
final class Methods {
  interface Method {
    /** Starts the call with its serialized request, and returns who gathers its answer. */
    PeerCall.Collector<?> start(PeerCall call, Channel channel, byte[] request);
  }

  private interface Invocation<StubT, RequestT, ResponseT> {
    void invoke(StubT stub, RequestT request, StreamObserver<ResponseT> responses);
  }

  private static final Map<String, Method> GENERATED =
      Map.of(
          "pb.Outliers/Detect",
          generated(
              OutliersGrpc.getDetectMethod(),
              OutliersRequest.parser(),
              OutliersGrpc::newStub,
              OutliersGrpc.OutliersStub::detect),
          "FibonacciService/GetSequence",
          generated(
              FibonacciServiceGrpc.getGetSequenceMethod(),
              Fibonacci.SequenceRequest.parser(),
              FibonacciServiceGrpc::newStub,
              FibonacciServiceGrpc.FibonacciServiceStub::getSequence),
          "FibonacciService/StreamSequence",
          generated(
              FibonacciServiceGrpc.getStreamSequenceMethod(),
              Fibonacci.SequenceRequest.parser(),
              FibonacciServiceGrpc::newStub,
              FibonacciServiceGrpc.FibonacciServiceStub::streamSequence));

  private Methods() {}

  static Method named(String name, boolean raw) {
    if (raw) {
      return raw(name);
    }
    Method method = GENERATED.get(name);
    if (method == null) {
      throw new IllegalArgumentException("no stub for " + name);
    }
    return method;
  }

  private static <StubT extends AbstractStub<StubT>, RequestT, ResponseT extends MessageLite>
      Method generated(
          MethodDescriptor<RequestT, ResponseT> descriptor,
          Parser<RequestT> parser,
          Function<Channel, StubT> newStub,
          Invocation<StubT, RequestT, ResponseT> invocation) {
    boolean isUnary = descriptor.getType() == MethodDescriptor.MethodType.UNARY;
    return (call, channel, request) -> {
      PeerCall.Collector<ResponseT> collector =
          call.new Collector<>(MessageLite::toByteArray, isUnary);
      StubT stub = call.configured(newStub.apply(channel));
      invocation.invoke(stub, parse(parser, request), collector);
      return collector;
    };
  }

  private static <RequestT> RequestT parse(Parser<RequestT> parser, byte[] request) {
    try {
      return parser.parseFrom(request);
    } catch (InvalidProtocolBufferException error) {
      throw new IllegalArgumentException("the request does not parse", error);
    }
  }

  private static Method raw(String name) {
    return (call, channel, request) -> {
      PeerCall.Collector<byte[]> collector = call.new Collector<>(Function.identity(), false);
      call.configured(new RawStub(channel, CallOptions.DEFAULT)).call(name, request, collector);
      return collector;
    };
  }

  /** Calls any method as a server-streaming one, and sends bytes as they are. */
  private static final class RawStub extends AbstractAsyncStub<RawStub> {
    RawStub(Channel channel, CallOptions options) {
      super(channel, options);
    }

    @Override
    protected RawStub build(Channel channel, CallOptions options) {
      return new RawStub(channel, options);
    }

    void call(String name, byte[] request, StreamObserver<byte[]> responses) {
      MethodDescriptor<byte[], byte[]> method =
          MethodDescriptor.newBuilder(new BytesMarshaller(), new BytesMarshaller())
              .setType(MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(name)
              .build();
      ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(method, getCallOptions()), request, responses);
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
