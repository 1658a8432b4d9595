"""Every error the SDK raises, and what each says about the money.

    AntonError
    ├── ConfigurationError              the client cannot work as configured
    ├── RequestValidationError          a request would break the API's rules; `.field_errors` names the places
    ├── ApiError                        the API answered with an error status
    │   ├── BadRequestError             400
    │   ├── AuthenticationError         401, and refusals of the token endpoint
    │   ├── PermissionDeniedError       403
    │   ├── NotFoundError               404
    │   ├── ConflictError               409
    │   ├── GoneError                   410
    │   ├── UnprocessableEntityError    422
    │   ├── RateLimitError              429
    │   └── ServerError                 5xx
    ├── TransportError                  no usable answer arrived
    │   ├── ConnectionError             no connection was made
    │   │   ├── TLSError                the peer could not be trusted
    │   │   └── ProxyError              the proxy refused
    │   └── ResponseLostError           the request left, its answer did not arrive whole
    │       └── ReadTimeoutError        the answer did not arrive in time
    ├── DeadlineExceededError           the call's own time ran out
    ├── ResponseDecodeError             an answer arrived that is not what the API promises
    ├── TokenError                      the token endpoint's answer cannot be used
    ├── SignerError                     the signer of a DPoP key gave no usable signature
    ├── PaginationError                 a list does not advance
    └── WebhookError
        ├── WebhookSignatureError
        └── WebhookPayloadError

`.outcome` answers "did money move?". Errors are built from plain values, pickle, and never hold a secret.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

if TYPE_CHECKING:
    from anton_async.models.enums import ErrorCode

_CONCLUSIVE = frozenset({400, 404, 410, 422})
_UNREAD = frozenset({"bad_request", "missing_idempotency_key"})
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")

Problem: TypeAlias = tuple[str, str]
"""The dotted path of a field, and what is wrong with it."""

MAX_PROBLEMS = 10
"""How many of them the message of one error shows."""


def printable(text: str, limit: int = 500) -> str:
    """Return foreign `text` safe for a log line: at most `limit` characters, control and direction marks escaped."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text[:limit])


class Outcome(enum.Enum):
    """What is known about the effect of a failed call."""

    NOT_SENT = "not_sent"
    """The request never left: nothing happened."""
    REJECTED = "rejected"
    """The API answered no: nothing happened."""
    UNKNOWN = "unknown"
    """The request may have been executed: repeat it only with the same arguments and key, or look it up."""


