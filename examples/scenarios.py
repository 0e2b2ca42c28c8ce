"""
The scenarios: for each folder, the files that a supplier drops. What each must get is written by hand in its expected.toml.

Every invoice number stands once, so that all scenarios can be dropped into one installation; only 11-duplicates repeats one, on purpose.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count, islice

from actors import BATIPRO, COUVERTURE, ELECTRICITE, GYM, ROAD, SCHOOL, TERRASSEMENTS, WATER, Market, Party
from documents import cii_invoice, factur_x, ubl_credit_note, ubl_invoice
from mixte import cpp_mixte
from packing import pdf, tar_gz, zip_of
from papers import Enclosed, Paper, Work

Files = dict[str, bytes]

ENGAGEMENTS = {SCHOOL.number: "1300245871", ROAD.number: "EJ-2026-00388", WATER.number: "4500017642", GYM.number: "1300248802"}
SERVICES = {SCHOOL.number: "DIR-BATIMENTS", ROAD.number: "ROUTES-TRAVAUX", WATER.number: "", GYM.number: "DIR-BATIMENTS"}


def _work(label: str, quantity: str, unit: str, price: str, rate: str = "20") -> Work:
    return Work(label, Decimal(quantity), unit, Decimal(price), Decimal(rate))


SHELL = (
    _work("Béton armé C25/30 pour voiles, banches comprises", "42.50", "MTQ", "312.40"),
    _work("Aciers HA pour béton armé", "3850", "KGM", "2.15"),
    _work("Dallage épaisseur 15 cm, treillis soudé", "286.00", "MTK", "58.90"),
)
EARTH = (
    _work("Déblais en terrain de toute nature, évacuation comprise", "1240", "MTQ", "14.75"),
    _work("Grave non traitée 0/31,5, mise en œuvre et compactage", "615.5", "MTQ", "38.20"),
)
ROOF = (
    _work("Couverture en zinc à joint debout", "174.2", "MTK", "136.00", "10"),
    _work("Évacuation des eaux pluviales, descentes et naissances", "1", "LS", "2480.00", "10"),
)
POWER = (
    _work("Tableau général basse tension, fourniture et pose", "1", "C62", "18650.00"),
    _work("Chemin de câbles en dalle marine", "420", "MTR", "27.35"),
)
ASPHALT = (
    _work("Béton bitumineux semi-grenu 0/10, couche de roulement", "980", "TNE", "92.60"),
    _work("Fraisage de chaussée sur 6 cm", "7400", "MTK", "3.85"),
    _work("Révision des prix, coefficient 1,0274", "1", "LS", "3264.18"),
)
PIPES = (
    _work("Canalisation fonte DN 150, pose en tranchée", "612", "MTR", "118.40"),
    _work("Branchement particulier, compteur compris", "23", "C62", "742.00", "10"),
)


def name(interface: str, scenario: int, n: int, suffix: str) -> str:
    """A flow's file name: interface, application code, flow number (application code, digits of the interface, 15 digits)."""
    return f"{interface}_ABC001_{number(interface, scenario, n)}{suffix}"


def number(interface: str, scenario: int, n: int) -> str:
    """The 25 characters of a flow number."""
    return f"ABC001{interface[3:7]}{scenario * 100 + n:015d}"


def paper(
    ident: str, cadre: str, market: Market, works: tuple[Work, ...], issued: str, supplier: Party = BATIPRO, /, **more: object
) -> Paper:
    """A piece under a market, owed by its MOA, with the market's engagement and service code."""
    held = {"market": market.number, "engagement": ENGAGEMENTS[market.number], "service": SERVICES[market.number], **more}
    return replace(Paper(ident, cadre, issued, supplier, market.moa, works), **held)  # type: ignore[arg-type]  # checked by replace


def ubl(one: Paper, encoding: str = "UTF-8") -> bytes:
    """A structured works flow (E4): with the stylesheet that it carries."""
    return ubl_invoice(one, encoding=encoding, stylesheet="FSO1100A.xsl")


def cii(one: Paper, encoding: str = "UTF-8") -> bytes:
    """A structured works flow (E4): with the stylesheet that it carries."""
    return cii_invoice(one, encoding=encoding, stylesheet="FSO1106A.xsl")


def shown(one: Paper) -> Paper:
    """The paper with its readable form, which mixed flows (E2, E5) carry."""
    return replace(one, enclosed=(Enclosed(f"{one.number}.pdf", pdf(one.readable()), kind="01"), *one.enclosed))


