"""The document's examples, as a user would write them in Python: arguments of a call, and what it should give."""

from __future__ import annotations

import datetime as dt
import json
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any
from urllib.parse import quote

import msgspec

from anton_async import AntonClient
from anton_async.resources.operations import OPERATIONS
from tests.conformance.document import ENDPOINTS, Endpoint, Json, Parameter, fields, flatten, is_money, items

CALLABLE = [name for name in OPERATIONS if name != "createAccessToken"]
"""Every operation that a user can call; the token is fetched by the client itself."""

FILE = "rows.csv"


@dataclass(frozen=True)
class Call:
    """One call with the arguments of the document's examples."""

    endpoint: Endpoint
    body: Any

    def method(self, anton: AntonClient, *, whole: bool = False) -> Any:
        """Look the method up where the operation table says it lives."""
        resource, _, name = OPERATIONS[self.endpoint.id].name.rpartition(".")
        owner = attrgetter(resource)(anton)
        return getattr(owner.with_response if whole else owner, name)

    def __call__(self, anton: AntonClient, *, whole: bool = False, **options: Any) -> Any:
        """Call it; what comes back may have to be awaited."""
        return self.method(anton, whole=whole)(*self.positional, **self.named, **options)

    @property
    def positional(self) -> list[str]:
        declared = self.endpoint.named("path")
        return [str(declared[name].example) for name in re.findall(r"\{(\w+)\}", self.endpoint.path)]

    @property
    def named(self) -> dict[str, Any]:
        return {**self.filters, **self.fields}

    @property
    def parameters(self) -> list[Parameter]:
        """The query parameters."""
        return list(self.endpoint.named("query").values())

    @property
    def filters(self) -> dict[str, Any]:
        """Arguments that go into the query."""
        return {python_name(each): as_python(each.schema, each.example) for each in self.parameters}

    @property
    def fields(self) -> dict[str, Any]:
        """Arguments that go into the body."""
        if self.body is None:
            return {}
        if self.endpoint.body_type == "multipart/form-data":
            return {**self.body, "file": self.body["file"].encode(), "file_name": FILE}
        properties: Json = flatten(self.endpoint.body_schema)["properties"]
        return {plain_name(name): as_python(properties[name], value) for name, value in self.body.items()}

    @property
    def path(self) -> str:
        """The path as it has to appear on the wire."""
        examples = {name: quote(str(each.example), safe="") for name, each in self.endpoint.named("path").items()}
        return self.endpoint.path.format_map(examples)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query as it has to arrive."""
        pairs = [(each.name, items(each.example) or [each.example]) for each in self.parameters]
        return [(name, as_text(value)) for name, values in pairs for value in values]


def calls(endpoint: Endpoint) -> list[Call]:
    """Return one call for each example of the request's body."""
    return [Call(endpoint, body) for body in endpoint.bodies.values()] or [Call(endpoint, None)]


def first_call(operation_id: str) -> Call:
    return calls(ENDPOINTS[operation_id])[0]


def python_name(parameter: Parameter) -> str:
    return parameter.python_name or plain_name(parameter.name)


def plain_name(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def as_python(schema: Json, value: Any) -> Any:
    """Turn a value of an example into what a user has at hand: a Decimal, a datetime, or just the same."""
    flat = flatten(schema)
    if value is None:
        return None
    if is_money(flat):
        return Decimal(value)
    return dt.datetime.fromisoformat(value) if flat.get("format") == "date-time" else value


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def differences(schema: Json, shown: object, decoded: Any, at: str = "$") -> Iterator[str]:
    """Yield every place where what was decoded is not what the example shows, or not of the type that it should be."""
    flat = flatten(schema)
    rows, members, found = items(shown), fields(shown), items(decoded)
    if shown is None:
        same = decoded is None
    elif is_money(flat):
        same = type(decoded) is Decimal and format(decoded, "f") == shown
    elif flat.get("format") == "date-time":
        moment = dt.datetime.fromisoformat(str(shown))
        same = isinstance(decoded, dt.datetime) and decoded.tzinfo is not None and decoded == moment
    elif flat.get("type") == "number":
        same = type(decoded) is float and decoded == shown
    elif isinstance(shown, list):
        same = isinstance(decoded, list) and len(found) == len(rows)
        for index, row in enumerate(rows if same else []):
            yield from differences(flat.get("items", {}), row, found[index], f"{at}[{index}]")
    elif isinstance(shown, dict):
        same = isinstance(decoded, msgspec.Struct if "properties" in flat else Mapping)
        if same:
            yield from _field_differences(flat, members, decoded, at)
    else:
        same = type(decoded) is type(shown) and decoded == shown
    if not same:
        yield f"{at}: {decoded!r} is not {shown!r}"


def _field_differences(flat: Json, shown: Json, decoded: Any, at: str) -> Iterator[str]:
    if isinstance(decoded, msgspec.Struct):
        names = dict(zip(decoded.__struct_encode_fields__, decoded.__struct_fields__, strict=True))
        found: Json = {name: getattr(decoded, attribute) for name, attribute in names.items()}
        properties = flat["properties"]
    else:
        found, properties = dict(decoded), dict.fromkeys(shown, flat.get("additionalProperties"))
    for name, value in shown.items():
        if name not in found:
            yield f"{at}.{name}: is not there"
        else:
            yield from differences(fields(properties.get(name)), value, found[name], f"{at}.{name}")
    for name in set(found) - set(shown):
        if found[name] is not None:
            yield f"{at}.{name}: {found[name]!r} came from nowhere"