class AntonError(Exception):
    """Base of every error of the SDK.

    Attributes:
        outcome: what is known about the effect of the call.
        idempotency_key: key the call was sent under, for mutations.
        request_id: `X-Request-ID` of the last answer, to quote to support.
        attempts: how many requests were sent for the call.
        retry_after: seconds the API asked to wait, where it did.
        cursor: where a list stopped; pass it as `cursor=` to go on from there. None on its first page, and elsewhere.
    """

    cursor: str | None = None
    default_outcome: ClassVar[Outcome] = Outcome.NOT_SENT
    is_retryable: bool = False
    """Whether the cause may pass: the same call, under the same idempotency key, may succeed later."""

    def __init__(
        self,
        message: str,
        *,
        outcome: Outcome | None = None,
        idempotency_key: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.outcome: Outcome = outcome or self.default_outcome
        self.idempotency_key = idempotency_key
        self.request_id = request_id
        self.attempts = attempts
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        parts = [self.message.removesuffix(".")]
        if self.outcome is Outcome.UNKNOWN and self.idempotency_key is not None:
            parts.append("the outcome is unknown: repeat it only with the same arguments under the same key")
        if self.idempotency_key is not None and self.outcome is not Outcome.NOT_SENT:
            parts.append(f"idempotency key {self.idempotency_key}")
        if self.request_id is not None:
            parts.append(f"request {self.request_id}")
        return "; ".join(parts)


def _restore(cls: type[AntonError], args: tuple[object, ...], state: dict[str, Any]) -> AntonError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(AntonError):
    """The client cannot work as configured; raised before anything is sent."""


class RequestValidationError(AntonError):
    """A request would break rules of the API; raised before anything is sent. No value is repeated.

    Attributes:
        field: dotted path of the first wrong argument, such as `individual.address.country`.
        field_errors: what is wrong, by the dotted path of the argument; the first problems where there are many.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        others: Sequence[Problem] = (),
        idempotency_key: str | None = None,
    ) -> None:
        problems = [(field or "", message), *others]
        shown = [f"{name}: {text}" if name else text for name, text in problems[:MAX_PROBLEMS]]
        more = ["and more"] if len(problems) > MAX_PROBLEMS else []
        super().__init__("; ".join([*shown, *more]), idempotency_key=idempotency_key)
        self.field = field
        self.field_errors: dict[str, list[str]] = _by_field([problem for problem in problems if problem[0]])

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> RequestValidationError:
        """Return one error about all `problems`, of which there is at least one."""
        (field, message), *others = problems
        return cls(message, field=field or None, others=others)


class ApiError(AntonError):
    """The API answered with an error status.

    Attributes:
        status: HTTP status.
        code: the API's stable error code, one of `ErrorCode` or one that is newer; None when the answer names none.
        details: per-field problems of a `validation_error`, or whatever the API put there; None when absent.

    Source: https://docs.antonpayments.com/api-reference/errors
    """

    default_outcome: ClassVar[Outcome] = Outcome.REJECTED
    is_documented: bool = False
    """Whether the API's document names this status and code for the call; a gateway's own errors are not there."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: ErrorCode | str | None = None,
        details: list[object] | dict[str, object] | None = None,
        outcome: Outcome | None = None,
        idempotency_key: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(
            message,
            outcome=outcome,
            idempotency_key=idempotency_key,
            request_id=request_id,
            attempts=attempts,
            retry_after=retry_after,
        )
        self.status = status
        self.code: ErrorCode | str | None = code
        self.details = details
        # A 409 without a readable code may be about a request under the same key that is still running.
        in_flight = status == 409 and (code is None or code == "idempotency_in_flight" or code.isdecimal())
        self.is_retryable: bool = status in _PASSING or in_flight

    @property
    def settles_earlier_attempts(self) -> bool:
        """Whether this answer also tells that no earlier request under the same idempotency key was executed.

        An executed one would have been replayed instead; what is answered at the door (401, 403, 429), by a
        gateway (no code that the document names for this call), or without having read the request tells nothing.
        """
        judged = self.is_documented and self.status in _CONCLUSIVE and self.code not in _UNREAD
        return judged and self.outcome is Outcome.REJECTED

    @property
    def field(self) -> str | None:
        """Dotted path of the first field the API found wrong; None when it named none."""
        return next(iter(self.field_errors), None)

    @property
    def field_errors(self) -> dict[str, list[str]]:
        """What the API found wrong, by the dotted path of the field; empty when it named no field."""
        return _by_field(_problems(self.details))

    def __str__(self) -> str:
        text = f"{self.status} {self.code}: {super().__str__()}" if self.code else f"{self.status}: {super().__str__()}"
        problems = [f"{field}: {message}" for field, message in _problems(self.details)]
        return "; ".join([text, *problems[:5]])


def _by_field(problems: Sequence[Problem]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for field, message in problems:
        found.setdefault(field, []).append(message)
    return found


def _problems(details: object) -> list[Problem]:
    """Return field and message of each entry of `details` that has both, safe for a log line."""
    entries = cast("list[object]", details) if isinstance(details, list) else []
    found = [cast("dict[str, object]", entry) for entry in entries if isinstance(entry, dict)]
    return [
        (printable(str(entry["field"]), 100), printable(str(entry["message"]), 200))
        for entry in found
        if "field" in entry and "message" in entry
    ]


class BadRequestError(ApiError):
    """400: the API could not read the request."""


class AuthenticationError(ApiError):
    """401, or a refusal by the token endpoint: the credentials, the token or the proof were not accepted."""


class PermissionDeniedError(ApiError):
    """403: the credentials are good but may not do this."""


class NotFoundError(ApiError):
    """404: no such resource, or it belongs to another merchant."""


class ConflictError(ApiError):
    """409: the resource's state or the idempotency key does not allow this.

    Code `idempotency_conflict`: another request holds the key. This one was not executed, but that one may have been:
    look it up by its `reference` before you pay under a new key.
    """


class GoneError(ApiError):
    """410: the endpoint was removed, or a quote has expired."""


class UnprocessableEntityError(ApiError):
    """422: the request is well-formed but refused (validation, balance, business rule)."""


class RateLimitError(ApiError):
    """429: over the rate limit; `.retry_after` says how many seconds to wait."""


class ServerError(ApiError):
    """5xx: the API failed; on a mutation the outcome is unknown."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def api_error_class(status: int) -> type[ApiError]:
    """Return the error class for an HTTP status."""
    return _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)


class TransportError(AntonError):
    """No usable answer arrived."""

    default_outcome: ClassVar[Outcome] = Outcome.UNKNOWN
    is_retryable: bool = True


class ConnectionError(TransportError):  # noqa: A001 - the public name; import it from anton_async to be clear
    """No connection was made, so nothing was sent."""

    default_outcome: ClassVar[Outcome] = Outcome.NOT_SENT


class TLSError(ConnectionError):
    """The TLS handshake failed or the certificate cannot be trusted; never retried, never downgraded."""

    is_retryable: bool = False


class ProxyError(ConnectionError):
    """The proxy could not be reached or refused to open the tunnel."""

    is_retryable: bool = False


class ResponseLostError(TransportError):
    """The request left, but no whole and readable answer came back."""


class ReadTimeoutError(ResponseLostError):
    """The request left, but its answer did not arrive within the read timeout."""


class DeadlineExceededError(AntonError):
    """The time given to the call ran out (`timeout`, in seconds, over everything the call does)."""

    is_retryable: bool = True


class ResponseDecodeError(AntonError):
    """An answer arrived that is not what the API promises.

    Attributes:
        status: HTTP status of that answer.
    """

    default_outcome: ClassVar[Outcome] = Outcome.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        status: int,
        outcome: Outcome | None = None,
        idempotency_key: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(
            message, outcome=outcome, idempotency_key=idempotency_key, request_id=request_id, attempts=attempts
        )
        self.status = status


class TokenError(AntonError):
    """The token endpoint's answer cannot be used: not a DPoP token, malformed, or bound to another key."""


class SignerError(AntonError):
    """The signer of a DPoP key failed, took too long or signed with another key; nothing was sent."""


class PaginationError(AntonError):
    """A list does not advance: the API gave a cursor again, or promised more without one; `.cursor` says where."""

    default_outcome: ClassVar[Outcome] = Outcome.REJECTED

    def __init__(self, message: str, *, cursor: str | None = None, request_id: str | None = None) -> None:
        super().__init__(message, request_id=request_id)
        self.cursor = cursor


class WebhookError(AntonError):
    """A webhook delivery was refused."""


class WebhookSignatureError(WebhookError):
    """The delivery is not signed with one of our secrets, or its timestamp is out of tolerance."""


class WebhookPayloadError(WebhookError):
    """The delivery is genuine but its body cannot be read."""
