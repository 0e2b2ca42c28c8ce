"""Every setting, declared once: name with its unit, default, what it may be, and what it is for, in English and French."""

from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from flux.faults import Fault
from flux.model import Severity
from flux.policy import Limits

NAME = r"[a-z0-9][a-z0-9-]{0,31}"
PORTS = 65_535
INTEGER_BITS = 64  # of TOML; Python's reader takes longer ones
_FORMS = ("cpp-statut", "cdar", "both", "none")
_SEVERITIES = tuple(str(severity) for severity in Severity)


class Setting(Struct, frozen=True):
    """
    One setting. kind: str, int, float, bool, list (of what its reader says). least, most: of a number, or of the length of a text.

    shown: the value of the starter file when it is not the default.
    """

    name: str
    default: Any
    en: str
    fr: str
    kind: type = str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def read(self, value: Any, where: str) -> Any:  # noqa: ANN401 - what TOML gave
        """*value* as this setting takes it. Raises Fault, in the setting's words."""
        right: type | tuple[type, ...] = (int, float) if self.kind is float else self.kind
        if not isinstance(value, right) or (isinstance(value, bool) and self.kind is not bool) or (isinstance(value, str) and "\0" in value):  # no path holds a NUL
            raise Fault("FLX-I06", where=where, name=self.name, value=told(value), expected=told(self.default))
        if self.choices and value not in self.choices:
            raise Fault("FLX-I07", where=where, name=self.name, value=told(value), expected=", ".join(self.choices))
        size: Any = len(value) if isinstance(value, str | list) else value
        if not ((self.least is None or size >= self.least) and (self.most is None or size <= self.most)):  # so that nan is out of them
            if isinstance(value, str | list):
                raise Fault("FLX-I09", where=where, name=self.name, value=told(value), expected=_bounds(self.least, self.most))
            raise Fault("FLX-I08", where=where, name=self.name, value=told(value), expected=_bounds(self.least, self.most))
        return value


