"""Serves pb.Outliers and FibonacciService with grpcio."""

import signal
import sys

# Python's own way with Ctrl-C is a traceback, also while the modules below load.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from command_line import Arguments, Program
from security import TLS_OPTIONS, server_credentials
from serving import serve
from values import addresses

HELP = """\
Usage: server [--listen HOST:PORT]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen HOST:PORT    Address to listen on; may be given more than once; port 0 takes a free one
                        [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --tls-cert FILE       Serve TLS with this certificate chain (PEM); needs --tls-key
  --tls-key FILE        The certificate's private key (PEM)
  --tls-client-ca FILE  Ask every client for a certificate that this CA has signed (PEM)
  --help                Print this help"""

SERVER = Program("server", HELP, flags=(), valued=("--listen", *TLS_OPTIONS))


def main(arguments: Arguments) -> None:
    arguments.allow_no_values()
    listen = addresses("--listen", arguments.all("--listen"), "127.0.0.1:9999")
    serve(listen, server_credentials(arguments))


if __name__ == "__main__":
    sys.exit(SERVER.run(main))
