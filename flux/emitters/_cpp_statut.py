"""What both branches of CPPStatut share (domain 3.1): the envelope, elements of text, and the writing."""

import re
from datetime import datetime

from lxml import etree

from flux.emitters import Told
from flux.when import day_of, in_paris

VERSION = "V1_19"
_CHORUS = "CPP001"  # who receives when the sender's application code is unknown
# What XML 1.0 cannot carry, not even escaped. Documents never bring it; a file's name may.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(letter: Told, number: str, branch: etree._Element) -> bytes:
    """A CPPStatut around one branch. *number*: the id of this return flow."""
    root = etree.Element("CPPStatut", Version=VERSION)
    unit = put(put(root, "Enveloppe"), "EnveloppeUnitaire", NumOrdre="1")
    parameters = put(unit, "Parametres")
    for order, (code, value) in enumerate((("DtPrd", day_of(letter.at).isoformat()), ("IdFlx", number)), 1):
        one = put(parameters, "ParametreIndiv", NumOrdre=f"{order:04d}")
        put(one, "Code", code)
        put(one, "Valeurparametre", value)
    partners = put(unit, "Partenaires")
    application = letter.decision.envelope.application
    put(put(partners, "Recepteur"), "Id", application if 3 <= len(application) <= 8 else _CHORUS)  # noqa: PLR2004 - the schema's bounds
    put(put(partners, "Emetteur"), "Id", letter.installation)
    root.append(branch)
    etree.indent(root, " ")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def put(parent: etree._Element, tag: str, text: str = "", **attributes: str) -> etree._Element:
    """A new last child with this text."""
    made = etree.SubElement(parent, tag, attributes)
    if text:
        made.text = _NOT_XML.sub(lambda c: f"\\u{ord(c[0]):04x}", text)
    return made


def stamp(at: datetime) -> str:
    """An instant as CPPStatut's examples write it: Paris time with its offset, milliseconds."""
    return in_paris(at).isoformat(timespec="milliseconds")
