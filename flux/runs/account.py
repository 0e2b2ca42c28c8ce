"""
The account of a run: what came in, what became of it, how long it took, against what is usual, and who sent nothing or too little. Pure.

Nothing is guessed: what is usual is the median of runs that are recorded, on the same day of the week where there are enough, and where there
are too few it says so. Written once, when the run ends; pages and tables only show it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from msgspec import Struct

from flux.model import STUCK, FlowVerdict, Plumbing
from flux.runs import plan
from flux.runs.book import FlowSeen, Run, Seen
from flux.told import instant
from flux.when import in_paris

LEAST = 4    # runs without which nothing is called usual,
MOST = 8     # and the newest that make it
LOOK = 80    # runs among which those of the same day of the week are looked for: eleven weeks of nights
SHOWN = 20   # causes, and held flows, in the account
MANY = 5     # refused pieces below which no run is called worse than usual
_MEASURES = ("flows", "pieces", "accepted", "refused", "held", "busy_s", "pieces_per_s")
_UNDECIDED = (Plumbing.RECEIVED, Plumbing.PROCESSING)

Label = Callable[[str], dict[str, str] | None]  # of a code, in both languages

class Sender(Struct, frozen=True):
    """A partner as a run sees him. cut_off: by when he sends, HH:MM in Paris, "" for the run itself. in_runs: his inbox is taken only in runs."""

    name: str
    label: str = ""
    cut_off: str = ""
    in_runs: bool = False


class Cut(Struct, frozen=True):
    """A sender's cut-off in this run: when, what he had sent by then, and whether flux was there to see it."""

    at: datetime
    flows: int
    pieces: int
    watched: bool = True


class Around(Struct, frozen=True):
    """
    What the account needs beside the flows.

    previous: when the run before was planned, or the schedule first seen. history: runs on time, the newest first. cuts: by sender, of those whose cut-off lies between the two. troubled: senders whose inbox could not be read.
    label: of a code, in both languages, None for one that is none. complete: everything came to its end before the deadline.
    """

    senders: tuple[Sender, ...]
    previous: datetime
    history: tuple[Run, ...]
    cuts: dict[str, Cut]
    outages: tuple[tuple[datetime, datetime], ...]
    troubled: frozenset[str]
    label: Label
    less_than: float
    installation: str
    complete: bool = True


class Usual(Struct, frozen=True):
    """The runs against which one is held. of: weekday, any, or "" when there are too few; known: how many runs there are at all."""

    of: str
    runs: tuple[Run, ...]
    known: int

    def middle(self, path: Sequence[str]) -> float | None:
        """The median of what stands at *path* in their accounts; None when too few have it."""
        values = [value for run in self.runs if (value := _at(run.told, path)) is not None]
        return median(values) if len(values) >= LEAST else None


def usual_of(history: Sequence[Run], planned: datetime) -> Usual:
    """The runs that make the usual of one planned for this instant: of the same day of the week where there are enough."""
    day = in_paris(planned).weekday()
    same = [run for run in history if in_paris(run.planned).weekday() == day][:MOST]
    if len(same) >= LEAST:
        return Usual("weekday", tuple(same), len(history))
    return Usual("any", tuple(history[:MOST]), len(history)) if len(history) >= LEAST else Usual("", (), len(history))


def cut_off_of(sender: Sender, planned: datetime) -> datetime:
    """The last cut-off of this sender up to an instant."""
    hour, minute = map(int, sender.cut_off.split(":"))
    wall = in_paris(planned).replace(tzinfo=None, hour=hour, minute=minute, second=0, microsecond=0)
    at = plan.at_wall(wall)
    return at if at <= planned else plan.at_wall(wall - timedelta(days=1))


