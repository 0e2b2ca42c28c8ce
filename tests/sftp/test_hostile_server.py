"""A server that lies, cuts and stalls: it hurts nobody but whoever runs it, and nothing is lost or doubled by it."""

import os
import struct
from contextlib import closing

import pytest
from liar import ATTR, ATTRS, DATA, EXTENSIONS, FAILURE, NAME, OK, Liar, Tree, _text, names_of, status
from yard import Yard

from flux.ports import Why
from flux.transports.sftp.packets import Lost
from flux.transports.sftp.pull import Pull
from flux.transports.sftp.push import SftpOutbox
from flux.transports.sftp.wire import Store


@pytest.fixture
def yard(tmp_path):
    with closing(Yard(tmp_path / "yard")) as one:
        yield one


@pytest.fixture
def tree():
    return Tree()


def outside(yard):
    """Everything under the yard's parent that is not in the yard."""
    return [path for path in yard.folder.parent.rglob("*") if yard.folder not in (path, *path.parents)]


# -- names and lists --------------------------------------------------------------------------------------------------------------------------

STRANGE = [b"../../escaped.xml", b"/etc/escaped.xml", b"..", b".", b"", b"a/b.xml", b"nul\0.xml", b"x" * 256]


@pytest.mark.parametrize("name", STRANGE)
def test_a_name_that_leads_elsewhere_is_never_used_and_its_neighbours_are_taken(yard, tree, name):
    tree.put(b"/in/good.xml", b"<good/>")
    asked = []
    for _ in range(2):
        liar = Liar(tree, strange=[name], lie={"extended": lambda _, rest: asked.append(rest)})
        assert yard.turn(liar)
    assert yard.received() == {b"good.xml": [b"<good/>"]}
    assert outside(yard) == []
    assert [rest for rest in asked if name not in (b".", b"", b"..") and name in rest] == []
    assert tree.inside(b"/in") == [b".flux-claim"]


def test_a_name_in_the_claim_folder_that_leads_elsewhere_or_is_no_batch_is_left_alone(yard, tree):
    batch = b"/in/.flux-claim/20261123T120000000Z-0123456789"
    tree.folders |= {b"/in/.flux-claim", batch, b"/in/.flux-claim/odd"}
    tree.put(batch + b"/good.xml", b"<good/>")
    tree.put(b"/in/.flux-claim/odd/other.xml", b"<odd/>")
    tree.put(batch + b"/.hidden", b"x")
    yard.settle(lambda: Liar(tree))
    assert yard.received() == {b"good.xml": [b"<good/>"]}
    assert sorted(tree.files) == [batch + b"/.hidden", b"/in/.flux-claim/odd/other.xml"]


def test_a_list_without_an_end_is_cut_and_ends(yard, tree):
    tree.put(b"/in/good.xml", b"<good/>")
    told = [0]

    def endless(server, rest):
        if not server.handles[rest[4:]].endswith(b"/in"):
            return None
        told[0] += 1
        attributes = struct.pack(">IQI", ATTRS["size"] | ATTRS["mode"], 5, 0o100644)
        return names_of([(b"good.xml", server.attributes(b"/in/good.xml"))] * (told[0] == 1) + [(b"%d-%d" % (told[0], n), attributes) for n in range(500)])

    def nothing(server, rest):  # only the true file can be renamed
        return None if b"/in/good.xml" in rest or b"fsync" in rest else status(FAILURE)

    assert yard.turn(Liar(tree, lie={"readdir": endless, "extended": nothing}))
    assert told[0] <= 101
    assert yard.pull.trouble is not None
    assert yard.pull.trouble.code == "FLX-I179"


@pytest.mark.parametrize(
    "lie",
    [
        {"readdir": lambda *_: (NAME, struct.pack(">I", 0))},                      # a list of no names, again and again
        {"readdir": lambda *_: (NAME, struct.pack(">I", 1 << 30))},                # a thousand million names in one packet
        {"readdir": lambda *_: (NAME, struct.pack(">I", 1) + b"\xff\xff\xff\xff")},  # a name longer than its packet
        {"opendir": lambda *_: struct.pack(">I", 1 << 31)},                        # a packet of two gigabytes
        {"opendir": lambda *_: struct.pack(">I", 0)},                              # of nothing
        {"opendir": lambda *_: struct.pack(">IBI", 5, 102, 4_000_000_000)},        # an answer to what was never asked
        {"opendir": lambda *_: (ATTR, b"")},                                       # to another question
        {"lstat": lambda *_: (DATA, _text(b"x"))},
        {"lstat": lambda *_: (ATTR, struct.pack(">II", 1 << 31, 4_000_000_000))},  # attributes without an end
    ],
)
def test_what_is_no_sftp_ends_the_connection_and_costs_nothing(yard, tree, lie):
    tree.put(b"/in/good.xml", b"<good/>")
    assert not yard.turn(Liar(tree, lie=lie))
    assert yard.received() == {}
    yard.settle(lambda: Liar(tree), turns=1)
    assert yard.received() == {b"good.xml": [b"<good/>"]}


