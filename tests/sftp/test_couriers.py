"""The thread of an endpoint: what it bears of its server, what it remembers, and what it never makes another wait for."""

import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from liar import Liar, OverSsh, Tree, status
from msgspec.structs import replace
from rig import wait_for
from sshd import keygen, print_of
from yard import NOON, Yard, fresh_id

from flux import endpoints as ends
from flux.faults import Fault
from flux.intake import Intake
from flux.stores.sql import SqlLedger
from flux.transports.sftp import courier as couriers
from flux.transports.sftp import session
from flux.transports.sftp.courier import Courier, House
from flux.transports.sftp.host import Breaker, Host, Pace
from flux.transports.sftp.packets import Lost


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def yard(tmp_path):
    with closing(Yard(tmp_path / "yard")) as one:
        yield one


@pytest.fixture
def key(tmp_path):
    return keygen(tmp_path / "key")


@pytest.fixture
def crew(yard, key):
    """crew(server, **endpoint) starts a courier; all of them are ended."""
    at_work = []

    def hire(server, name="there", host=None, **more):
        end = replace(yard.end, name=name, port=server.port, host_keys=(print_of(f"{key}.pub"),), key_file=str(key), **more)
        house = House(
            yard.folder, [end], lambda: SqlLedger(f"sqlite:///{yard.folder / 'ledger.db'}"), yard.content,
            lambda one: session.secret_of(one, yard.folder, {}.get), lambda _: yard.claims, lambda: 1 << 30, lambda: yard.paused, lambda _: 1 << 20, lambda: NOON, fresh_id,
        )  # fmt: skip
        courier = Courier(end, host or Host(Breaker(lambda: 0.0), 2, 1), house, yard.inbox, lambda: None)
        courier.start()
        at_work.append(courier)
        return courier

    yield hire
    for courier in at_work:
        courier.stop()
    for courier in at_work:
        courier.join(10)
        assert not courier.is_alive()


@pytest.fixture
def served(key):
    doors = []

    def serve(make):
        doors.append(OverSsh(key, make))
        return doors[-1]

    yield serve
    for door in doors:
        door.close()


def test_a_server_that_cuts_again_and_again_is_left_alone_longer_and_longer_and_then_served(yard, crew, served):
    tree, cuts = Tree(), [1, 2]
    tree.put(b"/in/good.xml", b"<good/>")
    server = served(lambda: Liar(tree, cut_at=cuts.pop(0) if cuts else None))
    began = time.monotonic()
    crew(server)
    wait_for(lambda: yard.intake.step() or yard.received(), 30)
    assert yard.received() == {b"good.xml": [b"<good/>"]}
    assert time.monotonic() - began > 1.0 + 2.0  # the waits of two failures, without luck
    assert server.connections == 3
    wait_for(lambda: yard.known().state == "ok")
    wait_for(lambda: not tree.files)


def test_a_server_that_stalls_keeps_no_other_endpoint_waiting(yard, crew, served):
    tree, silent = Tree(), threading.Event()
    tree.put(b"/in/good.xml", b"<good/>")

    def never(*_):
        silent.set()
        time.sleep(60)

    crew(served(lambda: Liar(Tree(), lie={"opendir": never})), name="silent")
    assert silent.wait(20)
    crew(served(lambda: Liar(tree)))
    wait_for(lambda: yard.intake.step() or yard.received(), 20)
    assert yard.received() == {b"good.xml": [b"<good/>"]}


def test_an_idle_connection_that_the_server_ends_is_no_trouble(yard, crew, served):
    tree, cuts = Tree(), [9]
    server = served(lambda: Liar(tree, cut_at=cuts.pop() if cuts else None))
    crew(server, poll_s=0.05)
    wait_for(lambda: server.connections == 2, 20)
    tree.put(b"/in/good.xml", b"<good/>")
    wait_for(lambda: yard.intake.step() or yard.received(), 20)
    assert (yard.known().trouble, yard.known().failures) == (None, 0)


