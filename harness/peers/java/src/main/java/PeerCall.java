import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

/** One call that the harness asks for. It only observes; the harness judges. */
final class PeerCall {
  static final List<String> FEATURES =
      List.of("cancel", "close", "gzip", "raw", "size-limit", "slow", "tls");

  private static final ScheduledExecutorService CLOCK =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "clock");
            thread.setDaemon(true);
            return thread;
          });

  private final JsonObject asked;
  private final Methods.Method method;
  private final AtomicReference<Metadata> headers = new AtomicReference<>();
  private final AtomicReference<Metadata> trailers = new AtomicReference<>();
  private final CompletableFuture<JsonObject> result = new CompletableFuture<>();

  PeerCall(JsonObject asked) {
    this.asked = asked;
    this.method = Methods.named(asked.get("method").getAsString(), isRaw(asked));
  }

  private static boolean isRaw(JsonObject asked) {
    return asked.has("raw") && asked.get("raw").getAsBoolean();
  }

  /** Makes the call. What comes of it is a result; an exception says that it was not made. */
  CompletableFuture<JsonObject> make(ManagedChannel channel) {
    if (!isCancelledAfter(0)) {
      return begin(channel);
    }
    // The library would never send a call that is cancelled before there is a connection.
    CompletableFuture<Void> settled = new CompletableFuture<>();
    whenSettled(channel, () -> settled.complete(null));
    return settled.thenCompose(nothing -> begin(channel));
  }

  private static void whenSettled(ManagedChannel channel, Runnable action) {
    ConnectivityState state = channel.getState(true);
    if (state == ConnectivityState.IDLE || state == ConnectivityState.CONNECTING) {
      channel.notifyWhenStateChanged(state, () -> whenSettled(channel, action));
    } else {
      action.run();
    }
  }

  private CompletableFuture<JsonObject> begin(ManagedChannel channel) {
    byte[] request = Base64.getDecoder().decode(asked.get("request").getAsString());
    method.start(this, channel, request).started();
    return result;
  }

  <StubT extends AbstractStub<StubT>> StubT configured(StubT stub) {
    StubT configured =
        stub.withInterceptors(
            MetadataUtils.newAttachHeadersInterceptor(metadata()),
            MetadataUtils.newCaptureMetadataInterceptor(headers, trailers));
    if (asked.has("timeout_ms")) {
      configured =
          configured.withDeadlineAfter(asked.get("timeout_ms").getAsLong(), TimeUnit.MILLISECONDS);
    }
    if (asked.has("compression")) {
      configured = configured.withCompression(asked.get("compression").getAsString());
    }
    return configured;
  }

  private Metadata metadata() {
    Metadata metadata = new Metadata();
    if (asked.has("metadata")) {
      for (JsonElement pair : asked.getAsJsonArray("metadata")) {
        String name = pair.getAsJsonArray().get(0).getAsString();
        String value = pair.getAsJsonArray().get(1).getAsString();
        if (MetadataKeys.isBinary(name)) {
          metadata.put(MetadataKeys.binary(name), Base64.getDecoder().decode(value));
        } else {
          metadata.put(MetadataKeys.text(name), value);
        }
      }
    }
    return metadata;
  }

  private boolean isCancelledAfter(int messages) {
    return asked.has("cancel_after_messages")
        && asked.get("cancel_after_messages").getAsInt() == messages;
  }

  private JsonObject observed(JsonArray messages, Status status) {
    JsonObject ending = new JsonObject();
    ending.addProperty("code", status.getCode().value());
    ending.addProperty("message", status.getDescription() == null ? "" : status.getDescription());
    Metadata trailing = shown(trailers);
    byte[] details = trailing.get(MetadataKeys.STATUS_DETAILS);
    ending.addProperty("details", details == null ? "" : base64(details));

    JsonObject observed = new JsonObject();
    observed.add("messages", messages);
    observed.add("status", ending);
    observed.add("headers", pairs(shown(headers)));
    observed.add("trailers", pairs(trailing));
    return observed;
  }

  private static Metadata shown(AtomicReference<Metadata> captured) {
    return captured.get() == null ? new Metadata() : captured.get();
  }

  private static JsonArray pairs(Metadata metadata) {
    JsonArray pairs = new JsonArray();
    for (String name : metadata.keys()) {
      // Of a response that is not gRPC's, the library shows names that it has no keys for.
      if (!MetadataKeys.isPossible(name)) {
        continue;
      }
      if (MetadataKeys.isBinary(name)) {
        metadata.getAll(MetadataKeys.binary(name)).forEach(it -> pairs.add(pair(name, base64(it))));
      } else {
        metadata.getAll(MetadataKeys.text(name)).forEach(it -> pairs.add(pair(name, it)));
      }
    }
    return pairs;
  }

  private static JsonArray pair(String name, String value) {
    JsonArray pair = new JsonArray();
    pair.add(name);
    pair.add(value);
    return pair;
  }

  private static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  /** Gathers the messages of the call, as slowly as it asks, and cancels it when it asks. */
  final class Collector<ResponseT> implements ClientResponseObserver<Object, ResponseT> {
    private final Function<ResponseT, byte[]> serialize;
    private final boolean isUnary;
    private JsonArray messages = new JsonArray();
    private ClientCallStreamObserver<Object> call;

    Collector(Function<ResponseT, byte[]> serialize, boolean isUnary) {
      this.serialize = serialize;
      this.isUnary = isUnary;
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<Object> call) {
      this.call = call;
      if (asked.has("read_delay_ms")) {
        call.disableAutoRequestWithInitial(0);
      }
    }

    /** To be called when the stub has sent the request; a response may have come before. */
    synchronized void started() {
      if (isCancelledAfter(0)) {
        cancel();
      } else {
        askForNext();
      }
    }

    @Override
    public synchronized void onNext(ResponseT message) {
      if (isCancelledAfter(messages.size())) {
        return;
      }
      messages.add(base64(serialize.apply(message)));
      if (isCancelledAfter(messages.size())) {
        cancel();
      } else {
        askForNext();
      }
    }

    private void cancel() {
      call.cancel("cancelled as asked", null);
    }

    /** Without a delay, the library asks by itself. */
    private void askForNext() {
      if (asked.has("read_delay_ms")) {
        long delayMillis = asked.get("read_delay_ms").getAsLong();
        CLOCK.schedule(() -> call.request(1), delayMillis, TimeUnit.MILLISECONDS);
      }
    }

    @Override
    public void onError(Throwable error) {
      if (isUnary) {
        // The library hands the message over before it knows the status. The answer of a
        // unary call is one of them: its other stubs do not show a message beside an error.
        messages = new JsonArray();
      }
      end(Status.fromThrowable(error));
    }

    @Override
    public void onCompleted() {
      end(Status.OK);
    }

    private void end(Status status) {
      try {
        result.complete(observed(messages, status));
      } catch (RuntimeException error) {
        // The library would only log it, and the harness wait for an answer.
        result.completeExceptionally(error);
      }
    }
  }
}
