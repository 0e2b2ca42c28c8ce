"""
The market: what its file (Fiche d'Identité du Marché, domain 4.2) adds to a piece that does not say it, and what it holds against one that says otherwise.

A piece that reaches a wrong MOE, MOA or service is lost in a wrong inbox (domain 10): it is refused here, before the routing. What the file
does not say is held against nobody. Stage market; the setting market_check decides whether its codes refuse.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from flux.market import Market, MarketActor, same
from flux.model import Finding, Known, Stage
from flux.piece import Party, Piece
from flux.tables import Tables
from flux.validators import Check, Context

ASSOCIATION = "association"


def complete(piece: Piece, known: Known, tables: Tables) -> Piece:
    """
    The piece with its MOE, MOA and valideur: as it names them, else as its market says.

    In A4, A7 and A22 AIFE's own example names the one who must treat the piece in the valideur's place: read there as the MOE (local),
    unless the market's file has him as a valideur. The valideur of an A10, A13 or A14: the first role of tables/market.toml that is named (I).
    """
    market = known.markets.get(piece.market)
    works = tables.works.get(piece.cadre)
    at_valideur = _named(piece.valideur) if works and works.moe_at_valideur and not (market and _is(piece.valideur, market.of("valideur"))) else None
    return replace(
        piece,
        moe=_named(piece.moe) or at_valideur or (market.moe if market else None) or piece.moe,
        moa=_named(piece.moa) or (market.moa if market else None) or piece.moa,
        valideur=_named(piece.valideur) or (_valideur(piece.cadre, market, tables) if market else None) or piece.valideur,
    )


def supplier(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-F01: the supplier is an actor of the market."""
    market = known.markets.get(piece.market)
    if market and not market.short and piece.supplier.id and not _is(piece.supplier, market.actors):
        yield _about("FLX-F01", "supplier.id", market, piece.supplier.id, _told(market.actors))


def cadre(piece: Piece, known: Known, context: Context) -> Iterator[Finding]:
    """FLX-F02: who deposits this works cadre, the supplier, the MOE or the MOA, may do so in one of his roles. A stranger is another rule's."""
    market, works = known.markets.get(piece.market), context.tables.works.get(piece.cadre)
    party = {"moe": piece.moe, "moa": piece.moa}.get(works.depositor, piece.supplier) if works else None
    if market is None or market.short or party is None or not party.id:
        return
    his = [actor for actor in market.actors if same(actor.party, party)]
    if his and not any(_may(actor, piece, context.tables) for actor in his):
        roles = {actor.role for actor in his}
        may = [cadre for cadre in context.tables.works if any(cadre in _cadres(actor, context.tables) for actor in his)]
        words = {language: ", ".join(getattr(row, language) for role, row in context.tables.market.roles.items() if role in roles) for language in ("fr", "en")}
        facts = ("actor", party.id), ("role", words["en"]), ("role_fr", words["fr"])
        yield _about("FLX-F02", "cadre", market, piece.cadre, ", ".join(may) or "—", facts)


