"""A daemon that runs for long: what it shows to whoever watches it, how it takes a new configuration, and what its settings are."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from rig import CONFIG, FLUX, GOOD, Site, wait_for

from flux import app, config, daemon, folders, planning


def free_port():
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def serving(site, **env):
    """The daemon while the block lasts: its process, and what it has logged so far, when called."""
    log = site.root / "daemon.log"
    with log.open("w") as file:
        process = subprocess.Popen([*FLUX, "run"], cwd=site.root, env=site.environment(**env), stdout=file, stderr=file)
    try:
        yield process, lambda: [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.endswith("}")]
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def ask(port, path):
    """Status and body; None while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as said:
            return said.status, said.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None


def test_a_monitor_is_told_that_it_lives_whether_it_is_ready_and_what_it_did(tmp_path):
    site, port = Site(tmp_path / "site"), free_port()
    site.configure(f'monitor = "127.0.0.1:{port}"\n{CONFIG}')
    site.drop(GOOD)
    with serving(site):
        assert wait_for(lambda: ask(port, "/health/ready")) == (200, '{"ready":true,"alarms":[]}')
        counted = 'flux_pieces_total{partner="batipro",verdict="accepted"} 1.0'
        wait_for(lambda: counted in ask(port, "/metrics")[1])
        wait_for(lambda: "flux_deliveries_owed 0.0" in ask(port, "/metrics")[1])
        assert 'flux_alarm{alarm="held"} 0.0' in ask(port, "/metrics")[1]
        assert ask(port, "/health/live")[0] == 200
        assert ask(port, "/etc/passwd")[0] == 404
        site.inbox.rename(site.root / "away")
        _, body = wait_for(lambda: (said := ask(port, "/health/ready"))[0] == 503 and said)
        assert [alarm["code"] for alarm in json.loads(body)["alarms"]] == ["FLX-I263"]
        assert ask(port, "/health/live")[0] == 200  # to start it anew would mend nothing
        assert site.flux("health").returncode == 1  # as seen from outside as well
        (site.root / "away").rename(site.inbox)
        wait_for(lambda: ask(port, "/health/ready")[0] == 200)
    assert site.flux("health").returncode == 0


def test_whether_it_lives_is_asked_of_no_ledger(tmp_path):
    known = config.load(Site(tmp_path).root / "flux.toml")
    folders.make(known)
    known.ledger_file.write_bytes(b"no ledger")
    shown, stalled = (daemon.Shown(SimpleNamespace(config=known, beat_at=time.monotonic() - age)) for age in (0.0, 2 * known.stuck_s))
    assert [alarm.name for alarm in daemon.health(known)] == ["ledger"]
    assert (shown.alive(), [alarm.name for alarm in stalled.alive()]) == ((), ["stalled"])


def test_an_installation_that_cannot_be_made_keeps_nothing_open(tmp_path, monkeypatch):
    known = config.load(Site(tmp_path).root / "flux.toml")
    monkeypatch.setattr(planning, "in_runs", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OSError, match="Input/output"), app.opened(known):
        pass
    held = [path.resolve() for path in Path("/proc/self/fd").iterdir()]
    assert [path for path in held if path.is_relative_to(tmp_path)] == []


def test_an_address_that_somebody_else_has_stops_the_start_with_its_code(tmp_path):
    site = Site(tmp_path / "site")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        site.configure(f'monitor = "127.0.0.1:{taken.getsockname()[1]}"\n{CONFIG}')
        done = site.flux("run")
    assert (done.returncode, "FLX-I268" in done.stderr) == (2, True)


@pytest.mark.parametrize(("value", "code"), [("9464", 2), (":9464", 2), ("127.0.0.1:65536", 2), ("127.0.0.1:9464", 0)])
def test_a_monitor_is_an_address_and_a_port(tmp_path, value, code):
    site = Site(tmp_path / "site")
    site.configure(f'monitor = "{value}"\n{CONFIG}')
    done = site.flux("config", "check")
    assert (done.returncode, "FLX-I267" in done.stderr) == (code, code == 2)


def reloads(log):
    return [line for line in log() if line["event"] == "reload"]


def test_a_new_configuration_is_taken_between_two_turns_and_one_that_cannot_be_changes_nothing(tmp_path):
    site = Site(tmp_path / "site")
    with serving(site) as (process, log):
        wait_for(lambda: [line for line in log() if line["event"] == "started"])
        for n, (wrong, code) in enumerate((("settle_s = true\n", "FLX-I06"), ('spool = "other"\n', "FLX-I270")), 1):
            site.configure(wrong + CONFIG.replace("settle_s = 0.0\n", "") if "settle_s" in wrong else wrong + CONFIG)
            process.send_signal(signal.SIGHUP)
            wait_for(lambda n=n: len(reloads(log)) == n)
            assert reloads(log)[-1]["ended"] == "refused"
            assert {"FLX-I06": "settle_s", "FLX-I270": "spool"}[code] in reloads(log)[-1]["trouble"]
        site.configure(CONFIG + '\n[[partner]]\nname = "autre"\nnaming = "free"\n')
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: [line["partners"] for line in log() if line["event"] == "started"] == [["batipro"], ["batipro", "autre"]])
        site.drop(GOOD)
        wait_for(lambda: [flow["plumbing"] for flow in site.json("flows")["flows"]] == ["CLOSED"])