SITE = (
    Setting("installation", "FLUX01", "Our partner id in return flows: 3 to 8 capitals and digits.", "Notre code partenaire dans les flux retour : 3 à 8 capitales et chiffres.", least=3, most=8),
    Setting("ledger", "sqlite:///spool/ledger.db", "Database URL of the ledger; a relative path begins at this folder.", "URL de la base du registre ; un chemin relatif part de ce dossier."),
    Setting("inbox", "inbox", "Folder of the inboxes, one folder a partner.", "Dossier des boîtes de dépôt, un dossier par partenaire."),
    Setting("outbox", "outbox", "Folder of what flux delivers.", "Dossier de ce que flux délivre."),
    Setting("spool", "spool", "flux's own folder, on the same file system as the two above.", "Dossier propre à flux, sur le même système de fichiers que les deux précédents."),
    Setting("settle_s", 1.0, "Seconds that a dropped file must rest unchanged, and without a writer, before it is taken.", "Secondes pendant lesquelles un fichier déposé doit rester inchangé, sans écrivain, avant d'être pris.", float, least=0, most=3600),
    Setting("scan_s", 5.0, "Seconds between two scans of the inboxes; a file notice only makes the next one earlier.", "Secondes entre deux parcours des boîtes ; une notification ne fait que hâter le prochain.", float, least=0.05, most=3600),
    Setting("children", 2, "Child processes that judge; best as many as there are cores.", "Processus enfants qui jugent ; au mieux autant que de cœurs.", int, least=1, most=64),
    Setting("sandbox", "best", "Walls around those children: best, all that the kernel offers; strict, nothing is judged without a network namespace and landlock.", "Parois autour de ces enfants : best, tout ce qu'offre le noyau ; strict, rien n'est jugé sans espace de noms réseau ni landlock.", choices=("best", "strict")),
    Setting("attempts", 3, "Attempts before a flow is held on which a program of ours breaks: trying for longer would not help.", "Tentatives avant la mise en attente d'un flux sur lequel un programme à nous se casse : insister n'aiderait pas.", int, least=1, most=20),
    Setting("retry_s", [1, 10, 60, 300, 1800], "Trouble that passes (a full disk, a ledger that is away): seconds before each next attempt; after the last, the flow is held.", "Ennuis qui passent (disque plein, registre absent) : secondes avant chaque nouvelle tentative ; après la dernière, le flux est mis en attente.", list, least=1, most=20),
    Setting("least_free_mb", 64, "MB that must be free where the spool is: with less, nothing new is taken from the inboxes.", "Mo libres exigés là où se trouve spool : en dessous, rien de nouveau n'est pris dans les boîtes.", int, least=0, most=1_000_000),
    Setting("siret_check", "error", "What a SIRET whose Luhn key is wrong does.", "Effet d'un SIRET dont la clé de Luhn est fausse.", choices=_SEVERITIES),
    Setting("vat_check", "warning", "What a French VAT number whose key is wrong does.", "Effet d'un numéro de TVA français dont la clé est fausse.", choices=_SEVERITIES),
    Setting("second_person_above", 100, "Pieces above which a re-injection needs a second person.", "Nombre de pièces au-delà duquel une réinjection demande une seconde personne.", int, least=0, most=1_000_000),
    Setting("directory_days", 35, "Days after which the structure directory in force is called stale, by flux doctor and in the log.", "Jours après lesquels l'annuaire des structures en vigueur est dit périmé, par flux doctor et dans le journal.", int, least=1, most=3650),
    Setting("market_check", "error", "What a piece that contradicts its market's file does: another MOE, an actor whom the file does not name.", "Effet d'une pièce qui contredit le fichier de son marché : une autre MOE, un acteur que le fichier ne nomme pas.", choices=_SEVERITIES),
    Setting("unknown_market", "off", "What the number of a market does of which there is no file.", "Effet d'un numéro de marché dont il n'y a pas de fichier.", choices=_SEVERITIES),
    Setting("norm", "warning", "What a rule of EN 16931 or BR-FR-CPRO does that is not kept, of a piece that declares EN 16931 (BT-24): error refuses for what is fatal by them, warning tells, off does not ask. See [norms] for one interface.", "Effet d'une règle EN 16931 ou BR-FR-CPRO non respectée, pour une pièce qui se réclame d'EN 16931 (BT-24) : error rejette ce qu'elles disent fatal, warning le signale, off ne le contrôle pas. Par interface : [norms].", choices=_SEVERITIES),
    Setting("moe_for_moa", False, "Whether a MOE who acts for the MOA may deposit A16 and A18 on the piece before (service, portail): AIFE's matrix gives that no meaning, her screens propose it.", "Si une MOE agissant pour la MOA peut déposer A16 et A18 sur la pièce précédente (service, portail) : la matrice de l'AIFE n'y donne pas de sens, ses écrans le proposent.", bool),
    Setting("monitor", "", "Where a monitor may ask how flux is, as 127.0.0.1:9464: /health/live, /health/ready, /metrics; empty: nowhere. Whoever reaches it may read it.", "Où une supervision peut demander comment va flux, par exemple 127.0.0.1:9464 : /health/live, /health/ready, /metrics ; vide : nulle part. Qui l'atteint peut le lire."),
    Setting("stuck_s", 900.0, "Seconds for which the daemon may stand still, and a flow may wait for its decision, before an alarm is raised.", "Secondes pendant lesquelles le service peut ne pas tourner, et un flux attendre sa décision, avant une alarme.", float, least=1, most=604_800),
    Setting("language", "fr", "Language of what flux tells operators by itself: the reports of its runs.", "Langue de ce que flux dit de lui-même aux exploitants : les rapports de ses exécutions.", choices=("fr", "en")),
    Setting("log_format", "console", "Form of the logs on the standard error.", "Forme des journaux sur la sortie d'erreur.", choices=("console", "json")),
    Setting("log_level", "info", "Least level that is logged.", "Niveau minimal journalisé.", choices=("debug", "info", "warning", "error")),
)  # fmt: skip

WAIT = Setting("retry_s", [1, 10, 60], "Seconds before one attempt.", "Secondes avant une tentative.", float, least=0, most=604_800)  # an element of retry_s

