"""
The rules of EN 16931, on both syntaxes: parse once, walk once, ask every rule. Pure.

A document becomes an ``Invoice``: groups (BG) of business terms (BT), filled by one walk that also holds each element against what the rules say of its
place alone (``_walk``). Then every rule is asked, each by itself: ``_rules`` says what a rule is; ``terms``, ``totals``, ``vat`` and the two syntaxes' own
modules have them. What no model holds, which element EN 16931 does not use and how often one may stand, is in the tables of the syntaxes.

Other sets of rules are asked of the same model, beside those of EN 16931: ``cpro``.

These rules are no Checks: they are asked of the document, not of the Piece, and under their official ids, which ``tables.norm`` has.
"""

from flux.validators.en16931._judge import judge, rules_of, syntax_of
from flux.validators.en16931._model import Failure
from flux.validators.en16931._told import findings

CHECKS = ()

__all__ = ["CHECKS", "Failure", "findings", "judge", "rules_of", "syntax_of"]
