"""Whatever is typed beside a PDF is read as it was typed, or refused: writing refuses nothing, and loses nothing."""

import binascii

from deposit_case import PDF, written
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from flux.depot import NAMESPACE, Data, File, Rate, Who
from flux.gate import Gated, admit_xml
from flux.parsers import Source
from flux.parsers.depot import parse
from flux.policy import Limits
from flux.stores import schemas

LIMITS = Limits()
SCHEMA = schemas.load().get("flux-depot", "full").xsd
HELD = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=40).map(str.strip)
ANY = st.text(max_size=40) | st.sampled_from(["\x00", "]]>", "<!--", "&amp;", "\r\n", "\ud800", "<?x?>", '"'])
DATA = st.builds(lambda texts, party, rates: Data(**texts, moe=party, supplier=party, vat=tuple(rates)), *[
    st.fixed_dictionaries(dict.fromkeys(("cadre", "number", "type", "currency", "vat_type", "market", "engagement", "previous", "payment", "bic"), HELD)),
    st.builds(Who, HELD, HELD, HELD, HELD, HELD, HELD),
    st.lists(st.builds(Rate, *[st.decimals(-999, 999, places=2).map(str)] * 3), max_size=3),
])  # fmt: skip


def read(content):
    gated = admit_xml(content, LIMITS)
    assert isinstance(gated, Gated), gated
    assert SCHEMA.validate(gated.root), SCHEMA.error_log
    (parsed,) = parse(Source(gated.root, content, LIMITS))
    return parsed


@given(DATA, st.lists(st.builds(File, HELD, st.binary(max_size=200)), max_size=3))
def test_what_is_typed_is_what_is_read(data, attached):
    parsed = read(written(data, File("a.pdf", PDF), *attached))
    piece = parsed.piece
    assert (piece.cadre, piece.number, piece.type, piece.currency, piece.vat_regime) == (data.cadre, data.number, data.type, data.currency, data.vat_type)
    assert (piece.market, piece.engagement, piece.previous, piece.payment.code, piece.payment.bic) == (data.market, data.engagement, data.previous, data.payment, data.bic)
    for party, who in ((piece.supplier, data.supplier), (piece.moe, data.moe)):
        told = (party.id, party.name, party.service, party.vat, party.country) if party else ("",) * 5
        assert told == (who.id, who.name, who.service, who.vat, who.country)
    assert [(str(row.rate), str(row.base), str(row.amount)) for row in piece.vat] == [(row.rate, row.base, row.amount) for row in data.vat]
    assert [file.name for file in piece.attachments] == ["a.pdf", *(file.name for file in attached)]


@given(st.lists(ANY, min_size=8, max_size=8), st.binary(max_size=300), ANY)
def test_nothing_that_can_be_typed_makes_a_document_that_is_none(texts, content, name):
    number, cadre, date, ht, market, who, service, mime = texts
    data = Data(number=number, cadre=cadre, date=date, ht=ht, market=market, supplier=Who(who, who, who, service), vat=(Rate(ht, ht, ht),))
    written_ = written(data, File(name, content, mime))
    read(written_)
    inside = etree.fromstring(written_).findtext(f".//{{{NAMESPACE}}}Contenu") or ""
    assert binascii.a2b_base64(inside) == content
