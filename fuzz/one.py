"""One target under atheris: ``python fuzz/one.py TARGET [libFuzzer's options] CORPUS``. Tells each kind of exception once, keeps its input, goes on."""

import hashlib
import resource
import sys
from pathlib import Path
from traceback import extract_tb, print_exception

import atheris

with atheris.instrument_imports(include=["flux"], enable_loader_override=False):
    import targets

from mutators import MUTATORS, mutator

FOUND = Path(__file__).parent / "found"
MEMORY_BYTES = 2 << 30  # a child of the sandbox has one, without the fuzzer


def main():
    name = sys.argv.pop(1)
    target, met = targets.TARGETS[name], set()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))

    def one(data):
        try:
            target(data)
        except MemoryError:
            return  # a limit, told as one
        except Exception as error:  # noqa: BLE001 - what is unforeseen is what is looked for
            where = extract_tb(error.__traceback__)[-1]
            if (kind := (type(error).__name__, where.filename, where.lineno)) not in met:
                met.add(kind)
                _keep(name, data, error)

    def mutate(data, most):
        return atheris.Mutate(data, most)  # looked up when it is called: Setup puts another in its place

    atheris.Setup(sys.argv, one, **({"custom_mutator": mutator(name, mutate)} if name in MUTATORS else {}))
    atheris.Fuzz()


def _keep(name, data, error):
    FOUND.mkdir(exist_ok=True)
    path = FOUND / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    print_exception(error)
    print(f"EXCEPTION {path.name} {type(error).__name__}: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
