"""Values, attachments and PDFs: well-formed, but no invoice says such a thing. What is told of it must lie still in every answer."""

import base64
import io
import zlib

import pikepdf
from archives import Entry, a_zip, zip_of
from attack import MEBIBYTE, PIECE, attack, bent, late
from rig import EXAMPLES

ANY = ("*",)  # told by whichever rule meets it first: what is asked is that it is answered, and how
TEXTS = {
    "script": "<script>alert(1)</script>", "image": '"><img src=x onerror=alert(1)>', "svg": "<svg/onload=alert(1)>", "end": "</textarea></style></title>]]>", "template": "{{7*7}}${7*7}{% raw %}", "formula": '=HYPERLINK("http://127.0.0.1","x")', "command": "=cmd|'/c calc'!A0",
    "at": "@SUM(1+1)*cmd", "sql": "'; drop table flow; --", "path": "../../../../etc/passwd", "absolute": "/etc/passwd", "shell": "$(reboot) `id` ; rm -rf ~", "format": "%s%n{0.__class__}", "bidi": "\u202excod\u2066x", "zero width": "a\u200bb\u200f\ufeffc",
    "rich": "[bold red]x[/] [link=http://127.0.0.1]y[/link]", "control": "a\tb\nc\rd", "C1": "a\x85b\x9b2Jc", "emoji": "\U0001f600" * 50, "combining": "e" + "\u0301" * 500, "long": "n" * 100_000, "longer": "z" * 2_000_000, "percent": "%0d%0aX: y", "log4j": "${jndi:ldap://127.0.0.1/x}", "spaces": " " * 5_000,
}  # fmt: skip
FIELDS = {
    "number": b"PDF-2026-0301", "supplier": b"BATIPRO Construction", "recipient": "Département de la Haute-Lisse".encode(), "service": b"ROUTES-TRAVAUX", "engagement": b"EJ-2026-00388", "market": b"2026-MT-0042", "street": b"14 quai des Tuiliers",
    "line": "Fraisage de chaussée sur 6 cm".encode(), "siret": b"99912040500017", "recipient's siret": b"22990008900017", "vat": b"FR20999120405", "iban": b"FR7630999004170002457891355", "cadre": b"A7", "currency": b">EUR<", "unit": b'"MTK"', "country": b">FR<", "type": b">380<",
}  # fmt: skip
AMOUNTS = ("1e5", "1E999999999", "NaN", "INF", "-INF", "Infinity", "1,234.56", "1 234,56", "1_000", "0x10", "٣٤", "１２", "--1", "+-1", "1.2.3", "", " ", "1" * 41, "9" * 1_000_000, "0." + "0" * 100_000 + "1", "-122502.18", "1e-400", "½", "1'000", "1\u00a0000", "$1", "1%")
DAYS = ("0000-00-00", "2026-13-01", "2026-02-30", "9999-12-31", "10000-01-01", "-0001-01-01", "0001-01-01", "2026-04-30T25:00:00", "30/04/2026", "20260430", "", "now", "2026-4-3", "２０２６-04-30", "2026-04-30+99:00", "2026-04-30" + "0" * 10_000, "1583-01-01", "2099-01-01")


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").encode()


def texts():
    for field, old in FIELDS.items():
        for what, text in TEXTS.items():
            new = escaped(text)
            if old[:1] in b'>"':
                new = old[:1] + new + old[-1:]
            yield attack(f"value {field}: {what}", bent((old if field != "number" else b"</cbc:ID>\n <cbc:IssueDate>", new if field != "number" else new + b"</cbc:ID>\n <cbc:IssueDate>")), *ANY, harmless=True)
    for text in AMOUNTS:
        for n, old in enumerate((b">122502.18<", b">92.60<", b">20<", b">147002.62<")):
            yield attack(f"value amount {n}: {text[:20]!r} of {len(text)}", bent((old, b">" + escaped(text) + b"<")), *ANY)
    for day in DAYS:
        yield attack(f"value day {day[:20]!r} of {len(day)}", bent((b"2026-04-30", escaped(day))), *ANY, harmless=day in ("9999-12-31", "0001-01-01", "1583-01-01", "2099-01-01"))
    yield attack("value: 40,000 VAT rows", bent((b"<cac:TaxSubtotal>", b"<cac:TaxSubtotal><cbc:TaxAmount currencyID='EUR'>0</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID><cac:TaxScheme/></cac:TaxCategory></cac:TaxSubtotal>" * 40_000 + b"<cac:TaxSubtotal>")), *ANY)


