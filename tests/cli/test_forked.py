"""A command that the rig forks is the command: it finds what an interpreter that was started for it would find, and tells what it would tell."""

import json
import os

import forked
import pytest
from rig import EXAMPLES, GOOD, TYPED_HERE, run, run_anew

FOUND = """
import gc, json, locale, os, random, signal, sys, threading, warnings
streams = [(s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty(), s.fileno()) for s in (sys.stdin, sys.stdout, sys.stderr)]
print(json.dumps({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "executable": sys.executable, "path": sys.path, "name": __name__, "file": __file__,
    "package": __package__, "main": [name for name in vars(sys.modules["__main__"]) if name[:2] != "__"][:3],
    "environment": dict(os.environ), "folder": os.getcwd(), "umask": os.umask(0), "streams": streams, "descriptors": sorted(os.listdir("/proc/self/fd")),
    "input": os.readlink("/proc/self/fd/0"), "flags": list(sys.flags), "warnings": [str(one) for one in warnings.filters], "locale": locale.setlocale(locale.LC_ALL),
    "signals": [str(signal.getsignal(one)) for one in sorted(signal.valid_signals())], "masked": list(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": threading.active_count(), "limits": open("/proc/self/limits").read(), "group": os.getpgid(0), "session": os.getsid(0), "gc": [gc.isenabled(), gc.get_threshold()],
}))
print(random.random(), file=sys.stderr)
"""


def instead(folder, program):
    """A folder where that program stands in the place of flux."""
    (folder / "flux").mkdir()
    (folder / "flux" / "__init__.py").touch()
    (folder / "flux" / "cli.py").write_text(program)
    return folder


@pytest.mark.parametrize(
    "more",
    [{}, {"LC_ALL": "C"}, {"LC_ALL": "fr_FR.UTF-8"}, {"LANG": "C.UTF-8", "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "latin-1"}],
    ids=repr,
)
def test_a_forked_command_finds_what_one_started_anew_finds(site, more):
    instead(site.root, FOUND)
    umask = os.umask(0o027)
    try:
        ours, anew = (json.loads(way(site.root, "a", "--b=é", env=site.environment(**more)).stdout) for way in (run, run_anew))
    finally:
        os.umask(umask)
    assert ours == anew


def test_forked_commands_have_no_luck_in_common(site):
    instead(site.root, FOUND)
    assert site.flux().stderr != site.flux().stderr


@pytest.mark.parametrize(
    "end",
    ["", "raise SystemExit(3)", "raise SystemExit('gone')", "1 / 0", "import os; os._exit(7)", "import os; os.kill(os.getpid(), 9)",
     "import atexit; atexit.register(print, 'at last')", "import os; os.close(1); print('nowhere')", "import sys; sys.stdout.buffer.write(b'a\\r\\nb\\rc')"],
)  # fmt: skip
def test_a_forked_command_ends_as_one_started_anew_ends(site, end):
    instead(site.root, end)
    ours, anew = (way(site.root, env=site.environment()) for way in (run, run_anew))
    assert (ours.returncode, ours.stdout) == (anew.returncode, anew.stdout)
    assert ours.stderr.splitlines()[-3:] == anew.stderr.splitlines()[-3:]  # above those, what called it


def test_a_forked_command_that_does_not_end_is_ended(site):
    instead(site.root, "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)")
    with pytest.raises(TimeoutError):
        forked.run([], site.root, site.environment(), seconds=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int((site.root / "pid").read_text()), 0)


def test_a_command_tells_the_rig_what_it_tells_in_an_interpreter_of_its_own(seen):
    """Forked, and, where it is asked for JSON, typed in the process of a test."""
    good, flow = next(EXAMPLES.glob(GOOD)), seen.json("flows")["flows"][0]["id"]
    for words in (("frobnicate",), ("market", "list"), ("show", flow), ("flows", "--limit", "2", "--json"), ("check", good, "--json")):
        ours, anew = (way(seen.root, *words, env=seen.environment()) for way in (run, run_anew))
        assert (ours.returncode, ours.stdout, ours.stderr) == (anew.returncode, anew.stdout, anew.stderr)
        if "--json" in words:
            assert words[0] in TYPED_HERE
            assert seen.typed_here(*words) == (anew.returncode, anew.stdout.encode(), anew.stderr)
