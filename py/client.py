"""Calls pb.Outliers and FibonacciService with grpcio."""

import signal
import sys

# Python's own way with Ctrl-C is a traceback, also while the modules below load.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import calls
from command_line import Arguments, CommandError, Program
from drive import drive
from values import addresses, count, number
from words import quote

HELP = """\
Usage: client detect [--addr HOST:PORT] (VALUE... | --dummy)
       client sequence [--addr HOST:PORT] COUNT
       client stream [--addr HOST:PORT] COUNT
       client drive

Commands:
  detect    Ask which values lie more than two standard deviations from the mean
  sequence  Ask for the first COUNT Fibonacci numbers
  stream    The same, one line an element as it arrives
  drive     Make the calls that stand on stdin (docs/peer-protocol.md)

Options:
  --addr HOST:PORT  Server to call [default: localhost:9999 for detect, localhost:50051 for the others]
  --dummy           Send the article's 1,000 metrics instead of values
  --help            Print this help"""  # noqa: E501


CLIENT = Program("client", HELP, flags=("--dummy",), valued=("--addr",))


def main(arguments: Arguments) -> None:
    commands = ", ".join(COMMANDS)
    if not arguments.values:
        raise CommandError(f"no command; one of {commands}")
    name = arguments.values.pop(0)
    if name not in COMMANDS:
        raise CommandError(f"unknown command {quote(name)}; one of {commands}")
    COMMANDS[name](arguments)


def run_detect(arguments: Arguments) -> None:
    arguments.allow("--addr", "--dummy")
    server = chosen_server(arguments, "localhost:9999")
    is_dummy = arguments.has("--dummy")
    if is_dummy and arguments.values:
        raise CommandError("detect: --dummy and values exclude each other")
    if not is_dummy and not arguments.values:
        raise CommandError("detect: no values; give some, such as 1 2 100, or --dummy")
    if is_dummy:
        calls.detect_dummy(server)
    else:
        calls.detect(server, [number(text) for text in arguments.values])


def run_sequence(arguments: Arguments) -> None:
    calls.sequence(*server_and_count("sequence", arguments))


def run_stream(arguments: Arguments) -> None:
    calls.stream(*server_and_count("stream", arguments))


def run_drive(arguments: Arguments) -> None:
    arguments.allow()
    arguments.allow_no_values()
    drive(CLIENT)


def server_and_count(command: str, arguments: Arguments) -> tuple[str, int]:
    arguments.allow("--addr")
    server = chosen_server(arguments, "localhost:50051")
    if not arguments.values:
        raise CommandError(f"{command}: no count; give a whole number, such as 10")
    if len(arguments.values) > 1:
        raise CommandError(f"{command}: one count only")
    return server, count(arguments.values[0])


def chosen_server(arguments: Arguments, default: str) -> str:
    """The last of several: who repeats an option corrects it."""
    given = addresses("--addr", arguments.all("--addr"), "localhost:9999")
    return str(given[-1]) if given else default


COMMANDS = {
    "detect": run_detect,
    "sequence": run_sequence,
    "stream": run_stream,
    "drive": run_drive,
}


if __name__ == "__main__":
    sys.exit(CLIENT.run(main))
