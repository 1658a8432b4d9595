"""Where one surface of the API words a refused body in its own way.

The document's rules know two refusals: 400 `invalid_request_body` and 422 `validation_error`. Webhooks, FX quotes,
intelligence and verifications are documented otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from anton_async.sandbox.errors import Refusal

Rewording = Callable[[Refusal, object], Refusal]


def reworded(operation_id: str, path: str, refusal: Refusal, body: object) -> Refusal:
    """Return the refusal of a body as the operation's surface words it."""
    if path.startswith("/v1/intelligence/"):
        return _strict(refusal)
    if path.startswith("/v1/verification"):
        return _in_bad_request(refusal, body)
    rewording = _REWORDINGS.get(operation_id)
    return refusal if rewording is None else rewording(refusal, body)


def _strict(refusal: Refusal) -> Refusal:
    if "unknown field" in refusal.message:
        return Refusal(400, "unknown_field", refusal.message)
    if any(field == "note" and "at most" in problem for field, problem in refusal.details):
        return Refusal(422, "note_too_long", "a note has at most 2000 characters")
    for field in ("decision", "reason_code"):
        problem = dict(refusal.details).get(field, "")
        if problem.startswith("must be one of"):
            return Refusal(422, f"invalid_{field}", f"{field} {problem}")
    wrong = next((pair for pair in refusal.details if pair[1].startswith("must be of type")), None)
    return refusal if wrong is None else Refusal(400, "type_mismatch", " ".join(wrong))


def _with_url(refusal: Refusal, body: object) -> Refusal:
    if "unknown field" in refusal.message:
        return Refusal(400, "unknown_field", refusal.message)
    problem = dict(refusal.details).get("url")
    if problem is None:
        return refusal
    if problem == "is required" or _url(body) == "":
        return Refusal(400, "webhook_url_required", "url is required")
    return Refusal(400, "webhook_url_invalid", f"url {problem}")


def _url(body: object) -> object:
    return cast("Mapping[str, object]", body).get("url") if isinstance(body, Mapping) else None


def _in_bad_request(refusal: Refusal, _: object) -> Refusal:
    return Refusal(400, refusal.code, refusal.message, details=refusal.details)


_REWORDINGS: dict[str, Rewording] = {
    "createWebhookSubscription": _with_url,
    "updateWebhookSubscription": _with_url,
    "createFXQuote": _in_bad_request,
}