def account(run: Run, seen: Seen, around: Around) -> dict[str, Any]:
    """The account as JSON (docs/formats.md)."""
    usual = usual_of(around.history, run.planned)
    totals, times = _totals(seen.flows, seen), _times(run, seen.flows)
    now = totals | times
    against = {name: {"now": now[name], "usual": usual.middle((_group(name), name))} for name in _MEASURES}
    refused, flows = Counter(partner for partner, _ in seen.refused), defaultdict[str, list[FlowSeen]](list)
    for flow in seen.flows:
        flows[flow.partner].append(flow)
    before = defaultdict[str, list[dict[str, Any]]](list)  # what those runs tell of each
    for row in (row for one in usual.runs if one.told for row in one.told["partners"]):
        before[row["partner"]].append(row)
    partners = []
    for sender in _senders(seen.flows, around.senders):
        counts = {"refused": refused[sender.name], "routed": seen.routed.get(sender.name, 0), "undelivered": seen.undelivered.get(sender.name, 0)}
        partners.append(_partner(run, sender, flows[sender.name], around, before[sender.name]) | counts)
    told = {
        "run": run.seq, "installation": around.installation, "schedule": run.schedule, "planned_at": instant(run.planned), "how": run.how, "who": run.who,
        "since": _instant(run.since), "started_at": _instant(run.started_at), "taken_at": _instant(run.taken_at), "ended_at": _instant(run.ended_at),
        "complete": around.complete, "outages": [{"from": instant(a), "until": instant(b)} for a, b in around.outages],
        "totals": totals, "times": times, "usual": {"of": usual.of or None, "runs": [r.seq for r in usual.runs], "known": usual.known, "least": LEAST},
        "against": against, "partners": partners, "causes": _causes(seen, around.label), "held": [_held(f) for f in seen.flows if f.state in STUCK][:SHOWN],
    }  # fmt: skip
    return {**told, "alerts": _alerts(told)}


def summary(told: dict[str, Any]) -> dict[str, Any]:
    """What a list of runs shows of an account."""
    return {"totals": told["totals"], "alerts": told["alerts"], "duration_s": told["times"]["duration_s"]}


def _group(name: str) -> str:
    return "times" if name in ("busy_s", "pieces_per_s") else "totals"


def _at(told: Any, path: Sequence[str]) -> float | None:  # noqa: ANN401 - a JSON value
    for name in path:
        told = told.get(name) if isinstance(told, dict) else None
    return told if isinstance(told, int | float) else None


def _instant(at: datetime | None) -> str | None:
    return instant(at) if at else None


def _totals(flows: Sequence[FlowSeen], seen: Seen) -> dict[str, int]:
    states, verdicts = Counter(f.state for f in flows), Counter(f.verdict for f in flows)
    return {
        "flows": len(flows), "bytes": sum(f.size for f in flows), "pieces": sum(f.pieces for f in flows), "accepted": sum(f.accepted for f in flows),
        "refused": len(seen.refused), "not_evaluated": sum(seen.not_evaluated.values()), "routed": sum(seen.routed.values()),
        "undelivered": sum(seen.undelivered.values()), "held": states[Plumbing.HELD] + states[Plumbing.QUARANTINED],
        "undecided": sum(states[state] for state in _UNDECIDED), "flows_whole": verdicts[FlowVerdict.INTEGRATED],
        "flows_partial": verdicts[FlowVerdict.PARTIAL], "flows_refused": verdicts[FlowVerdict.REJECTED],
        "flows_unjudged": sum(bool(f.codes) for f in flows),  # refused whole, for themselves: nobody knows what was in them
    }  # fmt: skip


