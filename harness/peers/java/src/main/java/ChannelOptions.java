import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.reflect.TypeToken;
import io.grpc.ManagedChannelBuilder;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/** What a call asks of its channel (`channel`), as grpc-java takes it. */
final class ChannelOptions {
  private static final Set<String> FIELDS =
      Set.of("addresses", "service_config", "keepalive_time_ms", "keepalive_timeout_ms");

  // Its numbers are doubles, as the library wants them.
  private static final TypeToken<Map<String, Object>> SERVICE_CONFIG = new TypeToken<>() {};

  private final String target;
  private final JsonObject asked;
  private final List<String> addresses;

  /** Refuses a field that is none of these. */
  ChannelOptions(String target, JsonObject asked) {
    for (String field : asked.keySet()) {
      if (!FIELDS.contains(field)) {
        throw new IllegalArgumentException("channel: " + field + " is no field of this client");
      }
    }
    this.target = target;
    this.asked = asked;
    this.addresses = new ArrayList<>();
    if (asked.has("addresses")) {
      for (JsonElement text : asked.getAsJsonArray("addresses")) {
        addresses.add(text.getAsString());
      }
    }
  }

  /** What the library connects to. */
  String target() {
    if (!addresses.isEmpty()) {
      return ListedAddresses.target(addresses);
    }
    if (!target.startsWith("unix:")) {
      return target;
    }
    try {
      return new URI("unix", null, target.substring("unix:".length()), null).toString();
    } catch (URISyntaxException error) {
      throw new IllegalArgumentException(error);
    }
  }

  void apply(ManagedChannelBuilder<?> builder) {
    if (!addresses.isEmpty()) {
      builder.overrideAuthority(target);
    }
    if (asked.has("service_config")) {
      JsonElement config = asked.get("service_config");
      builder.defaultServiceConfig(new Gson().fromJson(config, SERVICE_CONFIG));
    }
    if (asked.has("keepalive_time_ms")) {
      builder
          .keepAliveTime(milliseconds("keepalive_time_ms"), TimeUnit.MILLISECONDS)
          .keepAliveWithoutCalls(true);
    }
    if (asked.has("keepalive_timeout_ms")) {
      builder.keepAliveTimeout(milliseconds("keepalive_timeout_ms"), TimeUnit.MILLISECONDS);
    }
  }

  private long milliseconds(String field) {
    return asked.get(field).getAsLong();
  }
}
