"""The settings as people meet them: the first flux.toml and markets.toml of an installation, and the page docs/configuration.md."""

from flux import _settings as s

_LARGE = (
    "Other limits for this partner: here, the profile for large attachments. D'autres limites pour ce partenaire : ici, pour de grandes pièces jointes.",
    "[partner.limits]", "attachment_mb = 50", "attachments_mb = 200", "xml_text_mb = 80", "xml_mb = 300", "judge_s = 60",
)
_MARKET = (
    "[[market]]", 'number = "2026-MT-0042"', 'label = "RD 914 : reprise de chaussée"',
    'moe = { id = "99913225100029", name = "Ingénierie des Rives" }', 'moa = { id = "22990008900017", name = "Département de la Haute-Lisse" }',
)  # fmt: skip


_SERVER: dict[str, object] = {
    "name": "demo-in", "partner": "demo", "host": "sftp.example.org", "user": "flux", "key_file": "secrets/demo", "folder": "to-flux",
    "host_keys": ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"],
}  # fmt: skip


def text() -> str:
    """The text of a first flux.toml, every setting explained, valid as it is."""
    return "\n".join((
        "# flux.toml: every setting, with its default. Chaque réglage, avec sa valeur par défaut.", "",
        *_explained(s.SITE), "# Limits that a sender can meet. Limites opposables à l'émetteur.", "[limits]", *_explained(s.LIMITS),
        "# Severity of a code, instead of the catalogue's: error, warning, off. Gravité d'un code, au lieu de celle du catalogue.",
        "[severities]", '# "FLX-M05" = "off"', "",
        "# Kind of payer by SIRET, for the payment delay: etat, collectivite, sante, sante_armees, entreprise_publique (docs/clocks.md).",
        "# Genre de payeur par SIRET, pour le délai de paiement.", "[payers]", '# "22990008900017" = "collectivite"', "",
        "# One block a partner. Un bloc par partenaire.", "[[partner]]", *_explained(s.PARTNER, {"name": "demo", "naming": "free"}),
        *("# " + line if line else "#" for line in _LARGE), "",
        "# Where the pieces of an actor go, when not to his own folder. Où vont les pièces d'un acteur, si ce n'est dans son dossier.",
        *("# " + line if line else "#" for line in ("[[route]]", *_explained(s.ROUTE, {"actor": "moe-21500000500019", "folder": "outbox/pieces/lisse"}))),
        "#", "# A folder on a partner's SFTP server. Un dossier sur le serveur SFTP d'un partenaire.",
        *("# " + line if line else "#" for line in ("[[endpoint]]", *_explained(s.ENDPOINT, _SERVER))),
        "",
    ))  # fmt: skip


def markets() -> str:
    """The text of a first markets.toml: an example to uncomment."""
    return "\n".join((
        "# Who the MOE and the MOA of each marché are, for pieces that do not name them: a first form of the Fiche d'Identité du Marché.",
        "# La MOE et la MOA de chaque marché, pour les pièces qui ne les nomment pas.", "",
        *("# " + line for line in _MARKET), "",
    ))  # fmt: skip


def reference() -> str:
    """The page docs/configuration.md: generated, so that it cannot fall behind."""
    parts = ["# Every setting", "", "Written by `make docs` from the settings themselves. `flux init` writes a file with all of them.", ""]
    for title, settings in (("`flux.toml`", s.SITE), ("`[limits]`", s.LIMITS), ("`[[partner]]`", s.PARTNER), ("`[[route]]`", s.ROUTE), ("`[[endpoint]]`", s.ENDPOINT)):
        parts += [f"## {title}", "", "| setting | default | what it is for | à quoi il sert |", "|---|---|---|---|"]
        parts += [f"| `{x.name}` | `{s.told(x.default)}` | {_cell(x.en, x)} | {x.fr} |" for x in settings]
        parts.append("")
    parts += [
        "## `[partner.limits]`", "",
        "Limits of one partner, under the names of `[limits]`: what stands there goes before the installation's, the rest is the installation's.", "",
        "```toml", *_LARGE[1:], "```", "",
        "## `[severities]`", "",
        'By code, for the installation here or for one partner in `[partner.severities]`: `"FLX-M05" = "off"`. One of: `error`, `warning`,',
        "`off`. Not for the codes of the stages transport, archive, format and duplicate: what they refuse cannot be handled.", "",
        "## `[payers]`", "",
        'Kind of payer by SIRET, for the payment delay that `flux clocks` counts: `"22990008900017" = "collectivite"`. The kinds and their days:',
        "[clocks.md](clocks.md). A recipient that is not here is counted with the shortest delay: a warning comes early, never late.", "",
        "## `markets.toml`", "",
        "Beside `flux.toml`: who the MOE and the MOA of a *marché* are, for pieces that do not name them. Read at start. Everything that a market",
        "file may say ([market.md](market.md)) may stand here too; a file of the same number that `flux market import` took goes before it.", "",
        "```toml", *_MARKET, "```", "",
    ]  # fmt: skip
    return "\n".join(parts)


def _cell(text: str, setting: s.Setting) -> str:
    return text + (f" One of: {', '.join(f'`{c}`' for c in setting.choices if c)}." if setting.choices else "")


def _explained(settings: tuple[s.Setting, ...], values: dict[str, object] | None = None) -> list[str]:
    lines = []
    for setting in settings:
        choices = f" ({' | '.join(filter(None, setting.choices))})" if setting.choices else ""
        value, usual = (values or {}).get(setting.name, setting.default), s.told(setting.default)
        other = [f"# Not the default here, which is {usual}. Ici autre que la valeur par défaut, {usual}."] if setting.default not in ("", [], value) else []
        lines += [f"# {setting.en}{choices}", f"# {setting.fr}", *other, f"{setting.name} = {s.told(value)}", ""]
    return lines