PARTNER = (
    Setting("name", "", "Name of the partner, and of his folders: a-z, 0-9 and hyphens.", "Nom du partenaire et de ses dossiers : a-z, 0-9 et tirets.", least=1, most=32),
    Setting("label", "", "Who that is, for people.", "Qui c'est, pour les personnes."),
    Setting("naming", "chorus", "chorus: names must be <interface>_<application code>_<flow number>; free: any name.", "chorus : les noms doivent être <interface>_<code application>_<numéro de flux> ; free : tout nom.", choices=("chorus", "free")),
    Setting("interface", "", "Interface of his flows when the name does not tell; empty: what each document is.", "Interface de ses flux quand le nom ne le dit pas ; vide : ce qu'est chaque document."),
    Setting("non_works", "route", "Invoices that are not works (A1, A2, A9, A12): route to the recipient, or refuse.", "Factures hors travaux (A1, A2, A9, A12) : les router vers le destinataire, ou les refuser.", choices=("route", "refuse")),
    Setting("market_check", "", "market_check for his pieces; empty: the installation's.", "market_check pour ses pièces ; vide : celui de l'installation.", choices=("", *_SEVERITIES)),
    Setting("unknown_market", "", "unknown_market for his pieces; empty: the installation's.", "unknown_market pour ses pièces ; vide : celui de l'installation.", choices=("", *_SEVERITIES)),
    Setting("norm", "", "norm for his pieces, on every interface; empty: the installation's.", "norm pour ses pièces, quelle que soit l'interface ; vide : celui de l'installation.", choices=("", *_SEVERITIES)),
    Setting("default_cadre", "", "What an absent cadre means; empty: it is refused (G1.02).", "Ce que signifie un cadre absent ; vide : il est refusé (G1.02).", most=3),
    Setting("certificates", False, "A certificat de dépôt for each of his EDI flows of which something went in: true or false. A deposit of a PDF always has one.", "Un certificat de dépôt pour chacun de ses flux EDI dont quelque chose est intégré : true ou false. Un dépôt de PDF en a toujours un.", bool),
    Setting("speaks_for", [], "SIRETs of those whose statuses he may report by CPPStatut, each as a text: whoever may speak for a structure moves the pieces that wait for it.", "SIRET de ceux dont il peut remonter les statuts par CPPStatut, chacun entre guillemets : qui parle pour une structure fait avancer les pièces qui l'attendent.", list, most=10_000),
    Setting("taken", "always", "When his inbox is taken: always, as files come; run, only while a run of a schedule that names him is under way.", "Quand sa boîte est relevée : always, à mesure des dépôts ; run, seulement pendant une exécution d'une planification qui le nomme.", choices=("always", "run")),
    Setting("cut_off", "", "By when he sends each day, HH:MM in Paris, for the reports of runs; empty: by the run itself.", "Son heure limite d'envoi chaque jour, HH:MM à Paris, pour les rapports d'exécution ; vide : l'exécution elle-même.", most=5),
    Setting("inbox", "", "His inbox; empty: <inbox>/<name>.", "Sa boîte de dépôt ; vide : <inbox>/<nom>."),
    Setting("returns", "", "Where his return flows go; empty: <outbox>/returns/<name>.", "Où vont ses flux retour ; vide : <outbox>/returns/<nom>."),
    Setting("lifecycle", "cpp-statut", "In which form he is told where his pieces stand, at each move: CPPStatut (FEN1201A), CDAR D22B, both, none.", "Sous quelle forme il apprend où en sont ses pièces, à chaque étape : CPPStatut (FEN1201A), CDAR D22B, les deux (both), aucune (none).", choices=_FORMS),
)  # fmt: skip

ROUTE = (
    Setting("actor", "", "Whose pieces: a folder name (moe-21500000500019), a role (moe), or a beginning (moe-215*).", "Les pièces de qui : un nom de dossier (moe-21500000500019), un rôle (moe), ou un début (moe-215*).", least=1),
    Setting("folder", "", "Where they go; empty: <outbox>/pieces/<actor>.", "Où elles vont ; vide : <outbox>/pieces/<acteur>."),
    Setting("lifecycle", "cpp-statut", "In which form that actor is told where his pieces stand, at each move: beside them.", "Sous quelle forme cet acteur apprend où en sont ses pièces, à chaque étape : à côté d'elles.", choices=_FORMS),
    Setting("form", "received", "How his pieces come: received, the very bytes; pivot, CPPFacturePivot V2_02 (FEN0036A). With any pivot every document is written down a second time.", "Comment viennent ses pièces : received, les octets reçus ; pivot, CPPFacturePivot V2_02 (FEN0036A). Dès qu'il y a un pivot, tout document est écrit une seconde fois.", choices=("received", "pivot")),
)  # fmt: skip

