"""
Who plays in the examples: companies, public bodies and markets, all invented; and how their numbers are made.

Identifiers satisfy the rules of the field (Luhn for SIREN and SIRET, the key of the French VAT number, RIB and IBAN keys), so that
an example that must be refused is refused for its one fault.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Party:
    """An actor: SIRET (14 digits), name, address on one line of the street, and for a supplier the account to be paid."""

    id: str
    name: str
    street: str = ""
    postcode: str = ""
    city: str = ""
    account: tuple[str, str, str] = ("", "", "")  # bank (5 digits), branch (5), account (11)
    type: str = "1"

    @property
    def vat(self) -> str:
        """The French VAT number: FR, a key of two digits, the SIREN. Key = (12 + 3 x (SIREN mod 97)) mod 97."""
        siren = int(self.id[:9])
        return f"FR{(12 + 3 * (siren % 97)) % 97:02d}{self.id[:9]}"

    @property
    def iban(self) -> str:
        """The IBAN of the account. A RIB whose own key is right always gives the IBAN key 76."""
        bank, branch, account = self.account
        key = 97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97
        return f"FR76{bank}{branch}{account}{key:02d}"


@dataclass(frozen=True)
class Market:
    """A public market: its number, what is built, who directs the works (MOE) and who pays for them (MOA)."""

    number: str
    label: str
    moe: Party
    moa: Party


BATIPRO = Party(
    "99912040500017", "BATIPRO Construction", "14 quai des Tuiliers", "69100", "Villeurbanne", ("30999", "00417", "00024578913")
)
TERRASSEMENTS = Party(
    "99912118900016", "Terrassements du Val d'Ombre", "ZA des Graviers", "38200", "Vienne", ("30999", "00512", "00031120457")
)
COUVERTURE = Party(
    "99912236900021", "Couverture Levasseur & Fils", "3 impasse du Zinc", "42300", "Roanne", ("30999", "00388", "00017734902")
)
ELECTRICITE = Party(
    "99912354000018",
    "Électricité générale Marchetti",
    "27 rue de l'Armature",
    "01000",
    "Bourg-en-Bresse",
    ("30999", "00201", "00040096318"),
)

_SEATS = {
    "21990117000015": ("1 place de la Mairie", "99117", "Valmorin-sur-Aise"),
    "22990008900017": ("Hôtel du Département", "99008", "Lisse"),
    "20990042200012": ("8 route du Réservoir", "99042", "Morgane"),
    "99913107100014": ("22 rue du Belvédère", "69004", "Lyon"),
    "99913225100029": ("5 chemin du Halage", "38000", "Grenoble"),
}


def _party(market: dict[str, Any], role: str) -> Party:
    """Who has this role: in the short form a table of the market, else one of its actors."""
    row = market[role] if role in market else next(actor for actor in market["actor"] if actor["role"] == role)
    return Party(row["id"], row["name"], *_SEATS[row["id"]], type=row.get("type", "1"))


def markets() -> dict[str, Market]:
    """The markets of markets.toml, by number."""
    rows = tomllib.loads((HERE / "markets.toml").read_text("utf-8"))["market"]
    return {row["number"]: Market(row["number"], row["label"], _party(row, "moe"), _party(row, "moa")) for row in rows}


MARKETS = markets()
SCHOOL = MARKETS["2026-MT-0117"]
ROAD = MARKETS["2026-MT-0042"]
WATER = MARKETS["2025-EP-0308"]
GYM = MARKETS["2026-MT-0205"]  # the one whose file is whole