def test_a_defect_of_the_program_is_told_and_does_not_end_the_thread(yard, crew, served, monkeypatch):
    tree, left = Tree(), [1]
    tree.put(b"/in/good.xml", b"<good/>")
    step = yard.pull.__class__.step
    monkeypatch.setattr(yard.pull.__class__, "step", lambda *given: step(*given) if not left or left.pop() is None else 1 // 0)
    courier = crew(served(lambda: Liar(tree)))
    wait_for(lambda: yard.known().state == "trouble", 20)
    assert yard.known().trouble.code == "FLX-I178"
    assert courier.is_alive()
    ends.release(yard.folder, "there", "claire", NOON)
    wait_for(lambda: yard.intake.step() or yard.received(), 20)


def test_a_thread_that_met_trouble_of_our_own_disk_goes_on_when_it_is_over(yard, crew, served, monkeypatch):
    tree, lane = Tree(), yard.folder / "fetch" / "there"
    tree.put(b"/in/good.xml", b"<good/>")
    monkeypatch.setattr(couriers, "AGAIN_S", 0.2)
    lane.write_text("in its place")
    courier = crew(served(lambda: Liar(tree)))
    wait_for(lambda: yard.known().state == "trouble" and courier.troubled, 20)
    lane.unlink()
    wait_for(lambda: yard.intake.step() or yard.received(), 20)


def test_in_a_pause_nothing_is_looked_at_there_and_after_it_all_is_fetched(yard, crew, served):
    tree, looks = Tree(), []
    tree.put(b"/in/good.xml", b"<good/>")
    yard.paused = True
    courier = crew(served(lambda: Liar(tree, lie={"opendir": lambda *_: looks.append(1)})))
    wait_for(lambda: courier.quiet, 20)
    assert (looks, list(tree.files)) == ([], [b"/in/good.xml"])
    yard.paused = False
    wait_for(lambda: yard.intake.step() or yard.received(), 20)


def in_runs(yard):
    """The intake of a partner who is taken in runs, and has nothing but the endpoint."""
    return Intake([yard.inbox], yard.content, yard.ledger, now=lambda: NOON, new_id=fresh_id, in_runs=frozenset({"batipro"}))


def over(intake):
    intake.open_for(frozenset({"batipro"}))
    wait_for(lambda: not intake.step() and intake.emptied(frozenset({"batipro"})), 20)


def test_a_run_has_what_was_sent_by_then_however_lately_the_endpoint_had_looked(yard, crew, served):
    tree, intake = Tree(), in_runs(yard)
    courier = crew(served(lambda: Liar(tree)), poll_s=3600.0)
    wait_for(lambda: courier.quiet, 20)
    for n in range(3):
        tree.put(b"/in/good%d.xml" % n, b"<good/>")
    over(intake)
    assert len(yard.received()) == 3


def test_a_run_waits_through_a_pause_in_which_nothing_was_looked_at(yard, crew, served):
    intake, yard.paused = in_runs(yard), True
    courier = crew(served(lambda: Liar(Tree())))
    intake.open_for(frozenset({"batipro"}))
    wait_for(lambda: courier.quiet, 20)
    assert (intake.step(), intake.emptied(frozenset({"batipro"}))) == (0, False)
    yard.paused = False
    over(intake)


def test_a_run_waits_for_no_server_that_is_not_there(yard, crew):
    intake = in_runs(yard)
    crew(SimpleNamespace(port=1))
    over(intake)
    assert yard.known().state == "trouble"


def test_a_run_waits_for_no_server_that_another_endpoint_found_ill(yard, crew, served):
    host, connections = Host(Breaker(lambda: 0.0), 2, 1), served(lambda: Liar(Tree()))
    host.breaker.resume(9, 600.0)
    crew(connections, host=host)
    over(in_runs(yard))
    assert connections.connections == 0


def test_one_that_is_stopped_while_it_connects_fetches_nothing_any_more(yard, crew, served, monkeypatch):
    tree, connected, go_on = Tree(), threading.Event(), threading.Event()
    tree.put(b"/in/good.xml", b"<good/>")
    opened = couriers.opened

    def slow(*given):
        session = opened(*given)
        connected.set()
        go_on.wait(20)
        return session

    monkeypatch.setattr(couriers, "opened", slow)
    courier = crew(served(lambda: Liar(tree)))
    assert connected.wait(20)
    courier.stop()
    go_on.set()
    courier.join(10)
    assert (courier.is_alive(), list(tree.files)) == (False, [b"/in/good.xml"])


def test_a_file_that_can_never_be_taken_is_in_the_log_once_however_often_it_is_seen(yard, crew, served, capsys):
    tree, looks = Tree(), []
    tree.put(b"/in/large.xml", bytes((1 << 20) + 1))
    crew(served(lambda: Liar(tree, lie={"opendir": lambda *_: looks.append(1)})), poll_s=0.05)
    wait_for(lambda: len(looks) > 8, 20)
    wait_for(lambda: yard.known().left == {"large.xml": "too_large"}, 20)
    assert "".join(capsys.readouterr()).count("at most 1 MB can be taken") == 1  # where the log goes is said by whoever ran before
    assert (yard.known().state, yard.known().trouble.code) == ("ok", "FLX-I175")


def test_what_a_server_refuses_is_told_under_its_code_and_the_line_stays(yard, crew, served):
    crew(served(lambda: Liar(Tree(), lie={"mkdir": lambda *_: status(3)})))
    wait_for(lambda: yard.known().state == "trouble", 20)
    assert yard.known().trouble.code == "FLX-I172"


def test_a_host_with_another_key_is_a_stranger_whichever_kind_is_asked_for(yard, served, tmp_path):
    other = keygen(tmp_path / "other")
    end = replace(yard.end, port=served(lambda: Liar(Tree())).port, host_keys=(print_of(f"{other}.pub"),))
    with pytest.raises(session.Stranger) as met:
        session.opened(end, session.Secret(None, "x"))
    assert len(met.value.shown) == 1  # of the three kinds that were asked for, it has one


def test_nobody_at_the_door_is_a_lost_line(yard):
    with pytest.raises(Lost):
        session.opened(replace(yard.end, port=9), session.Secret(None, "x"))


@pytest.mark.parametrize(("content", "code"), [("no key at all", "FLX-I167"), (None, "FLX-I165")])
def test_a_key_file_that_is_none_or_is_not_there_is_told(tmp_path, yard, content, code):
    if content is not None:
        (tmp_path / "k").write_text(content)
        (tmp_path / "k").chmod(0o600)
    with pytest.raises(Fault) as met:
        session.secret_of(replace(yard.end, key_file="k"), tmp_path, {}.get)
    assert met.value.code == code


def test_an_empty_variable_is_no_password(tmp_path, yard):
    end = replace(yard.end, key_file="", password_env="P")
    with pytest.raises(Fault) as met:
        session.secret_of(end, tmp_path, lambda _: "")
    assert met.value.code == "FLX-I166"
    secret = session.secret_of(end, tmp_path, {"P": "hunter2"}.get)
    assert (secret.password, "hunter2" in repr(secret)) == ("hunter2", False)


# -- breaker, places, pace --------------------------------------------------------------------------------------------------------------------


def test_a_breaker_waits_twice_as_long_each_time_up_to_a_quarter_of_an_hour():
    clock = Clock()
    breaker = Breaker(lambda: 0.0, clock)
    waits = []
    for _ in range(12):
        waits.append(breaker.failed())
        clock.now += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    breaker.worked()
    assert (breaker.left_s, breaker.failed()) == (0.0, 1.0)


def test_half_of_each_wait_is_luck_and_failures_at_one_time_count_once():
    clock = Clock()
    breaker = Breaker(lambda: 1.0, clock)
    assert (breaker.failed(), breaker.failed(), breaker.failures) == (0.5, 0.5, 1)


def test_a_breaker_goes_on_where_the_process_before_was():
    clock = Clock()
    breaker = Breaker(lambda: 0.0, clock)
    breaker.resume(5, 30.0)
    assert breaker.left_s == 30.0
    clock.now = 30.0
    assert breaker.failed() == 32.0


def test_no_more_connections_than_a_server_bears():
    host = Host(Breaker(lambda: 0.0), 2, 3)
    assert [host.enter(0.0) for _ in range(3)] == [True, True, False]
    host.leave()
    assert (host.enter(0.0), host.keeps, Host(Breaker(lambda: 0.0), 2, 2).keeps) == (True, False, True)


def test_a_pace_takes_the_time_that_its_limit_asks_for():
    clock, slept = Clock(), []

    def nap(seconds):
        slept.append(seconds)
        clock.now += seconds

    pace = Pace(100, nap, clock)
    for _ in range(10):
        pace(32_768)
    assert 327_680 / 100_000 - 0.2 < sum(slept) < 327_680 / 100_000 + 0.1
    Pace(0, nap, clock)(1 << 30)


def test_what_is_known_of_an_endpoint_survives_a_restart_and_a_damaged_file_is_as_none(tmp_path):
    known = ends.Known("there", state="held", shown=("SHA256:x",), pinned=("SHA256:y",), since=NOON, failures=3)
    ends.keep(tmp_path, known)
    assert ends.known(tmp_path, "there") == known
    (tmp_path / ends.FOLDER / "there.json").write_bytes(b'{"name": "ano')
    assert ends.known(tmp_path, "there") == ends.Known("there")
    ends.release(tmp_path, "there", "claire", NOON)
    assert (ends.released(tmp_path, "there"), ends.released(tmp_path, "there")) == ("claire", None)
