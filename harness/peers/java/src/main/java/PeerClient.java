import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.grpc.ManagedChannel;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Phaser;

/**
 * Makes the calls that the harness asks for on stdin, and says on stdout what came of them:
 * docs/peer-protocol.md.
 */
final class PeerClient {
  // stdout has the encoding of the locale, JSON has UTF-8.
  private final PrintStream answers =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

  private final Connections connections = new Connections();
  // One party is the reader of stdin, the others are the calls.
  private final Phaser inFlight = new Phaser(1);

  public static void main(String[] words) throws IOException {
    if (words.length > 0) {
      System.err.println("client: it takes no words, but lines on stdin (docs/peer-protocol.md)");
      System.exit(2);
    }
    new PeerClient().run();
  }

  private void run() throws IOException {
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      obey(line);
    }
    inFlight.arriveAndAwaitAdvance();
    connections.closeAll();
  }

  private void obey(String line) {
    JsonObject asked;
    try {
      asked = JsonParser.parseString(line).getAsJsonObject();
    } catch (JsonParseException | IllegalStateException error) {
      System.err.println("client: skipped a line that is no JSON object: " + error.getMessage());
      return;
    }
    if (asked.has("hello")) {
      answer("hello", introduction());
    } else if (asked.has("call")) {
      call(asked.getAsJsonObject("call"));
    } else if (asked.has("close")) {
      connections.close(asked.getAsJsonObject("close").get("target").getAsString());
    } else {
      System.err.println("client: skipped a line that is neither hello nor call nor close");
    }
  }

  private static JsonObject introduction() {
    JsonArray features = new JsonArray();
    for (String feature : PeerCall.FEATURES) {
      features.add(feature);
    }
    JsonObject hello = new JsonObject();
    hello.addProperty("protocol", 2);
    hello.addProperty("implementation", "grpc-java");
    hello.addProperty("version", ManagedChannel.class.getPackage().getImplementationVersion());
    hello.add("features", features);
    hello.addProperty("max_in_flight", 256);
    return hello;
  }

  private void call(JsonObject asked) {
    JsonElement id = asked.get("id");
    inFlight.register();
    make(asked)
        .whenComplete(
            (result, failure) -> {
              if (failure == null) {
                result.add("id", id);
                answer("result", result);
              } else {
                answer("unsupported", unsupported(id, failure));
              }
              inFlight.arriveAndDeregister();
            });
  }

  private CompletableFuture<JsonObject> make(JsonObject asked) {
    try {
      ManagedChannel channel =
          connections.to(
              asked.get("target").getAsString(),
              asked.getAsJsonObject("tls"),
              asked.getAsJsonObject("channel"));
      return new PeerCall(asked).make(channel);
    } catch (IOException | RuntimeException error) {
      return CompletableFuture.failedFuture(error);
    }
  }

  private static JsonObject unsupported(JsonElement id, Throwable failure) {
    JsonObject unsupported = new JsonObject();
    unsupported.add("id", id);
    unsupported.addProperty("why", failure.toString());
    return unsupported;
  }

  private void answer(String kind, JsonObject content) {
    JsonObject line = new JsonObject();
    line.add(kind, content);
    String text = line.toString();
    synchronized (answers) {
      answers.println(text);
    }
  }
}
