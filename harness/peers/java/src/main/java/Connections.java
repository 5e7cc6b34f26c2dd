import com.google.gson.JsonObject;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The channels that are open, one for each target and way to reach it. For one thread alone. */
final class Connections {
  /** To close takes no time, unless the server does not read; then the process's end does it. */
  private static final long CLOSE_SECONDS = 1;

  private record Route(String target, JsonObject tls, JsonObject options) {}

  private final Map<Route, ManagedChannel> open = new HashMap<>();

  /**
   * The channel to the target, which is made on first use; without TLS, and without options, if
   * that is null.
   */
  ManagedChannel to(String target, JsonObject tls, JsonObject options) throws IOException {
    Route route = new Route(target, tls, options == null ? new JsonObject() : options);
    ManagedChannel channel = open.get(route);
    if (channel == null) {
      channel = connect(route);
      open.put(route, channel);
    }
    return channel;
  }

  void close(String target) {
    closeEach(open.keySet().stream().filter(route -> route.target().equals(target)).toList());
  }

  void closeAll() {
    List<ManagedChannel> channels = new ArrayList<>(open.values());
    closeEach(List.copyOf(open.keySet()));
    try {
      for (ManagedChannel channel : channels) {
        channel.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
      }
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  private void closeEach(List<Route> routes) {
    for (Route route : routes) {
      open.remove(route).shutdownNow();
    }
  }

  private static ManagedChannel connect(Route route) throws IOException {
    ChannelOptions options = new ChannelOptions(route.target(), route.options());
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilder(options.target(), credentials(route.tls()));
    options.apply(builder);
    if (route.tls() != null && route.tls().has("server_name")) {
      builder.overrideAuthority(route.tls().get("server_name").getAsString());
    }
    return builder.build();
  }

  private static ChannelCredentials credentials(JsonObject tls) throws IOException {
    if (tls == null) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder credentials =
        TlsChannelCredentials.newBuilder().trustManager(file(tls, "ca"));
    if (tls.has("certificate")) {
      credentials.keyManager(file(tls, "certificate"), file(tls, "key"));
    }
    return credentials.build();
  }

  private static File file(JsonObject tls, String field) {
    return new File(tls.get(field).getAsString());
  }
}
