"""Finds the public object of each module of a package, so that a new parser, emitter or family of rules is one new file."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from flux.faults import Fault


def discover(package: ModuleType, attribute: str) -> dict[str, Any]:
    """
    The *attribute* of every public module of *package*, by module name, sorted. A module without it raises Fault.

    Modules whose name begins with an underscore are shared tools of the package, not members of it.
    """
    found: dict[str, Any] = {}
    for info in sorted(iter_modules(package.__path__), key=lambda i: i.name):
        if info.name.startswith("_"):
            continue
        module = import_module(f"{package.__name__}.{info.name}")
        if not hasattr(module, attribute):
            raise Fault("FLX-I33", module=module.__name__, attribute=attribute)
        found[info.name] = getattr(module, attribute)
    return found
