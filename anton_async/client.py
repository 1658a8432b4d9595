"""`AntonClient`: wires the parts together and owns their lifetime, nothing else.

Users open one client per process and event loop; its resources (`anton.payouts`, `anton.balances`, ...) are generated.
"""

from __future__ import annotations

import asyncio
import functools
import os
import ssl as tls
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
from yarl import URL

from anton_async.arguments import check_methods, check_type
from anton_async.clock import SYSTEM_CLOCK, Clock
from anton_async.config import (
    DEFAULT_RATE_LIMIT,
    DEFAULT_RETRY_BUDGET,
    Environment,
    RateLimit,
    RequestOptions,
    Settings,
    check_environment,
    is_loopback,
    parse_base_url,
    read_url,
)
from anton_async.errors import ConfigurationError
from anton_async.hooks import Hook, Hooks, Observer
from anton_async.resources import Resources
from anton_async.transport import Transport
from anton_async.transport.authentication import Authenticator, DPoPAuthenticator, KeyAuthenticator
from anton_async.transport.call import OUR_HEADERS, join, prepare_unknown
from anton_async.transport.wire import Wire

if TYPE_CHECKING:
    from anton_async.auth.credentials import Credentials
    from anton_async.batch_run import Batches
    from anton_async.settlement import Payouts

T = TypeVar("T")


