"""The third step: the schemas that calls reach, in the few forms that datamodel-code-generator renders well.

Null, const, `allOf`, inline objects and inline enums each become one form here. Answers lose their constraints and get
open enums; requests keep constraints and closed enums. Money and timestamps become what the SDK uses for them, and
server defaults go. The order of the document decides every order and every name.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from codegen import names, patterns
from codegen.calls import SUBJECT, Call
from codegen.document import Document, Node, child, kinds, reference, schema_name
from codegen.errors import CodegenError, Faults, about
from codegen.schemas import AMOUNT, TIMESTAMP, Enum, Member, Schemas, Side, Struct, or_null

_ANNOTATIONS = frozenset({"description", "title", "example", "examples", "default", "deprecated"})
_RANGE = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_CONSTRAINTS = {"string": ("minLength", "maxLength"), "integer": _RANGE, "number": _RANGE, "boolean": ()}
_ONE_OBJECT = (
    "Remove the choice in the overlay with `remove: true`, and describe one object in its place that has the fields of "
    "all, and requires those that all require."
)
_MONEY = frozenset({"amount", "balance", "charge", "cost", "deposit", "fee", "money", "price", "tax", "total"})
"""Words in the names of fields that hold money."""

_NAME_IT = "Name it in the overlay: x-anton-type: SomeName."


def normalise(document: Document, calls: Sequence[Call], events: Sequence[str], faults: Faults) -> Schemas:
    """Return the schemas that `calls` reach, and those called `events`.

    Raises:
        CodegenError: a schema has a form that cannot be rendered, or two things would get the same name.
    """
    enums: dict[str, Enum] = {}
    answers = _Walk(document, enums, request=False, taken={}, faults=faults)
    for call in calls:
        with faults.of(call.id, call.node):
            answers.reach(call.answer)
    for event in events:
        with faults.of(event, document.schemas.get(event)):
            answers.reach(event)
    requests = _Walk(document, enums, request=True, taken=answers.side.structs, faults=faults)
    for call in calls:
        with faults.of(call.id, call.node):
            requests.reach(call.query)
            requests.reach(call.body)
    sound = [call for call in calls if call.id not in faults.kept]
    known = [event for event in events if event not in faults.kept]
    if len(sound) + len(known) < len(calls) + len(events):
        # Once more, without what the faulty ones left behind.
        return normalise(document, sound, known, faults)
    _check_names(answers.side, requests.side, enums)
    return Schemas(answers.side, requests.side, enums)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a schema stands, to name what has no name: its struct, what that is about, and the way inside it."""

    struct: str
    subject: str
    way: tuple[str, ...] = ()

    def at(self, step: str) -> _Place:
        return replace(self, way=(*self.way, step))

    def item(self) -> _Place:
        return replace(self, way=(*self.way[:-1], names.singular(self.way[-1])))

    def name(self, base: str) -> str:
        return base + "".join(names.pascal(step) for step in self.way)

    def is_money(self) -> bool:
        """Tell whether a number here would be money, as far as its name says."""
        words = names.snake(self.way[-1]).split("_")
        words += names.snake(self.struct).split("_") if words == ["value"] else []
        return any(names.singular(word) in _MONEY for word in words)

    def __str__(self) -> str:
        return ".".join((self.struct, *self.way))


