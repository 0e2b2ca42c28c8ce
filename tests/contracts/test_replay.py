"""
What if: past flows judged again. Under the same rules nothing changes, whatever was recorded; under others exactly what they say; and nothing is touched.

The proof of a replay is that it finds no change where there is none: over every example, over whole markets (tests/scenario), over real documents
(tests/corpus).
"""

import hashlib
import shutil
import tarfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from extracts import a_row, write
from msgspec.structs import replace
from rig import EXAMPLES, Site
from workroom import NOON, Workroom

import flux
from flux import asking, config, directory, doors, kit, whatif
from flux.again import Again
from flux.faults import Fault
from flux.giving_up import give_up
from flux.model import Event, Flow, Plumbing, Severity
from flux.ops import Office
from flux.policy import Policy
from flux.quarantine import Quarantine, in_force, under
from flux.replay import Replay, World, lowered
from flux.structures import nobody
from flux.when import day_of

NOW = datetime.now(UTC)
TODAY = day_of(NOW)
TABLES = Path(flux.__file__).parent / "tables"
RECIPIENT = "22990008900017"
with tarfile.open(next((EXAMPLES / "20-wrong-amounts").glob("*.tar.gz"))) as archive:
    WRONG = archive.extractfile("ACP-2026-2001.xml").read()  # FLX-M01, and nothing else
    OTHER = archive.extractfile("ACP-2026-2005.xml").read()


def judged(folder, *patterns):
    """Examples, as a site judged them."""
    site = Site(folder)
    for path in (path for pattern in patterns for path in sorted(EXAMPLES.glob(pattern))):
        if path.suffix in (".xml", ".gz", ".zip", ".pdf"):
            shutil.copyfile(path, site.inbox / path.name)
    assert site.flux("once").returncode == 0
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return judged(tmp_path_factory.mktemp("replay"), "02-*/*", "03-*/*", "04-*/*", "20-*/*")


@pytest.fixture(scope="module")
def house(site):
    return config.load(site.root / "flux.toml")


def asked(**what):
    return whatif.Asked(TODAY - timedelta(days=1), TODAY, **what)


def replayed(house, **what):
    return whatif.replay(house, asked(**what), NOW, lambda _done, _all: None)


def by_rule(told):
    return {(row["code"], row["change"], row["before"], row["after"]): row["count"] for row in told["by_rule"]}


