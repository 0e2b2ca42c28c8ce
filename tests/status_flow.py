"""Status flows as recipients write them, for the tests: a CPPStatut of lines, each with what it says otherwise than the good one."""

SUPPLIER, RECIPIENT, NUMBER = "99912040500017", "22990008900017", "MEN-2026-0702"
_GOOD = {
    "supplier_type": "1", "supplier": SUPPLIER, "recipient": RECIPIENT, "service": "", "status": "07", "complement": "Service fait", "comment": "vu",
    "at": "2026-06-30T10:00:00.000+02:00", "producer": "", "number": NUMBER, "issued": "",
}  # fmt: skip
_ENVELOPE = (
    '<Enveloppe><EnveloppeUnitaire NumOrdre="1"><Parametres><ParametreIndiv NumOrdre="0001"><Code>DtPrd</Code>'
    '<Valeurparametre>2026-06-30</Valeurparametre></ParametreIndiv><ParametreIndiv NumOrdre="0002"><Code>IdFlx</Code>'
    "<Valeurparametre>1</Valeurparametre></ParametreIndiv></Parametres><Partenaires><Recepteur><Id>FLUX01</Id></Recepteur>"
    "<Emetteur><Id>DEP001</Id></Emetteur></Partenaires></EnveloppeUnitaire></Enveloppe>"
)


def a_line(**said):
    """One CPPFactureStatutUnitaire: the good one but for what is said."""
    v = {**_GOOD, **said}
    service = f"<CodeService>{v['service']}</CodeService>" if v["service"] else ""
    producer = f'<Producteur Id="{v["producer"]}">x</Producteur>' if v["producer"] else ""
    issued = f"<DateFacture>{v['issued']}</DateFacture>" if v["issued"] else ""
    comment = f"<Commentaire>{v['comment']}</Commentaire>" if v["comment"] else ""
    complement = f"<ComplementStatut>{v['complement']}</ComplementStatut>" if v["complement"] else ""
    return (
        f"<CPPFactureStatutUnitaire><Fournisseur><TypeIdentifiant>{v['supplier_type']}</TypeIdentifiant><Identifiant>{v['supplier']}</Identifiant>"
        f"<RaisonSociale>BATIPRO Construction</RaisonSociale></Fournisseur><Debiteur><TypeIdentifiant>1</TypeIdentifiant>"
        f"<Identifiant>{v['recipient']}</Identifiant><Nom>Département</Nom>{service}</Debiteur><DonneesStatut><IdStatut>{v['status']}</IdStatut>{complement}"
        f"{comment}<Horodatage>{v['at']}</Horodatage>{producer}<IdFacture>{v['number']}</IdFacture>{issued}</DonneesStatut></CPPFactureStatutUnitaire>"
    )


def a_flow(*lines):
    """A CPPStatut of these lines."""
    body = f'<CPPFactureStatuts compteur="{len(lines)}">{"".join(lines)}</CPPFactureStatuts>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<CPPStatut>{_ENVELOPE}{body}</CPPStatut>\n'.encode()


def of_a_flow(status="92", flow="ABC0014100000000000000701"):
    """A CPPStatut of the flow branch."""
    data = f"<DonneesStatut><IdStatut>{status}</IdStatut><Horodatage>2026-06-30T10:00:00Z</Horodatage><IdFlux>{flow}</IdFlux></DonneesStatut>"
    body = f'<CPPFluxStatuts compteur="1"><CPPFluxStatutUnitaire NumOrdre="1">{data}</CPPFluxStatutUnitaire></CPPFluxStatuts>'
    return f"<CPPStatut>{_ENVELOPE}{body}</CPPStatut>".encode()