class _Walk:
    """One walk from the calls through all schemas of one direction."""

    def __init__(
        self,
        document: Document,
        enums: dict[str, Enum],
        *,
        request: bool,
        taken: Mapping[str, Struct],
        faults: Faults,
    ) -> None:
        self.side = Side()
        self._document = document
        self._enums = enums
        self._request = request
        self._taken = taken
        self._faults = faults
        self._lenient = faults.lenient
        self._classes = document.classes() if faults.lenient else set[str]()

    def reach(self, root: str | None) -> None:
        if root is not None:
            self._struct(root, self._document.schemas[root])

    # Objects

    def _struct(self, name: str, schema: Node) -> str:
        """Build the object schema `name`, after those it refers to, and return its Python name."""
        if name not in self.side.names:
            with about(schema):
                final = self._final(names.type_name(name, "Schema"))
            # Known before it is built, because schemas may refer to themselves.
            self.side.names[name] = final
            subject = schema.get(SUBJECT) or (names.subject(name) if self._request else name)
            try:
                with about(schema):
                    self.side.structs[final] = self._build(final, schema, subject)
            except Exception:  # it goes on, once the name is free again
                del self.side.names[name]
                raise
        return self.side.names[name]

    def _final(self, name: str) -> str:
        """Return `name`, or another where answers have an object of that name too."""
        if name not in self._taken:
            return name
        wanted = f"{name}Input"
        return next(free for free in names.numbered(wanted) if not (self._lenient and self._is_taken(free)))

    def _hoist(self, node: Node, place: _Place) -> str:
        """Build an object schema that stands inside another, and return its Python name."""
        name = names.type_name(node.get("x-anton-type", place.name(place.struct)), str(place))
        if self._lenient:
            name = next(free for free in names.numbered(name) if not self._is_taken(free))
        elif self._is_taken(name):
            raise CodegenError(f"{place}: it would be called `{name}`, which is taken. {_NAME_IT}")
        return self._struct(name, {"description": f"`{place.way[-1]}` of `{place.struct}`.", **node})

    def _is_taken(self, name: str) -> bool:
        return self._is_struct(name) or (self._lenient and name in self._enums)

    def _is_struct(self, name: str) -> bool:
        return name in self.side.names or name in self._document.schemas or name in self._classes

    def _build(self, name: str, schema: Node, subject: str) -> Struct:
        folded = self._document.folded(schema)
        properties, base = child(folded, "properties"), None
        if not self._request and (parent := self._parent(schema)):
            base = self._struct(parent, self._document.schemas[parent])
            properties = {key: value for key, value in properties.items() if key not in self._properties(parent)}
        elif self._request and folded.get("additionalProperties", False) is not False:
            raise CodegenError(
                f"Schema {name}: fields beside the named ones cannot be sent. Name them all in the overlay, "
                "and set `additionalProperties: false` there."
            )
        required = folded.get("required", [])
        place = _Place(name, subject)
        members = tuple(self._member(key, value, key in required, place) for key, value in properties.items())
        return Struct(name, folded.get("description", ""), members, base)

    def _parent(self, schema: Node) -> str | None:
        """Return the one named struct that `schema` adds fields to, if that is what it does."""
        parts = cast("list[Node]", self._document.resolve(schema).get("allOf", []))
        named = [name for part in parts if (name := schema_name(part))]
        if len(named) != 1 or len(parts) == 1:
            return None
        inherited = self._properties(named[0])
        others = [self._document.folded(part) for part in parts if schema_name(part) is None]
        overrides = any(key in inherited for other in others for key in child(other, "properties"))
        return named[0] if inherited and not overrides else None

    def _properties(self, name: str) -> Node:
        return child(self._document.folded(reference(name)), "properties")

    def _member(self, name: str, node: Node, required: bool, place: _Place) -> Member:
        with about(node):
            schema, nullable = self._type(node, place.at(name))
        inner, _ = _unwrap(node)
        beside = {key: node[key] for key in node if key in _ANNOTATIONS or key.startswith("x-anton-")}
        return Member(name, schema, required, nullable, {**self._document.folded(inner), **beside})

    # Types

    def _type(self, node: Node, place: _Place) -> tuple[Node, bool]:
        """Return the normal form of a schema, and whether it allows null."""
        node, nullable = _unwrap(node)
        name = schema_name(node)
        if name and _is_alias(self._document.schemas[name]):
            schema, also_nullable = self._type(self._document.schemas[name], place)
            return schema, nullable or also_nullable
        schema = self._document.folded(node)
        nullable = nullable or _unwrap(schema)[1]
        types = kinds(schema)
        values = cast("list[object] | None", [schema["const"]] if "const" in schema else schema.get("enum"))
        nullable = nullable or "null" in types or schema.get("nullable") is True or None in (values or ())
        types = [kind for kind in types if kind != "null"]
        if values is not None:
            return self._enum(schema, name, [value for value in values if value is not None], place), nullable
        if "properties" in schema:
            struct = self._struct(name, self._document.schemas[name]) if name else self._hoist(node, place)
            return reference(struct), nullable
        variants = cast("list[Node]", schema.get("oneOf") or schema.get("anyOf") or [])
        if len(types) > 1:
            variants = [{**schema, "type": kind} for kind in types]
        if not variants:
            return self._single(schema, "".join(types), name, place), nullable
        if "discriminator" in schema:
            raise CodegenError(f"{place}: discriminators are not supported. {_ONE_OBJECT}")
        forms = [self._type(variant, place) for variant in variants if not _is_null(variant)]
        objects = dict.fromkeys(name for form, _ in forms if (name := schema_name(form)) in self.side.structs)
        if len(objects) > 1:
            raise CodegenError(
                f"{place}: one of several objects ({', '.join(map(str, objects))}) is not supported, since nothing "
                f"tells them apart. {_ONE_OBJECT}"
            )
        return {"anyOf": [form for form, _ in forms]}, nullable or any(null for _, null in forms)

    def _single(self, schema: Node, kind: str, name: str | None, place: _Place) -> Node:
        if kind == "array":
            sizes: Node = {key: schema[key] for key in ("minItems", "maxItems") if self._request and key in schema}
            return {"type": "array", "items": self._inside(schema.get("items"), place) or {}, **sizes}
        if kind == "object" or "additionalProperties" in schema:
            values = self._inside(schema.get("additionalProperties"), place)
            return {"type": "object", "additionalProperties": values or True}
        if kind == "string" or (kind == "number" and schema.get("format") == "decimal"):
            return self._string(schema, name, place)
        if kind == "number" and "format" not in schema and place.is_money():
            self._refuse_float(place)
        return self._scalar(schema, kind, name) if kind in _CONSTRAINTS else {}

    def _refuse_float(self, place: _Place) -> None:
        what = f"{place}: an amount with `type: number` becomes a float, which cannot hold every amount"
        if self._lenient:
            self._faults.doubts[what] = None
            return
        raise CodegenError(
            f"{what}. Give it `format: decimal`: answers are then read from numbers and texts, and requests send text. "
            "If it is no money, give it `format: double` instead.",
            update="{type: string, format: decimal}",
        )

    def _inside(self, node: object, place: _Place) -> Node | None:
        """Return the normal form of what a list or a map holds; None when anything may be in it."""
        if not isinstance(node, dict) or not node:
            return None
        return or_null(*self._type(cast("Node", node), place.item()))

    def _string(self, schema: Node, name: str | None, place: _Place) -> Node:
        form = schema.get("format")
        if form == "decimal" or patterns.is_decimal(schema.get("pattern", "")):
            return reference(AMOUNT) if self._request else {"type": "string", "format": "decimal"}
        if form == "date-time":
            return reference(TIMESTAMP)
        if form == "binary":
            raise CodegenError(
                f"{place}: files are not supported. Remove it or its operation in the overlay with `remove: true`."
            )
        return {"type": "string", "format": "date"} if form == "date" else self._scalar(schema, "string", name)

    def _scalar(self, schema: Node, kind: str, name: str | None) -> Node:
        """Return a scalar; a constrained one that has a name keeps it, so that the constraint is written once."""
        scalar: Node = {"type": kind}
        if self._request:
            scalar |= {key: schema[key] for key in _CONSTRAINTS[kind] if key in schema}
            if kind == "string" and "pattern" in schema:
                scalar["pattern"] = patterns.search(schema["pattern"])
                scalar["description"] = patterns.in_words(schema)
        if name is None or len(scalar) == 1:
            return scalar
        self.side.scalars[names.type_name(name, "Schema")] = scalar
        return reference(name)

    # Enums

    def _enum(self, schema: Node, name: str | None, values: Sequence[object], place: _Place) -> Node:
        texts = tuple(value for value in values if isinstance(value, str))
        if not values or len(texts) < len(values):
            kind = "".join(kinds(schema)) or "integer"
            closed: Node = {"type": kind, "enum": list(values)}
            return closed if self._request and kind == "integer" else {"type": kind}
        if len(texts) == 1 and name is None:
            closed = {"type": "string", "enum": list(texts)}
        else:
            closed = reference(self._register(schema, name, texts, place))
        return closed if self._request else {"anyOf": [closed, {"type": "string"}]}

    def _register(self, schema: Node, name: str | None, values: tuple[str, ...], place: _Place) -> str:
        """Return the Python name of an enum, shared by all that have the same values under the same name."""
        terminal = tuple(cast("list[str]", schema.get("x-anton-terminal", [])))
        if self._lenient:
            terminal = tuple(value for value in terminal if value in values)
        elif unknown := set(terminal) - set(values):
            raise CodegenError(f"{name or place}: x-anton-terminal has `{min(unknown)}`, which is no value of it.")
        given = name or schema.get("x-anton-type")
        candidates = [given] if given else [place.name(place.subject), place.name(place.struct)]
        text = schema.get("description", "") if name else f"Values of `{place}`."
        more = names.numbered(candidates[-1]) if self._lenient else ()
        for candidate in itertools.chain(candidates, more):
            if self._lenient and candidate != name and (candidate in self._taken or self._is_struct(candidate)):
                continue
            enum = Enum(names.type_name(candidate, str(place)), values, text, terminal)
            if self._enums.setdefault(candidate, enum).values == values:
                return candidate
        raise CodegenError(f"{place}: its values would be called `{candidates[-1]}`, as others are. {_NAME_IT}")