def test_a_server_that_says_nothing_more_is_given_up_in_time(yard, tree):
    wire = yard.wire(Liar(tree, lie={"opendir": lambda *_: b""}), answer_s=0.2)
    with pytest.raises(Lost):
        wire.listing(b"/in")


# -- files that are not what they were said to be ---------------------------------------------------------------------------------------------


def _size(size):
    """A lie about every size."""
    return lambda *_: (ATTR, struct.pack(">IQIII", ATTRS["size"] | ATTRS["mode"] | ATTRS["times"], size, 0o100644, 1, 1))


@pytest.mark.parametrize(
    "lie",
    [
        {"fstat": _size(4)},                                         # it shrank after it was read
        {"fstat": _size(7_000_000_000)},                             # it grew
        {"read": lambda *_: status(FAILURE)},
        {"read": lambda *_: status(1)},                              # it ends at once
        {"open": lambda *_: status(3)},
        {"fstat": lambda *_: status(FAILURE)},
    ],
)
def test_a_file_that_changes_under_our_hands_or_does_not_come_is_not_received_and_is_tried_again(yard, tree, lie):
    tree.put(b"/in/good.xml", b"<good/>")
    assert yard.turn(Liar(tree, lie=lie))
    assert yard.received() == {}
    assert yard.pull.trouble is None or yard.pull.trouble.code == "FLX-I176"
    yard.settle(lambda: Liar(tree))
    assert yard.received() == {b"good.xml": [b"<good/>"]}
    assert list(tree.files) == []


def test_of_very_many_files_the_one_that_does_not_come_costs_none_of_the_others(yard, tree):
    for n in range(230):
        tree.put(b"/in/%03d.xml" % n, b"<good n='%d'/>" % n)

    def one(server, rest):
        return status(3) if b"/117.xml" in rest else None

    assert yard.turn(Liar(tree, lie={"open": one}))
    for _ in range(3):
        yard.intake.step()
    assert (len(yard.received()), b"117.xml" in yard.received()) == (229, False)
    yard.settle(lambda: Liar(tree))
    assert (len(yard.received()), list(tree.files)) == (230, [])


def test_more_bytes_than_were_asked_for_end_the_connection(yard, tree):
    tree.put(b"/in/good.xml", b"<good/>")
    assert not yard.turn(Liar(tree, lie={"read": lambda *_: (DATA, _text(bytes(60_000)))}))
    yard.settle(lambda: Liar(tree))
    assert yard.received() == {b"good.xml": [b"<good/>"]}


def test_less_bytes_than_were_asked_for_are_asked_again(yard, tree):
    content = os.urandom(100_000)
    tree.put(b"/in/good.xml", content)

    def little(server, rest):
        handle, at, size = rest[4:-12], int.from_bytes(rest[-12:-4]), int.from_bytes(rest[-4:])
        return DATA, _text(bytes(server.tree.files[server.handles[handle]][at : at + min(size, 10_000)]))

    assert yard.turn(Liar(tree, lie={"read": little}))
    assert yard.received() == {b"good.xml": [content]}


def test_a_file_that_grew_between_the_look_and_the_claim_waits_until_it_rests(tmp_path, tree):
    with closing(Yard(tmp_path / "yard", settle_s=10.0)) as yard:
        tree.put(b"/in/late.xml", b"half")
        yard.turn(Liar(tree))
        yard.time += 10.0

        def append(server, _rest):
            server.tree.files[b"/in/late.xml"] += b", and the other half"

        yard.turn(Liar(tree, lie={"mkdir": append}))
        assert yard.received() == {}
        yard.settle(lambda: Liar(tree))
        assert yard.received() == {b"late.xml": [b"half, and the other half"]}


