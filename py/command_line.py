"""What the command lines of server and client share.

Not argparse: it words its errors its own way, and takes `-inf` for an option.
The words here are the same in every language of Crosswire.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from words import printable, quote, reason, without_surrogates

EXIT_FAILED = 1
EXIT_USAGE = 2


class CommandError(Exception):
    """Ends the command with one line on stderr and an exit code.

    Without a message there is no line: nobody wants to hear of it.
    """

    def __init__(self, message: str, exit_code: int = EXIT_USAGE):
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Arguments:
    """A command line, taken apart but not yet made sense of."""

    program: str
    # Each with its value, which is empty for a flag, in order.
    options: list[tuple[str, str]] = field(default_factory=list)
    # What is no option, in order.
    values: list[str] = field(default_factory=list)

    def has(self, option: str) -> bool:
        return any(given == option for given, _ in self.options)

    def all(self, option: str) -> list[str]:
        """Every value that was given to the option, in order."""
        return [value for given, value in self.options if given == option]

    def last(self, option: str) -> str | None:
        """The value that was given to the option; of several the last, which corrects the others.

        None if the option was not given.
        """
        return next(iter(reversed(self.all(option))), None)

    def allow(self, *options: str) -> None:
        """Refuses other options: what one command of a program takes, another need not."""
        for given, _ in self.options:
            if given not in options:
                raise unknown_option(self.program, given)

    def allow_no_values(self) -> None:
        if self.values:
            argument = quote(self.values[0])
            raise CommandError(f"unexpected argument {argument}; see {self.program} --help")


@dataclass(frozen=True)
class Program:
    """A program's name, its help, and what its command line may hold beside values."""

    name: str
    help: str
    # The options without a value, beside `--help`.
    flags: tuple[str, ...]
    # The options with one: `--addr X` or `--addr=X`.
    valued: tuple[str, ...]

    def run(self, main: Callable[[Arguments], None]) -> int:
        """Runs `main` with the process's arguments, or prints the help that they ask for.

        Returns the exit code.
        """
        texts = [without_surrogates(argument) for argument in sys.argv[1:]]
        try:
            if wants_help(texts):
                print_line(self.help)
            else:
                main(self.parse(texts))
        except CommandError as failure:
            return self.report(failure)
        return 0

    def parse(self, texts: list[str]) -> Arguments:
        """Tells options from values, wherever they stand.

        Only `--name` is an option: `-1`, `-.5` and `-inf` are values. After `--`, all are.
        """
        parsed = Arguments(self.name)
        remaining = iter(texts)
        for text in remaining:
            if text == "--":
                parsed.values.extend(remaining)
            elif text.startswith("--"):
                parsed.options.append(self._option(text, remaining))
            else:
                parsed.values.append(text)
        return parsed

    def _option(self, text: str, following: Iterator[str]) -> tuple[str, str]:
        option, equals, value = text.partition("=")
        if option in self.valued:
            if not equals:
                value = next(following, "--")
                if value.startswith("--"):
                    raise CommandError(f"{option} needs a value; see {self.name} --help")
        elif option != "--help" and option not in self.flags:
            raise unknown_option(self.name, option)
        elif equals:
            raise CommandError(f"{option} takes no value; see {self.name} --help")
        return option, value

    def report(self, failure: CommandError) -> int:
        """Says how the program failed; returns its exit code."""
        if str(failure):
            self.log(str(failure))
        return failure.exit_code

    def log(self, text: str) -> None:
        """Writes one line to stderr, whatever the text holds."""
        # Without a stderr, print would take stdout.
        if sys.stderr is not None:
            print(f"{self.name}: {printable(text)}", file=sys.stderr, flush=True)


def wants_help(texts: list[str]) -> bool:
    """Whether `--help` stands among the options, whatever else is wrong with them."""
    return "--help" in takewhile(lambda text: text != "--", texts)


def unknown_option(program: str, option: str) -> CommandError:
    return CommandError(f"unknown option {option}; see {program} --help")


def print_line(text: str) -> None:
    """Prints and flushes: somebody may be waiting for just this line.

    Raises `CommandError` if stdout takes no more, without a message if its reader
    has gone, as `| head` does.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        # Without another file in its place, the interpreter would fail again
        # when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        is_unread = isinstance(error, BrokenPipeError)
        message = "" if is_unread else f"cannot write to stdout: {reason(error)}"
        raise CommandError(message, EXIT_FAILED) from error