def all_edi_cadres() -> Files:
    """The eight cadres that EDI allows for works: five in CII, three in UBL."""
    in_cii = [
        paper("SIT-2026-0101", "A4", SCHOOL, SHELL, "2026-03-31", valideur=SCHOOL.moe, note="Situation n° 4, lot 2 gros œuvre"),
        paper("DGD-2026-0102", "A8", ROAD, ASPHALT, "2026-03-31", note="Décompte général et définitif signé"),
        paper("COT-2026-0103", "A13", WATER, EARTH, "2026-03-31", TERRASSEMENTS, valideur=BATIPRO, note="Situation n° 2 du cotraitant"),
        paper("COT-2026-0104", "A14", WATER, PIPES, "2026-03-31", TERRASSEMENTS, valideur=BATIPRO, note="Décompte final du cotraitant"),
        paper("TAC-2026-0105", "A22", SCHOOL, SHELL, "2026-03-31", valideur=SCHOOL.moe, note="Projet de décompte général, CCAG 12.4.4"),
    ]
    in_ubl = [
        paper("ACP-2026-0106", "A6", ROAD, ASPHALT, "2026-03-31"),
        paper("PDF-2026-0107", "A7", WATER, PIPES, "2026-03-31", note="Projet de décompte final"),
        paper("SST-2026-0108", "A10", SCHOOL, ROOF, "2026-03-31", COUVERTURE, note="Demande de paiement direct du sous-traitant"),
    ]
    return {
        name("FSO4106A", 1, 1, ".tar.gz"): tar_gz({f"{p.number}.xml": cii(p) for p in in_cii}),
        name("FSO4100A", 1, 2, ".tar.gz"): tar_gz({f"{p.number}.xml": ubl(p) for p in in_ubl}),
    }


def moe_in_the_piece() -> Files:
    """Mixed works flows on a market that no file knows: the MOE in CII's place of the valideur, and in UBL's of the debtor's agent."""
    in_cii = paper("SIT-2026-0201", "A4", SCHOOL, SHELL, "2026-04-30", valideur=SCHOOL.moe, market="2026-MT-0999")
    in_ubl = paper("PDF-2026-0202", "A7", SCHOOL, POWER, "2026-04-30", ELECTRICITE, moe=SCHOOL.moe, market="2026-MT-0999")
    return {
        name("FSO5116A", 2, 1, ".xml"): cii_invoice(shown(in_cii), minimal=True),
        name("FSO5110A", 2, 2, ".xml"): ubl_invoice(shown(in_ubl)),
    }


def moe_of_the_market() -> Files:
    """A final statement draft in UBL that names no MOE: the market does."""
    return {name("FSO4100A", 3, 1, ".xml"): ubl(paper("PDF-2026-0301", "A7", ROAD, ASPHALT, "2026-04-30"))}


def a5_in_edi() -> Files:
    """A supplier's état d'acompte."""
    return {name("FSO4106A", 4, 1, ".xml"): cii(paper("ACP-2026-0401", "A5", SCHOOL, SHELL, "2026-04-30"))}


def a15_in_edi() -> Files:
    """A MOE's état d'acompte."""
    moe = replace(ROAD.moe, account=("30999", "00733", "00011200347"))
    return {name("FSO4100A", 5, 1, ".xml"): ubl(paper("EAC-2026-0501", "A15", ROAD, ASPHALT, "2026-04-30", moe))}


def one_bad_in_forty() -> Files:
    """Forty pieces of a month's end; the number of the 23rd has 24 characters."""
    lots = (SHELL, EARTH, ASPHALT, PIPES, POWER)
    markets = (SCHOOL, ROAD, WATER)
    pieces = [paper(f"MEN-2026-06{n:02d}", "A6", markets[n % 3], lots[n % 5], "2026-04-30") for n in range(1, 41)]
    pieces[22] = replace(pieces[22], number="MEN-2026-0623-SITUATION4")
    return {name("FSO4100A", 6, 1, ".tar.gz"): tar_gz({f"lot_{n:02d}.xml": ubl(p) for n, p in enumerate(pieces, 1)})}


def zip_of_ten() -> Files:
    """Ten UBL pieces in a ZIP."""
    pieces = [
        paper(f"MEN-2026-07{n:02d}", ("A6", "A7")[n % 2], (ROAD, WATER)[n % 2], (EARTH, PIPES)[n % 2], "2026-05-29") for n in range(1, 11)
    ]
    return {name("FSO4100A", 7, 1, ".zip"): zip_of({f"{p.number}.xml": ubl(p) for p in pieces})}


