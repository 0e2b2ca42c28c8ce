"""Extracts of the structure directory for the tests: rows, CSV files, and workbooks made by hand, since what must be refused no library would write."""

import zipfile
from xml.sax.saxutils import escape

HEADER = (
    "TypeIdentifiant;Identifiant;RaisonSociale;EmetteurEdi;RecepteurEdi;GestionStatutMiseEnPaiement;GestionEngagement;GestionService;"
    "GestionServiceEngagement;EstMOA;EstMOAUniquement;StructureActive;Adresse;ComplementAdresse1;ComplementAdresse2;CodePostal;Ville;NumTelephone;"
    "Courriel;CodePays;LibellePays"
)
SERVICES = "Identifiant;CodeService;LibelleService;ServiceActif;GestionEngagement"
COLUMNS = HEADER.split(";")
VILLE = "21500000500019"


def a_row(siret=VILLE, **columns):
    """A structure that is active, a MOA, and wants nothing."""
    plain = dict.fromkeys(COLUMNS, "") | {
        "TypeIdentifiant": "1", "Identifiant": siret, "RaisonSociale": "Ville", "EmetteurEdi": "false", "RecepteurEdi": "true",
        "GestionStatutMiseEnPaiement": "true", "GestionEngagement": "false", "GestionService": "false", "GestionServiceEngagement": "false",
        "EstMOA": "true", "EstMOAUniquement": "false", "StructureActive": "true", "Ville": "Saint-Lô", "CodePays": "FR",
    }  # fmt: skip
    assert columns.keys() <= plain.keys()
    return ";".join((plain | columns).values())


def sirets(count, first=21_000_000_000_000):
    return [str(number) for number in range(first, first + count)]


def write(path, *rows, header=HEADER, encoding="utf-8", end="\n"):
    path.write_bytes(end.join([header, *rows, ""]).encode(encoding))
    return path


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Annuaire" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def text_cell(value):
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def sheet_of(rows):
    """The XML of a sheet; a cell that begins with <c is taken as it is."""
    return SHEET.format("".join(f"<row>{''.join(c if c.startswith('<c') else text_cell(c) for c in row)}</row>" for row in rows))


def write_workbook(path, sheet, parts=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (PARTS | {"xl/worksheets/sheet1.xml": sheet} | (parts or {})).items():
            archive.writestr(name, content)
    return path
