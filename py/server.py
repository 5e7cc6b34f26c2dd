"""Serves pb.Outliers and FibonacciService with grpcio."""

import signal
import sys

# Python's own way with Ctrl-C is a traceback, also while the modules below load.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from command_line import Arguments, Program
from lifetimes import LIFETIME_OPTIONS, lifetime_arguments
from security import TLS_OPTIONS, server_credentials
from serving import serve
from values import listening_addresses

HELP = """\
Usage: server [--listen ADDRESS]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen ADDRESS      HOST:PORT or unix:PATH to listen on; may be given more than once; port 0 takes a free one
                        [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --max-age MS          Let no connection take calls that is older than this, in milliseconds
  --max-age-grace MS    Close it so long after that, whatever runs on it
  --max-idle MS         Let no connection stay that has been without a call for so long
  --keepalive MS        Send a PING on a connection that has been silent for so long
  --keepalive-wait MS   Close it if no answer comes within this
  --ping-interval MS    Take a client's PINGs as often as this, also while no call runs
  --tls-cert FILE       Serve TLS with this certificate chain (PEM); needs --tls-key
  --tls-key FILE        The certificate's private key (PEM)
  --tls-client-ca FILE  Ask every client for a certificate that this CA has signed (PEM)
  --help                Print this help"""  # noqa: E501

SERVER = Program("server", HELP, flags=(), valued=("--listen", *LIFETIME_OPTIONS, *TLS_OPTIONS))


def main(arguments: Arguments) -> None:
    arguments.allow_no_values()
    listen = listening_addresses("--listen", arguments.all("--listen"), "127.0.0.1:9999")
    lifetimes = lifetime_arguments(arguments)
    serve(listen, server_credentials(arguments), lifetimes)


if __name__ == "__main__":
    sys.exit(SERVER.run(main))