def credit_note() -> Files:
    """A credit note on a piece of the first scenario."""
    one = paper(
        "AVO-2026-0801",
        "A6",
        ROAD,
        ASPHALT[2:],
        "2026-05-29",
        type="381",
        previous="ACP-2026-0106",
        note="Révision des prix facturée deux fois",
    )
    return {name("FSO4100A", 8, 1, ".xml"): ubl_credit_note(one, stylesheet="FSO1100A.xsl")}


def association() -> Files:
    """Two pieces that point to the piece before them in their dossier."""
    pieces = [
        paper("DGD-2026-0901", "A8", ROAD, ASPHALT, "2026-05-29", previous="DGE-2026-0033"),
        paper("SIT-2026-0902", "A4", SCHOOL, SHELL, "2026-05-29", valideur=SCHOOL.moe, previous="SIT-2026-0101"),
    ]
    return {name("FSO4106A", 9, 1, ".tar.gz"): tar_gz({f"{p.number}.xml": cii(p) for p in pieces})}


def damaged_archive() -> Files:
    """An archive that broke off on its way, and one in which one byte changed."""
    pieces = [paper(f"MEN-2026-10{n:02d}", "A6", ROAD, ASPHALT, "2026-05-29") for n in range(1, 7)]
    good = tar_gz({f"{p.number}.xml": ubl(p) for p in pieces})
    middle = len(good) // 2
    changed = good[:middle] + bytes([good[middle] ^ 0x20]) + good[middle + 1 :]
    return {name("FSO4100A", 10, 1, ".tar.gz"): good[: len(good) * 2 // 3], name("FSO4100A", 10, 2, ".tar.gz"): changed}


def duplicates() -> Files:
    """A piece; the same bytes again; its number again on another amount; and a file in which one number stands twice."""
    first = paper("ACP-2026-1101", "A6", WATER, PIPES, "2026-05-29")
    twin = paper("ACP-2026-1102", "A6", WATER, PIPES, "2026-05-29")
    return {
        name("FSO4100A", 11, 1, ".xml"): ubl(first),
        name("FSO4100A", 11, 2, ".xml"): ubl(first),
        name("FSO4100A", 11, 3, ".xml"): ubl(replace(first, works=PIPES[:1])),
        name("FSO4100A", 11, 4, ".tar.gz"): tar_gz({"avril.xml": ubl(twin), "mai.xml": ubl(replace(twin, issued="2026-05-30"))}),
    }


def noise() -> Iterator[bytes]:
    """Bytes that no compressor shortens, the same on every run."""
    return (hashlib.sha256(n.to_bytes(8, "big")).digest() for n in count())


def large_attachment() -> Files:
    """A plan of 11 000 000 bytes: what counts is the file, not the 100 kB of base64 in which it travels."""
    head = b"%PDF-1.4\n%" + b"".join(islice(noise(), 2048)) + b"\n"
    plan = Enclosed("plan_recolement.pdf", head.ljust(11_000_000, b"0"))
    return {name("FSO4100A", 12, 1, ".xml"): ubl(paper("ACP-2026-1201", "A6", SCHOOL, SHELL, "2026-06-30", enclosed=(plan,)))}


def unknown_recipient() -> Files:
    """No recipient identifier; a SIREN for a SIRET; a SIRET mistyped; a market that nobody knows; and one good piece."""
    debtor = ROAD.moa
    pieces = [
        replace(paper("ACP-2026-1301", "A6", ROAD, ASPHALT, "2026-06-30"), recipient=replace(debtor, id="")),
        replace(paper("ACP-2026-1302", "A6", ROAD, ASPHALT, "2026-06-30"), recipient=replace(debtor, id=debtor.id[:9])),
        replace(paper("ACP-2026-1303", "A6", ROAD, ASPHALT, "2026-06-30"), recipient=replace(debtor, id=debtor.id[:12] + "71")),
        paper("SIT-2026-1304", "A4", ROAD, ASPHALT, "2026-06-30", market="2026-MT-0999"),
        paper("ACP-2026-1305", "A6", ROAD, ASPHALT, "2026-06-30"),
    ]
    return {name("FSO4100A", 13, 1, ".tar.gz"): tar_gz({f"{p.number}.xml": ubl(p) for p in pieces})}


def encodings() -> Files:
    """Latin-1, whose missing œ is a reference, and UTF-16."""
    return {
        name("FSO4100A", 14, 1, ".xml"): ubl(paper("ACP-2026-1401", "A6", ROAD, EARTH, "2026-06-30"), "ISO-8859-1"),
        name("FSO4106A", 14, 2, ".xml"): cii(
            paper("SIT-2026-1402", "A4", SCHOOL, POWER, "2026-06-30", ELECTRICITE, valideur=SCHOOL.moe), "UTF-16"
        ),
    }


def five_thousand_lines() -> Files:
    """A détail estimatif of 5,000 lines in a tar.gz."""
    base = (*SHELL, *EARTH, *ROOF, *POWER)
    works = [
        replace(base[n % len(base)], label=f"{n:04d} {base[n % len(base)].label}", quantity=Decimal(n % 97 + 1)) for n in range(1, 5001)
    ]
    one = paper("ACP-2026-1501", "A6", SCHOOL, tuple(works), "2026-06-30")
    return {name("FSO4100A", 15, 1, ".tar.gz"): tar_gz({f"{one.number}.xml": ubl(one)})}


def several_pieces_in_one_file() -> Files:
    """Three pieces in one CPPFactureMixte; the second is an A15."""
    papers = [
        paper("ACP-2026-1601", "A6", ROAD, ASPHALT, "2026-07-31"),
        paper("EAC-2026-1602", "A15", ROAD, EARTH, "2026-07-31"),
        paper("PDF-2026-1603", "A7", WATER, PIPES, "2026-07-31"),
    ]
    return {name("FSO5113A", 16, 1, ".xml"): cpp_mixte(papers, number("FSO5113A", 16, 1), "2026-07-31")}


def factur_x_pdf() -> Files:
    """A Factur-X of the EN 16931 profile."""
    one = paper("PDF-2026-1701", "A7", SCHOOL, POWER, "2026-07-31", ELECTRICITE, due="2026-08-30", profile="urn:cen.eu:en16931:2017")
    return {name("FSO5117A", 17, 1, ".pdf"): factur_x(one)}


def not_works() -> Files:
    """A simple invoice in the simple-invoice flow, and another in the flow kept for works."""
    hire = (_work("Location de groupe électrogène 100 kVA", "3", "MON", "1180.00"),)
    return {
        name("FSO1100A", 18, 1, ".xml"): ubl(paper("FAC-2026-1801", "A1", WATER, hire, "2026-07-31", market="")),
        name("FSO4100A", 18, 2, ".xml"): ubl(paper("FAC-2026-1802", "A1", WATER, hire, "2026-07-31", market="")),
    }


def hostile() -> Files:
    """A document type with an entity that would read a file of the reader's machine."""
    good = ubl(paper("ACP-2026-1901", "A6", ROAD, ASPHALT, "2026-07-31", note="NOTE"))
    doctype = b'<!DOCTYPE Invoice [<!ENTITY lu SYSTEM "file:///etc/hostname">]>\n<Invoice'
    return {name("FSO4100A", 19, 1, ".xml"): good.replace(b"<Invoice", doctype, 1).replace(b"NOTE", b"&lu;", 1)}


def wrong_amounts() -> Files:
    """Four pieces with one sum that their other figures contradict; a VAT that does not follow from its base; a guarantee held back; a good one."""
    right = paper("ACP-2026-2007", "A6", ROAD, ASPHALT, "2026-08-31")
    ht, tva, ttc = (Decimal(right.total(name)) for name in ("ht", "tva", "ttc"))
    less = Decimal("20000.00")
    low = {"tva": str(less), "ttc": str(ht + less), "net": str(ht + less)}
    held = str((ttc * Decimal("0.95")).quantize(Decimal("0.01")))
    told: tuple[dict[str, str], ...] = ({"ttc": "150000.00", "net": "150000.00"}, {"net": "150000.00"}, low, {}, low, {"net": held}, {})
    members = [ubl(replace(right, number=f"ACP-2026-20{n:02d}", told=sums)) for n, sums in enumerate(told, 1)]
    sum_of_lines = f'<cbc:LineExtensionAmount currencyID="EUR">{ht}<'.encode()
    members[3] = members[3].replace(sum_of_lines, sum_of_lines.replace(str(ht).encode(), b"90000.00"))
    members[4] = members[4].replace(f">{tva}<".encode(), f">{less}<".encode())
    return {name("FSO4100A", 20, 1, ".tar.gz"): tar_gz({f"ACP-2026-20{n:02d}.xml": content for n, content in enumerate(members, 1)})}


def bad_name() -> Files:
    """A good piece under a name of the supplier's own."""
    return {"Facture BATIPRO aout 2026.xml": ubl(paper("ACP-2026-2101", "A6", ROAD, ASPHALT, "2026-08-31"))}


def generic_rules() -> Files:
    """A cadre of the 2026 reform, no cadre at all, a SIRET of the supplier mistyped, an IBAN whose key is wrong."""
    base = paper("ACP-2026-2200", "A6", ROAD, ASPHALT, "2026-08-31")
    typed = replace(BATIPRO, id="99912040500071")
    pieces = {n: replace(base, number=f"ACP-2026-22{n:02d}") for n in range(1, 5)}
    members = [
        ubl(replace(pieces[1], cadre="S1")),
        ubl(replace(pieces[2], cadre="")),
        ubl(replace(pieces[3], supplier=typed)),
        ubl(pieces[4]).replace(BATIPRO.iban.encode(), b"FR7630999004170002457891300"),
    ]
    return {name("FSO4100A", 22, 1, ".tar.gz"): tar_gz({f"ACP-2026-22{n:02d}.xml": content for n, content in enumerate(members, 1)})}


def unreadable() -> Files:
    """A document that breaks off, one that the schema refuses, one that is no invoice, and a good one."""
    good = [ubl(paper(f"ACP-2026-230{n}", "A6", ROAD, ASPHALT, "2026-08-31")) for n in range(1, 5)]
    order = '<?xml version="1.0" encoding="UTF-8"?>\n<BonDeLivraison><Numero>BL-2026-118</Numero></BonDeLivraison>\n'
    members = {
        "ACP-2026-2301.xml": good[0][: len(good[0]) // 2],
        "ACP-2026-2302.xml": good[1].replace(b"<cbc:IssueDate>2026-08-31<", b"<cbc:IssueDate>31/08/2026<"),
        "BL-2026-118.xml": order.encode(),
        "ACP-2026-2304.xml": good[3],
    }
    return {name("FSO4100A", 23, 1, ".tar.gz"): tar_gz(members)}


def subcontractor() -> Files:
    """Payment requests of subcontractors that name the holder of the market, who validates them first."""
    in_cii = paper("SST-2026-2401", "A10", SCHOOL, POWER, "2026-09-30", ELECTRICITE, valideur=BATIPRO)
    in_ubl = paper("SST-2026-2402", "A10", SCHOOL, ROOF, "2026-09-30", COUVERTURE, valideur=BATIPRO)
    return {
        name("FSO5116A", 24, 1, ".xml"): cii_invoice(shown(in_cii), minimal=True),
        name("FSO5110A", 24, 2, ".xml"): ubl_invoice(shown(in_ubl)),
    }


def market_file() -> Files:
    """Two pieces that agree with the file of their market, and six that contradict it, each in one thing."""
    day = "2026-09-30"
    pieces = [
        paper("ACP-2026-2701", "A6", GYM, SHELL, day),
        paper("SST-2026-2702", "A10", GYM, ROOF, day, COUVERTURE, note="Demande de paiement qui ne nomme pas son valideur"),
        paper("ACP-2026-2703", "A6", GYM, POWER, day, ELECTRICITE),
        paper("ACP-2026-2704", "A6", GYM, ROOF, day, COUVERTURE),
        paper("PDF-2026-2705", "A7", GYM, SHELL, day, moe=ROAD.moe),
        replace(paper("ACP-2026-2706", "A6", GYM, SHELL, day), recipient=ROAD.moa),
        paper("ACP-2026-2707", "A6", GYM, SHELL, day, service="DIR-VOIRIE"),
        paper("ACP-2026-2708", "A6", GYM, SHELL, day, engagement="1300248803"),
    ]
    return {name("FSO4100A", 27, 1, ".tar.gz"): tar_gz({f"{p.number}.xml": ubl(p) for p in pieces})}


SCENARIOS: dict[str, Callable[[], Files]] = {
    "01-all-edi-cadres": all_edi_cadres,
    "02-moe-in-the-piece": moe_in_the_piece,
    "03-moe-of-the-market": moe_of_the_market,
    "04-a5-in-edi": a5_in_edi,
    "05-a15-in-edi": a15_in_edi,
    "06-one-bad-in-forty": one_bad_in_forty,
    "07-zip-of-ten": zip_of_ten,
    "08-credit-note": credit_note,
    "09-association": association,
    "10-damaged-archive": damaged_archive,
    "11-duplicates": duplicates,
    "12-large-attachment": large_attachment,
    "13-unknown-recipient": unknown_recipient,
    "14-encodings": encodings,
    "15-five-thousand-lines": five_thousand_lines,
    "16-several-pieces-in-one-file": several_pieces_in_one_file,
    "17-factur-x": factur_x_pdf,
    "18-not-works": not_works,
    "19-hostile": hostile,
    "20-wrong-amounts": wrong_amounts,
    "21-bad-name": bad_name,
    "22-generic-rules": generic_rules,
    "23-unreadable": unreadable,
    "24-subcontractor": subcontractor,
    "27-market-file": market_file,
}
