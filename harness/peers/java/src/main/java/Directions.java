import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Message;
import com.google.protobuf.UnknownFieldSet;
import io.grpc.Metadata;
import io.grpc.Status;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * What a request's metadata says of how it is answered; docs/peer-protocol.md lists it.
 *
 * @param header sent back in the initial metadata
 * @param trailer sent back in the trailing metadata
 * @param status how the call ends; null: as its handler says
 * @param delayMillis the time to wait before each response message
 * @param sizeBytes the least size of each response message
 * @param compress whether the response messages are compressed with gzip
 * @param panic the text of the exception that ends the call; null: none does
 */
record Directions(
    Metadata header,
    Metadata trailer,
    Status status,
    long delayMillis,
    int sizeBytes,
    boolean compress,
    String panic) {

  /** One more than the last that gRPC has, to see what the library makes of it. */
  private static final long MOST_CODE = 17;

  /** As long as a deadline may be: 24 hours. */
  private static final long MOST_DELAY_MILLIS = 24 * 60 * 60 * 1000;

  private static final long MOST_SIZE_BYTES = 64 << 20;

  private static final int PADDING_FIELD = 1000;

  private static final int MOST_LENGTH_BYTES = 5;

  /** A direction without meaning; its message names it. */
  static final class RefusedException extends Exception {
    RefusedException(String format, Object... arguments) {
      super(format.formatted(arguments));
    }

    Status status() {
      return Status.INVALID_ARGUMENT.withDescription(getMessage());
    }
  }

  static Directions parse(Metadata request) throws RefusedException {
    Metadata trailer =
        MetadataKeys.only(name -> name.startsWith("x-crosswire-trailer"), request);
    Status status = status(request);
    byte[] details = last(request, MetadataKeys.binary("x-crosswire-status-details-bin"));
    if (status != null && details != null) {
      trailer.put(MetadataKeys.STATUS_DETAILS, details);
    }
    String compress = last(request, MetadataKeys.text("x-crosswire-compress"));
    if (compress != null && !compress.equals("gzip")) {
      throw new RefusedException("x-crosswire-compress: there is gzip alone, not %s", compress);
    }
    return new Directions(
        MetadataKeys.only(name -> name.startsWith("x-crosswire-header"), request),
        trailer,
        status,
        number("x-crosswire-delay-ms", MOST_DELAY_MILLIS, request),
        (int) number("x-crosswire-size", MOST_SIZE_BYTES, request),
        compress != null,
        last(request, MetadataKeys.text("x-crosswire-panic")));
  }

  /** The message, made as long as it shall be by a field that it does not know. */
  Message padded(Message message) throws RefusedException {
    int missing = sizeBytes - message.getSerializedSize();
    if (missing <= 0) {
      return message;
    }
    return message.toBuilder().setUnknownFields(padding(missing)).build();
  }

  private UnknownFieldSet padding(int missing) throws RefusedException {
    int withoutLength = missing - CodedOutputStream.computeTagSize(PADDING_FIELD);
    for (int lengthBytes = 1; lengthBytes <= MOST_LENGTH_BYTES; lengthBytes++) {
      int zeros = withoutLength - lengthBytes;
      if (zeros >= 0 && CodedOutputStream.computeUInt32SizeNoTag(zeros) == lengthBytes) {
        ByteString value = ByteString.copyFrom(new byte[zeros]);
        return UnknownFieldSet.newBuilder()
            .addField(
                PADDING_FIELD, UnknownFieldSet.Field.newBuilder().addLengthDelimited(value).build())
            .build();
      }
    }
    throw new RefusedException(
        "x-crosswire-size: %d: no field is %d bytes long, which are missing; give another size",
        sizeBytes, missing);
  }

  private static Status status(Metadata request) throws RefusedException {
    int code = (int) number("x-crosswire-status", MOST_CODE, request);
    byte[] message = last(request, MetadataKeys.binary("x-crosswire-status-message-bin"));
    if (last(request, MetadataKeys.text("x-crosswire-status")) == null) {
      return null;
    }
    Status status = Status.fromCodeValue(code);
    return message == null ? status : status.withDescription(utf8(message));
  }

  private static String utf8(byte[] message) throws RefusedException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(message)).toString();
    } catch (CharacterCodingException error) {
      throw new RefusedException("x-crosswire-status-message-bin: this is not UTF-8");
    }
  }

  /** The number from 0 to the most that there may be; 0 if the entry is not there. */
  private static long number(String name, long most, Metadata request) throws RefusedException {
    String value = last(request, MetadataKeys.text(name));
    if (value == null) {
      return 0;
    }
    if (value.matches("[0-9]{1,18}") && Long.parseLong(value) <= most) {
      return Long.parseLong(value);
    }
    throw new RefusedException("%s: %s is not a whole number from 0 to %d", name, value, most);
  }

  private static <T> T last(Metadata request, Metadata.Key<T> key) {
    T last = null;
    Iterable<T> values = request.getAll(key);
    if (values != null) {
      for (T value : values) {
        last = value;
      }
    }
    return last;
  }
}
