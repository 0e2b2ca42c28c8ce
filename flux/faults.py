"""
Trouble of ours: a code of the family FLX-I, the facts, and texts in French and English out of ``tables/faults.toml``. Pure; read once.

One code a cause, stable for ever. It is told to the operator, retried, then held; no sender is ever told it as his mistake.
"""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import lru_cache
from importlib.resources import files
from traceback import extract_tb

from msgspec import Struct, convert

FRAMES = 6  # of a traceback: enough to find the place, few enough for one line


class Texts(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A row of the table: what happened, what it means for flows and senders, what to do. One sentence each, the facts in braces.

    passes: it lies around a flow and not in it, so that trying again for longer may help.
    """

    what_fr: str
    what_en: str
    means_fr: str
    means_en: str
    do_fr: str
    do_en: str
    passes: bool = False


class Reason(Struct, frozen=True):
    """A fault as it is stored and told: its code, and one line a language."""

    code: str
    fr: str
    en: str


class Fault(Exception):  # noqa: N818 - the house calls our own trouble a Fault; it is never a Finding
    """Trouble of ours. code: a row of the table; facts: what its texts quote, as one printable line each. Its str is the English line."""

    def __init__(self, code: str, /, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = {name: _line(fact) for name, fact in facts.items()}

    def __str__(self) -> str:
        return " ".join(self.told("en"))

    @property
    def passes(self) -> bool:
        """Whether it may be over after a while."""
        return table()[self.code].passes

    def told(self, language: str) -> tuple[str, str, str]:
        """What happened, what it means, what to do: in French for "fr", else in English."""
        row = table()[self.code]
        texts = (row.what_fr, row.means_fr, row.do_fr) if language == "fr" else (row.what_en, row.means_en, row.do_en)
        what, means, do = (text.format_map(self.facts) for text in texts)
        return what, means, do

    def reason(self) -> Reason:
        """The same as a value, for the ledger and for JSON."""
        return Reason(self.code, " ".join(self.told("fr")), str(self))


@lru_cache
def table() -> dict[str, Texts]:
    """Every code with its texts."""
    return convert(tomllib.loads(files("flux").joinpath("tables", "faults.toml").read_text("utf-8")), dict[str, Texts])


def fault_of(trouble: Fault | OSError) -> Fault:
    """
    What a file or a disk does to us, and any Fault, as the trouble of the flow that met it.

    A copy of it: the trace of one that was raised holds all that stood in its frames, which may be open files on the very disk that is full.
    """
    return copy(trouble) if isinstance(trouble, Fault) else Fault("FLX-I66", detail=str(trouble))


@contextmanager
def netted(*known: type[Exception]) -> Iterator[None]:
    """
    The house's one net, around what is decided of one flow: a bug of ours is a Fault of that flow, and costs its neighbours nothing.

    The same around a turn of an endpoint. known: what the caller tells from a bug, beside a Fault.
    """
    passing: tuple[type[Exception], ...] = (Fault, *known)
    try:
        yield
    except passing:
        raise
    except Exception as error:
        raise Fault("FLX-I64", detail=traced(error)) from error


def traced(error: BaseException) -> str:
    """An exception that nobody expected as one line: its kind, its words, and where, the innermost call last."""
    frames = extract_tb(error.__traceback__)[-FRAMES:]
    where = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__}: {error} ({where})"


def _line(fact: str) -> str:
    """Facts quote names that strangers chose: on one line, what cannot be printed or encoded is escaped."""
    return "".join(c if c.isprintable() else " " if c.isspace() else f"\\u{ord(c):04x}" for c in fact)