def print_of(folder):
    """Every file of an installation by its hash."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_under_the_same_rules_nothing_changes_in_any_example_and_nothing_is_touched(tmp_path):
    site = judged(tmp_path, "*/*")
    house, before, seen = config.load(site.root / "flux.toml"), print_of(site.root), []
    told = whatif.replay(house, asked(), NOW, lambda done, every: seen.append((done, every)))
    assert print_of(site.root) == before
    assert (told["by_rule"], told["changes"], told["not_evaluated"]) == ([], [], [])
    with doors.open_reader(house) as ledger:
        flows = ledger.flows(limit=1000)
    assert (told["flows"], told["pieces"]) == (len(flows), sum(row.pieces for row in flows))
    assert told["pieces"] > 80
    assert seen[-1] == (told["flows"], told["flows"])
    assert told["rules"] == kit.build().pack


def test_a_lighter_rule_tells_which_pieces_would_go_in_by_rule_and_by_partner(house):
    told = replayed(house, severities={"FLX-M01": Severity.OFF})
    assert by_rule(told) == {("FLX-M01", "verdict", "rejected", "accepted"): 1}
    assert [(one["number"], one["partner"], one["codes"]) for one in told["changes"]] == [("ACP-2026-2001", "batipro", ["FLX-M01"])]
    assert [(row["partner"], row["verdict"]) for row in told["by_partner"]] == [("batipro", 1)]
    assert told["by_rule"][0]["examples"][0]["ordinal"] == 1


def test_another_matrix_is_another_pack_and_is_checked_whole_like_the_installed_one(house, tmp_path):
    pack = shutil.copytree(TABLES, tmp_path / "pack")
    matrix = pack / "matrix.toml"
    a5 = 'next = "moa"\nedi = { initial = "forbidden", association = "not_applicable" }'
    text = matrix.read_text("utf-8")
    assert text.count(a5) == 1
    matrix.write_text(text.replace(a5, a5.replace("forbidden", "allowed")), "utf-8")
    told = replayed(house, pack=pack)
    assert by_rule(told)["FLX-C01", "verdict", "rejected", "accepted"] == 1
    assert told["rules"] != kit.build().pack
    matrix.write_text(text.replace(a5, a5.replace("forbidden", "perhaps")), "utf-8")
    with pytest.raises(Fault) as fault:
        replayed(house, pack=pack)
    assert (fault.value.code, fault.value.facts["row"]) == ("FLX-I30", "A5 edi.initial")
    matrix.unlink()
    with pytest.raises(Fault) as fault:
        replayed(house, pack=pack)
    assert (fault.value.code, fault.value.facts["missing"]) == ("FLX-I224", "matrix.toml")


def test_a_pre_check_judges_by_another_pack_too(tmp_path):
    a5 = next((EXAMPLES / "04-a5-in-edi").glob("*.xml"))
    pack = shutil.copytree(TABLES, tmp_path / "pack")
    matrix = pack / "matrix.toml"
    matrix.write_text(matrix.read_text("utf-8").replace('edi = { initial = "forbidden", association = "not_applicable" }', 'edi = { initial = "allowed", association = "not_applicable" }'), "utf-8")
    codes = [{finding["code"] for finding in asking.check([a5], None, "", "", one)[0]["pieces"][0]["findings"]} for one in (None, pack)]
    assert ["FLX-C01" in found for found in codes] == [True, False]
    matrix.unlink()
    with pytest.raises(Fault) as fault:
        asking.check([a5], None, "", "", pack)
    assert fault.value.code == "FLX-I224"


def test_a_directory_that_came_later_changes_nothing_unless_it_is_asked_about(house, site, tmp_path):
    extract = write(tmp_path / "extract.csv", a_row(RECIPIENT, StructureActive="false"))
    with pytest.raises(Fault) as fault:
        replayed(house, directory=TODAY.isoformat())
    assert fault.value.code == "FLX-I225"
    from_file = by_rule(replayed(house, directory=str(extract)))
    directory.take(house, extract, TODAY - timedelta(days=30), datetime.now(UTC))
    assert replayed(house)["by_rule"] == []
    assert by_rule(replayed(house, directory=TODAY.isoformat())) == from_file
    assert from_file["FLX-R02", "verdict", "accepted", "rejected"] > 1
    shutil.rmtree(house.spool / "directory")


def test_another_market_file_goes_before_that_of_then(house, tmp_path):
    file = tmp_path / "markets.toml"
    file.write_text((EXAMPLES / "markets.toml").read_text("utf-8").replace("99913225100029", "99913107100014"), "utf-8")
    told = replayed(house, markets=file)
    assert (told["verdict"], told["actor"]) == (0, 1)
    file.write_text("[[market]]\nnumber = 1\n", "utf-8")
    with pytest.raises(Fault):
        replayed(house, markets=file)


@pytest.mark.parametrize(
    ("what", "code"),
    [({"severities": {"FLX-C01": Severity.OFF}}, "FLX-I228"), ({"severities": {"FLX-Z99": Severity.OFF}}, "FLX-I228"), ({"partner": "nobody"}, "FLX-I17")],
    ids=["the matrix", "no such code", "no such partner"],
)
def test_what_cannot_be_asked_is_refused(house, what, code):
    with pytest.raises(Fault) as fault:
        replayed(house, **what)
    assert fault.value.code == code


def test_a_period_that_ends_before_it_begins_and_a_severity_that_is_none_are_refused(house):
    with pytest.raises(Fault) as fault:
        whatif.replay(house, whatif.Asked(TODAY, TODAY - timedelta(days=1)), NOW, lambda _done, _all: None)
    assert fault.value.code == "FLX-I226"
    with pytest.raises(Fault) as fault:
        whatif.severities(["FLX-M01=perhaps"])
    assert fault.value.code == "FLX-I227"
    assert whatif.severities(["flx-m01=off"]) == {"FLX-M01": Severity.OFF}


def test_the_command_says_what_would_change_and_that_nothing_was_touched(site):
    shown = site.flux("replay", "--from", TODAY - timedelta(days=1), "--severity", "FLX-M01=off", FLUX_LANG="fr")
    assert shown.returncode == 0, shown.stderr
    assert "1 verdict changerait." in shown.stdout
    assert "Rien n'a été touché." in shown.stdout
    assert "FLX-M01  refusée → acceptée" in shown.stdout


# -- what was known at the time ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def room(tmp_path):
    room = Workroom(tmp_path)
    yield room
    room.close()


POLICY = Policy(naming="free")
LINE = Quarantine("FLX-M01", "", Severity.WARNING, day_of(NOON) + timedelta(days=9), "why", "claire", NOON)


def judge(room, *contents):
    """Each a flow of its own, one after the other."""
    worker = room.worker(POLICY)
    for content in contents:
        room.now += timedelta(hours=1)
        id_, (sha, size) = f"f{room.now.hour}", room.content.add(BytesIO(content))
        room.ledger.receive([Flow(id_, "batipro", b"a.xml", sha, size, room.now)], [Event(id_, "received", room.now, "test")])
        worker.step()
    return {row.flow.id: row.verdict for row in reversed(room.ledger.flows())}


def book(room, line):
    room.ledger.quarantine(line, Event("", "quarantined", NOON, "claire"))


def again(room, trouble=None, **severities):
    """The changes under today's rules, with these severities: by flow, what, and the codes. *trouble*: what may keep flows from being judged."""
    whole = kit.build()
    policy = under(POLICY, "batipro", in_force(room.ledger.quarantines(), day_of(NOON)), whole.tables)
    policy = lowered(policy, {code.replace("_", "-"): severity for code, severity in severities.items()})
    world = World(whole, {"batipro": policy}, lambda _at: {}, lambda _at: nobody)
    tally = Replay(room.ledger, room.content, world, room.sandbox).run(NOON - timedelta(days=1), NOON + timedelta(days=1), "", lambda _done, _all: None)
    assert dict(tally.trouble) == (trouble or {})
    return [(one.flow, one.ordinal, one.what, one.after, one.rules) for one in tally.listed]


