import com.google.protobuf.ByteString;
import grpc.testing.Testing.Payload;
import io.grpc.Status;
import io.grpc.StatusException;

/** The payloads that the test service answers with: zeros, as many as were asked for. */
final class Payloads {
  private static final int MOST_BYTES = 64 << 20;

  private Payloads() {}

  static Payload ofSize(int bytes) throws StatusException {
    if (bytes < 0 || bytes > MOST_BYTES) {
      throw Status.INVALID_ARGUMENT
          .withDescription("no payload has %d bytes; give 0 to %d".formatted(bytes, MOST_BYTES))
          .asException();
    }
    return Payload.newBuilder().setBody(ByteString.copyFrom(new byte[bytes])).build();
  }
}
