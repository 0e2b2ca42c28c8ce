"""
Logs: one canonical line an attempt, documented keys, JSON or console. No invoice content above debug; audit lives in the ledger, not here.

Keys are an interface (docs/operations.md): they are never renamed in passing.
"""

import logging
import sys
from collections.abc import Sequence
from typing import Any

import orjson
import structlog

from flux.sandbox.wire import Wall


def configure(form: str, level: str) -> None:
    """*form*: json or console; *level*: debug, info, warning, error. Logs go to the standard error, whose loss stops nothing."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: Any = structlog.processors.JSONRenderer(serializer=_dumps) if form == "json" else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(_Careful()),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what ends a connection is told by its endpoint, in our words
    logging.getLogger("watchdog.observers.inotify").setLevel(logging.CRITICAL)  # a notice that comes while it stops: only a hint


def get() -> structlog.typing.FilteringBoundLogger:
    """The logger."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def walls(found: Sequence[Wall]) -> None:
    """The line that tells, once, which walls stand around the children of the sandbox, and why others do not."""
    standing = [wall.name for wall in found if wall.stands]
    missing = [f"{wall.name} ({wall.detail})" for wall in found if not wall.stands]
    (get().warning if missing else get().info)("sandbox", standing=standing, missing=missing)


def _dumps(event: dict[str, Any], **_: object) -> str:
    return orjson.dumps(event, default=str).decode()


class _Libraries(logging.Handler):
    """What a library says through the standard logging, as lines of ours: one form on the standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        get().warning("library", logger=record.name, text=record.getMessage())


class _Careful:
    """The standard error, whose closing or filling disk must not stop the processing (reliability D18)."""

    def write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
        except (OSError, ValueError):
            return

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError):
            return
