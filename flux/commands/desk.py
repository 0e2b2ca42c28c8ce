"""
What every command shares: the reader's words, both streams, how a command ends, the options that all have, how a configuration is found.

Only the command line and ``config`` read the environment.
"""

import os
import pwd
import sys
from contextlib import suppress
from enum import IntEnum
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from flux import config
from flux.config import Config
from flux.words import Words

DAY = ["%Y-%m-%d"]   # how a day is typed
STREAMS = (0, 1, 2)  # the descriptors of the standard streams


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    REFUSED = 1   # check: something is refused; once: something is held, undelivered or not taken; doctor: something is red
    UNUSABLE = 2  # usage, configuration, or something that could not be evaluated


def _language() -> str:
    """FLUX_LANG, else the locale: French when it says so, English otherwise."""
    spoken = os.environ.get("FLUX_LANG") or os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "fr" if spoken.lower().startswith("fr") else "en"


def _whole_streams() -> None:
    """
    A standard stream that the caller closed leads nowhere.

    Left closed, its number would go to the next file that is opened, the ledger perhaps, and what a library prints would go there.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= STREAMS[-1]:
        pass
    os.close(fd)
    sys.stdout = sys.stdout or os.fdopen(STREAMS[1], "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(STREAMS[2], "w", closefd=False)


class _Passing(Console):
    """What is said in passing: a standard error that is full or gone changes nothing of what a command did, nor of how it ends."""

    def print(self, *objects: Any, **how: Any) -> None:  # noqa: ANN401 - as Console
        with suppress(OSError):
            super().print(*objects, **how)


_whole_streams()
say = Words(_language())
PIPED_WIDTH = 160  # columns of a table that nobody's terminal bounds
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH)
err = _Passing(stderr=True)

Where = Annotated[str, typer.Option("--config", metavar="PATH", help=say("help.config"))]
AsJson = Annotated[bool, typer.Option("--json", help=say("help.json"))]


class Making(TyperGroup):
    """A family of commands whose usual one, make, needs no name: ``flux backup DEST`` is ``flux backup make DEST``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as TyperGroup
        """The words behind the family's name."""
        named = not args or args[0] in self.commands or args[0] == "--help"
        return super().parse_args(ctx, args if named else ["make", *args])


def find(context: typer.Context, where: str) -> Config:
    """The configuration that is meant. Raises Fault."""
    return config.load(config.find(where or context.obj))


def dumped(told: Any) -> bytes:  # noqa: ANN401 - a JSON value
    """A JSON value as it is written."""
    return orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n"


def write(told: Any) -> None:  # noqa: ANN401 - a JSON value
    """A JSON value to the standard output."""
    sys.stdout.buffer.write(dumped(told))
    sys.stdout.buffer.flush()


def unknown(sentence: str) -> typer.Exit:
    """What was asked for does not exist: said, and an end to raise."""
    err.print(escape(sentence), highlight=False, soft_wrap=True)
    return typer.Exit(Exit.UNUSABLE)


def user() -> str:
    """Who types, as the system knows him and not as his environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
