import grpc.testing.Testing.BoolValue;
import grpc.testing.Testing.EchoStatus;
import io.grpc.Status;
import io.grpc.StatusException;

/** Why a request to the test service ends its call. */
final class Refusals {
  private Refusals() {}

  static void checkStatus(EchoStatus asked) throws StatusException {
    if (asked.getCode() != 0) {
      throw Status.fromCodeValue(asked.getCode())
          .withDescription(asked.getMessage())
          .asException();
    }
  }

  /** Of the request that is being handled. */
  static void checkArrival(BoolValue expectCompressed) throws StatusException {
    if (expectCompressed.getValue() && !ArrivalTracer.isCompressed()) {
      throw Status.INVALID_ARGUMENT
          .withDescription("expect_compressed: the message came uncompressed")
          .asException();
    }
  }
}
