"""What a rule is, and the rules that are rows of a table: presence, how often, decimals."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby

from msgspec import Struct

from flux.validators.en16931._bound import Table, in_cents
from flux.validators.en16931._model import Group, Invoice
from flux.validators.en16931._pattern import steps

BOTH = ("UBL", "CII")
Terms = tuple[tuple[str, ...], ...]  # terms and rule


class Rule(Struct, frozen=True):
    """
    A function and the official ids that it judges.

    of: asked of each group of this name; "" of the invoice. syntaxes: where it holds as it is written. category: asked only where the document names this
    category of VAT (BT-118, BT-151).
    run(invoice) or run(invoice, group) says invoice.fail(...) for what is not kept.
    """

    ids: tuple[str, ...]
    run: Callable[..., None]
    of: str = ""
    syntaxes: tuple[str, ...] = BOTH
    category: str = ""


def rows(table: Table, names: Mapping[str, str]) -> Iterator[Rule]:
    """The rows of a syntax's table as rules: one function a group for all that must be there. *names*: prefixes of the paths in it."""
    for group, some in _by_group(table.needed).items():
        yield Rule(tuple(id_ for _, id_ in some), needing(some), group)
    for group, some in _by_group(table.filled).items():
        yield Rule(tuple(id_ for _, id_ in some), filling(some), group)
    for group, some in _by_group(table.cents).items():
        yield Rule(tuple(id_ for _, id_ in some), counting_cents(some), group)
    yield Rule((*table.needed_in_all, *table.filled_in_all), somewhere(_split(table.needed_in_all), _split(table.filled_in_all)))
    for group, some in _by_group(table.paired).items():
        yield Rule(tuple(id_ for *_, id_ in some), pairing(some), group)
    for group, some in _by_group(table.apart).items():
        yield Rule(tuple(id_ for *_, id_ in some), parting(some), group)
    if table.most:
        yield Rule(tuple(table.most), once_in_each(_most(table, names)))
    if table.most_in_all:
        yield Rule(tuple(table.most_in_all), once_in_all(_split(table.most_in_all)))
    for group, some in _by_group(table.one).items():
        yield Rule(tuple(id_ for *_, id_ in some), once(tuple((term, "".join(_path(path, names) for path in among), id_) for term, *among, id_ in some)), group)


def _by_group(table: Mapping[str, str]) -> dict[str, Terms]:
    """{group: (term, rule) of each row}."""
    found = sorted((*one.split(), id_) for id_, place in table.items() for one in place.split(" | "))
    return {group: tuple(row[1:] for row in some) for group, some in groupby(found, key=lambda row: row[0])}


def _split(table: Mapping[str, str]) -> Terms:
    return tuple((*place.split(), id_) for id_, place in table.items())


def _most(table: Table, names: Mapping[str, str]) -> dict[tuple[str, str], tuple[str, str]]:
    found = {}
    for id_, place in table.most.items():
        for one in place.split(" | "):
            group, term, *among = one.split()
            found[group, term] = (id_, "".join(_path(path, names) for path in among))
    return found


def _path(text: str, names: Mapping[str, str]) -> str:
    return "/".join(steps(text, names))


def needing(terms: Terms) -> Callable[[Invoice, Group], None]:
    """Each of these terms or groups stands there."""
    wanted = frozenset(term for term, _ in terms)

    def run(invoice: Invoice, group: Group) -> None:
        if not wanted <= group.terms.keys():
            for term, id_ in terms:
                if term not in group.terms and term not in group.groups:
                    invoice.fail(id_, group)

    return run


def filling(terms: Terms) -> Callable[[Invoice, Group], None]:
    """Each of these terms says something."""
    def run(invoice: Invoice, group: Group) -> None:
        for term, id_ in terms:
            found = group.terms.get(term)
            if not found or not found[0].strip():
                invoice.fail(id_, group)

    return run


def somewhere(needed: Terms, filled: Terms) -> Callable[[Invoice], None]:
    """One group of each name, at least, has the term or group; or one has the term, and says something. Group, term and rule of each."""
    def run(invoice: Invoice) -> None:
        every = invoice.every
        for name, term, id_ in needed:
            for group in every.get(name, ()):
                if term in group.terms or term in group.groups:
                    break
            else:
                invoice.fail(id_, invoice.root)
        for name, term, id_ in filled:
            for group in every.get(name, ()):
                if group.filled(term):
                    break
            else:
                invoice.fail(id_, invoice.root)

    return run


def counting_cents(terms: Terms) -> Callable[[Invoice, Group], None]:
    """Each of these amounts has two decimals at most."""
    def run(invoice: Invoice, group: Group) -> None:
        for term, id_ in terms:
            found = group.terms.get(term)
            if found and not in_cents(found[0]):
                invoice.fail(id_, group, found=found[0])

    return run


def pairing(terms: Terms) -> Callable[[Invoice, Group], None]:
    """Where the first of these terms stands the other says something."""
    def run(invoice: Invoice, group: Group) -> None:
        for term, other, id_ in terms:
            if term in group.terms and not group.filled(other):
                invoice.fail(id_, group)

    return run


def parting(terms: Terms) -> Callable[[Invoice, Group], None]:
    """These terms do not stand beside one another."""
    def run(invoice: Invoice, group: Group) -> None:
        for term, other, id_ in terms:
            if term in group.terms and other in group.terms:
                invoice.fail(id_, group)

    return run


def once(rules: Terms) -> Callable[[Invoice, Group], None]:
    """Exactly once stands each of these terms or groups there; with a path, in each such element, where there is one at all. Term, path and rule."""
    def run(invoice: Invoice, group: Group) -> None:
        for term, path, id_ in rules:
            count = len(group.terms.get(term) or group.groups.get(term) or ())
            if count != 1 and (not path or count != len(group.element.findall(path))):
                invoice.fail(id_, group)

    return run


def once_in_each(rules: Mapping[tuple[str, str], tuple[str, str]]) -> Callable[[Invoice], None]:
    """What stands twice in a group and may stand once; by group and term the rule, and the path of the element in which it may, "" for the group's own."""
    def run(invoice: Invoice) -> None:
        for group, term in invoice.repeated:
            id_, path = rules.get((group.name, term), ("", ""))
            if id_ and (not path or len(group.terms[term]) > len(group.element.findall(path))):
                invoice.fail(id_, group)

    return run


def once_in_all(rules: Terms) -> Callable[[Invoice], None]:
    """What stands twice in all groups of a name together, and may stand once: group, term and rule of each."""
    def run(invoice: Invoice) -> None:
        repeated, every = {(group.name, term) for group, term in invoice.repeated}, invoice.every
        for name, term, id_ in rules:
            groups = every.get(name, ())
            if len(groups) > 1:
                many = sum(len(group.terms.get(term) or group.groups.get(term) or ()) for group in groups) > 1
            else:
                many = (name, term) in repeated
            if many:
                invoice.fail(id_, invoice.root)

    return run