SCHEDULE = (
    Setting("name", "", "Name of the schedule: a-z, 0-9 and hyphens.", "Nom de la planification : a-z, 0-9 et tirets.", least=1, most=32),
    Setting("cron", "", "When it runs, on the clocks of Paris: minute, hour, day, month, day of the week (0 and 7 are Sunday).", "Quand elle s'exécute, à l'heure de Paris : minute, heure, jour, mois, jour de la semaine (0 et 7 : dimanche).", least=9, most=200),
    Setting("partners", [], "Of whom it tells, by name; empty: of all.", "De quels partenaires elle rend compte, par leur nom ; vide : de tous.", list, most=10_000),
    Setting("missed", "latest", "Runs that were due while flux was not running: none of them is caught up, the latest, or all.", "Exécutions manquées parce que flux était arrêté : n'en rattraper aucune (none), la dernière (latest), toutes (all).", choices=("none", "latest", "all")),
    Setting("late_min", 15, "Minutes after which a run that was due while flux was not running is missed.", "Minutes au-delà desquelles une exécution due pendant un arrêt de flux est manquée.", int, least=0, most=10_080),
    Setting("holidays", "run", "On the eleven public holidays: run, or skip.", "Les onze jours fériés : exécuter (run), ou non (skip).", choices=("run", "skip")),
    Setting("deadline_min", 240, "Minutes after which a run ends with what it has.", "Minutes au bout desquelles une exécution se termine avec ce qu'elle a.", int, least=1, most=10_080),
    Setting("less_than", 0.33, "A partner who sent less than this part of the usual is told.", "Un partenaire qui a envoyé moins que cette part de l'habituel est signalé.", float, least=0, most=1),
    Setting("mail", True, "Whether its reports go out by mail, where [mail] is set: true or false.", "Envoi de ses rapports par courriel, quand [mail] est réglé : true ou false.", bool),
)  # fmt: skip

FREEZE = (
    Setting("from", "", "From when on nothing is planned, in Paris: 2026-12-31 18:00.", "À partir de quand plus rien n'est planifié, à Paris : 2026-12-31 18:00.", least=16, most=16),
    Setting("until", "", "Until when, in Paris; that minute itself is planned again.", "Jusqu'à quand, à Paris ; cette minute-là est de nouveau planifiée.", least=16, most=16),
    Setting("label", "", "Why, for people.", "Pourquoi, pour les personnes."),
    Setting("schedules", [], "Which schedules, by name; empty: all.", "Quelles planifications, par leur nom ; vide : toutes.", list, most=1_000),
)  # fmt: skip

MAIL = (
    Setting("host", "", "The mail server (SMTP) to which reports of runs are given; empty: no mail.", "Le serveur de courriel (SMTP) à qui sont remis les rapports d'exécution ; vide : pas de courriel."),
    Setting("port", 587, "Its port.", "Son port.", int, least=1, most=PORTS),
    Setting("security", "starttls", "starttls; tls, from the first byte; none, for a server on this machine.", "starttls ; tls, dès le premier octet ; none, pour un serveur sur cette machine.", choices=("starttls", "tls", "none")),
    Setting("user", "", "Under which name flux logs in there; empty: it does not.", "Sous quel nom flux s'y identifie ; vide : il ne s'identifie pas."),
    Setting("password_file", "", "The file that holds the password, alone; or the environment does, in FLUX_MAIL_PASSWORD.", "Le fichier qui contient le mot de passe, seul ; ou bien l'environnement, dans FLUX_MAIL_PASSWORD."),
    Setting("sender", "", "From which address.", "De quelle adresse."),
    Setting("to", [], "To whom, addresses.", "À qui, des adresses.", list, most=100),
    Setting("timeout_s", 20.0, "Seconds after which a server that does not answer is given up, until the next attempt (retry_s).", "Secondes au bout desquelles un serveur muet est abandonné, jusqu'à la tentative suivante (retry_s).", float, least=1, most=300),
)  # fmt: skip