def numbered(content, number="ACP-2026-2001"):
    return content.replace(b"ACP-2026-2005", number.encode())


def test_a_piece_that_would_have_gone_in_holds_its_identity_against_those_behind(room):
    """Refused for its amounts, mended and sent again, then another document of that number."""
    assert list(judge(room, WRONG, numbered(OTHER), numbered(OTHER) + b"\n").values()) == ["IN_REJETE", "IN_INTEGRE", "IN_REJETE"]
    assert again(room) == []
    assert again(room, FLX_M01=Severity.OFF) == [("f13", 1, "verdict", "accepted", ("FLX-M01",)), ("f14", 1, "verdict", "rejected", ("FLX-D02",))]


def test_a_piece_that_would_not_have_gone_in_holds_none(room):
    book(room, LINE)
    assert list(judge(room, WRONG, numbered(OTHER), numbered(OTHER) + b"\n").values()) == ["IN_INTEGRE", "IN_REJETE", "IN_REJETE"]
    book(room, replace(LINE, to=None))
    changed = [("f13", 1, "verdict", "rejected", ("FLX-M01",)), ("f14", 1, "verdict", "accepted", ("FLX-D02",))]
    assert again(room) == changed  # and the third is a duplicate still: of the second
    assert again(room, FLX_M01=Severity.WARNING) == []


