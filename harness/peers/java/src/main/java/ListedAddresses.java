import com.google.common.net.HostAndPort;
import com.google.common.net.InetAddresses;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.NameResolverProvider;
import io.grpc.NameResolverRegistry;
import io.grpc.StatusOr;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.List;

/** Resolves a target that is a list of addresses: the library has nothing for it. */
final class ListedAddresses extends NameResolverProvider {
  private static final String SCHEME = "addresses";

  static {
    NameResolverRegistry.getDefaultRegistry().register(new ListedAddresses());
  }

  /** The target of the addresses, in this order. */
  static String target(List<String> addresses) {
    addresses.forEach(ListedAddresses::parse);
    try {
      return new URI(SCHEME, "", "/" + String.join(",", addresses), null).toString();
    } catch (URISyntaxException error) {
      throw new IllegalArgumentException(error);
    }
  }

  private static EquivalentAddressGroup parse(String address) {
    try {
      HostAndPort parts = HostAndPort.fromString(address);
      return new EquivalentAddressGroup(
          new InetSocketAddress(InetAddresses.forString(parts.getHost()), parts.getPort()));
    } catch (IllegalArgumentException | IllegalStateException error) {
      throw new IllegalArgumentException(
          "channel: addresses: \"" + address + "\" is no IP address and port");
    }
  }

  @Override
  public NameResolver newNameResolver(URI target, NameResolver.Args args) {
    List<EquivalentAddressGroup> addresses = new ArrayList<>();
    for (String address : target.getPath().substring(1).split(",")) {
      addresses.add(parse(address));
    }
    return new Resolver(addresses);
  }

  @Override
  protected boolean isAvailable() {
    return true;
  }

  @Override
  protected int priority() {
    return 5;
  }

  @Override
  public String getDefaultScheme() {
    return SCHEME;
  }

  private static final class Resolver extends NameResolver {
    private final List<EquivalentAddressGroup> addresses;

    Resolver(List<EquivalentAddressGroup> addresses) {
      this.addresses = addresses;
    }

    /** The channel overrides it. */
    @Override
    public String getServiceAuthority() {
      return "localhost";
    }

    @Override
    public void start(Listener2 listener) {
      listener.onResult(
          ResolutionResult.newBuilder()
              .setAddressesOrError(StatusOr.fromValue(addresses))
              .build());
    }

    @Override
    public void shutdown() {}
  }
}
