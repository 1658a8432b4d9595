"""Async Python client for the Anton Payments API.

Start with `AntonClient`; every error is an `AntonError` whose `.outcome` tells whether money may have moved.
"""

import logging

from anton_async._version import __version__
from anton_async.auth.credentials import ApiKeyCredentials, OAuthCredentials
from anton_async.auth.keys import DPoPKey
from anton_async.client import AntonClient
from anton_async.config import Environment, RateLimit, RequestOptions
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
    TLSError,
    TokenError,
    TransportError,
    UnprocessableEntityError,
    WebhookError,
    WebhookPayloadError,
    WebhookSignatureError,
)
from anton_async.pagination import Page, Pager
from anton_async.response import ApiResponse

__all__ = [
    "AntonClient",
    "AntonError",
    "ApiError",
    "ApiKeyCredentials",
    "ApiResponse",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionError",
    "DPoPKey",
    "DeadlineExceededError",
    "Environment",
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
    "TLSError",
    "TokenError",
    "TransportError",
    "UnprocessableEntityError",
    "WebhookError",
    "WebhookPayloadError",
    "WebhookSignatureError",
    "__version__",
]

logging.getLogger("anton_async").addHandler(logging.NullHandler())