BEFORE = b" <cac:AccountingSupplierParty>"


def holding(name, encoded, mime=b"application/pdf", times=1):
    one = b'<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="%s" filename="%s">%s</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>'
    return bent((BEFORE, one % (mime, name, encoded) * times + BEFORE))


def attachments():
    b64 = base64.b64encode
    for size in (10, 64, 512):
        yield attack(f"attachment bomb of {size} MiB", late(lambda size=size: holding(b"a.pdf", b64(zip_of({"a.pdf": bytes(size * MEBIBYTE)})))), "FLX-L10")
    yield attack("attachment of 11 MiB", late(lambda: holding(b"a.pdf", b64(bytes(11 * MEBIBYTE)))), "FLX-L10")
    yield attack("attachment zip lies", holding(b"a.pdf", b64(a_zip(Entry("a.pdf", plain=1)))), "FLX-L14")
    yield attack("attachment zip encrypted", holding(b"a.pdf", b64(a_zip(Entry("a.pdf", flags=1)))), "FLX-L14")
    for method in (1, 6, 9, 12, 14, 93, 99):
        yield attack(f"attachment zip method {method}", holding(b"a.pdf", b64(a_zip(Entry("a.pdf", data=b"data", method=method)))), "FLX-L14")
    for name in ("../../x.pdf", "/etc/x.pdf", "x.exe", "x.pdf.exe", "x\0.exe", "x.js", "x.exe ", ".pdf/../x.sh"):
        yield attack(f"attachment holds {name!r}", holding(b"a.pdf", b64(a_zip(Entry(name)))), "FLX-L16", harmless=name.endswith(".pdf"))
    yield attack("attachment zip in a zip", holding(b"a.pdf", b64(zip_of({"a.zip": zip_of({"a.pdf": b"x"})}))), "FLX-L16", harmless=True)
    for n, text in enumerate((b"====", b"!!!!", b"eA", b"eA=", b"eA==eA==", b"e A = =", "é".encode(), b"eA==\x7f", b"-_-_", b"eHh4" * 3 + b"=", b"e")):
        yield attack(f"attachment base64 {n}", holding(b"a.pdf", text), "FLX-L14", *SCHEMA, harmless=text == b"e A = =")
    for name in ("a", "a.exe", "a.pdf.exe", "a.EXE", "a.pdf ", "a.pdf.", "a.pdf\u202e", "a\u202efdp.exe", "a.pdf&#10;.exe", "a.scr", ".htaccess", "a.pdf::$DATA", "con.pdf", "a.pdf%00.exe", "../../a.pdf", "/etc/a.pdf", "C:\\a.pdf", "&lt;script&gt;.pdf", "=cmd.pdf", "n" * 51 + ".pdf", "n" * 100_000):
        yield attack(f"attachment named {name[:20]} of {len(name)}", holding(name.encode(), b"eA=="), "FLX-L12", "FLX-L11", harmless=name.lower().rstrip().endswith(".pdf") and len(name) < 51)
    for times, code in ((501, "FLX-L17"), (5_000, "FLX-L17")):
        yield attack(f"attachments: {times}", holding(b"a.pdf", b"eA==", times=times), code)
    yield attack("attachments of 130 MiB", late(lambda: holding(b"a.pdf", b64(bytes(9 * MEBIBYTE)), times=14)), "FLX-L15", document=False)
    yield attack("attachment empty", holding(b"a.pdf", b""), "FLX-L13", "FLX-L14")
    yield attack("attachment of a MIME type of 1 MB", holding(b"a.pdf", b"eA==", b"m" * 1_000_000), *SCHEMA, harmless=True)


SCHEMA = tuple(f"FLX-S{n:02d}" for n in (1, 2, 3, 4, 9, 10))
PDF = next(EXAMPLES.glob("17-factur-x/*.pdf")).read_bytes()


def a_pdf(change=None, **how):
    def make(serial):
        with pikepdf.open(io.BytesIO(PDF)) as pdf:
            xml = pdf.attachments["factur-x.xml"].get_file().read_bytes()
            if change:
                change(pdf, xml)
            pdf.docinfo["/Title"] = f"{serial}"
            held = io.BytesIO()
            pdf.save(held, **how)
            return held.getvalue()

    return make


def inside(content):
    def change(pdf, xml):
        del pdf.attachments["factur-x.xml"]
        pdf.attachments["factur-x.xml"] = pikepdf.AttachedFileSpec(pdf, content(xml) if callable(content) else content, filename="factur-x.xml")

    return change


