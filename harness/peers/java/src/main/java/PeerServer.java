import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;

/**
 * Serves pb.Outliers, FibonacciService and grpc.testing.TestService, as docs/peer-protocol.md asks.
 */
final class PeerServer {
  /** Calls in flight may end by themselves, but the harness kills after three seconds. */
  private static final long STOP_SECONDS = 2;

  private static final int EXIT_USAGE = 2;

  private PeerServer() {}

  public static void main(String[] words) throws IOException {
    ServerArguments arguments;
    try {
      arguments = ServerArguments.parse(words);
    } catch (IllegalArgumentException error) {
      System.err.println("server: " + error.getMessage());
      System.exit(EXIT_USAGE);
      return;
    }
    try {
      Server server = start(arguments);
      Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server)));
      announce(server);
    } catch (IOException | IllegalArgumentException error) {
      System.err.println("server: cannot serve at " + arguments.listen() + ": " + error);
      System.exit(EXIT_USAGE);
    }
    waitForEndOfStdin();
    System.exit(0);
  }

  private static Server start(ServerArguments arguments) throws IOException {
    return NettyServerBuilder.forAddress(arguments.listen(), arguments.credentials())
        .addService(new OutliersService())
        .addService(new FibonacciSequenceService())
        .addService(ServerInterceptors.intercept(new InteropTestService(), new EchoInterceptor()))
        .addService(new HealthStatusManager().getHealthService())
        .addService(ProtoReflectionServiceV1.newInstance())
        .intercept(new DirectionsInterceptor())
        .addStreamTracerFactory(new ArrivalTracer.Factory())
        .build()
        .start();
  }

  private static void announce(Server server) {
    InetSocketAddress address = (InetSocketAddress) server.getListenSockets().get(0);
    String host = address.getAddress().getHostAddress();
    System.out.printf(
        "{\"ready\":{\"address\":\"%s:%d\",\"implementation\":\"grpc-java\",\"version\":\"%s\"}}%n",
        host.contains(":") ? "[" + host + "]" : host,
        address.getPort(),
        Server.class.getPackage().getImplementationVersion());
  }

  private static void waitForEndOfStdin() {
    try {
      while (System.in.read() != -1) {}
    } catch (IOException closed) {
      // A stdin that cannot be read has ended, too.
    }
  }

  private static void stop(Server server) {
    try {
      if (!server.shutdown().awaitTermination(STOP_SECONDS, TimeUnit.SECONDS)) {
        server.shutdownNow();
      }
    } catch (InterruptedException error) {
      server.shutdownNow();
    }
    // After a signal the JVM would end with a code that names it.
    Runtime.getRuntime().halt(0);
  }
}
