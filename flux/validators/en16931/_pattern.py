"""The places that a row of a syntax's table is about, as the table writes them."""

from collections.abc import Iterator, Mapping

from msgspec import Struct


class Pattern(Struct, frozen=True):
    """
    Places whose path ends in these steps, Clark names; from "/" on it is the whole path. A step with * is any name that ends so.

    outside: and on whose path none of these names stands.
    """

    steps: tuple[str, ...]
    outside: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it can be looked up by the last name."""
        return not self.outside and not any("*" in step for step in self.steps)

    def holds(self, path: tuple[str, ...]) -> bool:
        """Whether this place is one of them."""
        end = path[-len(self.steps) :]
        return len(end) == len(self.steps) and all(map(_fits, self.steps, end)) and not any(name in self.outside for name in path)


def _fits(step: str, name: str) -> bool:
    head, star, tail = step.partition("*")
    return name.startswith(head) and name.endswith(tail) if star else name == step


def clark(step: str, names: Mapping[str, str]) -> str:
    """A name with a prefix, as lxml has it."""
    prefix, _, local = step.rpartition(":")
    return f"{{{names[prefix]}}}{local}" if prefix else local


def steps(text: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """A path as names; from "/" on it begins with "/"."""
    found = tuple(clark(step, names) for step in text.strip("/").split("/") if step)
    return ("/", *found) if text.startswith("/") or not text else found


def patterns(text: str, names: Mapping[str, str]) -> Iterator[tuple[Pattern, str]]:
    """What a row says of places, one pattern with its attribute, or "", for each between two "|"."""
    for one in text.split(" | "):
        where, _, outside = one.partition(" outside ")
        at, _, attribute = where.partition("/@")
        yield Pattern(steps(at, names), tuple(clark(name, names) for name in outside.split())), attribute
