"""The pages that are told from the tables and the settings: ``make docs`` writes them, a test keeps them current."""

from collections.abc import Callable
from pathlib import Path

from flux import starter
from flux.docs.alarms import alarms
from flux.docs.codes import codes, matrix
from flux.docs.life import clocks, dossiers
from flux.docs.market import market

PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": starter.reference,
    "codes.md": codes,
    "cadres.md": matrix,
    "dossiers.md": dossiers,
    "clocks.md": clocks,
    "market.md": market,
    "alarms.md": alarms,
}


def write(folder: Path) -> None:
    """Write every generated page into *folder*."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), "utf-8")
