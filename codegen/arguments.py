"""What a generated method takes: path ids first, then query parameters and body fields by name, with Python types.

`resources` renders signatures from this and `docstrings` the section on arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from codegen import names, text
from codegen.document import Document, Node, kinds, schema_name
from codegen.errors import CodegenError
from codegen.operations import Endpoint
from codegen.schemas import AMOUNT, TIMESTAMP, Member, Schemas, Struct, or_null

Where: TypeAlias = Literal["path", "query", "body", "file"]

_IN_METHODS = frozenset({"self", "options", "operations", "builtins"})
"""What the body of a generated method uses."""

OPTIONS = frozenset({"idempotency_key", "timeout", "max_retries", "headers"})
"""The keys of `RequestOptions`: no argument may have such a name."""

TAKEN = _IN_METHODS | OPTIONS
"""What no argument may be called."""

_OURS = {AMOUNT: "MoneyInput", TIMESTAMP: "datetime"}
_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a method.

    Attributes:
        name: in Python.
        wire: in the document.
        annotation: Python type.
        default: source of the default; empty for a required one.
        text: description and bounds.
    """

    name: str
    wire: str
    where: Where
    annotation: str
    default: str
    text: str


def read_arguments(document: Document, endpoint: Endpoint, schemas: Schemas) -> tuple[Argument, ...]:
    """Return the arguments of an endpoint's method: required ones before optional ones, within path, query and body.

    Raises:
        CodegenError: two of them would have one name, or one the name of an option or of what a method uses.
    """
    structs = schemas.requests.structs
    found = [
        *(_path_argument(document, endpoint, parameter) for parameter in endpoint.call.path_parameters),
        *_file_arguments(endpoint),
        *(_argument(endpoint, member, "query", schemas) for member in _members(structs, endpoint.query)),
        *(_argument(endpoint, member, "body", schemas) for member in _members(structs, endpoint.body)),
    ]
    _check(endpoint, found)
    # The sort is stable: it keeps the document's order among equals.
    return tuple(sorted(found, key=lambda argument: (argument.where != "path", bool(argument.default))))


def _file_arguments(endpoint: Endpoint) -> list[Argument]:
    upload = endpoint.call.upload
    if upload is None:
        return []
    extensions = " or ".join(f".{extension}" for extension, _ in upload.media_types)
    size = f"A path, bytes or a binary file; at most {text.size(upload.max_bytes)}."
    name = f"What the API shall call the file; ends in {extensions}. Needed where the file itself has no name."
    file = f"{text.sentence(upload.text)} {size}".strip()
    return [
        Argument("file", upload.field, "file", "FileInput", "", file),
        Argument("file_name", "file_name", "file", "str | None", "None", name),
    ]


def _members(structs: Mapping[str, Struct], name: str | None) -> tuple[Member, ...]:
    return structs[name].members if name else ()


def _path_argument(document: Document, endpoint: Endpoint, parameter: Node) -> Argument:
    wire = parameter["name"]
    where = f"{endpoint.call.id}, path"
    chosen = parameter.get("x-anton-name")
    name = names.identifier(chosen, where) if chosen else names.parameter(wire, where)
    if name == "id" and not chosen:
        name = _id_name(endpoint, wire)
    beside: Node = {key: parameter[key] for key in ("description", "example") if key in parameter}
    return Argument(name, wire, "path", "str", "", _text({**document.folded(parameter["schema"]), **beside}, None))


def _id_name(endpoint: Endpoint, wire: str) -> str:
    """Return `id`, or `beneficiary_id` where the id is not one of the resource's own objects."""
    before = endpoint.call.path.partition("/{" + wire + "}")[0].rpartition("/")[2]
    owner = names.snake(before)
    own = endpoint.resource is None or owner in endpoint.resource.split(".")
    return "id" if own else f"{names.singular(owner)}_id"


def _argument(endpoint: Endpoint, member: Member, where: Where, schemas: Schemas) -> Argument:
    chosen = member.facts.get("x-anton-name")
    place = f"{endpoint.call.id}, {where}"
    name = names.identifier(chosen, place) if chosen else names.parameter(member.name, place)
    kind = annotation(or_null(member.schema, member.nullable or not member.required), schemas)
    default = ""
    if not member.required and member.nullable:
        # None means null here, so leaving it out needs another word.
        kind, default = f"{kind} | UnsetType", "UNSET"
    elif not member.required:
        default = "None"
    about = " ".join([_text(member.facts, schema_name(member.schema)), text.about_null(member)]).strip()
    return Argument(name, member.name, where, kind, default, about)


def annotation(schema: Node, schemas: Schemas) -> str:
    """Return the Python type that an argument of this schema takes."""
    if name := schema_name(schema):
        return _named(name, schemas)
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(annotation(variant, schemas) for variant in schema["anyOf"]))
    if "enum" in schema:
        return f"Literal[{', '.join(repr(value) for value in schema['enum'])}]"
    if "items" in schema:
        return f"Sequence[{annotation(schema['items'], schemas)}]"
    if values := schema.get("additionalProperties"):
        return f"Mapping[str, {'object' if values is True else annotation(values, schemas)}]"
    scalars = {**_SCALARS, "string": "date"} if schema.get("format") == "date" else _SCALARS
    return " | ".join(scalars[kind] for kind in kinds(schema)) or "object"


def _named(name: str, schemas: Schemas) -> str:
    if name in schemas.requests.scalars:
        return annotation(schemas.requests.scalars[name], schemas)
    if name in schemas.requests.structs:
        return f"{name} | Mapping[str, object]"
    return _OURS.get(name, name)


def _text(facts: Node, kind: str | None) -> str:
    notes = text.bounds(facts)
    if kind == AMOUNT:
        # The pattern is about digits on the wire; a caller wants to know what to pass.
        known = {key: value for key, value in facts.items() if key != "pattern"}
        notes = ["Decimal, int or decimal text, no float.", *text.bounds(known)]
    elif kind == TIMESTAMP:
        notes = ["With a time zone.", *notes]
    return " ".join([text.sentence(facts.get("description", "")), *notes]).strip()


def _check(endpoint: Endpoint, found: Sequence[Argument]) -> None:
    mend = "Give it another Python name in the overlay: x-anton-name: some_name."
    seen: dict[str, Argument] = {}
    for argument in found:
        if argument.name in OPTIONS:
            raise CodegenError(
                f"{endpoint.call.id}: the {argument.where} field `{argument.wire}` collides with the option "
                f"`{argument.name}` that every method takes. {mend}"
            )
        if argument.name in _IN_METHODS:
            raise CodegenError(
                f"{endpoint.call.id}: the {argument.where} field `{argument.wire}` collides with the name "
                f"`{argument.name}` that generated methods use. {mend}"
            )
        if argument.name in seen:
            other = seen[argument.name]
            raise CodegenError(
                f"{endpoint.call.id}: the {argument.where} field `{argument.wire}` and the {other.where} field "
                f"`{other.wire}` would both be the argument `{argument.name}`. {mend}"
            )
        seen[argument.name] = argument
