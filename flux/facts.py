"""
Facts in words. Pure.

The French of the fact ``found`` is the fact ``found_fr``: ``tables.Entry.facts`` puts it in its place. A fact without one reads alike in both
languages. Where there are few things to say, the catalogue says them: its row has them under ``why``.
"""

import re

Facts = tuple[tuple[str, str], ...]

_ADDRESS = re.compile(r"\s*(?:\bstream\s+)?<[\w.]+(?:\s+\S+)? at 0x[0-9a-f]+>:?")  # how Python names what has no name of its own


def pair(name: str, en: str, fr: str) -> Facts:
    """A fact in both languages."""
    return ((name, en), (f"{name}_fr", fr))


def sized(name: str, number: str, unit: str = "MB") -> Facts:
    """A size. number: English, as "1.5" or "≥ 10". French counts in octets, with a comma."""
    return pair(name, f"{number} {unit}", f"{number.replace('.', ',')} {unit[:-1]}o")


def above(most: int) -> Facts:
    """Found more than *most*."""
    return pair("found", f"more than {most}", f"plus de {most}")


def own_words(en: str, fr: str, said: str, name: str = "found") -> Facts:
    """What a library says, in its own words, which are English: *en* and *fr* introduce them; the addresses of its memory are left out."""
    plain = " ".join(_ADDRESS.sub("", said).split())
    return pair(name, f"{en} “{plain}” (its own words)", f"{fr} « {plain} » (ses propres mots, en anglais)")
