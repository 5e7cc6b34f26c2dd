"""Serves pb.Outliers and FibonacciService with grpcio."""

import sys

from command_line import CommandError, parse, print_line, quote, run
from serving import serve
from values import Address, address

HELP = """\
Usage: server [--listen HOST:PORT]...

Serves pb.Outliers and FibonacciService, with health checking and reflection.

Options:
  --listen HOST:PORT  Address to listen on; may be given more than once; port 0 takes a free one
                      [default: 127.0.0.1:9999 [::1]:9999 127.0.0.1:50051 [::1]:50051]
  --help              Print this help"""


def main(arguments: list[str]) -> None:
    parsed = parse("server", arguments, valued=("--listen",))
    if parsed.wants_help:
        print_line(HELP)
        return
    if parsed.positional:
        raise CommandError(f"unexpected argument {quote(parsed.positional[0])}; see server --help")
    serve([listen_address(text) for text in parsed.options.get("--listen", [])])


def listen_address(text: str) -> Address:
    return address("--listen", text, "127.0.0.1:9999")


if __name__ == "__main__":
    sys.exit(run("server", main))
