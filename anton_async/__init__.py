"""Async Python client for the Anton Payments API.

Start with `AntonClient`; every error is an `AntonError` whose `.outcome` tells whether money may have moved.

A name is imported when it is first asked for, so `import anton_async` alone costs next to nothing.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

from anton_async._version import __version__

if TYPE_CHECKING:
    from anton_async.auth.credentials import ApiKeyCredentials, OAuthCredentials
    from anton_async.auth.keys import DPoPKey
    from anton_async.auth.signer import Signer
    from anton_async.client import AntonClient
    from anton_async.config import Environment, RateLimit, RequestOptions
    from anton_async.download import Download, File, FileStream
    from anton_async.errors import (
        AntonError,
        ApiError,
        AuthenticationError,
        BadRequestError,
        ConfigurationError,
        ConflictError,
        ConnectionError,
        DeadlineExceededError,
        GoneError,
        NotFoundError,
        Outcome,
        PaginationError,
        PermissionDeniedError,
        ProxyError,
        RateLimitError,
        ReadTimeoutError,
        RequestValidationError,
        ResponseDecodeError,
        ResponseLostError,
        ServerError,
        SignerError,
        TLSError,
        TokenError,
        TransportError,
        UnprocessableEntityError,
        WebhookError,
        WebhookPayloadError,
        WebhookSignatureError,
    )
    from anton_async.hooks import CallEvent
    from anton_async.models.enums import ErrorCode
    from anton_async.pagination import Page, Pager
    from anton_async.response import ApiResponse
    from anton_async.upload import FileInput

_HOMES = {
    "ApiKeyCredentials": "anton_async.auth.credentials",
    "OAuthCredentials": "anton_async.auth.credentials",
    "DPoPKey": "anton_async.auth.keys",
    "Signer": "anton_async.auth.signer",
    "AntonClient": "anton_async.client",
    "Environment": "anton_async.config",
    "RateLimit": "anton_async.config",
    "RequestOptions": "anton_async.config",
    "Download": "anton_async.download",
    "File": "anton_async.download",
    "FileStream": "anton_async.download",
    "AntonError": "anton_async.errors",
    "ApiError": "anton_async.errors",
    "AuthenticationError": "anton_async.errors",
    "BadRequestError": "anton_async.errors",
    "ConfigurationError": "anton_async.errors",
    "ConflictError": "anton_async.errors",
    "ConnectionError": "anton_async.errors",
    "DeadlineExceededError": "anton_async.errors",
    "GoneError": "anton_async.errors",
    "NotFoundError": "anton_async.errors",
    "Outcome": "anton_async.errors",
    "PaginationError": "anton_async.errors",
    "PermissionDeniedError": "anton_async.errors",
    "ProxyError": "anton_async.errors",
    "RateLimitError": "anton_async.errors",
    "ReadTimeoutError": "anton_async.errors",
    "RequestValidationError": "anton_async.errors",
    "ResponseDecodeError": "anton_async.errors",
    "ResponseLostError": "anton_async.errors",
    "ServerError": "anton_async.errors",
    "TLSError": "anton_async.errors",
    "SignerError": "anton_async.errors",
    "TokenError": "anton_async.errors",
    "TransportError": "anton_async.errors",
    "UnprocessableEntityError": "anton_async.errors",
    "WebhookError": "anton_async.errors",
    "WebhookPayloadError": "anton_async.errors",
    "WebhookSignatureError": "anton_async.errors",
    "CallEvent": "anton_async.hooks",
    "ErrorCode": "anton_async.models.enums",
    "Page": "anton_async.pagination",
    "Pager": "anton_async.pagination",
    "ApiResponse": "anton_async.response",
    "FileInput": "anton_async.upload",
}

__all__ = [
    "AntonClient",
    "AntonError",
    "ApiError",
    "ApiKeyCredentials",
    "ApiResponse",
    "AuthenticationError",
    "BadRequestError",
    "CallEvent",
    "ConfigurationError",
    "ConflictError",
    "ConnectionError",
    "DPoPKey",
    "DeadlineExceededError",
    "Download",
    "Environment",
    "ErrorCode",
    "File",
    "FileInput",
    "FileStream",
    "GoneError",
    "NotFoundError",
    "OAuthCredentials",
    "Outcome",
    "Page",
    "Pager",
    "PaginationError",
    "PermissionDeniedError",
    "ProxyError",
    "RateLimit",
    "RateLimitError",
    "ReadTimeoutError",
    "RequestOptions",
    "RequestValidationError",
    "ResponseDecodeError",
    "ResponseLostError",
    "ServerError",
    "Signer",
    "SignerError",
    "TLSError",
    "TokenError",
    "TransportError",
    "UnprocessableEntityError",
    "WebhookError",
    "WebhookPayloadError",
    "WebhookSignatureError",
    "__version__",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


logging.getLogger("anton_async").addHandler(logging.NullHandler())