class AntonClient(Resources):
    """A client of the Anton Payments API.

    Open it with `async with`; share it between all tasks of one event loop.

    Args:
        credentials: `OAuthCredentials`, or `ApiKeyCredentials` for the earlier edition.
        environment: which of Anton's environments to use; the sandbox by default.
        base_url: another place of the API, instead of `environment`; https, or http to a loopback address.
        timeout: seconds one call may take altogether, over queues, attempts and pauses, waiting for the quota included.
        connect_timeout: seconds one attempt may take to connect.
        read_timeout: seconds of silence after which an answer counts as lost; Anton gives up on a request after 25.
        max_retries: how many times a failed attempt may be repeated.
        concurrency: how many requests may be under way at once.
        rate_limit: the merchant's quota, to which the client paces itself, or to less where the API's answers announce
            less; None switches that off.
        retry_budget: how many retries all calls together may spend on a failing API, 1 or more; successes earn them
            back, and so does time. When it is spent, failures are raised at once. None bounds nothing but each call.
        on_attempt: called with a `CallEvent` when a request is about to leave; must not block.
        on_retry: called with a `CallEvent` before the pause that precedes another try.
        on_response: called with a `CallEvent` for each request that left, when its answer arrived or will not.
        session: an aiohttp session of yours to send with; it stays yours to close. Its own middlewares are not run.
        proxy: URL of an HTTP proxy; environment variables and .netrc are never read.
        ssl: TLS settings of your own; certificate and host name checks must be on.
        max_response_bytes: size above which an answer is not read.
        clock: time source, for tests.

    Attributes:
        client_id: who this client is: the OAuth client id, or a fingerprint of the API key.
        settings: the configuration it works with.
        transport: what its resources send with.

    Raises:
        ConfigurationError: an argument cannot be used, or the credentials belong to the other environment.

    Source: https://docs.antonpayments.com/authentication
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        environment: Environment | None = None,
        base_url: str | None = None,
        timeout: float = 60.0,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
        max_retries: int = 4,
        concurrency: int = 100,
        rate_limit: RateLimit | None = DEFAULT_RATE_LIMIT,
        retry_budget: int | None = DEFAULT_RETRY_BUDGET,
        on_attempt: Hook | None = None,
        on_retry: Hook | None = None,
        on_response: Hook | None = None,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        ssl: tls.SSLContext | None = None,
        max_response_bytes: int = 32 * 1024 * 1024,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        settings = Settings(
            base_url=parse_base_url(_environment(environment).base_url if base_url is None else base_url),
            timeout=timeout,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_retries=max_retries,
            concurrency=concurrency,
            rate_limit=rate_limit,
            retry_budget=retry_budget,
            max_response_bytes=max_response_bytes,
            proxy=_proxy(proxy),
        )
        _check_tls(ssl, settings.base_url)
        check_type("session", session, aiohttp.ClientSession | None, "an aiohttp.ClientSession, or None")
        check_methods("clock", clock, ("time", "monotonic", "sleep"), "a Clock")
        self.settings = settings
        self._ssl = ssl
        self._session = session
        self._owned: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._opened = False
        self._closed = False
        self._wire = Wire(settings, clock)
        self._authenticator = _authenticator(credentials, settings.base_url, self._wire, clock)
        self.client_id: str = credentials.client_id
        self._hooks = Hooks(on_attempt=on_attempt, on_retry=on_retry, on_response=on_response)
        self.transport: Transport = Transport(
            settings,
            self._wire,
            self._authenticator,
            clock,
            hooks=self._hooks,
            client_id=self.client_id,
        )
        super().__init__(self.transport)

    @classmethod
    def from_env(
        cls,
        *,
        environ: Mapping[str, str] | None = None,
        environment: Environment | None = None,
        base_url: str | None = None,
        timeout: float = 60.0,
        max_retries: int = 4,
        concurrency: int = 100,
        rate_limit: RateLimit | None = DEFAULT_RATE_LIMIT,
        retry_budget: int | None = DEFAULT_RETRY_BUDGET,
        on_attempt: Hook | None = None,
        on_retry: Hook | None = None,
        on_response: Hook | None = None,
    ) -> Self:
        """Make a client from environment variables; arguments win over them.

        Args:
            environ: where to look, instead of the process's own variables: `ANTON_CLIENT_ID`, `ANTON_CLIENT_SECRET`,
                `ANTON_DPOP_KEY` (PEM text) or `ANTON_DPOP_KEY_FILE`, and optionally `ANTON_ENVIRONMENT` (`sandbox` or
                `production`) and `ANTON_BASE_URL`.
            environment: as in the constructor.
            base_url: as in the constructor.
            timeout: as in the constructor.
            max_retries: as in the constructor.
            concurrency: as in the constructor.
            rate_limit: as in the constructor.
            retry_budget: as in the constructor.
            on_attempt: as in the constructor.
            on_retry: as in the constructor.
            on_response: as in the constructor.

        Raises:
            ConfigurationError: a variable is missing or cannot be used.
        """
        from anton_async.auth.credentials import credentials_from_env  # noqa: PLC0415 - brings the cryptography

        environ = os.environ if environ is None else environ
        check_type("environ", environ, Mapping, "a mapping of names to texts, or None")
        named = environ.get("ANTON_ENVIRONMENT", "").strip() or None
        placed = environ.get("ANTON_BASE_URL", "").strip() or None
        return cls(
            credentials_from_env(environ),
            environment=_environment(named if environment is None else environment),
            base_url=placed if base_url is None else base_url,
            timeout=timeout,
            max_retries=max_retries,
            concurrency=concurrency,
            rate_limit=rate_limit,
            retry_budget=retry_budget,
            on_attempt=on_attempt,
            on_retry=on_retry,
            on_response=on_response,
        )

    @functools.cached_property
    def payouts(self) -> Payouts:
        """Single payments and their history; `settle` for those whose outcome is unknown."""
        from anton_async.settlement import Payouts  # noqa: PLC0415 - resources are imported when they are first used

        return Payouts(self.transport)

    @functools.cached_property
    def batches(self) -> Batches:
        """Many payouts from one file; `run` takes it all the way."""
        from anton_async.batch_run import Batches  # noqa: PLC0415 - as above

        return Batches(self.transport)

    def observe(self, observer: Observer) -> Self:
        """Let `observer` follow every call that begins from now on, as tracing and metrics do; returns the client.

        Args:
            observer: asked at the beginning of each call who follows it; must not block, and what it raises is logged
                once and changes nothing.
        """
        self._hooks.add(observer)
        return self

    async def open(self) -> Self:
        """Make the client ready to send; `async with` does this for you.

        Raises:
            ConfigurationError: it was closed before, or the given session is closed.
        """
        async with self._opening:
            self._check_openable()
            if self._opened:
                return self
            context = self._ssl
            if context is None and self.settings.base_url.scheme == "https":
                context = await asyncio.to_thread(tls.create_default_context)
                self._check_openable()
            session = self._session
            if session is None:
                session = self._owned = self._make_session()
            self._wire.attach(session, context)
            self._opened = True
        return self

    async def close(self) -> None:
        """End what is under way and close the connections; closing twice does no harm.

        Calls that wait, for an answer, a token, their turn or their next try, fail at once with a `ConfigurationError`
        or `ResponseLostError`, whose `outcome` tells whether they may have been executed.
        """
        self._closed = True
        self.transport.close()
        self._wire.detach()
        await self._authenticator.close()
        if self._owned is not None:
            await self._owned.close()

    async def warm_up(self) -> None:
        """Fetch the access token and build all decoders now, so that the first call is as fast as the next.

        The decoders are built in a thread; that takes about 0.1 seconds, once a process.

        Raises:
            AuthenticationError: the token endpoint refused the credentials (400, 401 or 403).
            TransportError: the token endpoint cannot be reached.
        """
        from anton_async.readiness import get_ready  # noqa: PLC0415 - resources are imported when they are first used

        await self.transport.authorize()
        await asyncio.to_thread(get_ready)

    async def request(
        self,
        method: str,
        path: str,
        *,
        response_type: type[T],
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Call an endpoint that this version of the SDK does not know, with everything the known ones get.

        Args:
            method: HTTP method.
            path: path below the base URL, such as `/v1/new-thing`; percent-encoded, without a query.
            response_type: what to decode the answer into; `{"data": ...}` is unwrapped.
            query: query parameters, as text: write numbers, dates and `true` as the endpoint wants them.
            body: JSON body; nothing is checked but that it can be encoded.
            idempotency_key: as in every call; POST, PUT, PATCH and DELETE get a random one when it is left out.
            timeout: seconds for the whole call.
            max_retries: how many times a failed attempt may be repeated.
            headers: further HTTP headers.

        Raises:
            RequestValidationError: method, path, query, body, headers or idempotency key cannot be sent.
            ConfigurationError: nothing decodes into `response_type`, or `timeout` or `max_retries` is out of range.
            ApiError: the API answered with an error status.
            TransportError: no usable answer arrived.
        """
        options: RequestOptions = {}
        if idempotency_key is not None:
            options["idempotency_key"] = idempotency_key
        if timeout is not None:
            options["timeout"] = timeout
        if max_retries is not None:
            options["max_retries"] = max_retries
        if headers is not None:
            options["headers"] = headers
        call = prepare_unknown(method, path, response_type, self.settings, options, query=query, body=body)
        data: T = (await self.transport.send(call)).data
        return data

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AntonClient(base_url={str(self.settings.base_url)!r})"

    def _check_openable(self) -> None:
        if self._closed:
            raise ConfigurationError("This client was closed: make a new one.")
        if self._session is None:
            return
        if self._session.closed:
            raise ConfigurationError("The given session is closed: give an open one, or none.")
        taken = sorted({name.lower() for name in self._session.headers} & OUR_HEADERS)
        if taken:
            raise ConfigurationError(f"The given session sets {taken[0]} on every request: the SDK sets it itself.")

    def _make_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.settings.concurrency),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )


