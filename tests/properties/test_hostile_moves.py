"""Moves: whatever somebody writes into a comment or a name, what is told is valid in both forms and says it whole."""

from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from flux import kit
from flux.dossier import Move, Ref, Routing, Standing
from flux.emitters._xml import carried
from flux.piece import Actor, Party, Piece
from flux.policy import Policy, Route
from flux.telling import tell_moves

KIT = kit.build()
NOON = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
(PACKAGE,) = find_spec("pyfrctc").submodule_search_locations
PUBLISHED = etree.XMLSchema(etree.parse(Path(PACKAGE, "cdar-xsd", "CrossDomainAcknowledgementAndResponse_100pD22B.xsd")))

hostile = st.sampled_from(["", " ", "]]>", "<!--", "&amp;", "{0}", "%s", "\0", "￾", "\ud800", "\r\n", "\U0001f600", "é" * 5000, "<Producteur>x</Producteur>", "22990008900017", "1"])
texts = st.one_of(st.text(max_size=30), hostile, st.lists(hostile, max_size=4).map("".join))
parties = st.builds(Party, st.sampled_from(["", *"1234567"]), texts, texts, texts, texts, texts)
maybe = st.none() | parties
roles = st.sampled_from(["moe", "moa", "valideur", "fournisseur", "service_financier", "systeme", "deposant", "sous-traitant"])
actors = st.builds(Actor, st.sampled_from(["moe", "moa", "valideur", "fournisseur", "service_financier"]), texts)
routings = st.none() | st.builds(Routing, maybe, maybe, maybe, maybe, st.none() | texts, st.none() | texts)


@st.composite
def stories(draw):
    """A piece with any names and numbers, and moves of any status by anybody."""
    piece = draw(st.builds(
        Piece, ordinal=st.just(1), number=texts, type=st.sampled_from(["380", "381", "384", ""]), cadre=st.sampled_from(["A4", "A13", "A1", "A20", ""]),
        issued=st.none() | st.dates(min_value=date(1, 1, 2)), supplier=parties, recipient=parties | st.just(Party("1", "22990008900017")),
        valideur=maybe, moe=maybe, moa=maybe,
    ))  # fmt: skip
    opening = (Move(1, "deposer", "DEPOSEE", NOON, "fournisseur", "p"), Move(2, "mettre_a_disposition", "MISE_A_DISPOSITION_MOE", NOON, "systeme", "flux", draw(actors)))
    new = tuple(
        Move(seq, "x", draw(st.sampled_from(sorted(KIT.tables.life.statuses))), NOON, draw(roles), "w", draw(st.none() | actors),
             draw(st.sampled_from(["", *KIT.tables.life.motives])), draw(texts), draw(routings))
        for seq in range(3, 3 + draw(st.integers(1, 3)))
    )  # fmt: skip
    return Standing(Ref("f", 1), "p", "a" * 64, piece, Actor("fournisseur", piece.supplier.id), Ref("f", 1), piece.number, None, (*opening, *new)), new


def told(standing, new):
    routes = tuple(Route(role, "x", "both") for role in ("moe", "moa", "valideur", "fournisseur", "service_financier", "recipient"))
    return tell_moves(standing, new, {"p": Policy(lifecycle="both")}, routes, "FLUX01", NOON, KIT)


@given(story=stories())
def test_what_is_told_of_any_move_is_valid_and_says_its_comment_whole(story):
    """A Fault here would leave the move untold for ever: nobody can write anything that does."""
    standing, new = story
    telling = told(standing, new)
    names, keys = [owed.answer.name for owed in telling.owed], [owed.key for owed in telling.owed]
    assert len(set(keys)) == len(keys)
    assert len(set(names)) == len(names)
    comments = {carried(move.comment.strip()) for move in new}
    for owed in telling.owed:
        document = etree.fromstring(owed.answer.content)
        if owed.answer.kind == "cdar":
            assert PUBLISHED.validate(document), PUBLISHED.error_log
            said = [document.findtext(f".//{RAM}Content") or ""]
        else:
            said = [unit.findtext("Commentaire") or "" for unit in document.iter("DonneesStatut")]
        assert all(any(comment in one for comment in comments) for one in said)


@given(story=stories())
def test_the_same_moves_give_the_same_bytes(story):
    first, again = ([(one.key, one.target, one.answer.name, one.answer.content) for one in told(*story).owed] for _ in range(2))
    assert first == again
