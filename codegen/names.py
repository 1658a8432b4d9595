"""How things of the document are called in Python.

Pure functions on names, used by every step after loading.
"""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Iterator

from codegen.errors import CodegenError

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+")
MODULE_NAMES = frozenset(
    {
        "builtins",
        "cached_property",
        "date",
        "datetime",
        "operations",
        "respond",
        "Any",
        "Download",
        "FileInput",
        "Final",
        "Rule",
        "Upload",
        "Literal",
        "Mapping",
        "MappingProxyType",
        "MoneyInput",
        "Operation",
        "Pager",
        "PathParameter",
        "RequestOptions",
        "Resource",
        "Sequence",
        "TYPE_CHECKING",
        "Transport",
        "UNSET",
        "Unpack",
        "UnsetType",
    }
)
"""What generated modules of resources import: nothing of the document may be called so in them."""

_VERB = re.compile(r"[a-z]+(?=[A-Z])")
_REQUEST_SUFFIX = re.compile(r"(?:Create|Update)?Request$|Details$")
_SPELLINGS = {"oauth": "OAuth", "fx": "FX"}


def snake(name: str) -> str:
    """`importID` -> `import_id`."""
    return "_".join(word.lower() for word in _WORDS.findall(name))


def pascal(name: str) -> str:
    """`estimated_debits` -> `EstimatedDebits`; `createPayout` -> `CreatePayout`; inner capitals stay."""
    return "".join(_SPELLINGS.get(word) or word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def constant(name: str) -> str:
    """`createPayout` -> `CREATE_PAYOUT`."""
    return snake(name).upper()


def singular(name: str) -> str:
    """`beneficiaries` -> `beneficiary`; English plurals as APIs use them."""
    for plural, ending in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ss", "ss")):
        if name.endswith(plural):
            return name.removesuffix(plural) + ending
    return name.removesuffix("s")


def noun(operation_id: str) -> str:
    """What an operation is about: `createAccessToken` -> `AccessToken`."""
    verb = _VERB.match(operation_id)
    return pascal(operation_id[verb.end() :] if verb else operation_id)


def subject(schema_name: str) -> str:
    """What a request schema is about: `PayoutCreateRequest` -> `Payout`."""
    return _REQUEST_SUFFIX.sub("", schema_name) or schema_name


def parameter(wire_name: str, where: str) -> str:
    """Return the Python name of a parameter or field; reserved words get a trailing underscore.

    Args:
        wire_name: its name in the document.
        where: what it belongs to, for the error.
    """
    name = snake(wire_name)
    if keyword.iskeyword(name) or name == "self":
        return f"{name}_"
    if not name.isidentifier():
        raise CodegenError(
            f"{where}: `{wire_name}` cannot be written as a Python name. "
            "Give it one in the overlay: x-anton-name: some_name."
        )
    return name


def type_name(name: object, where: str) -> str:
    """Return `name`, which a schema has or somebody chose for it, if a generated class can be called that."""
    chosen = identifier(name, where)
    if not chosen[0].isupper() or chosen in MODULE_NAMES or chosen == "Resources":
        raise CodegenError(
            f"{where}: a type cannot be called `{chosen}`. Choose a name that starts with a capital letter and is none "
            f"that generated modules import ({', '.join(sorted(name for name in MODULE_NAMES if name[0].isupper()))})."
        )
    return chosen


def numbered(name: str) -> Iterator[str]:
    """Yield `name`, `name2`, `name3` and so on, for documents of which nobody chooses the names."""
    yield name
    for number in itertools.count(2):
        yield f"{name}{number}"


def identifier(name: object, where: str) -> str:
    """Return `name`, which somebody chose in the overlay, if Python accepts it."""
    if isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name):
        return name
    raise CodegenError(f"{where}: `{name}` is not a Python name. Choose letters, digits and underscores.")