def test_the_same_bytes_are_a_duplicate_of_what_would_have_gone_in_and_of_nothing_else(room):
    assert list(judge(room, WRONG, WRONG).values()) == ["IN_REJETE", "IN_REJETE"]
    assert again(room) == []
    assert again(room, FLX_M01=Severity.OFF) == [("f13", 1, "verdict", "accepted", ("FLX-M01",)), ("f14", 0, "also", "IN_REJETE", ("FLX-D03",))]


def test_the_same_bytes_are_no_duplicate_of_what_would_not_have_gone_in(room):
    book(room, LINE)
    assert list(judge(room, WRONG, WRONG).values()) == ["IN_INTEGRE", "IN_REJETE"]
    book(room, replace(LINE, to=None))
    assert again(room) == [("f13", 1, "verdict", "rejected", ("FLX-M01",)), ("f14", 0, "no_longer", "IN_REJETE", ("FLX-D03",))]


def test_what_is_taken_up_again_is_no_duplicate_of_its_parent_under_other_rules_either(room):
    judge(room, WRONG)
    room.now += timedelta(hours=1)
    flow = Flow("f14", "batipro", b"a.xml", *room.content.add(BytesIO(WRONG)), room.now, again=Again("f13", "f13", "r1"))
    room.ledger.receive([flow], [Event("f14", "received", room.now, "test")])
    room.worker(POLICY).step()
    assert again(room) == []
    went_in, *stays_out = again(room, FLX_M01=Severity.OFF)
    assert went_in == ("f13", 1, "verdict", "accepted", ("FLX-M01",))
    by_its_number = [("f14", 1, "no_longer", "rejected", ("FLX-M01",)), ("f14", 1, "also", "rejected", ("FLX-D01",))]
    assert stays_out == by_its_number  # and none is FLX-D03, by its bytes


def test_a_flow_whose_findings_were_purged_is_held_against_nothing_and_one_that_was_given_up_is_not_looked_at(room):
    judge(room, WRONG, numbered(OTHER, "ACP-1"))
    room.receive("lost", "b.xml", b"<nothing/>")
    (flow,) = room.ledger.take("me", 1, room.now)
    room.ledger.hold(flow, Plumbing.HELD, Fault("FLX-I66", detail="x").reason(), Event("lost", "held", room.now, "flux", detail="3/3 FLX-I66"))
    office = Office(room.ledger, room.content, kit.build(), {"batipro": POLICY}, (), "FLUX01", dict)
    give_up(office, "lost", "sent again by mail", "anne", room.now)
    room.ledger.acknowledge(["f13"], "claire", "seen", room.now)
    room.deliver("f13")
    assert room.ledger.purge(["f13"], ["told"], "claire", room.now) == 1
    assert again(room, trouble={"FLX-I231": 1}, FLX_M01=Severity.OFF) == []


def test_a_flow_that_is_held_is_judged_as_well_and_one_whose_bytes_are_gone_is_said_not_to_be(room):
    room.receive("held", "a.xml", WRONG)
    (flow,) = room.ledger.take("me", 1, NOON)
    room.ledger.hold(flow, Plumbing.HELD, Fault("FLX-I66", detail="x").reason(), Event("held", "held", NOON, "flux", detail="3/3 FLX-I66"))
    assert again(room, FLX_M01=Severity.OFF) == [("held", 0, "verdict", "IN_INTEGRE", ("FLX-I66",))]
    judge(room, numbered(OTHER, "ACP-1"))
    room.content._path(room.ledger.flow("f13").flow.sha256).unlink()
    assert again(room, FLX_M01=Severity.OFF, trouble={"FLX-I50": 1}) == [("held", 0, "verdict", "IN_INTEGRE", ("FLX-I66",))]
