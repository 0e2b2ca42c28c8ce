"""XML: a good invoice with one thing that no invoice needs, in every encoding that can say it."""

import gzip
import zlib

from attack import MEBIBYTE, PIECE, attack, bent, good, late

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
ROOT = PIECE[PIECE.index(b"<Invoice") : PIECE.index(b">", PIECE.index(b"<Invoice")) + 1]
NOTE_AT = b"<cbc:DocumentCurrencyCode>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DOCTYPES = {
    "empty": "<!DOCTYPE Invoice>", "subset": "<!DOCTYPE Invoice []>", "internal entity": '<!DOCTYPE Invoice [<!ENTITY e "x">]>', "file": '<!DOCTYPE Invoice [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "http": '<!DOCTYPE Invoice [<!ENTITY e SYSTEM "http://127.0.0.1:9/x">]>', "ftp": '<!DOCTYPE Invoice [<!ENTITY e SYSTEM "ftp://127.0.0.1/x">]>', "php": '<!DOCTYPE Invoice [<!ENTITY e SYSTEM "php://filter/x">]>',
    "device": '<!DOCTYPE Invoice [<!ENTITY e SYSTEM "file:///dev/zero">]>', "external DTD": '<!DOCTYPE Invoice SYSTEM "http://127.0.0.1:9/x.dtd">', "external DTD in a file": '<!DOCTYPE Invoice SYSTEM "/etc/passwd">',
    "public DTD": '<!DOCTYPE Invoice PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://127.0.0.1:9/x">', "parameter entity": '<!DOCTYPE Invoice [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>',
    "internal parameter entity": '<!DOCTYPE Invoice [<!ENTITY % p "<!ENTITY e \'x\'>"> %p;]>', "laughs": f'<!DOCTYPE Invoice [<!ENTITY l0 "lol">{LAUGHS}<!ENTITY e "&l11;">]>', "quadratic": f'<!DOCTYPE Invoice [<!ENTITY e "{"x" * 50000}">]>',
    "cycle": '<!DOCTYPE Invoice [<!ENTITY e "&f;"><!ENTITY f "&e;">]>', "notation": '<!DOCTYPE Invoice [<!NOTATION n SYSTEM "x"><!ENTITY e SYSTEM "x" NDATA n>]>', "default attribute": '<!DOCTYPE Invoice [<!ATTLIST Invoice a CDATA "x">]>',
    "element": "<!DOCTYPE Invoice [<!ELEMENT Invoice ANY>]>", "other root": "<!DOCTYPE html>", "comment inside": "<!DOCTYPE Invoice [<!-- <!ENTITY e 'x'> -->]>", "instruction inside": "<!DOCTYPE Invoice [<?x y?>]>", "spaces": "<!DOCTYPE   \n\t Invoice  \n>",
    "conditional": '<!DOCTYPE Invoice SYSTEM "x" [<!ENTITY % i "INCLUDE">]>', "entity of an entity": '<!DOCTYPE Invoice [<!ENTITY a "b"><!ENTITY e "&#38;a;">]>', "UTF-7 dressed": '<!DOCTYPE Invoice [<!ENTITY e "+ADw-">]>',
}  # fmt: skip
ENCODED = {
    "UTF-8": ("utf-8", b""), "UTF-8 with BOM": ("utf-8", b"\xef\xbb\xbf"), "UTF-16LE": ("utf-16-le", b"\xff\xfe"), "UTF-16BE": ("utf-16-be", b"\xfe\xff"), "ISO-8859-1": ("iso-8859-1", b""),
}  # fmt: skip