def _unwrap(node: Node) -> tuple[Node, bool]:
    """Look through wrappers of one schema, such as `anyOf: [T, null]`; tell whether one of them allowed null."""
    nullable = False
    while "properties" not in node and (key := next((key for key in ("allOf", "anyOf", "oneOf") if key in node), None)):
        variants = cast("list[Node]", node[key])
        solid = [variant for variant in variants if not _is_null(variant)]
        nullable = nullable or len(solid) < len(variants)
        if len(solid) != 1:
            break
        node = solid[0]
    return node, nullable


def _is_alias(schema: Node) -> bool:
    return "$ref" in schema or _unwrap(schema)[0] is not schema


def _is_null(schema: Node) -> bool:
    return schema.get("type") == "null" or schema.get("enum") == [None] or schema.get("const", "") is None


def _check_names(answers: Side, requests: Side, enums: Mapping[str, Enum]) -> None:
    owners = {AMOUNT: "the SDK's money", TIMESTAMP: "the SDK's timestamp"}
    groups: dict[str, Mapping[str, object]] = {
        "an object of an answer": answers.structs,
        "an object of a request": requests.structs,
        "a scalar of a request": requests.scalars,
        "an enum": enums,
    }
    for owner, group in groups.items():
        for name in group:
            if name in owners:
                raise CodegenError(f"`{name}` would be both {owners[name]} and {owner}. {_NAME_IT}")
            owners[name] = owner