ENDPOINT = (
    Setting("name", "", "Name of the endpoint, in the log and in flux endpoints: a-z, 0-9 and hyphens.", "Nom du point d'accès, dans le journal et dans flux endpoints : a-z, 0-9 et tirets.", least=1, most=32),
    Setting("direction", "in", "in: files are fetched from there; out: flux delivers there.", "in : des fichiers y sont retirés ; out : flux y délivre.", choices=("in", "out")),
    Setting("partner", "", "in: who drops there; out: whose return flows go there.", "in : qui y dépose ; out : les flux retour de qui y vont."),
    Setting("actor", "", "out, in the place of partner: whose pieces go there, as in [[route]].", "out, au lieu de partner : les pièces de qui y vont, comme dans [[route]]."),
    Setting("kinds", [], "out: only deliveries of these kinds (docs/formats.md); empty: all. The first endpoint that fits has a delivery.", "out : seulement les remises de ces genres (docs/formats.md) ; vide : toutes. Le premier point d'accès qui convient a la remise.", list, most=20),
    Setting("host", "", "The server: a name or an address.", "Le serveur : un nom ou une adresse."),
    Setting("port", 22, "Its port.", "Son port.", int, least=1, most=PORTS),
    Setting("user", "", "The account there.", "Le compte sur ce serveur."),
    Setting("host_keys", [], "Its host key: SHA256:… as ssh-keygen -l prints it, or a line of known_hosts. Two while it changes. Any other key is refused before anything is said.", "Sa clé d'hôte : SHA256:… telle que l'imprime ssh-keygen -l, ou une ligne de known_hosts. Deux pendant un changement. Toute autre clé est refusée avant que rien ne soit dit.", list, least=1, most=8),
    Setting("key_file", "", "File of the private key, readable for flux alone; a password beside it is its passphrase.", "Fichier de la clé privée, lisible par flux seul ; un mot de passe à côté en est la phrase secrète."),
    Setting("password_file", "", "File whose first line is the password, readable for flux alone.", "Fichier dont la première ligne est le mot de passe, lisible par flux seul."),
    Setting("password_env", "", "Or the environment variable that holds it.", "Ou la variable d'environnement qui le contient."),
    Setting("folder", "", "The folder there; empty: the one of the login.", "Le dossier sur ce serveur ; vide : celui de la connexion."),
    Setting("claim", ".flux-claim", "in: name of a folder of flux's own in there, into which a file is renamed before it is fetched. It begins with a dot.", "in : nom d'un dossier propre à flux dans celui-ci, où un fichier est renommé avant d'être retiré. Il commence par un point."),
    Setting("done", "", "in: folder there into which what was received is moved; empty: it is removed.", "in : dossier de ce serveur où va ce qui a été reçu ; vide : c'est supprimé."),
    Setting("settle_s", 10.0, "in: seconds between two looks in which a file must not have changed before it is taken.", "in : secondes entre deux regards pendant lesquelles un fichier ne doit pas avoir changé avant d'être pris.", float, least=0, most=86_400),
    Setting("poll_s", 60.0, "in: seconds between two looks when nothing was there.", "in : secondes entre deux regards quand il n'y avait rien.", float, least=0.05, most=86_400),
    Setting("rate_kb_s", 0, "Most kB a second, either way; 0: no limit.", "Ko par seconde au plus, dans les deux sens ; 0 : pas de limite.", int, least=0, most=10_000_000),
    Setting("connections", 2, "Most connections to its server at once; of all endpoints of one server the least counts.", "Connexions simultanées à son serveur au plus ; de tous les points d'accès d'un serveur, le plus petit compte.", int, least=1, most=32),
)  # fmt: skip

_LIMIT_WORDS = {
    "pieces_per_flow": ("Pieces in one flow.", "Pièces par flux."),
    "flow_mb": ("Size of one flow, MB.", "Taille d'un flux, en Mo."),
    "expanded_mb": ("What an archive may unpack to, MB.", "Taille d'une archive décompressée, en Mo."),
    "expansion_ratio": ("How many times its own size an archive may unpack to, above 10 MB.", "Combien de fois sa taille une archive décompressée peut peser, au-delà de 10 Mo."),
    "members": ("Members of one archive.", "Membres d'une archive."),
    "xml_mb": ("Size of one document, MB.", "Taille d'un document, en Mo."),
    "xml_text_mb": ("Size of one text of a document, MB: an attachment takes a third more than its file.", "Taille d'un texte d'un document, en Mo : une pièce jointe y prend un tiers de plus que son fichier."),
    "xml_depth": ("Nesting of elements.", "Profondeur des éléments."),
    "xml_nodes": ("Elements of one document.", "Éléments d'un document."),
    "xml_attributes": ("Attributes of one element.", "Attributs d'un élément."),
    "attachments": ("Attachments of one piece.", "Pièces jointes d'une pièce."),
    "attachment_mb": ("An attachment must be smaller than this, MB.", "Une pièce jointe doit être plus petite, en Mo."),
    "attachments_mb": ("All attachments of a piece together, MB.", "Toutes les pièces jointes d'une pièce, en Mo."),
    "attachment_name": ("Characters of an attachment's name.", "Caractères du nom d'une pièce jointe."),
    "judge_s": ("Seconds for judging one piece.", "Secondes pour juger une pièce."),
    "judge_s_per_mb": ("Seconds more for each MB of it.", "Secondes de plus pour chaque Mo de celle-ci."),
}
LIMITS = tuple(Setting(name, getattr(Limits(), name), en, fr, int, least=1, most=1_000_000) for name, (en, fr) in _LIMIT_WORDS.items())