def doctypes():
    for what, doctype in DOCTYPES.items():
        for encoding, (codec, bom) in ENCODED.items():
            for used in ("&e;", "") if encoding == "UTF-8" and "ENTITY e" in doctype else ("",):

                def make(serial, doctype=doctype, encoding=encoding, codec=codec, bom=bom, used=used):
                    body = good(serial).decode()[len(HEAD) :].replace(NOTE_AT.decode(), f"<cbc:Note>{used}</cbc:Note>{NOTE_AT.decode()}")
                    told = encoding.partition(" ")[0].removesuffix("LE").removesuffix("BE")
                    return bom + f'<?xml version="1.0" encoding="{told}"?>\n{doctype}\n{body}'.encode(codec, "xmlcharrefreplace")

                yield attack(f"xml doctype {what}, {encoding}{', used' if used else ''}", make, "FLX-X02", *(["FLX-X01"] if used else []))


def encodings():
    """A good piece, told in another encoding than the bytes have, or in one that is not taken."""
    text = PIECE.decode()[len(HEAD) :]
    refused = ("UTF-7", "UTF-32", "UTF-32LE", "UCS-4", "EBCDIC-CP-US", "IBM037", "IBM1047", "ISO-2022-JP", "SHIFT_JIS", "GB18030", "BIG5", "EUC-JP", "KOI8-R", "ISO-8859-5", "windows-1251", "HZ", "x-user-defined", "none")
    for name in refused:
        yield attack(f"xml encoding told {name}", lambda s, name=name: f'<?xml version="1.0" encoding="{name}"?>'.encode() + good(s)[len(HEAD) :], "FLX-X03", "FLX-X01")
    for codec in ("utf-7", "utf-32", "utf-32-le", "utf-32-be", "cp037", "cp500", "utf-16-le", "utf-16-be", "cp1140", "utf_8_sig", "shift_jis", "gb18030"):
        for told in ("", "UTF-8", codec.upper().replace("_", "-")):

            def make(serial, codec=codec, told=told):
                head = f'<?xml version="1.0" encoding="{told}"?>' if told else '<?xml version="1.0"?>'
                return (head + text.replace("PDF-2026-0301", f"E-{serial}-{codec}")).encode(codec, "xmlcharrefreplace")

            yield attack(f"xml bytes of {codec} told as {told or 'nothing'}", make, "FLX-X01", "FLX-X03", harmless=True)
    for n, rubbish in enumerate((b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\x80", b"\xc3", b"\0", b"\x01", b"\x0b", b"\x1b", b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"&#0;", b"&#x1b;", b"&#xD800;", b"&#xFFFE;", b"&#x110000;", b"&#99999999999;")):
        for where in (NOTE_AT, b"<cbc:UBLVersionID>", b"</Invoice>"):
            yield attack(f"xml bad sign {n} before {where.decode()}", bent((where, rubbish + where)), "FLX-X01")
    for what, pack in (("gzip", gzip.compress), ("zlib", zlib.compress), ("deflate", lambda b: zlib.compress(b)[2:-4])):
        yield attack(f"xml packed by {what}", lambda s, pack=pack: pack(good(s)), "FLX-X01" if what != "gzip" else "FLX-A01", "FLX-X03", document=what != "gzip")
    yield attack("xml packed by gzip a thousand times", lambda s: gzip.compress(good(s) + b" " * 9_000_000), "FLX-A01", document=False)


def active():
    bits = {
        "XInclude": (b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>', "X08"), "XInclude http": (b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="http://127.0.0.1:9/"/>', "X08"),
        "XInclude fallback": (b'<x:fallback xmlns:x="http://www.w3.org/2001/XInclude"/>', "X08"), "php": (b"<?php system('id'); ?>", "X08"), "a stylesheet inside": (b'<?xml-stylesheet href="x"?>', "X08"), "xml-model": (b'<?xml-model href="http://127.0.0.1:9/"?>', "X08"),
        "catalog": (b'<?oasis-xml-catalog catalog="file:///etc/passwd"?>', "X08"), "access control": (b"<?access-control allow='*'?>", "X08"), "an unknown element": (b"<x/>", "S"), "a script": (b"<script>alert(1)</script>", "S"), "html": (b'<h:img xmlns:h="http://www.w3.org/1999/xhtml" src="x" onerror="x"/>', "S"),
        "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="x"/>', "S"),
    }  # fmt: skip
    for what, (bit, code) in bits.items():
        codes = (f"FLX-{code}",) if code != "S" else ("FLX-S01", "FLX-S02", "FLX-S03", "FLX-S04", "FLX-S09", "FLX-S10")
        for where in (NOTE_AT, b"<cac:TaxTotal>", b"</Invoice>", b"<cbc:UBLVersionID>"):
            yield attack(f"xml {what} before {where.decode()}", bent((where, bit + where)), *codes)
    for n, pi in enumerate((b"<?php x?>", b"<?xml-model href='x'?>", b"<?import x?>", b"<?xml-stylesheet2 href='x'?>", b"<?oasis-xml-catalog catalog='x'?>")):
        yield attack(f"xml instruction {n} before the root", bent((b"<?xml-stylesheet", pi + b"<?xml-stylesheet")), "FLX-X08")
        yield attack(f"xml instruction {n} behind the root", lambda s, pi=pi: good(s) + pi, "FLX-X08")
    for n, href in enumerate((b"http://127.0.0.1:9/x.xsl", b"file:///etc/passwd", b"javascript:alert(1)", b"data:text/xml,x", b"\\\\host\\x", b"x" * 50_000, b"<", b"../../x.xsl")):
        yield attack(f"xml stylesheet {n}", bent((b'href="FSO1100A.xsl"', b'href="' + href.replace(b"<", b"&lt;") + b'"')))
    for what, attribute in {
        "schemaLocation": b'xsi:schemaLocation="urn:x http://127.0.0.1:9/x.xsd"', "file": b'xsi:schemaLocation="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2 file:///etc/passwd"', "no namespace": b'xsi:noNamespaceSchemaLocation="http://127.0.0.1:9/x.xsd"',
    }.items():  # fmt: skip
        yield attack(f"xml {what}", bent((b"<Invoice ", b'<Invoice xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ' + attribute + b" ")), *SCHEMA, harmless=True)
    for n, type_ in enumerate((b"xs:string", b"x:evil", b"cbc:IDType", b"", b"xs:anyType", b"nothing:x")):
        yield attack(f"xml xsi:type {n}", bent((b"<cbc:UBLVersionID>", b'<cbc:UBLVersionID xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="' + type_ + b'">')), *SCHEMA)
    yield attack("xml xsi:nil", bent((b"<cbc:UBLVersionID>", b'<cbc:UBLVersionID xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true">')), *SCHEMA)


SCHEMA = tuple(f"FLX-S{n:02d}" for n in (1, 2, 3, 4, 9, 10))


AROUND = {"text": (b"<a>", b"</a>"), "CDATA": (b"<a><![CDATA[", b"]]></a>"), "attribute": (b'<a b="', b'"/>'), "comment": (b"<!--", b"--><a/>"), "name": (b"<", b"/>"), "instruction": (b"<?a ", b"?><a/>")}


def too_much():
    for depth in (65, 100, 257, 1_000, 3_000, 300_000):
        yield attack(f"xml depth {depth}", lambda _, d=depth: b"<a>" * d + b"</a>" * d, "FLX-X04")
        yield attack(f"xml depth {depth} in an invoice", late(lambda d=depth: bent((NOTE_AT, b"<a>" * d + b"</a>" * d + NOTE_AT))), "FLX-X04")
    for count in (101, 1_000, 200_000):
        yield attack(f"xml attributes {count}", lambda _, c=count: b"<a " + b" ".join(b'a%d="x"' % n for n in range(c)) + b"/>", "FLX-X05")
    for count in (600_000, 2_000_000):
        yield attack(f"xml elements {count}", lambda _, c=count: b"<a>" + b"<b/>" * c + b"</a>", "FLX-X05")
        yield attack(f"xml empty texts {count}", lambda _, c=count: b"<a>" + b"<b>x</b>" * c + b"</a>", "FLX-X05")
    for count in (1_000, 90_000, 600_000):
        yield attack(f"xml namespaces {count}", lambda _, c=count: b"<a " + b" ".join(b'xmlns:b%d="x%d"' % (n, n) for n in range(c)) + b"/>", "FLX-X05" if count > 100 else "FLX-X07")
    for megabytes in (11, 50):
        for what, (before, after) in AROUND.items():
            codes = {"name": ("FLX-X06", "FLX-X07", "FLX-X01"), "instruction": ("FLX-X08", "FLX-X06", "FLX-X01")}.get(what, ("FLX-X06", "FLX-X07"))
            yield attack(f"xml {what} of {megabytes} MiB", lambda _, b=before, a=after, m=megabytes: b + b"x" * (m * MEBIBYTE) + a, *codes)
    yield attack("xml of 201 MiB", lambda _: b"<a>" + b" " * (201 * MEBIBYTE) + b"</a>", "FLX-X06", document=False)
    for length in (10_000, 49_000, 60_000):
        yield attack(f"xml name of {length}", lambda _, n=length: b"<" + b"n" * n + b"/>", "FLX-X07" if length < 50_000 else "FLX-X06")
    yield attack("xml comments", lambda _: b"<a>" + b"<!---->" * 300_000 + b"</a>", "FLX-X07")
    yield attack("xml CDATA sections", lambda _: b"<a>" + b"<![CDATA[]]>" * 300_000 + b"</a>", "FLX-X07")
    yield attack("xml references", lambda _: b"<a>" + b"&#120;" * 1_000_000 + b"</a>", "FLX-X07")


def forms():
    for n, root in enumerate((b"<a/>", b"<Invoice/>", b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>', b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>', b"<svg onload='alert(1)'/>", b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>', b'<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform"/>', b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>', b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-3"/>', b"<CPPStatuts/>", b"<a:b xmlns:a='javascript:x'/>", b"<plist/>", b"<_/>", "<é/>".encode())):
        yield attack(f"xml root {n}", lambda s, root=root: root + b"<!--%d-->" % s, "FLX-X07")
    yield attack("xml root of a status flow, empty", lambda s: b"<CPPStatut/><!--%d-->" % s, "FLX-S01")
    for n, text in enumerate((b"", b" ", b"\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"<", b"<a", b"<a>", b"</a>", b"<a></b>", b"<a/><b/>", b"<a/>x", b"x<a/>", b"<!-- -- --><a/>", b"<?xml?><a/>", b' <?xml version="1.0"?><a/>', b'<?xml version="9.9"?><a>', b"<a b=c/>", b"<a b='1' b='2'/>", b"<a:b/>", b"<a>]]></a>", b"<a>&x;</a>", b"<a>&</a>", b"{}", b"null", b"\0" * 1000, b"MZ\x90\0", b"\x7fELF", b"#!/bin/sh", b"<![CDATA[x]]>", b"<!ELEMENT a ANY><a/>", b"%PDF", b"GIF89a")):
        yield attack(f"xml form {n}", lambda _, text=text: text, "FLX-X01", "FLX-T01", "FLX-X07", "FLX-X03")
    for n, (old, new) in enumerate(((b"A7", b"<![CDATA[A7]]>"), (b"A7", b"A<!-- x -->7"), (b"A7", b"&#65;7"), (b"A7", b" A7 "), (b"A7", b"A<![CDATA[]]>7"), (b"122502.18", b"122502<!-- -->.18"))):
        yield attack(f"xml trick {n}", bent((old, new)), "FLX-S04", "G1.02", "FLX-C01", *SCHEMA, harmless=True)
    for share in range(1, 40):
        yield attack(f"xml cut at {share}/40", lambda s, share=share: good(s)[: len(good(s)) * share // 40], "FLX-X01")


def families():
    for family in (doctypes, encodings, active, too_much, forms):
        yield from family()
