"""
Mutations that know the form: an archive whose checksums are right again, a tree that is still well-formed. Others are libFuzzer's own.

Blind ones end at the first checksum: behind it nothing would ever be met.
"""

import gzip
import zipfile
import zlib
from copy import deepcopy
from io import BytesIO
from random import Random

from lxml import etree

BLOCK = 512
NAUGHTY = (
    "", " ", "0", "-0", "1e9", "NaN", "9" * 40, "0." + "0" * 38 + "1", "-.5", "+1.", "2026-02-30", "0000-01-01", "9999-12-31Z", "20260230", "A5", "A26",
    "381", "\u202e", "\ufdd0", "é" * 60, "{found}", "%s", "]]>", "&<>\"'", "99912040500017", "FR00000000000", "UEsDBA==", "JVBERi0=", "=", "x" * 2_000, "\t\n",
)  # fmt: skip


def archive(data, most, luck, mutate):
    """A tar, gzipped or not, is mutated, and its checksums are made right; of a zip, a header is touched, or a file is changed and all packed again."""
    try:
        if data[:2] == b"\x1f\x8b":
            return gzip.compress(_checked(mutate(zlib.decompressobj(31).decompress(data, 1 << 16), 1 << 16)), 1, mtime=0)
        if data[:2] == b"PK":
            return _packed_again(data, luck, mutate) if luck.random() < 0.5 else _headers(data, luck)
        return _checked(mutate(data, most))
    except (zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError, LookupError, MemoryError):
        return mutate(data, most)


def tree(data, most, luck, mutate):
    """One element is changed, moved, doubled or taken away; bytes where there is no tree."""
    try:
        root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True))
        elements = [e for e in root.iter() if isinstance(e.tag, str)]
        for _ in range(luck.choice((1, 1, 1, 2, 4))):
            _change(luck.choice(elements), elements, luck)
        encoding = luck.choice(("UTF-8",) * 6 + ("UTF-16", "ISO-8859-1", "windows-1252", "US-ASCII"))
        return etree.tostring(root, encoding=encoding, xml_declaration=True)
    except (etree.LxmlError, ValueError, LookupError):
        return mutate(data, most)


MUTATORS = {"containers": archive, "xml": tree}


def mutator(name, mutate):
    """The custom mutator of a target as libFuzzer asks it: every third time it is libFuzzer's own."""
    mine = MUTATORS[name]

    def mutated(data, most, seed):
        luck = Random(seed)  # noqa: S311 - libFuzzer's seed, so that a run can be repeated
        return (mutate(data, most) if luck.random() < 1 / 3 else mine(bytes(data), most, luck, mutate))[:most]

    return mutated


def _checked(tar):
    """The tar with every header's checksum right again, as far as its headers can be followed."""
    made, at = bytearray(tar), 0
    while at + BLOCK <= len(made) and any(made[at : at + BLOCK]):
        made[at + 148 : at + 156] = b" " * 8
        made[at + 148 : at + 156] = b"%06o\0 " % sum(made[at : at + BLOCK])
        size = bytes(made[at + 124 : at + 136]).strip(b" \0")
        at += BLOCK + -(-int(size or b"0", 8) // BLOCK) * BLOCK if size.isdigit() and b"8" not in size and b"9" not in size else BLOCK
    return bytes(made)


def _headers(data, luck):
    """A byte or four of a header of the zip."""
    marks = [at for at in range(len(data) - 4) if data[at : at + 2] == b"PK" and data[at + 2] < 9]
    made = bytearray(data)
    at, width = luck.choice(marks) + luck.randrange(4, 46), luck.choice((1, 2, 4))
    made[at : at + width] = luck.choice((bytes(width), b"\xff" * width, luck.randbytes(width)))
    return bytes(made)


def _packed_again(data, luck, mutate):
    made = BytesIO()
    if luck.random() < 0.3:
        made.seekable = lambda: False
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for info in old.infolist()[:20]:
            content = old.read(info) if info.file_size < 1 << 16 else b""
            name = mutate(info.filename.encode()[:200] or b"a", 255).decode("utf-8", "replace") if luck.random() < 0.2 else info.filename
            changed = mutate(content[:4096], 4096) if luck.random() < 0.5 else content
            new.writestr(zipfile.ZipInfo(name), changed, luck.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return made.getvalue()


def _change(element, elements, luck):
    parent, other = element.getparent(), luck.choice(elements)
    match luck.randrange(7):
        case 0 | 1:
            element.text = luck.choice(NAUGHTY) if luck.random() < 0.7 else other.text
        case 2 if parent is not None:
            parent.remove(element)
        case 3 if parent is not None:
            parent.insert(luck.randrange(len(parent) + 1), deepcopy(element))
        case 4:
            element.set(luck.choice(("schemeID", "schemeName", "currencyID", "format", "listID", "x")), luck.choice(NAUGHTY))
        case 5:
            element.tag = other.tag
        case _ if parent is not None:
            parent.insert(luck.randrange(len(parent) + 1), element)
