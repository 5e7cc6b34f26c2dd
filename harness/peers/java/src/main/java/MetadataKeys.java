import io.grpc.Metadata;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** The names of metadata as keys, whose types say how the values are written. */
final class MetadataKeys {
  static final Metadata.Key<byte[]> STATUS_DETAILS = binary("grpc-status-details-bin");

  private MetadataKeys() {}

  static boolean isBinary(String name) {
    return name.endsWith(Metadata.BINARY_HEADER_SUFFIX);
  }

  static boolean isPossible(String name) {
    try {
      any(name);
      return true;
    } catch (IllegalArgumentException error) {
      return false;
    }
  }

  static Metadata.Key<?> any(String name) {
    return isBinary(name) ? binary(name) : text(name);
  }

  static Metadata.Key<byte[]> binary(String name) {
    return Metadata.Key.of(name, Metadata.BINARY_BYTE_MARSHALLER);
  }

  static Metadata.Key<String> text(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** The entries whose names are wanted, as they came. */
  static Metadata only(Predicate<String> isWanted, Metadata metadata) {
    Metadata found = new Metadata();
    found.merge(
        metadata,
        metadata.keys().stream()
            .filter(isWanted)
            .map(MetadataKeys::any)
            .collect(Collectors.toSet()));
    return found;
  }
}
