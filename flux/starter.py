"""The settings as people meet them: the first flux.toml and markets.toml of an installation, and the page docs/configuration.md."""

from datetime import datetime, time
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from flux import _settings as s
from flux.config import FILE, Config
from flux.when import in_paris

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
        "# What the rules of EN 16931 and BR-FR-CPRO do on one interface, instead of norm above. Effet des règles EN 16931 et BR-FR-CPRO sur une interface, au lieu de norm.",
        "[norms]", '# FSO1100A = "error"', "",
        "# Kind of payer by SIRET, for the payment delay: etat, collectivite, sante, sante_armees, entreprise_publique (docs/clocks.md).",
        "# Genre de payeur par SIRET, pour le délai de paiement.", "[payers]", '# "22990008900017" = "collectivite"', "",
        "# How long what is over is kept; nothing goes unless it is set here. Combien de temps ce qui est fini est gardé ; rien ne part sans réglage.",
        "[retention]", *_explained(s.RETENTION),
        "# One block a partner. Un bloc par partenaire.", "[[partner]]", *_explained(s.PARTNER, {"name": "demo", "naming": "free"}),
        *("# " + line if line else "#" for line in _LARGE), "",
        "# Where the pieces of an actor go, when not to his own folder. Où vont les pièces d'un acteur, si ce n'est dans son dossier.",
        *("# " + line if line else "#" for line in ("[[route]]", *_explained(s.ROUTE, {"actor": "moe-21500000500019", "folder": "outbox/pieces/lisse"}))),
        "#", "# A folder on a partner's SFTP server. Un dossier sur le serveur SFTP d'un partenaire.",
        *("# " + line if line else "#" for line in ("[[endpoint]]", *_explained(s.ENDPOINT, _SERVER))),
        "# Runs: what came in since the last, on one page. Les exécutions : ce qui est arrivé depuis la dernière, sur une page.",
        *("# " + line if line else "#" for line in ("[[schedule]]", *_explained(s.SCHEDULE, {"name": "nuit", "cron": "30 2 * * 2-6"}))),
        "# When nothing is planned. Quand rien n'est planifié.",
        *("# " + line if line else "#" for line in ("[[freeze]]", *_explained(s.FREEZE, {"from": "2026-12-31 18:00", "until": "2027-01-02 06:00"}))),
        "# The reports of runs by mail. Les rapports d'exécution par courriel.",
        *("# " + line if line else "#" for line in ("[mail]", *_explained(s.MAIL))),
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
    blocks = (("`[[endpoint]]`", s.ENDPOINT), ("`[retention]`", s.RETENTION), ("`[[schedule]]`", s.SCHEDULE), ("`[[freeze]]`", s.FREEZE), ("`[mail]`", s.MAIL))
    for title, settings in (("`flux.toml`", s.SITE), ("`[limits]`", s.LIMITS), ("`[[partner]]`", s.PARTNER), ("`[[route]]`", s.ROUTE), *blocks):
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
        "## `[norms]`", "",
        'What the rules of EN 16931 and BR-FR-CPRO do on one interface, instead of the setting `norm`: `FSO1100A = "error"`. A partner whose block has `norm` goes before it.', "",
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


def shown(config: Config) -> dict[str, Any]:
    """Every setting in force, table by table, and whether it is the default. A password in the ledger's URL is not told."""
    site = {setting.name: _plain(getattr(config, setting.name, None), config) for setting in s.SITE} | {"ledger": _masked(config.ledger_url, config)}
    tables = [_table(FILE, s.SITE, site), _table("[limits]", s.LIMITS, {setting.name: getattr(config.limits, setting.name) for setting in s.LIMITS})]
    several = (
        ("[[partner]]", s.PARTNER, config.partners), ("[[route]]", s.ROUTE, config.routes), ("[[endpoint]]", s.ENDPOINT, config.endpoints),
        ("[[schedule]]", s.SCHEDULE, config.schedules), ("[[freeze]]", s.FREEZE, config.freezes),
    )  # fmt: skip
    for title, settings, rows in several:
        tables += [_table(f"{title} {n}", settings, _values(settings, row, config)) for n, row in enumerate(rows, 1)]
    tables += [_table("[retention]", s.RETENTION, _values(s.RETENTION, config.retention, config))]
    tables += [_table("[mail]", s.MAIL, _values(s.MAIL, config.post, config))] if config.post else []
    by_code: dict[str, dict[str, Any]] = {"[severities]": dict(config.severities), "[norms]": dict(config.norms), "[payers]": dict(config.payers)}
    by_code |= {f"[partner.severities] {p.name}": dict(p.severities) for p in config.partners} | {f"[partner.limits] {p.name}": dict(p.limits) for p in config.partners}
    free = [{"table": title, "settings": [_told(name, value, None) for name, value in rows.items()]} for title, rows in by_code.items() if rows]
    return {"file": str(config.root / FILE), "tables": [*tables, *free]}


def _values(settings: tuple[s.Setting, ...], row: object, config: Config) -> dict[str, Any]:
    return {setting.name: _plain(getattr(row, "since" if setting.name == "from" else setting.name), config) for setting in settings}


def _table(title: str, settings: tuple[s.Setting, ...], values: dict[str, Any]) -> dict[str, Any]:
    return {"table": title, "settings": [_told(setting.name, values[setting.name], setting.default) for setting in settings]}


def _told(name: str, value: Any, default: Any) -> dict[str, Any]:  # noqa: ANN401 - values of settings
    return {"name": name, "value": value, "told": s.told(value), "default": value == default}


def _plain(value: Any, config: Config) -> Any:  # noqa: ANN401 - a value of a setting
    """As it would stand in the file: a path below the installation's folder begins there."""
    if isinstance(value, Path):
        return str(value.relative_to(config.root)) if value.is_relative_to(config.root) else str(value)
    if isinstance(value, datetime):
        return f"{in_paris(value):%Y-%m-%d %H:%M}"
    if isinstance(value, time) or value is None:
        return f"{value:%H:%M}" if value else ""
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, str) else value


def _masked(url: str, config: Config) -> str:
    path = config.ledger_file
    if path is not None:
        return f"sqlite:///{_plain(path, config)}"
    try:
        address = make_url(url)
        asked = "?***" if address.query else ""  # a driver takes a password there as well
        return address.set(query={}).render_as_string(hide_password=True) + asked
    except ArgumentError:
        return "***"
