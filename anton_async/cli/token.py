"""What `anton token` says about an access token."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

import msgspec

from anton_async.auth.authorization import DPoPBound
from anton_async.client import AntonClient
from anton_async.errors import ConfigurationError, printable


class _Claims(msgspec.Struct):
    scope: str | None = None


async def describe_token(client: AntonClient, *, show: bool) -> str:
    """Fetch a token and return what is known of it, a line each; the token itself only when `show` is set.

    Raises:
        ConfigurationError: the client does not use OAuth.
        AuthenticationError: the token endpoint refused the credentials (400, 401 or 403).
    """
    authorization = await client.transport.authorize()
    if not isinstance(authorization, DPoPBound):
        raise ConfigurationError("These credentials are a static key: there is no token to fetch.")
    token = authorization.token
    clock = client.transport.clock
    until = datetime.fromtimestamp(clock.time() + token.expires_at - clock.monotonic(), UTC)
    lines = [f"usable until {until:%Y-%m-%dT%H:%M:%SZ}", f"scope {_scope(token.value)}"]
    return "\n".join([*lines, token.value] if show else lines)


def _scope(token: str) -> str:
    payload = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=_Claims)
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        return "not shown by this token"
    return printable(claims.scope) if claims.scope else "not shown by this token"
