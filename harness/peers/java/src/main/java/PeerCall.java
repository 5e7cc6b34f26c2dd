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
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** One call that the harness asks for. It only observes; the harness judges. */
final class PeerCall {
  static final List<String> FEATURES =
      List.of(
          "addresses",
          "bidi",
          "cancel",
          "client-streaming",
          "close",
          "gzip",
          "ipv6",
          "keepalive",
          "mixed-compression",
          "raw",
          "service-config",
          "size-limit",
          "slow",
          "test-service",
          "tls",
          "unix");

  // A step that waits holds its thread.
  private static final Executor SENDERS =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "sender");
            thread.setDaemon(true);
            return thread;
          });

  private final JsonObject asked;
  private final Methods.Method method;
  private final Steps steps;
  private final Progress progress = new Progress();
  private final ResponseMetadata metadata = new ResponseMetadata(progress::headersCame);
  private final CompletableFuture<JsonObject> ending = new CompletableFuture<>();

  PeerCall(JsonObject asked) {
    this.asked = asked;
    this.method = Methods.named(asked.get("method").getAsString(), isRaw(asked));
    this.steps = Steps.parse(asked.getAsJsonArray("send"), method::parse);
  }

  private static boolean isRaw(JsonObject asked) {
    return asked.has("raw") && asked.get("raw").getAsBoolean();
  }

  /** Makes the call. What comes of it is a result; an exception says that it was not made. */
  CompletableFuture<JsonObject> make(ManagedChannel channel) {
    if (!isCancelledAfter(0) && !steps.endWithCancel()) {
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
    Collector<?> collector = method.start(this, channel, steps);
    collector.askForNext();
    return ending.thenCombine(
        sent(collector),
        (observed, stepsDone) -> {
          observed.addProperty("steps", stepsDone);
          return observed;
        });
  }

  /** Sends what is left to be sent, and says how many steps were done when the call ended. */
  private CompletableFuture<Integer> sent(Collector<?> collector) {
    boolean isAllSent = method.startsWithAll(steps);
    if (isAllSent && !isCancelledAfter(0)) {
      return CompletableFuture.completedFuture(steps.list().size());
    }
    return CompletableFuture.supplyAsync(
        () -> {
          int done = isAllSent ? steps.list().size() : collector.take(steps.list());
          if (isCancelledAfter(0)) {
            collector.take(List.of(new Steps.Cancel()));
          }
          return done;
        },
        SENDERS);
  }

  <StubT extends AbstractStub<StubT>> StubT configured(StubT stub) {
    StubT configured =
        stub.withInterceptors(
            MetadataUtils.newAttachHeadersInterceptor(requestMetadata()), metadata);
    if (asked.has("timeout_ms")) {
      configured =
          configured.withDeadlineAfter(asked.get("timeout_ms").getAsLong(), TimeUnit.MILLISECONDS);
    }
    if (asked.has("compression")) {
      configured = configured.withCompression(asked.get("compression").getAsString());
    }
    if (method.startsWithAll(steps) && !steps.onlyMessage().isCompressed()) {
      configured = configured.withInterceptors(new UncompressedRequest());
    }
    return configured;
  }

  private Metadata requestMetadata() {
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
    JsonObject shown = new JsonObject();
    shown.addProperty("code", status.getCode().value());
    shown.addProperty("message", status.getDescription() == null ? "" : status.getDescription());
    byte[] details = metadata.trailers().get(MetadataKeys.STATUS_DETAILS);
    shown.addProperty("details", details == null ? "" : base64(details));

    JsonObject observed = new JsonObject();
    observed.add("messages", messages);
    observed.add("status", shown);
    observed.add("headers", pairs(metadata.headers()));
    observed.add("trailers", pairs(metadata.trailers()));
    return observed;
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
    private final boolean isAnsweredOnce;
    private JsonArray messages = new JsonArray();
    private ClientCallStreamObserver<Object> call;

    Collector(Function<ResponseT, byte[]> serialize, boolean isAnsweredOnce) {
      this.serialize = serialize;
      this.isAnsweredOnce = isAnsweredOnce;
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<Object> call) {
      this.call = call;
      call.setOnReadyHandler(progress::changed);
      if (asked.has("read_delay_ms")) {
        call.disableAutoRequestWithInitial(0);
      }
    }

    /** Takes one step after the other until the call ends, and returns how many were done. */
    int take(List<Steps.Step> steps) {
      int done = 0;
      try {
        for (Steps.Step step : steps) {
          if (!step.take(call, progress)) {
            break;
          }
          done++;
        }
      } catch (RuntimeException | InterruptedException error) {
        // Whoever waits for the call's end learns of this then.
        call.cancel("a step has failed", error);
        throw new IllegalStateException("a step has failed", error);
      }
      return done;
    }

    @Override
    public synchronized void onNext(ResponseT message) {
      if (isCancelledAfter(messages.size())) {
        return;
      }
      messages.add(base64(serialize.apply(message)));
      progress.messageCame();
      if (isCancelledAfter(messages.size())) {
        call.cancel("cancelled as asked", null);
      } else {
        askForNext();
      }
    }

    /** Without a delay, the library asks by itself. */
    void askForNext() {
      if (asked.has("read_delay_ms")) {
        long delayMillis = asked.get("read_delay_ms").getAsLong();
        Clock.after(delayMillis, TimeUnit.MILLISECONDS, () -> call.request(1));
      }
    }

    @Override
    public void onError(Throwable error) {
      if (isAnsweredOnce) {
        // The library hands the message over before it knows the status. The answer of such
        // a call is one of them: its other stubs do not show a message beside an error.
        messages = new JsonArray();
      }
      end(Status.fromThrowable(error));
    }

    @Override
    public void onCompleted() {
      end(Status.OK);
    }

    private void end(Status status) {
      progress.ended();
      try {
        ending.complete(observed(messages, status));
      } catch (RuntimeException error) {
        // The library would only log it, and the harness wait for an answer.
        ending.completeExceptionally(error);
      }
    }
  }
}