def _authenticator(credentials: Credentials, base_url: URL, wire: Wire, clock: Clock) -> Authenticator:
    from anton_async.auth.credentials import ApiKeyCredentials, OAuthCredentials  # noqa: PLC0415 - loaded by now

    if isinstance(credentials, ApiKeyCredentials):
        check_environment(credentials.environment_prefix, base_url)
        return KeyAuthenticator(credentials)
    if not isinstance(credentials, OAuthCredentials):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        raise ConfigurationError("credentials must be OAuthCredentials or ApiKeyCredentials.")
    check_environment(credentials.client_id, base_url)
    token_url = credentials.token_url or join(base_url, "/oauth/token")
    return DPoPAuthenticator(credentials, token_url, wire, clock)


def _environment(name: Environment | str | None) -> Environment:
    try:
        return Environment.SANDBOX if name is None else Environment(name)
    except ValueError:
        pass
    raise ConfigurationError("environment (ANTON_ENVIRONMENT) must be sandbox or production.")


def _proxy(text: str | None) -> URL | None:
    if text is None:
        return None
    check_type("proxy", text, str, "text, the URL of an HTTP proxy")
    url = read_url(text)
    if url is None or url.scheme not in {"http", "https"}:
        raise ConfigurationError("proxy must be a URL such as http://proxy.example:3128.")
    return url


def _check_tls(context: tls.SSLContext | None, base_url: URL) -> None:
    check_type("ssl", context, tls.SSLContext | None, "an ssl.SSLContext, or None")
    if context is None or is_loopback(base_url):
        return
    if context.verify_mode is not tls.CERT_REQUIRED or not context.check_hostname:
        raise ConfigurationError("ssl must check certificates and host names; leave it out to get the defaults.")
    if context.minimum_version is not tls.TLSVersion.TLSv1_3 and context.minimum_version < tls.TLSVersion.TLSv1_2:
        raise ConfigurationError("ssl must not allow TLS below 1.2.")
