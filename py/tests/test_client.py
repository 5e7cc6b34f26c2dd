"""The client's command line, against a server of its own."""

import socket

import pytest
from conftest import run_program

NO_ADDRESS = '--addr "abc": not an address; give HOST:PORT, such as localhost:9999'


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "no command; one of detect, sequence, stream, drive"),
        (["foo"], 'unknown command "foo"; one of detect, sequence, stream, drive'),
        (["--foo"], "unknown option --foo; see client --help"),
        (["--foo=1", "detect"], "unknown option --foo; see client --help"),
        (["detect", "--foo=1"], "unknown option --foo; see client --help"),
        (["sequence", "--dummy", "3"], "unknown option --dummy; see client --help"),
        (["detect", "1", "--addr"], "--addr needs a value; see client --help"),
        (["detect", "--dummy=x"], "--dummy takes no value; see client --help"),
        (["detect", "--addr", "--dummy"], "--addr needs a value; see client --help"),
        (["detect", "1", "--addr=abc"], NO_ADDRESS),
        (["--addr", "abc", "detect", "1"], NO_ADDRESS),
        (["detect"], "detect: no values; give some, such as 1 2 100, or --dummy"),
        (["detect", "--dummy", "1"], "detect: --dummy and values exclude each other"),
        (["detect", "abc"], '"abc" is not a number; give decimal numbers, such as 1 2.5 -3e4'),
        (["detect", "-x"], '"-x" is not a number; give decimal numbers, such as 1 2.5 -3e4'),
        (["sequence"], "sequence: no count; give a whole number, such as 10"),
        (["stream"], "stream: no count; give a whole number, such as 10"),
        (["sequence", "1", "2"], "sequence: one count only"),
        (["stream", "abc"], '"abc" is not a count; give a whole number, such as 10'),
        (["drive", "x"], 'unexpected argument "x"; see client --help'),
        (["drive", "--addr", "abc"], "unknown option --addr; see client --help"),
    ],
)
def test_usage_errors(arguments: list[str], error: str):
    process = run_program("client.py", *arguments)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr == f"client: {error}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["detect", "--help"], ["--foo", "--help"]])
def test_help(arguments: list[str]):
    process = run_program("client.py", *arguments)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("Usage: client detect [--addr HOST:PORT] (VALUE... | --dummy)")


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["detect", "1", "2", "100", "1", "3", "200", "1"], "outliers at: [5]\n"),
        (["detect", "-1", "-2.5e3", "nan", "inf"], "outliers at: []\n"),
        (["detect", "--", "-9", *["0", "1"] * 20, "9"], "outliers at: [0 41]\n"),
        (["detect", "--dummy"], "outliers at: [7 113 835]\n"),
        (["sequence", "5"], "sequence: [0 1 1 2 3]\n"),
        (["sequence", "-3"], "sequence: [0]\n"),
        (["stream", "3"], "F(0) = 0\nF(1) = 1\nF(2) = 1\n"),
    ],
)
def test_answers(addresses: list[str], arguments: list[str], output: str):
    command, *rest = arguments
    process = run_program("client.py", command, "--addr", addresses[0], *rest)
    assert (process.returncode, process.stderr, process.stdout) == (0, "", output)


def test_failed_call_after_what_came_first(addresses: list[str]):
    process = run_program("client.py", "stream", "94", f"--addr={addresses[1]}")
    assert process.returncode == 1
    assert len(process.stdout.splitlines()) == 93
    message = "count 94 is more than 93: F(93) does not fit in int64"
    assert process.stderr == f"client: OUT_OF_RANGE: {message}\n"


def test_no_server():
    # Bound but not listening: nobody else can take the port, and it refuses.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        process = run_program("client.py", "sequence", "3", "--addr", address)
    assert process.returncode == 1
    assert process.stderr == (
        f"client: UNAVAILABLE: no gRPC server answers at {address}; "
        "start one, or name another with --addr\n"
    )
