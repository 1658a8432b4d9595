"""Checks of bodies and parameters, straight from the OpenAPI document's JSON Schemas.

Each schema is compiled once; its `Rules` say what is wrong in the API's own words and never repeat
a value, since bodies carry personal data. The document closes no object, the API refuses unknown fields all the
same, so every object with declared properties is closed before it is compiled.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import cast

import msgspec

from anton_async.sandbox.errors import FieldProblem, Refusal, invalid

try:
    from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind
except ImportError as _missing:
    raise ImportError('The sandbox needs jsonschema-rs: pip install "anton-async[sandbox]"') from _missing

Json = dict[str, object]

_PATTERN_PROBLEMS = {
    "^[A-Z]{2}$": "must be a valid ISO-3166 alpha-2 country code",
    "^[A-Z]{3}$": "must be a valid ISO-4217 currency code",
    "^[A-Z]{3,5}$": "must be a valid currency or asset code",
    r"^-?[0-9]{1,12}(\.[0-9]+)?$": "must be a decimal number in a string",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "must be in YYYY-MM-DD format",
}
_FORMAT_PROBLEMS = {
    "date": "must be a date in YYYY-MM-DD format",
    "date-time": "must be an RFC 3339 timestamp",
    "email": "must be a valid email address",
    "uri": "must be a valid URL",
}


class Schemas:
    """Makes rules of the schemas of one document."""

    def __init__(self, components: Json) -> None:
        closed = cast("Json", _closed(components))
        _loosen(closed)
        self._components = closed

    def compile(self, schema: Json) -> Rules:
        """Return the rules of one schema, which may point into the document's components."""
        return Rules({**cast("Json", _closed(schema)), "components": self._components})


class Rules:
    """One schema, compiled when it is first needed: a validator holds megabytes, and most are never asked."""

    def __init__(self, schema: Json) -> None:
        self._schema = schema

    @functools.cached_property
    def _validator(self) -> Draft202012Validator:
        return compiled(self._schema)

    def accepts(self, value: object) -> bool:
        """Tell whether the value keeps every rule."""
        return self._validator.is_valid(value)

    def problem(self, value: object) -> str | None:
        """Return what is wrong with a single value, None when nothing is."""
        if self._validator.is_valid(value):
            return None
        return next(_problem(error)[1] for error in self._validator.iter_errors(value))

    def check_body(self, body: object) -> Json:
        """Return the body when it keeps every rule.

        Raises:
            Refusal: 400 for something that is no object or has unknown fields, 422 with the bad fields otherwise.
        """
        if not isinstance(body, dict):
            raise invalid_body("the request body must be a JSON object")
        try:
            if self._validator.is_valid(body):
                return cast("Json", body)
            errors = list(self._validator.iter_errors(body))
        except ValueError:  # the validator's own limit, where Python's is higher
            raise invalid_body("the request body is nested too deeply") from None
        problems: list[FieldProblem] = []
        for error in errors:
            if isinstance(error.kind, ValidationErrorKind.AdditionalProperties):
                field = _dotted([*error.instance_path, error.kind.unexpected[0]])
                raise invalid_body(f"unknown field {_quoted(field)}")
            problems.append(_problem(error))
        raise invalid(*problems)


def compiled(schema: Json) -> Draft202012Validator:
    """Return the validator of a schema, formats included."""
    return Draft202012Validator(schema, validate_formats=True)


def decoded(raw: bytes) -> object:
    """Decode a JSON body.

    Raises:
        Refusal: 400 when it is not JSON.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise invalid_body("the request body is not valid JSON") from None


def invalid_body(message: str) -> Refusal:
    """Return the 400 for a body that cannot be read at all."""
    return Refusal(400, "invalid_request_body", message)


def _problem(error: ValidationError) -> FieldProblem:
    path = list(error.instance_path)
    match error.kind:
        case ValidationErrorKind.Required(property=name):
            return _dotted([*path, name]), "is required"
        case ValidationErrorKind.Pattern(pattern=pattern):
            problem = _PATTERN_PROBLEMS.get(pattern.replace(r"\d", "[0-9]"), f"must match {pattern}")
        case ValidationErrorKind.Format(format=name):
            problem = _FORMAT_PROBLEMS.get(name, f"must be a valid {name}")
        case ValidationErrorKind.Enum(options=options):
            problem = f"must be one of: {', '.join(str(option) for option in options)}"
        case ValidationErrorKind.Type(types=types):
            problem = f"must be of type {' or '.join(types)}"
        case ValidationErrorKind.MaxLength(limit=limit):
            problem = f"must be at most {limit} characters"
        case ValidationErrorKind.MinLength(limit=limit):
            problem = f"must be at least {limit} characters"
        case ValidationErrorKind.Minimum(limit=bound):
            problem = f"must be at least {bound}"
        case ValidationErrorKind.Maximum(limit=bound):
            problem = f"must be at most {bound}"
        case other:
            problem = f"breaks the rule {other.name!r}"
    return _dotted(path), problem


def _dotted(path: list[str | int]) -> str:
    return ".".join(str(step) for step in path)


def _quoted(text: str) -> str:
    """Return a client's own text safe to put into a message: short and without control characters."""
    return repr(text if len(text) <= 100 else f"{text[:100]}...")


def _closed(schema: object) -> object:
    """Return a copy of the schema in which objects with declared properties take no others."""
    if isinstance(schema, list):
        return [_closed(item) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    copy = {key: _closed(value) for key, value in cast("Json", schema).items()}
    if copy.get("type") == "object" and isinstance(copy.get("properties"), dict):
        copy.setdefault("additionalProperties", False)
    return copy


def _loosen(components: Json) -> None:
    """Let through what the API takes although the document, written for clients, does not offer it.

    A malformed `session.started_at` is reported in `session_quality`; exports take bare dates; an evaluation may
    carry its idempotency key in the body.
    """
    schemas = cast("Mapping[str, Json]", components.get("schemas", {}))

    def properties(name: str) -> dict[str, Json]:
        return cast("dict[str, Json]", schemas.get(name, {}).get("properties", {}))

    properties("SessionAssertion").get("started_at", {}).pop("format", None)
    for bound in ("from", "to"):
        properties("ReviewCSVExportRequest").get(bound, {}).pop("format", None)
    properties("CreateIntelligenceEvaluationRequest")["idempotency_key"] = {"type": "string"}
