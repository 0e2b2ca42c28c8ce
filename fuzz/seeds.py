"""The seed corpus, out of examples/ alone: ``fuzz/corpus/TARGET/``, made anew when asked; git does not keep it."""

import gzip
import hashlib
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

from targets import MARKETS_BELOW, TARGETS

from flux import starter

ROOT = Path(__file__).parent
CORPUS = ROOT / "corpus"
EXAMPLES = ROOT.parent / "examples"
MOST = {"containers": 16 << 10, "xml": 7_000, "returns": 4 << 10, "config": 12 << 10}  # bytes of an input: a longer one makes each run slow


def documents():
    """Every document of the examples that is short enough, those inside archives too."""
    for path in sorted(EXAMPLES.glob("[0-9]*/*.*")):
        if path.suffix in (".xml", ".pdf"):
            yield path.read_bytes()
        elif path.name.endswith(".tar.gz"):
            yield from _members(path)


def _members(path):
    try:
        with tarfile.open(path) as archive:
            for info in archive:
                if info.isfile():
                    yield archive.extractfile(info).read()
    except (tarfile.TarError, EOFError, OSError):
        return  # an example of a damaged one


def archives(some):
    """Each form of archive that is taken, small; and the examples' own."""
    files = {"a.xml": some[0][:300], "./dossier/b.xml": some[1], "é" * 60 + "/" + "c" * 70 + ".xml": b"<c/>", "__MACOSX/._a.xml": b"\0", "d.xml": b""}
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        made = BytesIO()
        with tarfile.open(fileobj=made, mode="w", format=form) as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, BytesIO(content))
        yield made.getvalue()
        yield gzip.compress(made.getvalue(), mtime=0)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        for streamed in (False, True):
            made = BytesIO()
            made.seekable = lambda streamed=streamed: not streamed
            with zipfile.ZipFile(made, "w") as archive:
                for name, content in files.items():
                    archive.writestr(zipfile.ZipInfo(name), content, method)
            yield made.getvalue()
    yield from (path.read_bytes() for path in sorted(EXAMPLES.glob("*/*.tar.gz")) + sorted(EXAMPLES.glob("*/*.zip")))


def configurations():
    """The starter whole and cut into its settings, with the markets of the examples below."""
    markets = (EXAMPLES / "markets.toml").read_bytes()
    text = starter.text()
    yield text.encode()
    yield b'[[partner]]\nname = "batipro"\n' + MARKETS_BELOW + markets
    yield from (f"{line}\n".encode() for line in text.splitlines() if "=" in line and not line.startswith("#"))
    yield b'[severities]\n"FLX-M05" = "off"\n[[route]]\nactor = "moe"\nfolder = "outbox/x"\n'


def seeds_of(name):
    """The seeds of a target, none too long for it."""
    known = list(dict.fromkeys(documents()))
    made = {"xml": known, "returns": (document[: MOST["returns"]] for document in known), "containers": archives(known), "config": configurations()}
    yield from (seed for seed in made[name] if len(seed) <= MOST[name])


def build():
    """Every target's folder of seeds, and the words of a configuration."""
    for name in TARGETS:
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed in seeds_of(name):
            (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words = {line.split(" = ")[0].strip("# ") for line in starter.text().splitlines() if " = " in line}
    (CORPUS / "config.dict").write_text("".join(f'"{word}"\n' for word in sorted(words) if word.replace("_", "").isalnum()), "utf-8")


if __name__ == "__main__":
    build()