def crowd(count, name="f%d.txt"):
    def change(pdf, xml):
        for n in range(count):
            pdf.attachments[name % n] = pikepdf.AttachedFileSpec(pdf, b"x", filename=name % n)

    return change


def acting(kind):
    def change(pdf, xml):
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name("/" + kind), JS="app.alert(1)", F="/bin/sh", URI="http://127.0.0.1:9/")

    return change


def loop(pdf, xml):
    names = pdf.Root.Names.EmbeddedFiles
    node = pdf.make_indirect(pikepdf.Dictionary(Kids=pikepdf.Array([])))
    node.Kids.append(node)
    if "/Names" in names:
        del names["/Names"]
    names.Kids = pikepdf.Array([node])


def gone(pdf, xml):
    del pdf.attachments["factur-x.xml"]


def pdfs():
    how = {"suffix": ".pdf"}
    yield attack("pdf encrypted", a_pdf(encryption=pikepdf.Encryption(owner="a", user="b")), "FLX-A23", **how)
    for share in range(1, 20):
        yield attack(f"pdf cut at {share}/20", lambda _, share=share: PDF[: len(PDF) * share // 20], "FLX-A23", **how)
    for n in range(60):
        yield attack(f"pdf flipped at {n}/60", lambda _, n=n: (cut := len(PDF) * n // 60 + 9) and PDF[:cut] + bytes([PDF[cut] ^ 1 << n % 8]) + PDF[cut + 1 :], *ANY, harmless=True, document=False, **how)
    insides = {"nothing": (b"", "X01"), "text": (b"hello", "X01"), "another root": (b"<a/>", "X07"), "a doctype": (b"<!DOCTYPE a><a/>", "X02"), "a bomb": (b"<a>" + b"<b/>" * 600_000 + b"</a>", "X05"), "depth": (b"<a>" * 3000, "X04"), "a pdf": (PDF, "X01"), "a zip": (zip_of({"a": b"x"}), "X01"), "a UBL": (PIECE, "*"), "an include": (b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="x"/>', "X08")}
    for what, (content, code) in insides.items():
        yield attack(f"pdf holds {what}", a_pdf(inside(content)), "*" if code == "*" else f"FLX-{code}", harmless=code == "*", **how)
    yield attack("pdf bomb inside", late(lambda: a_pdf(inside(bytes(300 * MEBIBYTE)), compress_streams=True)), "FLX-X06", "FLX-X01", **how)
    for count in (501, 10_000):
        yield attack(f"pdf of {count} files", a_pdf(crowd(count)), "FLX-L17", *ANY, **how)
    yield attack("pdf of long names", a_pdf(crowd(50, "n" * 60_000 + "%d.pdf")), *ANY, **how)
    for kind in ("JavaScript", "Launch", "URI", "SubmitForm", "GoToR", "ImportData"):
        yield attack(f"pdf acts by {kind}", a_pdf(acting(kind)), *ANY, harmless=True, document=False, **how)
    yield attack("pdf of an endless tree", a_pdf(loop), "FLX-A21", "FLX-A23", **how)
    yield attack("pdf without XML", a_pdf(gone), "FLX-A21", **how)
    yield attack("pdf with a zip behind", lambda s: PDF + zip_of({"a": b"%d" % s}), "FLX-A23", **how)
    for what, stream in {"recursive object stream": b"<</Type/ObjStm/N 1/First 4/Extends 1 0 R/Length 6>>stream\n1 0 1 \nendstream", "xref to itself": b"<</Type/XRef/Size 3/W[1 1 1]/Root 1 0 R/Prev 9/Length 3>>stream\n\1\1\1\nendstream"}.items():
        yield attack(f"pdf {what}", lambda s, stream=stream: b"%%PDF-1.7\n1 0 obj%s endobj\nstartxref\n9\n%%%%EOF\n%%%d" % (stream, s), "FLX-A23", **how)
    yield attack("pdf of 100,000 nested arrays", lambda s: b"%%PDF-1.7\n1 0 obj%s%s endobj\nstartxref\n9\n%%%%EOF%d" % (b"[" * 100_000, b"]" * 100_000, s), "FLX-A23", **how)
    yield attack("pdf head alone", lambda s: b"%%PDF-1.7%d" % s, "FLX-A23", **how)
    yield attack("pdf of zlib rubbish", lambda _: PDF.replace(b"stream\n", b"stream\n" + zlib.compress(b"x" * 1000), 1), *ANY, harmless=True, document=False, **how)


def families():
    for family in (texts, attachments, pdfs):
        yield from family()
