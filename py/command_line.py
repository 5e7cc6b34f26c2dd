"""What the command lines of server and client share.

Not argparse: it words its errors its own way, and takes `-inf` for an option.
The words here are the same in every language of Crosswire.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

EXIT_FAILED = 1
EXIT_USAGE = 2


class CommandError(Exception):
    """Ends the command with one line on stderr and an exit code."""

    def __init__(self, message: str, exit_code: int = EXIT_USAGE):
        super().__init__(message)
        self.exit_code = exit_code


def run(program: str, main: Callable[[list[str]], None]) -> int:
    """Runs `main` with the process's arguments; returns the exit code."""
    try:
        main(sys.argv[1:])
    except CommandError as failure:
        print(f"{program}: {failure}", file=sys.stderr)
        return failure.exit_code
    return 0


def print_line(text: str) -> None:
    """Prints and flushes: somebody may be waiting for just this line.

    Ends the command if stdout takes no more: silently if its reader has gone,
    as `| head` does, with a `CommandError` otherwise.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        # Without another file in its place, the interpreter would fail again
        # when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(EXIT_FAILED)
        raise CommandError(f"cannot write to stdout: {reason(error)}", EXIT_FAILED) from error


def reason(error: OSError) -> str:
    """What the system says, in lower-case words, without Python's number and file name."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


@dataclass(frozen=True)
class Arguments:
    """Options by name, each with its values in order (`None` for a flag), and the rest."""

    options: dict[str, list[str | None]] = field(default_factory=dict)
    positional: list[str] = field(default_factory=list)

    @property
    def wants_help(self) -> bool:
        return "--help" in self.options

    def last(self, option: str, default: str) -> str:
        """The value that was given last: who repeats an option corrects it."""
        return self.options.get(option, [default])[-1]


def parse(
    program: str, arguments: list[str], *, flags: tuple[str, ...] = (), valued: tuple[str, ...] = ()
) -> Arguments:
    """Takes options and positional arguments apart, wherever they stand.

    Only `--name` is an option: `-1`, `-.5` and `-inf` are values. Nothing after
    `--help` is looked at, and everything after `--` is positional.
    """
    parsed = Arguments()
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            parsed.positional.extend(remaining)
        elif not argument.startswith("--"):
            parsed.positional.append(argument)
        elif argument == "--help":
            parsed.options["--help"] = [None]
            break
        else:
            name, equals, value = argument.partition("=")
            if name in valued:
                if not equals:
                    value = next(remaining, None)
                if value is None:
                    raise CommandError(f"{name} needs a value; see {program} --help")
                parsed.options.setdefault(name, []).append(value)
            elif name in flags and not equals:
                parsed.options[name] = [None]
            else:
                raise unknown_option(program, argument)
    return parsed


def unknown_option(program: str, argument: str) -> CommandError:
    name, _, _ = argument.partition("=")
    return CommandError(f"unknown option {printable(name)}; see {program} --help")


def quote(text: str) -> str:
    """The text in double quotes, on one line whatever it holds."""
    return f'"{printable(text)}"'


def printable(text: str) -> str:
    """The text with control characters escaped, so that it cannot break out of its line."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
