"""
A flow that waits for a person, given up for good. Its sender is told the truth: an incident of ours, nothing went in, send it again as it is.

IN_INCIDENTE is Chorus Pro's own word for it (domain 3.5): final for the issuer, and no reproach. He may be left untold where he knows already, or
where the flow was an attack; the journal has who and why either way. Of pieces out of a flow of which others went in he has an answer already, and could
not send the whole again.
"""

from datetime import datetime

from msgspec.structs import replace

from flux.faults import Fault
from flux.model import STUCK, Decision, Event, FlowVerdict
from flux.ops import Office
from flux.owing import outcome, tell
from flux.policy import Policy
from flux.process import flow_findings
from flux.rows import FlowRow


def give_up(office: Office, named: str, reason: str, by: str, now: datetime, *, untold: bool = False) -> FlowRow:
    """End it. Gives the flow as it was. Raises Fault when it does not wait for a person, or nobody says why."""
    if not reason.strip() or not by.strip():
        raise Fault("FLX-I209")
    row = office.ledger.flow(named)
    if row is None:
        raise Fault("FLX-I201", named=named)
    flow, kit = row.flow, office.kit
    if row.state not in STUCK:
        raise Fault("FLX-I213", flow=flow.id, state=row.state.value)
    if flow.again is not None and flow.again.ordinals and not untold:
        raise Fault("FLX-I229", flow=flow.id, root=flow.again.root)
    policy = office.policies.get(flow.partner, Policy())
    envelope, _ = flow_findings(flow, policy, kit)
    decision = Decision(FlowVerdict.INCIDENT, envelope, interface=envelope.interface, pack=kit.pack)
    draft = tell(flow, decision, policy, office.installation, now, kit, {})
    with office.content.scratch() as file:
        pack = draft.write(file)
        blob, _ = office.content.keep(file)
    done = outcome(draft, blob, pack, now, kit.tables)
    lines = [Event(flow.id, "abandoned", now, by, detail=f"{'untold ' if untold else ''}reason={reason}"), *done.events]
    if untold:
        lines.append(Event(flow.id, "closed", now, by))
    done = replace(done, events=tuple(lines), emissions=() if untold else done.emissions)
    if not office.ledger.give_up(done, now):
        found = office.ledger.flow(flow.id)
        raise Fault("FLX-I213", flow=flow.id, state=found.state.value if found else "—")
    return row