def moe(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-F03: the MOE is the market's; in A4, A7 and A22 he may stand in the valideur's place."""
    market = known.markets.get(piece.market)
    if market and market.moe and (party := _named(piece.moe)) and not same(party, market.moe):
        field = "valideur.id" if piece.valideur is not None and piece.moe == piece.valideur else "moe.id"
        yield _about("FLX-F03", field, market, party.id, _told(market.of("moe")))


def moa(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-F04: the MOA is the market's."""
    market = known.markets.get(piece.market)
    if market and market.moa and (party := _named(piece.moa)) and not same(party, market.moa):
        yield _about("FLX-F04", "moa.id", market, party.id, _told(market.of("moa")))


def recipient(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-F05: the recipient is a financial service of the market, when its file names one."""
    market = known.markets.get(piece.market)
    if market and (services := market.of("service_financier")) and piece.recipient.id and not _is(piece.recipient, services):
        yield _about("FLX-F05", "recipient.id", market, piece.recipient.id, _told(services))


def valideur(piece: Piece, known: Known, context: Context) -> Iterator[Finding]:
    """FLX-F06: who validates a sub-contractor's or co-contractor's piece has the role for it. Asked in the cadres of the table."""
    market, roles = known.markets.get(piece.market), context.tables.market.valideurs.get(piece.cadre, ())
    if market is None or market.short or not roles or not (party := _named(piece.valideur)):
        return
    if not _is(party, may := market.of(*roles, "valideur")):
        yield _about("FLX-F06", "valideur.id", market, party.id, _told(may))


def services(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-F07: a service code is one of those that the file has for this recipient, MOE or MOA, when it has any."""
    market = known.markets.get(piece.market)
    for field, party in (("recipient", piece.recipient), ("moe", piece.moe), ("moa", piece.moa)):
        if market is None or party is None or not party.service:
            continue
        codes = list(dict.fromkeys(code for actor in market.actors if same(actor.party, party) for code in actor.services))
        if codes and party.service not in codes:
            yield _about("FLX-F07", f"{field}.service", market, party.service, ", ".join(codes), (("actor", party.id),))


def engagement(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-F08: the engagement is one of the market's, when its file has any."""
    market = known.markets.get(piece.market)
    if market and market.engagements and piece.engagement and piece.engagement not in market.engagements:
        yield _about("FLX-F08", "engagement", market, piece.engagement, ", ".join(market.engagements))


def unknown(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-F09: the market has a file; only where the setting unknown_market asks for one."""
    if piece.market and piece.market not in known.markets:
        yield Finding("FLX-F09", "market", facts=(("found", piece.market),))


def notified(piece: Piece, known: Known, _context: Context) -> Iterator[Finding]:
    """FLX-F10: nothing is claimed under a market before it was notified: told."""
    market = known.markets.get(piece.market)
    if market and market.notified and piece.issued and piece.issued < market.notified:
        yield _about("FLX-F10", "issued", market, piece.issued.isoformat(), market.notified.isoformat())


def _named(party: Party | None) -> Party | None:
    """The party when it has an identifier: a name alone sends a piece to nobody."""
    return party if party is not None and party.id else None


def _is(party: Party | None, actors: Iterable[MarketActor]) -> bool:
    return party is not None and bool(party.id) and any(same(actor.party, party) for actor in actors)


def _valideur(cadre: str, market: Market, tables: Tables) -> Party | None:
    return next((actor.party for actor in market.of(*tables.market.valideurs.get(cadre, ()))), None)


def _may(actor: MarketActor, piece: Piece, tables: Tables) -> bool:
    """
    Whether he may deposit this cadre. In a dossier the chain says whose turn it is (FLX-W12, W13), and no role's usual cadres.

    So the A8 that ends a co-contractor's A14 is his (local). Cadres that his own row names hold there too.
    """
    return (piece.deposit == ASSOCIATION and not actor.cadres) or piece.cadre in _cadres(actor, tables)


def _cadres(actor: MarketActor, tables: Tables) -> tuple[str, ...]:
    """The works cadres that he may deposit: those of his own row, else those of his role."""
    deposits = tables.market.roles[actor.role].deposits
    return actor.cadres or tuple(cadre for cadre, row in tables.works.items() if row.depositor in deposits)


def _told(actors: Iterable[MarketActor]) -> str:
    """Who they are, each once."""
    return ", ".join(dict.fromkeys(f"{a.party.id} ({a.party.name})" if a.party.name else a.party.id for a in actors)) or "—"


def _about(code: str, field: str, market: Market, found: str, expected: str, more: tuple[tuple[str, str], ...] = ()) -> Finding:
    return Finding(code, field, facts=(("found", found), ("expected", expected), ("market", market.number), *more))


CHECKS = (
    Check(Stage.MARKET, ("FLX-F01",), supplier),
    Check(Stage.MARKET, ("FLX-F02",), cadre),
    Check(Stage.MARKET, ("FLX-F03",), moe),
    Check(Stage.MARKET, ("FLX-F04",), moa),
    Check(Stage.MARKET, ("FLX-F05",), recipient),
    Check(Stage.MARKET, ("FLX-F06",), valideur),
    Check(Stage.MARKET, ("FLX-F07",), services),
    Check(Stage.MARKET, ("FLX-F08",), engagement),
    Check(Stage.MARKET, ("FLX-F09",), unknown),
    Check(Stage.MARKET, ("FLX-F10",), notified),
)
