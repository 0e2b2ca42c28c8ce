"""Endpoints on a real OpenSSH server: fetched once, delivered once, and whatever is wrong with one is told and stops none of the others."""

import hashlib
import os
import time

import pytest
from rig import CONFIG, EXAMPLES, GOOD, REFUSED, wait_for
from sshd import ACCOUNT, keygen, print_of

GOOD_FILE = next(EXAMPLES.glob(GOOD))


def drop(server, *patterns, folder="in"):
    for pattern in patterns:
        for path in sorted(EXAMPLES.glob(pattern)):
            server.put(path.name, path.read_bytes(), folder)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def state(site, name):
    return site.told()[name]


def test_what_waits_there_is_received_once_and_answered_there(site, server):
    drop(server, GOOD, REFUSED)
    assert site.once()
    flows = site.json("flows")["flows"]
    assert sorted(flow["state"] for flow in flows) == ["IN_INTEGRE", "IN_REJETE"]
    assert names(server.jail / "in") == [".flux-claim"]
    assert names(server.jail / "in" / ".flux-claim") == []
    owed = {one["name"]: one["sha256"] for flow in flows for one in flow["emissions"] if one["target"] == "returns/batipro"}
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (server.jail / "out").iterdir()}
    assert there == owed
    assert len(there) == 8
    assert [(row["state"], row["moved"]) for row in site.told().values()] == [("ok", 2), ("ok", 8)]
    assert site.once()
    assert len(site.flows()) == 2


def test_a_file_under_a_temporary_name_and_one_that_has_not_rested_are_not_taken(site, server):
    site.configure(CONFIG + server.both(settle_s=600.0))
    drop(server, GOOD)
    (server.jail / "in" / "half.xml.part").write_bytes(b"<half")
    site.configure(CONFIG + server.both())
    (server.jail / "in" / GOOD_FILE.name).rename(server.jail / "in" / f"{GOOD_FILE.name}.part")
    assert site.once()
    assert site.flows() == []
    (server.jail / "in" / f"{GOOD_FILE.name}.part").rename(server.jail / "in" / GOOD_FILE.name)
    assert site.once()
    assert [row.flow.name.decode() for row in site.flows()] == [GOOD_FILE.name]


def test_what_was_received_is_kept_there_under_its_flow_where_a_folder_is_named_for_it(site, server):
    server.folder("in/done")
    site.configure(CONFIG + server.both(done="done"))
    drop(server, GOOD)
    assert site.once()
    flow = site.flows()[0].flow.id
    assert names(server.jail / "in" / "done") == [f"{flow}_{GOOD_FILE.name}"]


def test_names_that_are_no_text_come_as_they_are(site, server):
    site.configure(CONFIG.replace("chorus", "free") + server.both())
    for name in ("été.xml".encode("latin-1"), b"=cmd \x1b[31m.xml", b"a" * 251 + b".xml", "\u202excod.xml".encode()):
        path = os.fsencode(server.jail / "in") + b"/" + name
        with open(path, "wb") as file:  # noqa: PTH123 - bytes
            file.write(GOOD_FILE.read_bytes())
        os.chmod(path, 0o644)  # noqa: PTH101
    assert site.once()
    assert len(site.flows()) == 4
    assert names(server.jail / "in") == [".flux-claim"]


def test_two_endpoints_of_one_partner_and_one_of_an_actor_share_a_server(site, server):
    server.folder("in2")
    server.folder("moe")
    rows = server.row("second", "in", "/in2", partner="batipro", connections=1) + server.row("moe", "out", "/moe", actor="moe")
    site.configure(CONFIG + server.both() + rows)
    drop(server, GOOD)
    drop(server, REFUSED, folder="in2")
    assert site.once()
    assert sorted(row.verdict for row in site.flows()) == ["IN_INTEGRE", "IN_REJETE"]
    assert len(names(server.jail / "moe")) == 1
    assert not list((site.root / "outbox" / "pieces").glob("moe*/*"))


def test_an_endpoint_may_carry_some_kinds_only_and_the_rest_goes_to_the_folder(site, server):
    row = server.row("back", "out", "/out", partner="batipro", kinds=["integration"])
    site.configure(CONFIG + server.row("there", "in", "/in", partner="batipro") + row)
    drop(server, GOOD)
    assert site.once()
    assert [name[:4] for name in names(server.jail / "out")] == ["CSO4"]
    assert len(names(site.outbox / "returns" / "batipro")) == 3


# -- the host key, the secret -----------------------------------------------------------------------------------------------------------------


