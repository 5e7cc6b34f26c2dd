import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.grpc.stub.ClientCallStreamObserver;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.function.Function;

/** What a call sends, step by step: `send` in docs/peer-protocol.md. */
record Steps(List<Step> list) {
  /**
   * How long what was sent is given to leave before the call is cancelled. Netty drops what it has
   * not written to the connection by then, and nobody tells when it has; in a JVM that has just
   * started, it takes its time.
   */
  private static final long LEAVING_MILLIS = 50;

  interface Step {
    /** Whether it was done in full before the call ended. */
    boolean take(ClientCallStreamObserver<Object> requests, Progress progress)
        throws InterruptedException;
  }

  record Message(Object request, int times, boolean isCompressed) implements Step {
    @Override
    public boolean take(ClientCallStreamObserver<Object> requests, Progress progress)
        throws InterruptedException {
      requests.setMessageCompression(isCompressed);
      for (int count = 0; count < times; count++) {
        requests.onNext(request);
        if (!progress.await(requests::isReady)) {
          return false;
        }
      }
      return true;
    }
  }

  private record WaitForHeaders() implements Step {
    @Override
    public boolean take(ClientCallStreamObserver<Object> requests, Progress progress)
        throws InterruptedException {
      return progress.awaitHeaders();
    }
  }

  private record WaitForMessages(int count) implements Step {
    @Override
    public boolean take(ClientCallStreamObserver<Object> requests, Progress progress)
        throws InterruptedException {
      return progress.awaitMessages(count);
    }
  }

  private record Pause(long millis) implements Step {
    @Override
    public boolean take(ClientCallStreamObserver<Object> requests, Progress progress)
        throws InterruptedException {
      return progress.pause(millis);
    }
  }

  private record HalfClose() implements Step {
    @Override
    public boolean take(ClientCallStreamObserver<Object> requests, Progress progress) {
      requests.onCompleted();
      return true;
    }
  }

  record Cancel() implements Step {
    @Override
    public boolean take(ClientCallStreamObserver<Object> requests, Progress progress)
        throws InterruptedException {
      if (!progress.pause(LEAVING_MILLIS)) {
        return false;
      }
      requests.cancel("cancelled as asked", null);
      return true;
    }
  }

  /** The steps, each message parsed once, however often it is sent. */
  static Steps parse(JsonArray send, Function<byte[], ?> parser) {
    List<Step> list = new ArrayList<>();
    for (JsonElement step : send) {
      list.add(parse(step.getAsJsonObject(), parser));
    }
    checkOrder(list);
    return new Steps(list);
  }

  private static Step parse(JsonObject step, Function<byte[], ?> parser) {
    if (step.has("message")) {
      byte[] message = Base64.getDecoder().decode(step.get("message").getAsString());
      int times = step.has("times") ? count(step, "times") : 1;
      boolean isCompressed = !step.has("compressed") || step.get("compressed").getAsBoolean();
      return new Message(parser.apply(message), times, isCompressed);
    } else if (isTrue(step, "wait_for_headers")) {
      return new WaitForHeaders();
    } else if (step.has("wait_for_messages")) {
      return new WaitForMessages(count(step, "wait_for_messages"));
    } else if (step.has("pause_ms")) {
      return new Pause(count(step, "pause_ms"));
    } else if (isTrue(step, "half_close")) {
      return new HalfClose();
    } else if (isTrue(step, "cancel")) {
      return new Cancel();
    }
    throw new IllegalArgumentException("no such step: " + step);
  }

  private static boolean isTrue(JsonObject step, String key) {
    return step.has(key) && step.get(key).getAsBoolean();
  }

  private static int count(JsonObject step, String key) {
    int count = step.get(key).getAsInt();
    require(count >= 0, key + " is below zero: " + step);
    return count;
  }

  /** A call that its steps do not end would last until its deadline. */
  private static void checkOrder(List<Step> list) {
    Step last = list.isEmpty() ? null : list.get(list.size() - 1);
    require(
        last instanceof HalfClose || last instanceof Cancel, "no half_close or cancel at the end");
    boolean isHalfClosed = false;
    for (Step step : list) {
      require(step == last || !(step instanceof Cancel), "a step after the cancel");
      boolean sends = step instanceof Message || step instanceof HalfClose;
      require(!(isHalfClosed && sends), "a message or a half_close after the half_close");
      isHalfClosed |= step instanceof HalfClose;
    }
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new IllegalArgumentException("`send`: " + otherwise);
    }
  }

  boolean endWithCancel() {
    return list.get(list.size() - 1) instanceof Cancel;
  }

  /** Whether they are what a method of one request is given: the message, and the half-close. */
  boolean areOneRequest() {
    return list.size() == 2
        && list.get(0) instanceof Message message
        && message.times() == 1
        && list.get(1) instanceof HalfClose;
  }

  /** The message, if they are one request. */
  Message onlyMessage() {
    require(areOneRequest(), "the method takes one request: a message, and a half_close");
    return (Message) list.get(0);
  }
}
