"""What a child may not do, tried from inside a real one; and that it judges under all its walls as without any."""

import os
import re
import signal
import socket
import sys
import textwrap
from collections import deque
from datetime import date
from functools import partial
from tempfile import TemporaryFile

import pytest
from rig import CONFIG, EXAMPLES, GOOD, Site
from workroom import gathered

from flux import kit
from flux.app import examine, once
from flux.config import load
from flux.containers import Proof
from flux.faults import Fault
from flux.model import Judged
from flux.policy import Brief, Limits, Policy
from flux.process import judge
from flux.sandbox import _process
from flux.sandbox.pool import Job, Sandbox
from flux.sandbox.wire import Item, Judge, Lost, Prove, Wall

SOUND = next(EXAMPLES.glob(GOOD)).read_bytes()
BRIEF = Brief("", Policy(naming="free"), date(2026, 11, 25))
WALLS = ["privileges", "network", "landlock", "seccomp"]
BROKEN = {"landlock": "_restrict_files", "seccomp": "_filter_calls", "network": "_leave_network"}  # what raises each
BROKEN_UBL = re.sub(rb"<cbc:IssueDate>.*?</cbc:IssueDate>", b"", SOUND)

OUTSIDE = {
    ("landlock", "EACCES"): [
        "open('/etc/passwd').read()",
        "open('ROOT/flux.toml').read()",
        "os.listdir('ROOT')",
        "open('/proc/self/environ').read()",
        "open('ROOT/new', 'w')",
        "open('/tmp/flux-was-here', 'w')",
        "open('/dev/null', 'w')",
        "open(child.__file__, 'a')",
        "open(os.path.dirname(child.__file__) + '/new', 'w')",
        "os.truncate('ROOT/flux.toml', 0)",
        "os.unlink('ROOT/flux.toml')",
        "os.rename('ROOT/flux.toml', 'ROOT/other')",
        "os.mkdir('ROOT/new')",
        "os.symlink('/etc', 'ROOT/new')",
        "os.mkfifo('ROOT/new')",
    ],
    ("seccomp", "EPERM"): [
        "os.chmod('ROOT/flux.toml', 0o777)",
        "os.utime('ROOT/flux.toml')",
        "os.setxattr('ROOT/flux.toml', 'user.a', b'')",
        "os.execv('/bin/true', ['true'])",
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.kill(os.getppid(), signal.SIGTERM)",
        "os.kill(-1, signal.SIGTERM)",
        "os.pidfd_open(os.getppid())",
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (9, 9))",
        "called(libc.ptrace(16, os.getppid(), 0, 0))",
        "called(libc.unshare(0x10000000))",
        "called(libc.mount(b'none', b'/mnt', b'tmpfs', 0, None))",
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
    ],
}

TRYING = """
    import ctypes, errno, os, resource, signal, socket, sys, threading
    from flux.sandbox import _confine, child

    libc = ctypes.CDLL(None, use_errno=True)
    judge, serve, FDS = child.judge, child.serve, []

    def broken(*_):
        raise OSError(errno.ENOSYS, "")

    def called(result):
        if result < 0:
            raise OSError(ctypes.get_errno(), "")

    def tried(index, name, content, brief, kit):
        if not content.startswith(b"try: "):
            return judge(index, name, content, brief, kit)
        try:
            exec(content[5:].decode())
        except OSError as error:
            raise RuntimeError("refused " + errno.errorcode[error.errno]) from None
        raise RuntimeError("done")

    def served(task, fds, kit, line):
        FDS[:] = fds
        serve(task, fds, kit, line)

    child.judge, child.serve = tried, served
    {before}
    child.main()
"""


def again(file):
    """The same open file under another descriptor: the sandbox closes what it was given."""
    return os.fdopen(os.dup(file.fileno()), "r+b", buffering=0)


def asked(content, *more, brief=BRIEF, key=1):
    """A task that judges *content*; *more*: open files that are handed to the child beside it, FDS[1] and so on."""

    def opened():
        file = TemporaryFile(buffering=0)  # noqa: SIM115 - the sandbox closes it
        file.write(content)
        return file

    files = (opened, *(partial(again, one) for one in more))
    return Job(Judge((Item(key, 0, 0, len(content), 1, "a.xml", 0),), (brief,)), files)