def test_another_host_key_is_refused_before_anything_is_said_and_held_until_a_person_acts(site, server, tmp_path):
    drop(server, GOOD)
    server.stop()
    pinned, rows = server.host_key, server.both()
    site.configure(CONFIG + rows)
    old = (server.home / "host").read_bytes(), (server.home / "host.pub").read_bytes()
    server.new_host_key()
    (server.home / "sshd_config").write_text((server.home / "sshd_config").read_text().replace("LogLevel ERROR", "LogLevel DEBUG1"))
    server.start()
    assert not site.once()
    held = state(site, "there")
    assert (held["state"], held["trouble"]["code"], held["host_keys"]) == ("held", "FLX-I170", {"pinned": [pinned], "shown": [server.host_key]})
    log = (server.home / "log").read_text()
    assert "userauth-request" not in log
    assert ACCOUNT not in log.replace("Match User nobody", "")
    shown = site.flux("endpoints").stdout
    assert pinned in shown
    assert server.host_key in shown
    site.once()
    assert (server.home / "log").read_text().count("Connection from") == log.count("Connection from")  # no second try by itself
    server.stop()
    for name, content in zip(("host", "host.pub"), old, strict=True):
        (server.home / name).write_bytes(content)
    server.start()
    assert site.flux("endpoints", "--release", "there", "--who", "claire").returncode == 0
    site.once()
    assert (state(site, "there")["state"], state(site, "there")["released_by"]) == ("ok", "claire")
    assert len(site.flows()) == 1


def test_a_key_that_was_pinned_anew_is_tried_at_once(site, server):
    drop(server, GOOD)
    server.stop()
    server.new_host_key()
    server.start()
    assert not site.once()
    public = " ".join(("sftp.example.org", *(server.home / "host.pub").read_text().split()[:2]))  # a line of known_hosts
    site.configure(CONFIG + server.both().replace(f'["{server.host_key}"]', f'["{public}"]'))
    assert site.once()
    assert len(site.flows()) == 1


def test_a_refused_secret_is_not_tried_at_speed_and_says_so(site, server):
    drop(server, GOOD)
    other = keygen(site.root / "other")
    site.configure(CONFIG + server.both(key_file=str(other)))
    assert not site.once()
    assert not site.once()
    row = state(site, "there")
    assert (row["state"], row["trouble"]["code"], row["failures"]) == ("trouble", "FLX-I169", 1)
    site.configure(CONFIG + server.both())
    site.release("there")
    assert site.once()
    assert len(site.flows()) == 1


@pytest.mark.parametrize(("mode", "code"), [(0o640, "FLX-I165"), (0o604, "FLX-I165"), (0o600, None)])
def test_a_key_that_others_may_read_is_no_secret(site, server, mode, code):
    server.key.chmod(mode)
    drop(server, GOOD)
    site.once()
    assert ((state(site, "there")["trouble"] or {}).get("code"), len(site.flows())) == (code, 0 if code else 1)


def test_no_secret_is_found_in_anything_that_flux_writes_or_says(site, server):
    canary = "kanarie-7f3a9c"
    (site.root / "pass").write_text(canary)
    (site.root / "pass").chmod(0o600)
    rows = server.both().replace(f'key_file = "{server.key}"', 'password_file = "pass"')
    site.configure(CONFIG.replace('log_format = "json"', 'log_format = "json"\nlog_level = "debug"') + rows)
    done = [site.flux("once"), site.flux("doctor")]
    site.configure(CONFIG + rows.replace('password_file = "pass"', 'password_env = "FLUX_TEST_PASSWORD"'))
    site.release("there")
    done.append(site.flux("once", FLUX_TEST_PASSWORD=canary))
    assert state(site, "there")["trouble"]["code"] == "FLX-I169"
    assert [one for one in done if canary in one.stdout + one.stderr] == []
    assert [path for path in site.root.rglob("*") if path.is_file() and path.name != "pass" and canary.encode() in path.read_bytes()] == []


# -- what is in the way -----------------------------------------------------------------------------------------------------------------------


def test_a_planted_name_keeps_one_delivery_back_until_it_is_gone(site, server):
    server.stop()
    drop(server, GOOD)
    (site.inbox / GOOD_FILE.name).write_bytes(GOOD_FILE.read_bytes())
    assert not site.once()
    flow = site.json("flows")["flows"][0]
    assert {one["state"] for one in flow["emissions"] if one["target"] == "returns/batipro"} == {"PENDING"}
    planted = server.jail / "out" / next(one["name"] for one in flow["emissions"] if one["kind"] == "lifecycle")
    planted.write_text("another's")
    (server.jail / "in" / GOOD_FILE.name).unlink()
    server.start()
    site.release("back")
    assert not site.once()
    shown = site.json("show", flow["id"])["emissions"]
    assert [one["name"] for one in shown if "exists there already" in (one["problem"] or "")] == [planted.name]
    assert sorted({one["state"] for one in shown}) == ["EMITTED", "STAGED"]
    assert planted.read_text() == "another's"
    planted.unlink()
    assert site.once()
    assert planted.read_bytes() != b"another's"
    assert not [name for name in names(server.jail / "out") if name.endswith(".part")]