def _times(run: Run, flows: Sequence[FlowSeen]) -> dict[str, float | None]:
    """
    How long: the run itself; the time in which anything of its flows was in hand (no stretch twice); from reception to decision.

    The speed is over the time in hand, so that it says the same of flows taken all day long and of flows taken at night.
    """
    stretches = sorted((f.received_at, f.decided_at) for f in flows if f.decided_at)
    busy, end = timedelta(), None
    for began, ended in stretches:
        start = began if end is None else max(began, end)
        busy += max(ended - start, timedelta())
        end = ended if end is None else max(end, ended)
    waits = [(ended - began).total_seconds() for began, ended in stretches]
    busy_s, pieces = busy.total_seconds(), sum(f.pieces for f in flows)
    lasted = (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else 0.0
    return {
        "duration_s": round(lasted, 3), "busy_s": round(busy_s, 3), "pieces_per_s": round(pieces / busy_s, 1) if busy_s > 0 and pieces else None,
        "wait_median_s": round(median(waits), 3) if waits else None, "wait_most_s": round(max(waits), 3) if waits else None,
    }  # fmt: skip


def _senders(flows: Iterable[FlowSeen], senders: Sequence[Sender]) -> list[Sender]:
    """Those that the run names, and whoever brought something and is configured no more."""
    known = {sender.name for sender in senders}
    return [*senders, *(Sender(name) for name in sorted({f.partner for f in flows} - known))]


def _partner(run: Run, sender: Sender, mine: Sequence[FlowSeen], around: Around, before: Sequence[dict[str, Any]]) -> dict[str, Any]:
    total, sent = _counted(mine), [f for f in mine if not f.again]
    cut = around.cuts.get(sender.name)
    by = _counted(sent) if not sender.cut_off or (cut and sender.in_runs) else {"flows": cut.flows, "pieces": cut.pieces} if cut else None
    late = _counted([f for f in sent if cut and not sender.in_runs and f.received_at > cut.at])
    name = f"by_cut_off_{'flows' if any(not f.pieces for f in mine) else 'pieces'}"  # of what is held, or damaged, nobody knows how many pieces it has
    middle = _usual_of_sender(before, name)
    told: dict[str, Any] = {
        "partner": sender.name, "label": sender.label or None, **total, "accepted": sum(f.accepted for f in mine),
        "held": sum(f.state in STUCK for f in mine), "bytes": sum(f.size for f in mine),
        "last_at": instant(max(f.received_at for f in sent)) if sent else None,
        "cut_off": sender.cut_off or None, "cut_off_at": instant(cut.at) if cut else None,
        "by_cut_off_flows": by["flows"] if by else None, "by_cut_off_pieces": by["pieces"] if by else None, "after_cut_off_pieces": late["pieces"],
        "after_cut_off_flows": late["flows"], "usual": middle, "measure": name.rpartition("_")[2],
    }  # fmt: skip
    judged = sender in around.senders and by is not None and (cut is not None or _whole(run, around))
    counted = (told[name], late[name.rpartition("_")[2]])
    watched = cut is None or cut.watched or sender.in_runs
    told["arrival"] = "trouble" if sender.name in around.troubled else _arrival(counted, middle, around.less_than, watched=watched) if judged else "not_due"
    return told


def _counted(flows: Sequence[FlowSeen]) -> dict[str, int]:
    return {"flows": len(flows), "pieces": sum(f.pieces for f in flows)}


def _usual_of_sender(before: Sequence[dict[str, Any]], name: str) -> float | None:
    """The median of what he had sent by then in those runs; None when too few tell of him."""
    values = [row[name] for row in before if row[name] is not None]
    return median(values) if len(values) >= LEAST else None


def _whole(run: Run, around: Around) -> bool:
    """Whether the run accounts for about its whole period: one by hand, or caught up a minute after another, says nothing of who is missing."""
    if run.how == "hand" or run.since is None or run.taken_at is None:
        return False
    return (run.taken_at - run.since) * 2 >= run.planned - around.previous


def _arrival(counted: tuple[int, int], usual: float | None, less_than: float, *, watched: bool) -> str:
    """What a sender's deposit is, against the usual: fine, nothing, less, late, unknown (too little is known), unwatched (nobody was there)."""
    by_then, after = counted
    if not watched:
        return "unwatched"
    if usual is None:
        return "unknown"
    if by_then >= less_than * usual and (by_then or not usual):
        return "fine"
    if after and by_then + after >= less_than * usual:
        return "late"
    return "less" if by_then or after else "nothing"


def _causes(seen: Seen, label: Label) -> list[dict[str, Any]]:
    """Why pieces were refused: the most frequent first, each piece under every code that refuses it; flows refused whole under theirs."""
    pieces, flows = Counter[str](), Counter[str]()
    partners: dict[str, set[str]] = {}
    for partner, codes in seen.refused:
        pieces.update(codes)
        for code in codes:
            partners.setdefault(code, set()).add(partner)
    for flow in seen.flows:
        flows.update(flow.codes)
        for code in flow.codes:
            partners.setdefault(code, set()).add(flow.partner)
    order = sorted(partners, key=lambda code: (-(pieces[code] + flows[code]), code))[:SHOWN]
    return [{"code": c, "label": label(c), "pieces": pieces[c], "flows": flows[c], "partners": sorted(partners[c])} for c in order]


def _held(flow: FlowSeen) -> dict[str, Any]:
    code, fr, en = flow.reason or ("", "", "")
    return {"flow": flow.id, "partner": flow.partner, "file": flow.name, "state": flow.state, "code": code or None, "fr": fr or None, "en": en or None}


def _alerts(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What an operator must look at, the worst first: a name of words.toml [alert], its count, and whom it concerns."""
    totals, found = told["totals"], []
    found += [{"what": what, "count": totals[what]} for what in ("held", "undecided", "not_evaluated", "undelivered", "flows_unjudged") if totals[what]]
    found += [{"what": p["arrival"], "partner": p["partner"]} for p in told["partners"] if p["arrival"] in ("nothing", "less", "late", "trouble")]
    refused = told["against"]["refused"]
    if refused["usual"] is not None and refused["now"] >= MANY and refused["now"] > 2 * refused["usual"]:
        found.append({"what": "refused", "count": refused["now"]})
    return [*found, *({"what": "outage", "from": one["from"], "until": one["until"]} for one in told["outages"])]