def test_what_is_written_behind_the_fetch_is_another_content_and_comes_too(yard, tree):
    tree.put(b"/in/late.xml", b"half")
    wire = yard.wire(Liar(tree))
    yard.pull.step(wire, lambda: False)
    (claimed,) = tree.files
    tree.files[claimed] += b", and the other half"
    yard.intake.step()
    yard.pull.finish(wire)
    yard.settle(lambda: Liar(tree))
    assert yard.received() == {b"late.xml": [b"half, and the other half", b"half"]}
    assert list(tree.files) == []


@pytest.mark.parametrize(("room", "size", "taken"), [(1 << 30, 1 << 20, True), (1 << 30, (1 << 20) + 1, False), (1000, 1000, True), (999, 1000, False)])
def test_no_more_is_fetched_than_one_may_send_and_the_disk_has_room_for(yard, tree, room, size, taken):
    yard.room = room
    tree.put(b"/in/large.xml", bytes(size))
    yard.turn(Liar(tree))
    assert (list(yard.received()) == [b"large.xml"], b"/in/large.xml" in tree.files) == (taken, not taken)
    assert taken or yard.pull.trouble.code == "FLX-I175"
    assert [one.why for one in yard.inbox.unsettled()] == ([Why.TOO_LARGE] if size > 1 << 20 else [])


# -- answers that are lost --------------------------------------------------------------------------------------------------------------------


def cut_pulls(yard, *, carried_out, extensions=EXTENSIONS, forgets=False):
    """Each request of a pull in its turn is the last, carried out or not, and its answer is lost; *forgets*: the process ends too. Gives what went wrong."""
    cut_at, dropped, wrong = 0, {}, []
    while True:
        tree = Tree()
        for n in range(3):
            name, content = f"{cut_at}-{n}.xml".encode(), os.urandom(40_000 if n else 10)
            tree.put(b"/in/" + name, content)
            dropped[name] = [content]
        liar = Liar(tree, cut_at=cut_at, carried_out=carried_out, extensions=extensions)
        held = yard.turn(liar, dies=forgets)
        if forgets:
            yard.begin()
        for _ in range(3):
            yard.turn(Liar(tree, extensions=extensions))
        found = {name: contents for name, contents in yard.received().items() if name in dropped}
        if found != dropped or tree.files or tree.inside(b"/in/.flux-claim"):
            wrong.append((cut_at, liar.asked[-1:], {name: len(contents) for name, contents in found.items()}, list(tree.files)))
            dropped = {}
        if held:
            assert cut_at > 20
            return wrong
        cut_at += 1


@pytest.mark.parametrize(
    ("carried_out", "extensions", "forgets"), [(True, EXTENSIONS, False), (True, EXTENSIONS, True), (False, EXTENSIONS, True), (True, (), True), (False, (), False)]
)
def test_a_line_that_is_cut_at_any_request_of_a_pull_costs_nothing(yard, carried_out, extensions, forgets):
    assert cut_pulls(yard, carried_out=carried_out, extensions=extensions, forgets=forgets) == []
    assert list(yard.claims.rglob("*")) == []


class TooEarly(Pull):
    """Removes what it has fetched before it hands it over."""

    def _hand_over(self, home, batch):
        for name in os.listdir(os.fsencode(home)):  # noqa: PTH208 - bytes
            self.wire.remove_all([self._place(batch, name)])
        super()._hand_over(home, batch)

    def step(self, wire, stopped):
        self.wire = wire
        return super().step(wire, stopped)


class NoClaim(Pull):
    """Takes a fresh id for what it finds claimed: what the ledger knows it does not know."""

    def _take(self, wire, batch, expected=None):
        if expected is None:
            fresh = self._hands.new_id()
            wire.mkdir(self._place(fresh))
            wire.rename_all([(self._place(batch, e.name), self._place(fresh, e.name)) for e in self._listed(wire, self._place(batch))])
            wire.rmdir(self._place(batch))
            batch, expected = fresh, {}
        return super()._take(wire, batch, expected)


@pytest.mark.parametrize("broken", [TooEarly, NoClaim])
def test_the_rig_proves_itself_on_pulls_that_are_broken_in_one_way(tmp_path, broken):
    with closing(Yard(tmp_path / "yard", pull_kind=broken)) as yard:
        assert len(cut_pulls(yard, carried_out=True, forgets=True)) > 0


