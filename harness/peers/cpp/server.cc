// Serves pb.Outliers, FibonacciService and grpc.testing.TestService with gRPC C++.
// docs/peer-protocol.md says how the harness talks with a server, docs/contract.md what it answers.
#include <getopt.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "services.h"
#include "test_service.h"

namespace {

constexpr int kUsageError = 2;
// How long calls in flight may take to end once the server stops.
constexpr auto kStopLimit = std::chrono::seconds(2);

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Arguments {
  std::string listen = "127.0.0.1:9999";
  std::string certificate;
  std::string key;
  std::string client_ca;
};

// The library would take a port modulo 65536.
bool EndsWithPort(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return false;
  const char* const end = address.data() + address.size();
  uint16_t port;
  const auto [last, error] = std::from_chars(address.data() + colon + 1, end, port);
  return error == std::errc() && last == end;
}

Arguments Parse(int argc, char** argv) {
  static const option kOptions[] = {{"listen", required_argument, nullptr, 'l'},
                                    {"tls-cert", required_argument, nullptr, 'c'},
                                    {"tls-key", required_argument, nullptr, 'k'},
                                    {"tls-client-ca", required_argument, nullptr, 'a'},
                                    {}};
  Arguments arguments;
  int given;
  while ((given = getopt_long(argc, argv, "", kOptions, nullptr)) != -1) {
    switch (given) {
      case 'l':
        arguments.listen = optarg;
        break;
      case 'c':
        arguments.certificate = optarg;
        break;
      case 'k':
        arguments.key = optarg;
        break;
      case 'a':
        arguments.client_ca = optarg;
        break;
      default:  // getopt_long has said what is wrong.
        throw UsageError(
            "options: --listen HOST:PORT --tls-cert FILE --tls-key FILE --tls-client-ca FILE");
    }
  }
  if (optind < argc) throw UsageError(std::string(argv[optind]) + " is no option");
  if (!EndsWithPort(arguments.listen)) throw UsageError(arguments.listen + " is not HOST:PORT");
  if (arguments.certificate.empty() != arguments.key.empty())
    throw UsageError("--tls-cert and --tls-key go together");
  if (!arguments.client_ca.empty() && arguments.key.empty())
    throw UsageError("--tls-client-ca needs --tls-cert and --tls-key");
  return arguments;
}

std::string Read(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw UsageError("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const Arguments& arguments) {
  if (arguments.key.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({Read(arguments.key), Read(arguments.certificate)});
  if (!arguments.client_ca.empty()) {
    options.pem_root_certs = Read(arguments.client_ca);
    options.client_certificate_request = GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return grpc::SslServerCredentials(options);
}

void Announce(const std::string& listen, int port) {
  const std::string host = listen.substr(0, listen.rfind(':'));
  std::cout << R"({"ready":{"address":")" << host << ':' << port
            << R"(","implementation":"grpc-c++","version":")" << grpc::Version() << "\"}}"
            << std::endl;
}

// Waits until a signal or the end of stdin says so: whoever started the server holds the other
// end. The signals must be blocked.
void WaitForTheEnd(const sigset_t& signals) {
  std::thread([] {
    char buffer[256];
    while (read(STDIN_FILENO, buffer, sizeof buffer) > 0) continue;
    kill(getpid(), SIGTERM);
  }).detach();
  int received;
  sigwait(&signals, &received);
}

void Serve(const Arguments& arguments) {
  // Before the library starts its threads, which inherit it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Outliers outliers;
  Fibonacci fibonacci;
  TestService test_service;
  int port = 0;
  std::unique_ptr<grpc::Server> server =
      grpc::ServerBuilder()
          .AddListeningPort(arguments.listen, Credentials(arguments), &port)
          .RegisterService(&outliers)
          .RegisterService(&fibonacci)
          .RegisterService(&test_service)
          .BuildAndStart();
  if (server == nullptr || port == 0) throw UsageError("cannot listen on " + arguments.listen);
  Announce(arguments.listen, port);
  WaitForTheEnd(signals);
  server->Shutdown(std::chrono::system_clock::now() + kStopLimit);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Serve(Parse(argc, argv));
  } catch (const UsageError& error) {
    std::cerr << "server: " << error.what() << std::endl;
    return kUsageError;
  }
  return 0;
}