def test_whatever_cannot_be_used_of_a_new_configuration_ends_no_daemon(tmp_path):
    site = Site(tmp_path / "site")
    markets = site.root / "markets.toml"
    with serving(site) as (process, log):
        wait_for(lambda: [line for line in log() if line["event"] == "started"])

        def reload(ended):
            before = len(reloads(log))
            process.send_signal(signal.SIGHUP)
            wait_for(lambda: [line["ended"] for line in reloads(log)[before:]][-len(ended) :] == ended)

        reload(["same"])
        markets.write_text("[[market]\n")
        checked = site.flux("config", "check")
        assert (checked.returncode, "markets.toml" in checked.stderr) == (2, True)
        reload(["refused"])
        assert "markets.toml" in reloads(log)[-1]["trouble"]
        markets.write_text("")
        reload(["begun"])
        site.configure(CONFIG + '\n[[partner]]\nname = "autre"\nnaming = "free"\ninbox = "/proc/nowhere/x"\n')
        reload(["begun", "refused"])
        site.configure(CONFIG)
        site.drop(GOOD)
        wait_for(lambda: [flow["plumbing"] for flow in site.json("flows")["flows"]] == ["CLOSED"])


def test_a_new_configuration_is_taken_in_a_pause_and_the_pause_holds(tmp_path):
    site = Site(tmp_path / "site")
    with serving(site) as (process, log):
        wait_for(lambda: [line for line in log() if line["event"] == "started"])
        assert site.flux("pause", "--by", "claire", "--reason", "travaux").returncode == 0
        health = site.flux("health")
        assert (health.returncode, "FLX-I240" in health.stdout) == (1, True)
        site.configure(CONFIG + '\n[[partner]]\nname = "autre"\nnaming = "free"\n')
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: [line["partners"] for line in log() if line["event"] == "started"] == [["batipro"], ["batipro", "autre"]])
        site.drop(GOOD)
        time.sleep(0.5)
        assert site.json("flows")["flows"] == []
        assert site.flux("resume", "--by", "claire", "--reason", "fini").returncode == 0
        wait_for(lambda: [flow["plumbing"] for flow in site.json("flows")["flows"]] == ["CLOSED"])


def test_whoever_started_it_is_told_that_it_is_ready_and_alive_and_that_it_ends(tmp_path):
    site = Site(tmp_path / "site")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ears:
        address = os.fspath(tmp_path / "notify")
        ears.bind(address)
        ears.settimeout(60)
        with serving(site, NOTIFY_SOCKET=address):
            said = [ears.recv(64) for _ in range(3)]
        while said[-1] != b"STOPPING=1":
            said.append(ears.recv(64))
    assert {b"READY=1", b"WATCHDOG=1"} <= set(said)


def test_the_settings_in_force_are_told_without_the_ledgers_password(tmp_path):
    site = Site(tmp_path / "site")
    site.configure('ledger = "postgresql://flux:canary-7f3a@db/flux?sslpassword=canary-7f3a"\nstuck_s = 60\n' + CONFIG)
    for words in (("config", "show"), ("config", "show", "--json"), ("doctor",), ("health",), ("once",)):
        done = site.flux(*words)
        assert "canary-7f3a" not in done.stdout + done.stderr
    told = {row["name"]: row for table in site.json("config", "show")["tables"] for row in table["settings"] if table["table"] == "flux.toml"}
    assert (told["stuck_s"]["value"], told["stuck_s"]["default"]) == (60, False)
    assert (told["scan_s"]["value"], told["attempts"]["default"]) == (0.2, True)
    assert told["ledger"]["value"] == "postgresql://flux:***@db/flux?***"
    changed = site.flux("config", "show", "--changed").stdout
    assert ("stuck_s" in changed, "attempts" in changed) == (True, False)


def test_every_table_of_settings_is_told_as_it_would_stand_in_the_file(tmp_path):
    site = Site(tmp_path / "site")
    site.configure(CONFIG + """
[[schedule]]
name = "nuit"
cron = "30 2 * * 2-6"

[[freeze]]
from = "2026-12-31 18:00"
until = "2027-01-02 06:00"

[mail]
host = "smtp.example.org"
sender = "flux@example.org"
to = ["ops@example.org"]

[retention]
at = "02:30"

[[endpoint]]
name = "there"
partner = "batipro"
host = "sftp.example.org"
user = "flux"
password_env = "CANARY"
host_keys = ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]
""")
    done = site.flux("config", "show", "--json", CANARY="canary-7f3a")
    told = {table["table"]: {row["name"]: row["value"] for row in table["settings"]} for table in json.loads(done.stdout)["tables"]}
    assert "canary-7f3a" not in done.stdout
    assert (told["[[freeze]] 1"]["from"], told["[[freeze]] 1"]["until"]) == ("2026-12-31 18:00", "2027-01-02 06:00")
    assert (told["[retention]"]["at"], told["[mail]"]["to"], told["[[schedule]] 1"]["cron"]) == ("02:30", ["ops@example.org"], "30 2 * * 2-6")
    assert (told["[[endpoint]] 1"]["host"], told["[[endpoint]] 1"]["password_env"]) == ("sftp.example.org", "CANARY")