def test_a_process_that_ends_between_fetch_and_custody_is_found_out_by_the_next(yard, tree):
    tree.put(b"/in/good.xml", b"<good/>")
    yard.pull.step(yard.wire(Liar(tree)), lambda: False)
    assert len(list(yard.claims.rglob("*.xml"))) == 1
    yard.begin()
    assert yard.received() == {b"good.xml": [b"<good/>"]}
    asked = Liar(tree)
    yard.turn(asked)
    assert ("read" in asked.asked, list(tree.files), yard.received()) == (False, [], {b"good.xml": [b"<good/>"]})


def cut_pushes(yard, *, carried_out, takes):
    """The same for a push; *takes*: the partner takes what is published at the very instant."""
    cut_at, wrong = 0, []
    while True:
        tree = Tree()
        tree.takes = takes
        contents = [f"{cut_at}".encode(), os.urandom(70_000)]
        yard.owe(f"f{cut_at}", contents)
        held = True
        try:
            yard.deliver(Liar(tree, cut_at=cut_at, carried_out=carried_out))
        except Lost:
            held = False
        yard.begin()
        yard.deliver(Liar(tree))
        owed = [(f"/out/f{cut_at}-{n}.xml".encode(), content) for n, content in enumerate(contents)]
        states = yard.states(f"f{cut_at}")
        if sorted(tree.published) != owed or set(states.values()) != {"EMITTED"} or any(path.endswith(b".part") for path in tree.files):
            wrong.append((cut_at, [name for name, _ in tree.published], states))
        if held:
            assert cut_at > 12
            return wrong
        cut_at += 1


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("takes", [False, True])
def test_a_line_that_is_cut_at_any_request_of_a_push_publishes_each_file_once(yard, carried_out, takes):
    assert cut_pushes(yard, carried_out=carried_out, takes=takes) == []


class Again(SftpOutbox):
    """Believes the name and not the upload: one that is not there was not published."""

    def publish(self, group):
        names = self.wire.lstat_all([self._name(e) for e in group])
        for emission, found in zip(group, names, strict=True):
            if found is None:
                self.wire.store_all([Store(self._part(emission), emission.size, iter([bytes(emission.size)]))])
        return super().publish(group)


def test_the_rig_proves_itself_on_a_push_that_is_broken_in_one_way(tmp_path):
    with closing(Yard(tmp_path / "yard", outbox_kind=Again)) as yard:
        assert len(cut_pushes(yard, carried_out=True, takes=True)) > 0


def test_a_rename_that_is_cut_between_its_two_steps_on_an_old_server_is_finished_there(yard, tree):
    """Without posix-rename a server links and unlinks: both names are there when it is cut between."""
    yard.owe("f", [b"one"])

    def half(server, _rest):
        server.tree.put(b"/out/f-0.xml", bytes(server.tree.files[b"/out/.f-0.xml.part"]))
        return status(FAILURE)

    yard.deliver(Liar(tree, extensions=(), lie={"rename": half}))
    assert yard.states("f") == {"0": "STAGED"}
    yard.deliver(Liar(tree, extensions=()))
    assert (yard.states("f"), sorted(tree.files)) == ({"0": "EMITTED"}, [b"/out/f-0.xml"])


def test_another_file_of_that_name_on_an_old_server_is_no_half_rename(yard, tree):
    yard.owe("f", [b"one"])
    tree.put(b"/out/f-0.xml", b"two")
    yard.deliver(Liar(tree, extensions=()))
    assert (yard.states("f"), bytes(tree.files[b"/out/f-0.xml"])) == ({"0": "STAGED"}, b"two")


def test_a_server_that_drops_bytes_of_an_upload_is_found_out_before_it_is_published(yard, tree):
    yard.owe("f", [b"one", b"two"])
    yard.deliver(Liar(tree, lie={"write": lambda *_: status(OK)}))
    assert (yard.states("f"), tree.published) == ({"0": "PENDING", "1": "PENDING"}, [])
    yard.deliver(Liar(tree))
    assert len(tree.published) == 2


def test_a_lost_line_is_no_trouble_of_any_delivery(yard, tree):
    yard.owe("f", [b"one"])
    with pytest.raises(Lost):
        yard.deliver(Liar(tree, cut_at=1))
    assert [(one.problem, str(one.state)) for one in yard.ledger.emissions("f")] == [("", "PENDING")]
    assert "undeliverable" not in [event.what for event in yard.ledger.events("f")]
