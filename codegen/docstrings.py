"""Docstrings of generated methods.

Each says what the method does, its arguments with their bounds, what comes back, what may go wrong, and where to read
more. `resources` asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen import text
from codegen.arguments import Argument
from codegen.operations import Endpoint, Failure
from codegen.waits import Wait

_INDENT = 8
_LOOKING = "Looks again and again, less and less often. Webhooks tell sooner and cost no requests."
_ERRORS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    410: "GoneError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}
_SHAPES = {
    "page": "A pager of `{}`: await it for the first page, or read every item with `async for`.",
    "list": "All of them, as a list of `{}`.",
    "array": "All of them, as a list of `{}`.",
    "any": "What the API answers, as plain Python values.",
    "none": "Nothing.",
    "file": "A download: await it for the content, `save()` it, or read it as a stream with `async with`.",
}


def method_docstring(endpoint: Endpoint, arguments: Sequence[Argument]) -> str:
    """Return the docstring literal of the method that calls `endpoint`."""
    node = endpoint.call.node
    told = [sentence for key in ("summary", "description") if (sentence := text.sentence(node.get(key, "")))]
    blocks = [
        *(text.paragraph(sentence, _INDENT) for sentence in told or [f"{endpoint.call.method} {endpoint.call.path}."]),
        *([text.paragraph(" ".join(str(rule) for rule in endpoint.rules), _INDENT)] if endpoint.rules else []),
        _section("Args", [*(_argument(argument) for argument in arguments if argument.text), _options(endpoint)]),
        _section("Returns", [_returns(endpoint)]),
        _section("Raises", _raises(endpoint)),
    ]
    if endpoint.docs:
        blocks.append(f"Docs: {endpoint.docs}")
    return text.quoted(("\n\n" + " " * _INDENT).join(blocks), _INDENT)


def wait_docstring(endpoint: Endpoint, wait: Wait, identifier: str) -> str:
    """Return the docstring literal of a waiting helper beside `endpoint`."""
    terminal, _, _ = wait.terminal.partition(" | ")
    ends = f"Ends when `{wait.field}` is one of `{terminal}`{''.join(f', or `{value}`' for value in wait.until)}."
    blocks = [
        text.paragraph(text.sentence(wait.summary), _INDENT),
        text.paragraph(f"{ends} {_LOOKING}", _INDENT),
        _section("Args", [f"{identifier}: As in `{endpoint.method}`.", "timeout: Seconds to wait; more than 0."]),
        _section("Returns", [f"The `{endpoint.answer}` in its last state."]),
        _section(
            "Raises",
            [
                f"DeadlineExceededError: `{wait.field}` was still another one when the time was over.",
                f"AntonError: As in `{endpoint.method}`.",
            ],
        ),
    ]
    return text.quoted(("\n\n" + " " * _INDENT).join(blocks), _INDENT)


def _section(title: str, entries: Sequence[str]) -> str:
    inner = " " * (_INDENT + 4)
    return "\n".join([f"{title}:", *(inner + text.paragraph(entry, _INDENT + 4, hanging=4) for entry in entries)])


def _argument(argument: Argument) -> str:
    return f"{argument.name}: {argument.text}"


def _options(endpoint: Endpoint) -> str:
    keys = ["timeout", "max_retries", "headers"]
    if endpoint.call.idempotency_key:
        keys.insert(0, "idempotency_key")
    return f"**options: For this call alone: {', '.join(f'`{key}`' for key in keys)}; see `RequestOptions`."


def _returns(endpoint: Endpoint) -> str:
    form = _SHAPES.get(endpoint.call.shape, "{}").format(endpoint.answer)
    if endpoint.call.shape in {"object", "bare"}:
        return f"`{endpoint.answer}`: {text.sentence(endpoint.call.returns)}".removesuffix(": ")
    return form


def _raises(endpoint: Endpoint) -> list[str]:
    return [
        "RequestValidationError: An argument breaks its bounds; nothing was sent.",
        *(_failure(failure) for failure in endpoint.failures),
        "AntonError: Anything else that goes wrong; `.outcome` tells whether the call took effect.",
    ]


def _failure(failure: Failure) -> str:
    error = _ERRORS.get(failure.status, "ServerError" if failure.status >= 500 else "ApiError")
    codes = f" ({', '.join(f'`{code}`' for code in failure.codes)})" if failure.codes else ""
    meaning = " ".join(failure.text.split()).rstrip(".")
    return f"{error}: {failure.status}{codes}{f': {meaning}' if meaning else ''}."
