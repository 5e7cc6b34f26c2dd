import io.grpc.InsecureServerCredentials;
import io.grpc.ServerCredentials;
import io.grpc.TlsServerCredentials;
import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The server's command line. The files are null where no words name them. */
record ServerArguments(
    InetSocketAddress listen, File certificate, File privateKey, File clientAuthority) {

  private static final Set<String> OPTIONS =
      Set.of("--listen", "--tls-cert", "--tls-key", "--tls-client-ca");

  private static final Pattern HOST_AND_PORT = Pattern.compile("\\[?(.+?)]?:(\\d{1,5})");

  /** Throws IllegalArgumentException, with words for the user, if they cannot be understood. */
  static ServerArguments parse(String[] words) {
    Map<String, String> values = new HashMap<>();
    for (int index = 0; index < words.length; index += 2) {
      String option = words[index];
      require(
          OPTIONS.contains(option),
          option
              + " is no option; there are --listen HOST:PORT, "
              + "--tls-cert FILE, --tls-key FILE and --tls-client-ca FILE");
      require(index + 1 < words.length, option + " needs a value");
      require(values.put(option, words[index + 1]) == null, option + " may be given once");
    }
    require(values.containsKey("--listen"), "give --listen HOST:PORT; port 0 takes a free one");
    require(
        values.containsKey("--tls-cert") == values.containsKey("--tls-key"),
        "--tls-cert and --tls-key go together");
    require(
        values.containsKey("--tls-cert") || !values.containsKey("--tls-client-ca"),
        "--tls-client-ca needs --tls-cert and --tls-key");
    return new ServerArguments(
        address(values.get("--listen")),
        file(values.get("--tls-cert")),
        file(values.get("--tls-key")),
        file(values.get("--tls-client-ca")));
  }

  ServerCredentials credentials() throws IOException {
    if (certificate == null) {
      return InsecureServerCredentials.create();
    }
    TlsServerCredentials.Builder credentials =
        TlsServerCredentials.newBuilder().keyManager(certificate, privateKey);
    if (clientAuthority != null) {
      credentials.trustManager(clientAuthority).clientAuth(TlsServerCredentials.ClientAuth.REQUIRE);
    }
    return credentials.build();
  }

  private static InetSocketAddress address(String value) {
    Matcher parts = HOST_AND_PORT.matcher(value);
    require(parts.matches(), "--listen: " + value + " is not HOST:PORT");
    return new InetSocketAddress(parts.group(1), Integer.parseInt(parts.group(2)));
  }

  private static File file(String path) {
    return path == null ? null : new File(path);
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new IllegalArgumentException(otherwise);
    }
  }
}