RETENTION = (
    Setting("integrated_days", 0, "Days after which what was received and routed of an integrated flow is purged, counted from the decision or the end of its dossiers; 0: kept for ever.", "Jours après lesquels ce qui fut reçu et routé d'un flux intégré est purgé, depuis la décision ou la fin de ses dossiers ; 0 : gardé toujours.", int, least=0, most=36_525),
    Setting("refused_days", 0, "The same of a flow of which something was refused, once it is acknowledged (flux acknowledge); 0: kept for ever.", "De même d'un flux dont quelque chose fut refusé, une fois pris en note (flux acknowledge) ; 0 : gardé toujours.", int, least=0, most=36_525),
    Setting("returns_days", 0, "The same of the return flows that were delivered, certificates among them; 0: kept for ever.", "De même des flux retour remis, certificats compris ; 0 : gardés toujours.", int, least=0, most=36_525),
    Setting("told_days", 0, "The same of the JSON told of flows and pieces, but for number, parties and verdict; 0: kept for ever.", "De même du JSON dit des flux et des pièces, hors numéro, acteurs et verdict ; 0 : gardé toujours.", int, least=0, most=36_525),
    Setting("orphan_days", 7, "Days after which a purge removes contents that no flow came to need: unpacked archives of refused flows, what a crash left.", "Jours après lesquels une purge retire les contenus dont aucun flux n'a eu besoin : archives dépliées de flux refusés, restes d'une panne.", int, least=1, most=36_525),
    Setting("at", "", "Hour of Paris at which the daemon purges by itself, such as 02:30; empty: only flux purge does.", "Heure de Paris à laquelle le démon purge de lui-même, par exemple 02:30 ; vide : seul flux purge le fait.", most=5),
)  # fmt: skip


def read_table(raw: Any, settings: tuple[Setting, ...], where: str, besides: tuple[str, ...] = ()) -> dict[str, Any]:  # noqa: ANN401
    """A TOML table against its settings: every one has a value, nothing else is there. Raises Fault with the nearest known name."""
    if not isinstance(raw, dict):
        raise Fault("FLX-I10", where=where, value=told(raw))
    known = {setting.name: setting for setting in settings}
    for name in raw.keys() - known.keys() - set(besides):
        if near := get_close_matches(name, [*known, *besides], 1, 0.5):
            raise Fault("FLX-I04", where=where, name=name, near=near[0])
        raise Fault("FLX-I05", where=where, name=name, known=", ".join([*known, *besides]))
    return {name: setting.read(raw[name], where) if name in raw else setting.default for name, setting in known.items()}


def read_some(raw: Any, settings: tuple[Setting, ...], where: str) -> dict[str, Any]:  # noqa: ANN401 - what TOML gave
    """The same for a table whose rows go before those of another: only what stands there has a value."""
    table = read_table(raw, settings, where)
    return {name: table[name] for name in raw}


def told(value: Any) -> str:  # noqa: ANN401 - a default
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {told(inner)}' for name, inner in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(told, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
        return hex(value)  # Python writes no more than 4,300 figures
    return f'"{value}"' if isinstance(value, str) else str(value)


def _bounds(least: float | None, most: float | None) -> str:
    """Between what a size must lie, in signs that need no language."""
    return f"≤ {most}" if least is None else f"≥ {least}" if most is None else f"{least} – {most}"