def answer(job, **sandbox):
    with Sandbox(1, **sandbox) as pool:
        (value,) = [result.value for result in pool.run(deque([job])) if result]
        return value, {wall.name: wall for wall in pool.walls}


@pytest.fixture(scope="session")
def standing():
    _, walls = answer(asked(SOUND))
    return {name for name, wall in walls.items() if wall.stands}


@pytest.fixture
def children(tmp_path, monkeypatch):
    """Real children, in which a statement runs before they begin; a document that begins with "try: " is run instead of judged."""
    popen = _process.subprocess.Popen

    def prepare(before):
        script = tmp_path / "script" / "child.py"  # Python may read what lies beside its script
        script.parent.mkdir(exist_ok=True)
        script.write_text(textwrap.dedent(TRYING).replace("{before}", before))

        def start(command, **rest):
            at = command.index("-m")
            return popen([*command[: at - 1], str(script), *command[at + 2 :]], **{**rest, "env": {"PYTHONPATH": os.pathsep.join(sys.path)}})

        monkeypatch.setattr(_process.subprocess, "Popen", start)

    return prepare


@pytest.fixture
def inside(children, standing):
    """What comes of a statement that a child runs; *without*: walls that are not raised; *needs*: without which the test means nothing."""

    def run(*statements, handed=(), without=(), needs=(), before="pass"):
        if gone := set(needs) - standing:
            pytest.skip(f"this kernel raises no {', '.join(sorted(gone))}")
        children("; ".join([*(f"_confine.{BROKEN[wall]} = lambda *_: ''" for wall in without), before]))
        with Sandbox(1) as pool:
            jobs = deque(asked(f"try: {statement}".encode(), *handed, key=key) for key, statement in enumerate(statements))
            values = {result.key: result.value for result in pool.run(jobs) if result}
        assert all(isinstance(value, Lost) for value in values.values()), values
        return {statement: values[key].detail.split(" (")[0].removeprefix("RuntimeError: ") for key, statement in enumerate(statements)}

    return run


def the(found):
    (only,) = found.values()
    return only


def judged(value):
    return isinstance(value, Judged) and value.piece is not None


@pytest.mark.parametrize(("wall", "how"), OUTSIDE)
def test_a_child_reaches_nothing_outside(inside, tmp_path, wall, how):
    (tmp_path / "flux.toml").write_text("secret")
    statements = [statement.replace("ROOT", str(tmp_path)) for statement in OUTSIDE[wall, how]]
    assert inside(*statements, needs=[wall]) == dict.fromkeys(statements, f"refused {how}")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["flux.toml", "script"]


def test_what_is_tried_is_done_where_there_are_no_walls(inside, tmp_path):
    """The twin: the statements are sound, and it is the walls that refuse them."""
    (tmp_path / "flux.toml").write_text("secret")
    some = ("open('/etc/passwd').read()", "open('ROOT/flux.toml').read()", "os.chmod('ROOT/flux.toml', 0o600)", "os.mkdir('ROOT/new')", "socket.socket()")
    statements = [statement.replace("ROOT", str(tmp_path)) for statement in some]
    assert inside(*statements, without=BROKEN) == dict.fromkeys(statements, "done")


def test_no_thread_starts_in_a_child(inside):
    assert the(inside("threading.Thread(target=print).start()", needs=["seccomp"])) == "can't start new thread"


@pytest.mark.parametrize(
    ("without", "how"),
    [
        ((), "EPERM"),  # seccomp
        (("seccomp",), "EACCES"),  # landlock
        (("seccomp", "landlock"), "ENETUNREACH"),  # the network namespace
    ],
)
def test_a_server_on_the_loopback_is_out_of_reach_behind_each_wall_alone(inside, without, how):
    with socket.create_server(("127.0.0.1", 0)) as server:
        statement = f"socket.socket().connect({server.getsockname()!r})"
        assert the(inside(statement, without=without, needs=BROKEN)) == f"refused {how}"
        assert the(inside(statement, without=BROKEN)) == "done"


