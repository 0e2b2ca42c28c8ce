"""
What both branches of CPPStatut share (domain 3.1): elements as text, the envelope, and the document around a branch.

Text, not a tree: a flow of 1,000 pieces makes 30,000 elements, and a tree of them costs eight times as much. What is written is held to
the schema before it is owed (``process.render``), so a mistake here never leaves.
"""

import re
from datetime import datetime

from flux.emitters import Told
from flux.when import day_of, in_paris

VERSION = "V1_19"
_CHORUS = "CPP001"  # who receives when the sender's application code is unknown
_RECEIVER = re.compile("[0-9A-Za-z]{3,8}")  # the schema's bounds; of signs that stay one when they are escaped: a sender chose the name
_SPECIAL = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
# What XML 1.0 cannot carry, not even escaped. Documents never bring it; a file's name may.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(letter: Told, number: str, branch: str) -> bytes:
    """A CPPStatut around one branch. *number*: the id of this return flow."""
    told = (("DtPrd", day_of(letter.at).isoformat()), ("IdFlx", number))
    parameters = (
        box("ParametreIndiv", text("Code", code), text("Valeurparametre", value), NumOrdre=f"{order:04d}")
        for order, (code, value) in enumerate(told, 1)
    )
    application = letter.decision.envelope.application
    receiver = application if _RECEIVER.fullmatch(application) else _CHORUS
    partners = box("Partenaires", box("Recepteur", text("Id", receiver)), box("Emetteur", text("Id", letter.installation)))
    envelope = box("Enveloppe", box("EnveloppeUnitaire", box("Parametres", *parameters), partners, NumOrdre="1"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{box("CPPStatut", envelope, branch, Version=VERSION)}\n'.encode()


def text(tag: str, value: str, **attributes: str) -> str:
    """An element of text, escaped; "" when there is no text."""
    return f"<{tag}{_attributes(attributes)}>{_escaped(value)}</{tag}>" if value else ""


def box(tag: str, *children: str, **attributes: str) -> str:
    """An element of elements, one a line; those that are "" are left out."""
    return "\n".join((f"<{tag}{_attributes(attributes)}>", *filter(None, children), f"</{tag}>"))


def stamp(at: datetime) -> str:
    """An instant as CPPStatut's examples write it: Paris time with its offset, milliseconds."""
    return in_paris(at).isoformat(timespec="milliseconds")


def _attributes(given: dict[str, str]) -> str:
    return "".join(f' {name}="{_escaped(value)}"' for name, value in given.items()) if given else ""


def carried(value: str) -> str:
    """A text as XML can carry it: longer than it was, where it held what XML cannot."""
    return _NOT_XML.sub(lambda c: f"\\u{ord(c[0]):04x}", value)


def _escaped(value: str) -> str:
    return carried(value.translate(_SPECIAL))