def test_a_dead_server_stops_neither_another_nor_the_folders(site, server):
    dead = server.row("dead", "in", "/in", partner="batipro").replace(f"port = {server.port}", "port = 9") + server.row(
        "deadback", "out", "/out", actor="moe"
    ).replace(f"port = {server.port}", "port = 9")
    site.configure(CONFIG + server.both() + dead)
    drop(server, REFUSED)
    (site.inbox / GOOD_FILE.name).write_bytes(GOOD_FILE.read_bytes())
    assert not site.once()
    assert sorted(row.verdict for row in site.flows()) == ["IN_INTEGRE", "IN_REJETE"]
    assert len(names(server.jail / "out")) == 8
    rows = {row["name"]: (row["state"], (row["trouble"] or {}).get("code")) for row in site.told().values()}
    assert rows["dead"] == ("trouble", "FLX-I168")
    assert rows["there"] == ("ok", None)


def test_a_folder_in_which_nothing_may_be_renamed_is_told_and_nothing_of_it_is_taken(site, server):
    drop(server, GOOD)
    (server.jail / "in").chmod(0o555)
    assert not site.once()
    assert state(site, "there")["trouble"]["code"] == "FLX-I172"
    assert site.flows() == []
    red = [line for line in site.json("doctor")["lines"] if line["check"] == "endpoint"]
    assert [line["verdict"] for line in red] == ["bad", "ok"]
    (server.jail / "in").chmod(0o755)
    site.release("there")
    assert site.once()
    assert len(site.flows()) == 1


def test_a_file_beyond_the_limit_of_a_flow_stays_where_it_is_and_is_told(site, server):
    site.configure(CONFIG + "[partner.limits]\nflow_mb = 1\n" + server.both())
    server.put("FSO1116A_ABC001_ABC0011116000000000000001.xml", bytes((1 << 20) + 1))
    drop(server, GOOD)
    assert not site.once()
    assert state(site, "there")["left"] == {"FSO1116A_ABC001_ABC0011116000000000000001.xml": "too_large"}
    assert len(site.flows()) == 1


def test_deliveries_that_stand_uploaded_at_a_place_that_left_the_configuration_are_told_and_go_no_other_way(site, server):
    server.stop()
    (site.inbox / GOOD_FILE.name).write_bytes(GOOD_FILE.read_bytes())
    site.once()
    planted = [server.jail / "out" / one["name"] for one in site.json("flows")["flows"][0]["emissions"] if one["target"] == "returns/batipro"]
    for path in planted:
        path.write_text("another's")
    server.start()
    for name in ("back", "there"):  # their server was away, for as long as the first pass took: neither waits for the other's next try
        site.release(name)
    site.once()  # uploaded, and not published: STAGED
    site.configure(CONFIG)
    done = site.flux("once")
    assert (done.returncode, "stand uploaded through the endpoint back" in done.stderr) == (1, True)
    assert not (site.outbox / "returns" / "batipro").exists() or names(site.outbox / "returns" / "batipro") == []
    for path in planted:
        path.unlink()
    site.configure(CONFIG + server.both())
    assert site.once()
    assert all(path.exists() for path in planted)


# -- the daemon -------------------------------------------------------------------------------------------------------------------------------


def test_the_daemon_fetches_answers_and_outlives_cuts_of_its_sessions(site, server):
    with site.running():
        drop(server, GOOD)
        wait_for(lambda: len(names(server.jail / "out")) == 4)
        assert server.cut() > 0
        drop(server, REFUSED)
        wait_for(lambda: len(names(server.jail / "out")) == 8)
        wait_for(lambda: [row["state"] for row in site.told().values()] == ["ok", "ok"])  # even where nothing is owed any more


def test_a_limit_on_bytes_a_second_holds(site, server):
    site.configure(CONFIG.replace("chorus", "free") + server.both(rate_kb_s=200))
    server.put("large.xml", os.urandom(300_000))
    began = time.monotonic()
    site.once()
    assert time.monotonic() - began > 1.4
    assert len(site.flows()) == 1


def test_the_fingerprint_is_that_which_ssh_keygen_prints(server):
    from flux import endpoints

    kind, print_ = endpoints._pinned((server.home / "host.pub").read_text(), "here")
    assert (kind, print_) == ("ssh-ed25519", print_of(server.home / "host.pub"))