def test_a_socket_that_a_child_was_handed_connects_nowhere(inside):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as ours:
        port = server.getsockname()[1]
        address = f"bytes([2, 0]) + ({port}).to_bytes(2, 'big') + bytes([127, 0, 0, 1]) + bytes(8)"
        assert the(inside(f"called(libc.connect(FDS[1], {address}, 16))", handed=[ours], needs=["seccomp"])) == "refused EPERM"


def test_a_network_is_left_without_a_privilege_by_way_of_a_user_namespace(inside):
    """The child gives up CAP_SYS_ADMIN before it raises its walls: as a service user has none."""
    before = (
        "h = ctypes.create_string_buffer(bytes([0x22, 5, 8, 0x20]) + bytes(4)); d = ctypes.create_string_buffer(24); libc.capget(h, d); "
        "k = [b & ~(1 << 5) if n in (2, 6) else b for n, b in enumerate(d.raw[:24])]; libc.capset(h, bytes(k))"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        statement = f"socket.socket().connect({server.getsockname()!r})"
        found = the(inside(statement, without=("seccomp", "landlock"), before=before, needs=["network"]))
    assert found in ("refused ENETUNREACH", "done")
    if found == "done":
        pytest.skip("this kernel lets no unprivileged process have a user namespace")


def test_a_child_of_root_keeps_no_privilege_but_to_read_the_programs_files(inside):
    held = "d = ctypes.create_string_buffer(24); libc.capget(bytes([0x22, 5, 8, 0x20, 0, 0, 0, 0]), d); raise RuntimeError(d.raw[:8].hex())"
    assert the(inside(held)) in ("0400000004000000", "0000000000000000")


def test_a_judgement_writes_no_byte_even_into_a_file_that_was_handed_to_it(inside):
    with TemporaryFile(buffering=0) as handed:
        assert the(inside("os.pwrite(FDS[1], b'x', 0)", handed=[handed])) == "refused EFBIG"
        assert os.fstat(handed.fileno()).st_size == 0


def proving(content, limits, sink):
    source = TemporaryFile(buffering=0)  # noqa: SIM115 - the job closes it
    source.write(content)
    source.seek(0)
    return Job(Prove(1, len(content), limits), (lambda: source, partial(again, sink)))


def test_an_archive_unpacks_into_its_scratch_file_up_to_its_limit_under_all_walls(standing):
    archive = next(EXAMPLES.glob("*/*.tar.gz")).read_bytes()
    with TemporaryFile(buffering=0) as sink:
        value, _ = answer(proving(archive, Limits(), sink))
        assert isinstance(value, Proof)
        assert os.fstat(sink.fileno()).st_size == sum(member.size for member in value.members)


def test_the_kernel_holds_the_scratch_file_to_its_limit_too(children):
    """A child whose own count is broken: it writes on and on."""
    children("import flux.containers; flux.containers.prove = lambda source, size, sink, limits: [sink.write(bytes(1 << 19)) for _ in range(9)]")
    with TemporaryFile(buffering=0) as sink:
        value, _ = answer(proving(b"PK", Limits(expanded_mb=1), sink))
        assert value.detail.startswith("OSError: [Errno 27] File too large")
        assert os.fstat(sink.fileno()).st_size == 1 << 20


def test_limits_of_the_service_that_are_lower_than_those_of_a_child_hold(children):
    """As after LimitFSIZE= and LimitNOFILE= of systemd, without a privilege to raise them."""
    before = (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
        "resource.setrlimit(resource.RLIMIT_CPU, (50, 50)); _confine._drop_privileges()"
    )
    children(before)
    value, _ = answer(asked(SOUND))
    assert judged(value)
    asking = "raise RuntimeError([resource.getrlimit(n)[1] for n in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)])"
    told, _ = answer(asked(f"try: {asking}".encode()))
    assert told.detail.startswith("RuntimeError: [1048576, 64, 50]")


def test_a_child_that_nobody_ends_is_ended_by_the_kernel_far_above_its_limit(children, monkeypatch):
    """The daemon does not look: as if it were stopped."""
    children("_confine.TIMES, _confine.SPARE_S = 1, 1; from itertools import count; child.judge = lambda *_: [None for _ in count() if False]")
    monkeypatch.setattr(_process, "GRACE_S", 1000.0)
    value, _ = answer(asked(b"<x/>", brief=Brief("", Policy(limits=Limits(judge_s=1)), BRIEF.today)))
    assert value == Lost("crash", str(-signal.SIGXCPU))


@pytest.mark.parametrize("wall", BROKEN)
def test_a_wall_that_does_not_stand_is_told_with_the_reason_and_judging_goes_on(children, wall):
    children(f"_confine.{BROKEN[wall]} = broken")
    value, walls = answer(asked(SOUND))
    assert walls[wall] == Wall(wall, stands=False, detail="ENOSYS")
    assert judged(value)


@pytest.mark.parametrize(("wall", "names"), [("landlock", "landlock"), ("network", "network")])
def test_strict_walls_that_do_not_stand_are_a_fault_before_anything_is_judged(children, wall, names):
    children(f"_confine.{BROKEN[wall]} = broken; child.judge = lambda *_: os._exit(3)")
    with Sandbox(1, strict=True) as pool, pytest.raises(Fault) as at_start:
        pool.start()
    with Sandbox(1, strict=True) as pool, pytest.raises(Fault) as at_work:
        list(pool.run(deque([asked(SOUND)])))
    assert [(f.value.code, f.value.facts) for f in (at_start, at_work)] == [("FLX-I93", {"names": names})] * 2


def test_an_installation_with_strict_walls_starts_behind_them_or_takes_nothing(children, tmp_path, standing):
    site = Site(tmp_path / "site", CONFIG.replace("scan_s", 'sandbox = "strict"\nscan_s'))
    config = load(site.root / "flux.toml")
    site.drop(GOOD)
    children("_confine._restrict_files = broken")
    with pytest.raises(Fault, match="landlock is missing"):
        once(config)
    assert len(list(site.inbox.iterdir())) == 1
    children("pass")
    if {"network", "landlock"} <= standing:
        assert once(config).handled == 1


def test_the_doctor_shows_a_wall_that_is_missing_with_what_to_do_and_in_red_where_it_must_stand(children, tmp_path):
    children("_confine._leave_network = broken")
    site = Site(tmp_path / "site")
    for config, verdicts in ((CONFIG, ["warn"]), (CONFIG.replace("scan_s", 'sandbox = "strict"\nscan_s'), ["warn", "bad"])):
        site.configure(config)
        lines = [line.told() for line in examine(site.root / "flux.toml") if line.check in ("network", "sandbox") and line.verdict != "ok"]
        assert [line["verdict"] for line in lines] == verdicts
        assert lines[0]["found"] == {"fr": "absente : le noyau répond ENOSYS", "en": "missing: the kernel answers ENOSYS"}
        assert all(line["do"]["fr"] and line["do"]["en"] for line in lines)


def test_strict_walls_that_stand_are_told_once(standing):
    if not {"network", "landlock"} <= standing:
        pytest.skip("this kernel raises no strict walls")
    told = []
    with Sandbox(2, strict=True, told=told.append) as pool:
        pool.start()
        assert all(judged(r.value) for r in pool.run(deque([asked(SOUND)] * 4)) if r)
    assert [[wall.name for wall in walls] for walls in told] == [WALLS]


def test_every_example_is_judged_behind_the_walls_as_without_them(standing):
    """Every syntax, PDF carriers, archives, explained schema errors: whatever a child loads late is still within its reach."""
    if len(standing) < len(WALLS):
        pytest.skip(f"this kernel raises no {', '.join(sorted(set(WALLS) - standing))}")
    whole = kit.build()
    files = [path for path in sorted(EXAMPLES.glob("[0-9]*/*")) if path.suffix in (".xml", ".pdf")]
    contents = [path.read_bytes() for path in files] + [path.read_bytes() + b"<!-- -->" for path in files[:1]] + [BROKEN_UBL]
    with Sandbox(2) as pool:
        jobs = deque(asked(content, key=key) for key, content in enumerate(contents))
        found = gathered(pool.run(jobs))
    assert [found[key] for key in range(len(contents))] == [judge(1, "a.xml", content, BRIEF, whole) for content in contents]
    assert any(finding.code == "FLX-S01" for finding in found[len(contents) - 1][0].findings)
    assert {one.syntax for value in found.values() for one in value} >= {"UBL", "CII", "FACTURX"}
