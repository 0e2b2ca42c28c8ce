"""Drops attacks into a real daemon, singly and inside batches, beside good flows, and writes down what came of each."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from archives import gz, tar_of
from attack import good
from lxml import etree, html
from rig import FLUX, Site

from flux.containers._shared import RATIO_FROM_BYTES

CONFIG = 'settle_s = 0.0\nscan_s = 0.2\nlog_format = "json"\n\n[[partner]]\nname = "batipro"\nnaming = "free"\n'
AT_ONCE = 4
PATIENCE_S = 60.0
TAGS = {*"html head meta title style body header h1 h2 h3 p dl dt dd section article ul li span div table thead tbody tr th td footer b abbr".split()}  # noqa: SIM905 - as words they are read
MENACING = re.compile(r"^on|^href$|^src$|^action$|^formaction$|^srcdoc$")

TROUBLE = re.compile(r'Traceback|"level": ?"error"|"ended": ?"(?:postponed|held)"')


class Outcome(NamedTuple):
    """What came of a drop. wrong: why it is not what must come of it, or ""."""

    name: str
    seconds: float
    wrong: str


class Target:
    """A daemon under attack, and what it is asked afterwards."""

    def __init__(self, root):
        self.site = Site(root / "site", CONFIG)
        self.before = _outside(root)
        self.root, self.log = root, (root / "site" / "log").open("w+b")
        self.process = subprocess.Popen([*FLUX, "run"], cwd=self.site.root, env=self.site.environment(), stdout=self.log, stderr=self.log)
        self.serial = 0
        self.child_mb = 0
        self.forgiven = []
        self.returns = self.site.outbox / "returns" / "batipro"
        while b'"started"' not in Path(self.log.name).read_bytes():
            time.sleep(0.02)
            assert self.process.poll() is None, Path(self.log.name).read_text()

    def drop(self, files):
        """Drop these at one instant, {name: content}; gives by name the seconds until it was told, and what was told, or None."""
        for name, content in files.items():
            (self.site.inbox / f".{name}").write_bytes(content)
        began, told = time.monotonic(), {}
        for name in files:
            (self.site.inbox / f".{name}").rename(self.site.inbox / name)
        while len(told) < len(files) and time.monotonic() - began < PATIENCE_S:
            for report in self.collect():
                told[report["file"]] = (time.monotonic() - began, report)
            self._measure()
            time.sleep(0.005)
        for path in (self.site.outbox / "pieces").rglob("*.*"):
            path.unlink()
        return {name: told.get(name, (PATIENCE_S, None)) for name in files}

    def collect(self):
        """The reports that came, and their flows carried away."""
        paths = list(self.returns.glob("*.json"))
        reports = [json.loads(path.read_bytes()) for path in paths]
        for path in paths:
            self._take(path)
        return reports

    def forgive(self, code):
        """Trouble of this code was meant: it is counted, and said against the daemon no more."""
        said = Path(self.log.name).read_text().splitlines()
        self.forgiven = [line for line in said if code in line]
        return len(self.forgiven)

    def _take(self, path):
        """The consumer reads all answers to a flow, holds them to lie still, and carries them away."""
        stem = path.stem.partition("_")[2]
        deadline = time.monotonic() + 10
        while not list(self.returns.glob(f"CSO*{stem}.html")) or not list(self.returns.glob(f"CSO*{stem}.xml")):
            assert time.monotonic() < deadline, f"{path}: half an answer"
        for one in self.returns.glob(f"*{stem}.*"):
            lies_still(one)
            one.unlink()

    def _measure(self):
        for pid in _children(self.process.pid):
            self.child_mb = max(self.child_mb, _peak_mb(pid))

    def end(self):
        """Stop it; what is wrong with how it went: a trace, trouble, something written elsewhere."""
        self.daemon_mb = _peak_mb(self.process.pid) if self.process.poll() is None else 0
        wrong = [] if self.process.poll() is None else ["the daemon died"]
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
        said = Path(self.log.name).read_text()
        wrong += [line for line in said.splitlines() if TROUBLE.search(line) and line not in self.forgiven]
        strange = _outside(self.root) - self.before - {self.log.name}
        return wrong + [f"written elsewhere: {path}" for path in sorted(strange)]


def lies_still(path):
    """An answer carries what a sender wrote as text: no element and no attribute that is not ours, well-formed XML, JSON that is read."""
    content = path.read_bytes()
    if path.suffix == ".xml":
        assert all(isinstance(node.tag, str) and node.tag[0] != "{" for node in etree.fromstring(content).iter()), path
    elif path.suffix == ".html":
        for node in html.document_fromstring(content.decode()).iter():
            assert node.tag in TAGS, (path, node.tag)
            assert not any(MENACING.match(name) for name in node.attrib), (path, node.attrib)
    else:
        json.loads(content)


class Result(NamedTuple):
    """All outcomes; the seconds of good flows alone, and beside attacks; those of them that did not go in."""

    outcomes: list
    alone: list
    beside: list
    strangers: list


def run(target, attacks, tell=lambda _line: None):
    """Each attack singly and, when it is a document, inside a batch."""
    result = Result([], [], [], [])
    for _ in range(20):
        name = _name(target, "good", ".xml")
        result.alone.append(target.drop({name: good(target.serial)})[name][0])
    for start in range(0, len(attacks), AT_ONCE):
        for batch in (False, True):
            if wave := [one for one in attacks[start : start + AT_ONCE] if one.document or not batch]:
                before = len(result.outcomes)
                _wave(target, wave, result, batch=batch)
                for outcome in result.outcomes[before:]:
                    if outcome.wrong:
                        tell(f"{outcome.name}: {outcome.wrong}")
    return result


def _wave(target, wave, result, *, batch):
    """Some attacks at one instant, and a good flow beside them."""
    files, names = {}, []
    for one in wave:
        names.append(_name(target, "attack", ".tar.gz" if batch else one.suffix))
        content = one.make(target.serial)
        files[names[-1]] = _batched(content, one.suffix, target.serial) if batch else content
    stranger = _name(target, "good", ".xml")
    answers = target.drop({**files, stranger: good(target.serial)})
    for one, name in zip(wave, names, strict=True):
        seconds, report = answers[name]
        result.outcomes.append(Outcome(f"{one.name}{', in a batch' if batch else ''}", seconds, wrong_in_batch(one, report) if batch else wrong(one, report)))
    seconds, report = answers[stranger]
    result.beside.append(seconds)
    if not report or report["state"] != "IN_INTEGRE":
        result.strangers.append(report)


def _batched(content, suffix, serial):
    """Between two good pieces; packed only while that is no bomb."""
    archive = tar_of({"1.xml": good(serial, 1), f"attack{suffix}": content, "3.xml": good(serial, 3)})
    return archive if len(archive) > RATIO_FROM_BYTES else gz(archive)


def _name(target, kind, suffix):
    target.serial += 1
    return f"{kind}-{target.serial:06d}{suffix}"


def _errors(findings):
    return {finding["code"] for finding in findings if finding["severity"] == "error"}


def _verdict(one, errors, accepted):
    if "*" in one.codes:
        return "" if errors or accepted else "neither refused nor accepted"
    return "" if one.kept(errors, accepted) else f"told {sorted(errors) or 'nothing'}, expected {sorted(one.codes)}"


def wrong(one, report):
    if report is None:
        return "no answer"
    errors = _errors(report["findings"]).union(*(_errors(piece["findings"]) for piece in report["pieces"]))
    if one.pieces and not _errors(report["findings"]) and len(report["pieces"]) != one.pieces:
        return f"silently short: {len(report['pieces'])} of {one.pieces} pieces"
    return _verdict(one, errors, report["state"] == "IN_INTEGRE")


def wrong_in_batch(one, report):
    if report is None:
        return "no answer"
    if _errors(report["findings"]):  # an archive in disguise is refused with its batch
        return "" if one.codes & _errors(report["findings"]) else f"the batch was refused: {_errors(report['findings'])}"
    mine = [piece for piece in report["pieces"] if piece["document"].startswith("attack")]
    others = [piece for piece in report["pieces"] if not piece["document"].startswith("attack")]
    if [piece["verdict"] for piece in others] != ["accepted"] * 2:
        return f"its neighbours: {[_errors(piece['findings']) for piece in others]}"
    return _verdict(one, _errors(f for piece in mine for f in piece["findings"]), all(piece["verdict"] == "accepted" for piece in mine))


def figures(target, result, trouble):
    """(what, aim, found, whether that is good enough) of all that was tried."""
    outcomes, alone, beside, strangers = result
    right = sum(not one.wrong for one in outcomes)
    seconds = sorted(one.seconds for one in outcomes)
    most, usual = seconds[-1], share(seconds, 95)
    slow = [share(beside, at) / share(alone, at) for at in (50, 95)]
    yield "attacks, single and in a batch, told by their codes", "100 %", f"{right} of {len(outcomes)}", right == len(outcomes)
    yield "slowest answer; 95 % of them", "≤ 10 s; ≤ 2 s", f"{most:.1f} s; {usual:.2f} s", most <= 10 and usual <= 2
    small = target.daemon_mb <= 300 and target.child_mb <= 1024
    yield "memory of the daemon; of a child", "≤ 300 MB; ≤ 1,024 MB", f"{target.daemon_mb} MB; {target.child_mb} MB", small
    yield "good flows beside them accepted", "all", f"{len(beside) - len(strangers)} of {len(beside)}", not strangers
    yield "good flows beside them slower, median; 95 %", "≤ 2 times", f"{slow[0]:.1f} times; {slow[1]:.1f} times", max(slow) <= 2
    yield "traces, trouble of ours, files elsewhere", "0", str(len(trouble)), not trouble


def share(values, percent):
    return quantiles(values, n=100)[percent - 1] if len(values) > 1 else values[0]


def _children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _peak_mb(pid):
    try:
        return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) >> 10
    except (OSError, IndexError):
        return 0


def _outside(root):
    """Every file beside the installation, and in it but outside spool, inbox and outbox."""
    found = set()
    for folder, folders, files in os.walk(root):
        if Path(folder) == root / "site":
            folders[:] = [name for name in folders if name not in ("spool", "inbox", "outbox")]
        found |= {os.path.join(folder, name) for name in files}  # noqa: PTH118 - as text
    return found
