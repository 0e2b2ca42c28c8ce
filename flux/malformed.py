"""
Why a document is no well-formed XML, in words: by libxml2's code, never by its message, which changes. Pure.

What is not in the table is told by its number, with the parser's own words quoted as such.
"""

from lxml.etree import ErrorTypes as Code

from flux.facts import Facts, own_words, pair

_AMPERSAND = (
    "a “&” stands without the name and the “;” of an entity (write &amp; for the sign itself)",
    "un « & » n'est pas suivi du nom et du « ; » d'une entité (écrivez &amp; pour le signe lui-même)",
)
_CHARACTER = ("there is a character that XML does not allow", "il y a un caractère que XML n'admet pas")
_QUOTES = ("the value of an attribute is not between quotation marks", "la valeur d'un attribut n'est pas entre guillemets")
_UNCLOSED_TAG = ("a tag is not closed by “>”", "une balise n'est pas fermée par « > »")
_END = ("the document goes on behind the end of its root element", "le document continue après la fin de son élément racine")
_CUT = ("the document ends before its elements are closed", "le document s'arrête avant que ses éléments soient fermés")

_WORDS: dict[int, tuple[str, str]] = {
    Code.ERR_DOCUMENT_EMPTY: ("it is empty, or begins with something else than a tag", "il est vide, ou commence par autre chose qu'une balise"),
    Code.ERR_DOCUMENT_END: _END,
    Code.ERR_EXTRA_CONTENT: _END,
    Code.ERR_INVALID_HEX_CHARREF: _CHARACTER,
    Code.ERR_INVALID_DEC_CHARREF: _CHARACTER,
    Code.ERR_INVALID_CHARREF: _CHARACTER,
    Code.ERR_INVALID_CHAR: _CHARACTER,
    Code.ERR_ENTITYREF_NO_NAME: _AMPERSAND,
    Code.ERR_ENTITYREF_SEMICOL_MISSING: _AMPERSAND,
    Code.ERR_UNDECLARED_ENTITY: ("an entity is used that XML does not know", "une entité inconnue de XML est employée"),
    Code.ERR_STRING_NOT_CLOSED: _QUOTES,
    Code.ERR_LT_IN_ATTRIBUTE: ("a “<” stands in the value of an attribute (write &lt;)", "un « < » se trouve dans la valeur d'un attribut (écrivez &lt;)"),
    Code.ERR_ATTRIBUTE_NOT_STARTED: _QUOTES,
    Code.ERR_ATTRIBUTE_NOT_FINISHED: _QUOTES,
    Code.ERR_ATTRIBUTE_WITHOUT_VALUE: ("an attribute has no value", "un attribut n'a pas de valeur"),
    Code.ERR_ATTRIBUTE_REDEFINED: ("an attribute stands twice in one tag", "un attribut figure deux fois dans une balise"),
    Code.ERR_COMMENT_NOT_FINISHED: ("a comment is not closed", "un commentaire n'est pas fermé"),
    Code.ERR_HYPHEN_IN_COMMENT: ("a comment contains “--”", "un commentaire contient « -- »"),
    Code.ERR_MISPLACED_CDATA_END: ("“]]>” stands outside a CDATA section", "« ]]> » se trouve hors d'une section CDATA"),
    Code.ERR_CDATA_NOT_FINISHED: ("a CDATA section is not closed", "une section CDATA n'est pas fermée"),
    Code.ERR_RESERVED_XML_NAME: ("the XML declaration does not stand at the very beginning", "la déclaration XML n'est pas au tout début"),
    Code.ERR_SPACE_REQUIRED: ("a space is missing between two parts of a tag", "il manque une espace entre deux parties d'une balise"),
    Code.ERR_NAME_REQUIRED: (
        "a name is missing after “<” or “&” (write &lt; or &amp; for the sign itself)",
        "un nom manque après « < » ou « & » (écrivez &lt; ou &amp; pour le signe lui-même)",
    ),
    Code.ERR_GT_REQUIRED: _UNCLOSED_TAG,
    Code.ERR_LTSLASH_REQUIRED: _CUT,
    Code.ERR_TAG_NAME_MISMATCH: ("an element is closed under another name than its own", "un élément est fermé sous un autre nom que le sien"),
    Code.ERR_TAG_NOT_FINISHED: _CUT,
    Code.ERR_INVALID_ENCODING: (
        "there are bytes that are no text in the declared encoding (UTF-8 when none is declared)",
        "des octets ne sont pas du texte dans l'encodage déclaré (UTF-8 à défaut de déclaration)",
    ),
    Code.NS_ERR_UNDEFINED_NAMESPACE: ("a prefix is used whose namespace is not declared", "un préfixe est employé sans que son espace de noms soit déclaré"),
}  # fmt: skip


def why(code: int, message: str) -> Facts:
    """The fact ``found`` for libxml2's error *code*."""
    if known := _WORDS.get(code):
        return pair("found", *known)
    return own_words(f"error {code} of libxml2,", f"erreur {code} de libxml2,", message)
