"""
Documents that were written to hurt, one or more for each line of the catalogue of attacks on XML: name -> content, and the code it must get.

Small enough to be judged by the hundred; the bombs of megabytes stand in test_hostile_xml.py.
"""

import gzip

FILE, NET = "file:///etc/passwd", "http://127.0.0.1:9/x"
_LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_XI = 'xmlns:xi="http://www.w3.org/2001/XInclude"'
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_UTF7 = '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a SYSTEM +ACI-{}+ACIAPgA8-a/+AD4-'

DOCTYPES = {  # C1, C2
    "laughs": f'<!DOCTYPE a [<!ENTITY l0 "lol">{_LOL}]><a>&l9;</a>',
    "laughs in an attribute": f'<!DOCTYPE a [<!ENTITY l0 "lol">{_LOL}]><a b="&l9;"/>',
    "quadratic": f'<!DOCTYPE a [<!ENTITY x "{"x" * 3_000}">]><a>{"&x;" * 300}</a>',
    "parameter entities": '<!DOCTYPE a [<!ENTITY % x "xxx"><!ENTITY % y "%x;%x;">%y;]><a/>',
    "an entity that holds itself": '<!DOCTYPE a [<!ENTITY x "&y;"><!ENTITY y "&x;">]><a>&x;</a>',
    "a file": f'<!DOCTYPE a [<!ENTITY x SYSTEM "{FILE}">]><a>&x;</a>',
    "a server": f'<!DOCTYPE a [<!ENTITY x SYSTEM "{NET}">]><a>&x;</a>',
    "a server of another kind": '<!DOCTYPE a [<!ENTITY x SYSTEM "ftp://127.0.0.1:9/x">]><a>&x;</a>',
    "a DTD elsewhere": f'<!DOCTYPE a SYSTEM "{NET}"><a/>',
    "a DTD of a file": f'<!DOCTYPE a PUBLIC "x" "{FILE}"><a/>',
    "a parameter entity elsewhere": f'<!DOCTYPE a [<!ENTITY % x SYSTEM "{NET}">%x;]><a/>',
    "an attribute by default": '<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>',
    "a bare one": "<!DOCTYPE a><a/>",
    "hidden by UTF-16": f'<!DOCTYPE a SYSTEM "{FILE}"><a/>'.encode("utf-16"),
    "hidden by UTF-7": _UTF7.format(FILE),
}
ACTIVE = {  # C3
    "XInclude of a file": f'<a {_XI}><xi:include href="{FILE}" parse="text"/></a>',
    "XInclude of a server": f'<a {_XI}><xi:include href="{NET}"/></a>',
    "a fallback alone": f"<a {_XI}><xi:fallback/></a>",
    "a catalogue": f'<?oasis-xml-catalog catalog="{FILE}"?><a/>',
    "a program": '<?php system("id") ?><a/>',
    "a stylesheet inside": f'<a><?xml-stylesheet href="{NET}"?></a>',
}
UNKNOWN = {  # C3: what is only a hint is not followed; the root belongs to no invoice
    "a stylesheet": f'<?xml-stylesheet type="text/xsl" href="{NET}"?><a/>',
    "a schema of a server": f'<a {_XSI} xsi:schemaLocation="urn:a {NET}" xsi:noNamespaceSchemaLocation="{NET}"/>',
    "a schema of a file": f'<a {_XSI} xsi:noNamespaceSchemaLocation="{FILE}"/>',
    "a base elsewhere": f'<a xml:base="{NET}"/>',
    "a word that looks like one": "<!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE a SYSTEM 'x'>]]></a>",
}
ENCODINGS = {  # C9
    "UTF-32": '<?xml version="1.0" encoding="UTF-32"?><a/>'.encode("utf-32"),
    "UTF-7": '<?xml version="1.0" encoding="UTF-7"?><a/>',
    "EBCDIC": '<?xml version="1.0" encoding="IBM037"?><a/>'.encode("cp037"),
    "EBCDIC by another name": '<?xml version="1.0" encoding="ebcdic-cp-us"?><a/>',
    "KOI8-R": '<?xml version="1.0" encoding="KOI8-R"?><a/>',
    "none that exists": '<?xml version="1.0" encoding="no-such"?><a/>',
}
MALFORMED = {  # C8, C9
    "gzip": gzip.compress(b"<a>" + b"<b/>" * 100_000 + b"</a>", mtime=0),
    "bytes that are no UTF-8": b"<a>\xff\xfe\xe9</a>",
    "half a UTF-16": "<a/>".encode("utf-16")[:-1],
    "an entity that nobody declared": "<a>&x;</a>",
    "a null": b"<a>\0</a>",
    "a prefix that nobody declared": "<x:a/>",
    "two roots": "<a/><a/>",
}
LARGE = {  # C4, C5, C6
    "1,000 levels": ("<a>" * 1_000 + "</a>" * 1_000, "FLX-X04"),
    "65 levels": ("<a>" * 65 + "</a>" * 65, "FLX-X04"),
    "300,000 levels": ("<a>" * 300_000, "FLX-X04"),
    "500,001 elements": ("<a>" + "<b/>" * 500_000 + "</a>", "FLX-X05"),
    "200,000 attributes": ("<a " + " ".join(f'b{n}=""' for n in range(200_000)) + "/>", "FLX-X05"),
    "101 attributes": ("<a " + " ".join(f'b{n}=""' for n in range(101)) + "/>", "FLX-X05"),
    "100,000 namespaces": ("<a " + " ".join(f'xmlns:b{n}="c"' for n in range(100_000)) + "/>", "FLX-X05"),
    "101 namespaces": ("<a " + " ".join(f'xmlns:b{n}="c"' for n in range(101)) + "/>", "FLX-X05"),
    "101 namespaces in UTF-16": (("<a " + " ".join(f'xmlns:b{n}="c"' for n in range(101)) + "/>").encode("utf-16"), "FLX-X05"),
    "a name of 60 kB": ("<" + "a" * 60_000 + "/>", "FLX-X06"),
}  # fmt: skip


def every():
    """(name, bytes, the code it gets from flux)."""
    families = ((DOCTYPES, "FLX-X02"), (ACTIVE, "FLX-X08"), (UNKNOWN, "FLX-X07"), (ENCODINGS, "FLX-X03"), (MALFORMED, "FLX-X01"))
    rows = [(name, content, code) for family, code in families for name, content in family.items()]
    rows += [(name, content, code) for name, (content, code) in LARGE.items()]
    return [(name, content if isinstance(content, bytes) else content.encode(), code) for name, content, code in rows]
