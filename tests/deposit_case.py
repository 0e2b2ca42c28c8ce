"""What the tests of deposits share: a PDF that opens, and good data beside it."""

from io import BytesIO

import pikepdf
from msgspec.structs import replace

from flux.depot import Data, File, Rate, Who, document

MOE, MOA, SUPPLIER, RECIPIENT = "99913225100029", "22990008900017", "99911111100004", "22990008900017"
DATA = Data(
    cadre="A15", number="ACOMPTE-7", date="2026-07-31", vat_type="TVA_SUR_DEBIT", ht="1000.00", tva="200.00", ttc="1200.00", net="1200.00",
    supplier=Who(SUPPLIER, name="Batipro"), recipient=Who(RECIPIENT, name="Département"), moe=Who(MOE), moa=Who(MOA), market="2026-MT-0042",
)  # fmt: skip
FULL = replace(
    DATA,
    vat=(Rate("20", "900.00", "180.00"), Rate("10", "100", "20.00")),
    supplier=Who("DE129273398", "2", "Bau & Söhne <GmbH>", "DEPOT", "DE129273398", "DE"),
    recipient=Who(RECIPIENT, "1", "Département", "SERVICE", "FR00229900089", "FR"),
    valideur=Who("24590041000003", name="Titulaire"), engagement="EJ1", previous="SIT-6", payment="30", iban="FR76 3000 6000 0112 3456 7890 189", bic="AGRIFRPP",
)  # fmt: skip


def a_pdf(pages=1, **how):
    """A PDF of blank pages; *how*: as pikepdf saves it."""
    made, file = pikepdf.new(), BytesIO()
    for _ in range(pages):
        made.add_blank_page()
    made.save(file, deterministic_id="encryption" not in how, **how)
    return file.getvalue()


PDF = a_pdf()
MAIN = File("acompte.pdf", PDF)


def written(data=DATA, main=MAIN, *attached):
    """The document of a deposit."""
    return b"".join(document(data, main, attached))
