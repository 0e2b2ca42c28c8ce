"""The four rules of the house, held over the syntax tree."""

import ast
from pathlib import Path

import flux

ROOT = Path(flux.__file__).parent
PURE = ("model", "faults", "policy", "when", "ids", "tables", "facts", "malformed", "containers", "attachments", "gate", "parsers", "validators", "decision", "emitters", "process", "told", "owing")
WORLD = {"os", "pathlib", "time", "logging", "random", "socket", "sqlite3", "uuid", "secrets", "subprocess", "shutil", "tempfile", "urllib"}
ENVIRONMENT_READERS = {"config", "cli"}


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        yield name, path, ast.parse(path.read_text("utf-8"))


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name):
    return name.split(".")[0]


def test_the_pure_rooms_import_nothing_of_the_world():
    found = [
        (name, imported)
        for name, _, tree in modules()
        if room(name) in PURE
        for imported in imports(tree)
        if imported.split(".")[0] in WORLD
    ]
    assert found == []


def test_parsers_validators_and_emitters_never_import_one_another():
    for package in ("parsers", "validators", "emitters"):
        for name, _, tree in modules():
            if room(name) != package or name == package:
                continue
            others = {i for i in imports(tree) if i.startswith("flux.") and i.split(".")[1] in {"parsers", "validators", "emitters"}}
            strange = {i for i in others if i.split(".")[1] != package or (len(i.split(".")) > 2 and not i.split(".")[2].startswith("_") and i.split(".")[2][0].islower())}
            assert not strange, f"{name} imports {sorted(strange)}"


def test_only_app_chooses_the_adapters():
    adapters = ("flux.transports", "flux.stores.sql", "flux.stores.content")
    users = {name for name, _, tree in modules() for i in imports(tree) if i.startswith(adapters)}
    assert {u for u in users if room(u) not in {"transports", "stores"}} <= {"app", "precheck"}


def test_only_the_configuration_and_the_command_line_read_the_environment():
    readers = set()
    for name, _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
                readers.add(room(name))
    assert readers <= ENVIRONMENT_READERS


def test_no_document_is_ever_parsed_by_its_path():
    """libxml2 inflates what it opens by path, and follows what it is told (reliability F3): bytes only."""
    inside = {"stores.schemas"}  # our own schemas, hash-checked
    for name, _, tree in modules():
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) in {"etree.parse", "lxml.etree.parse"}]
        assert not calls or name in inside, f"{name} parses by path"


def test_modules_stay_under_400_lines_and_functions_under_40():
    long = []
    for name, path, tree in modules():
        if (lines := len(path.read_text("utf-8").splitlines())) > 400:
            long.append((name, lines))
        sizes = {f"{name}.{n.name}": n.end_lineno - n.lineno + 1 for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        long += [(function, lines) for function, lines in sizes.items() if lines > 40]
    assert long == []


def test_one_net_for_unexpected_exceptions():
    """A broad except stands around what is decided of one flow, and at the child's end of its line; nowhere else."""
    nets = {}
    for name, _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}):
                nets[name] = nets.get(name, 0) + 1
    assert nets == {"faults": 1, "sandbox.child": 2}
