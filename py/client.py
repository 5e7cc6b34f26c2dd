"""Calls pb.Outliers and FibonacciService with grpcio."""

import signal
import sys

import calls
from command_line import Arguments, CommandError, parse, print_line, quote, run, unknown_option
from drive import drive
from values import address, count, number

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


def main(arguments: list[str]) -> None:
    # Python's own way with Ctrl-C is a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not arguments:
        raise CommandError(f"no command; one of {', '.join(COMMANDS)}")
    name, *rest = arguments
    if name == "--help":
        print_line(HELP)
    elif name.startswith("--"):
        raise unknown_option("client", name)
    elif name not in COMMANDS:
        raise CommandError(f"unknown command {quote(name)}; one of {', '.join(COMMANDS)}")
    else:
        run_command(name, rest)


def run_command(name: str, arguments: list[str]) -> None:
    command, flags, valued = COMMANDS[name]
    parsed = parse("client", arguments, flags=flags, valued=valued)
    if parsed.wants_help:
        print_line(HELP)
    else:
        command(parsed)


def run_detect(parsed: Arguments) -> None:
    addr = addr_option(parsed, "localhost:9999")
    dummy = "--dummy" in parsed.options
    if dummy and parsed.positional:
        raise CommandError("detect: --dummy and values exclude each other")
    if not dummy and not parsed.positional:
        raise CommandError("detect: no values; give some, such as 1 2 100, or --dummy")
    if dummy:
        calls.detect_dummy(addr)
    else:
        calls.detect(addr, [number(text) for text in parsed.positional])


def run_sequence(parsed: Arguments) -> None:
    calls.sequence(addr_option(parsed, "localhost:50051"), only_count("sequence", parsed))


def run_stream(parsed: Arguments) -> None:
    calls.stream(addr_option(parsed, "localhost:50051"), only_count("stream", parsed))


def run_drive(parsed: Arguments) -> None:
    if parsed.positional:
        raise CommandError(f"unexpected argument {quote(parsed.positional[0])}; see client --help")
    drive()


def addr_option(parsed: Arguments, default: str) -> str:
    return str(address("--addr", parsed.last("--addr", default), "localhost:9999"))


def only_count(command: str, parsed: Arguments) -> int:
    if not parsed.positional:
        raise CommandError(f"{command}: no count; give a whole number, such as 10")
    if len(parsed.positional) > 1:
        raise CommandError(f"{command}: one count only")
    return count(parsed.positional[0])


# Each with its flags and its options that take a value.
COMMANDS = {
    "detect": (run_detect, ("--dummy",), ("--addr",)),
    "sequence": (run_sequence, (), ("--addr",)),
    "stream": (run_stream, (), ("--addr",)),
    "drive": (run_drive, (), ()),
}


if __name__ == "__main__":
    sys.exit(run("client", main))
