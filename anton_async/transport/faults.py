"""What aiohttp's exceptions mean for the request: not sent, or lost on the way.

Decided from the exception's type and from whether the request was handed a connection: what fails before that was not
sent, whatever fails later has an unknown outcome. Nothing of the exception's own text is repeated: aiohttp prints
request headers there.
"""

from __future__ import annotations

import os

import aiohttp

from anton_async.errors import (
    ConnectionError,
    ProxyError,
    ReadTimeoutError,
    ResponseLostError,
    TLSError,
    TransportError,
)

FAULTS = (aiohttp.ClientError, OSError, ValueError, RecursionError, EOFError)
"""Everything that sending and reading may raise."""

_TLS = (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError)
_PROXY = (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError)
_CONNECT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


def attempt_fault(error: BaseException, *, connected: bool, proxied: bool) -> TransportError:
    """Return what it means when a request fails with `error` before its answer has begun.

    Args:
        error: what aiohttp raised.
        connected: whether the request was handed a connection.
        proxied: whether it goes through a proxy.
    """
    if connected:
        # Whatever the exception is called: a trace hook of the user's may raise any of them once the request has left.
        return lost(error)
    return _refused(error, proxied=proxied)


def _refused(error: BaseException, *, proxied: bool) -> ConnectionError:
    if isinstance(error, _PROXY):
        return ProxyError("The proxy could not be reached or refused the connection")
    if isinstance(error, _TLS):
        return TLSError("The TLS handshake failed or the server's certificate is not trusted")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ConnectionError("No connection could be made in time")
    if isinstance(error, _CONNECT):
        number = getattr(error, "errno", None)
        reason = f": {os.strerror(number)}" if isinstance(number, int) and number > 0 else ""
        return ConnectionError(f"No connection could be made{reason}")
    if proxied:
        return ProxyError("The proxy did not answer as a proxy should")
    return ConnectionError("No connection could be made: the server spoke before it was asked")


def lost(error: BaseException) -> ResponseLostError:
    """Return what it means when a request that left fails with `error`."""
    if isinstance(error, TimeoutError):
        return ReadTimeoutError("The answer did not arrive in time")
    if isinstance(error, aiohttp.ClientResponseError | ValueError | RecursionError):
        return ResponseLostError("The answer is not well-formed HTTP")
    return ResponseLostError("The connection broke before the whole answer had arrived")
