"""The sandbox itself: a local Anton on a loopback port.

    async with Sandbox() as sandbox:
        async with AntonClient(credentials=sandbox.credentials, base_url=sandbox.base_url) as anton:
            ...

It stands on the other side of the wire: routes and rules come from the OpenAPI document, proofs are verified by
joserfc, and nothing of the client's signing or transport is used here.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import re
import secrets
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

from aiohttp import web
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from anton_async.clock import SYSTEM_CLOCK, Clock
from anton_async.sandbox.access import Gate
from anton_async.sandbox.clock import SandboxClock
from anton_async.sandbox.deliveries import Courier
from anton_async.sandbox.document import load_document
from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.forms import read_body, read_form
from anton_async.sandbox.handlers import make_handlers
from anton_async.sandbox.incoming import Incoming, Outcome
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.oauth import OAuthClient, TokenEndpoint
from anton_async.sandbox.presenter import Edition, Presenter
from anton_async.sandbox.proof import Nonces, ProofChecker, SigningKey
from anton_async.sandbox.quota import Quota
from anton_async.sandbox.scenario import Script
from anton_async.sandbox.seed import SeedSource, plant
from anton_async.sandbox.service import Service
from anton_async.sandbox.tokens import TokenIssuer
from anton_async.sandbox.traffic import SeenRequest, Traffic

if TYPE_CHECKING:
    from anton_async.auth.credentials import OAuthCredentials

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_MAX_BODY_BYTES = 1024 * 1024
_SHORTEST_LOOK = 0.05  # seconds
_SHUTDOWN_GRACE = 0.1  # seconds; a scripted delay must not hold up the end of a test


class Sandbox:
    """A local Anton with one merchant and one registered client.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        edition: Edition of the API to speak: `newest`, or `earlier` with bare objects and static keys.
        seed: What the merchant has from the start: a mapping, or the path of a JSON file. Left out, only balances.
        settle: Seconds from a payout's creation to `completed`; None leaves every payout in `pending_screening` and
            every verification where it began. Batches, screenings and approvals keep the same pace, 5 seconds at None.
        require_nonce: Whether every proof must carry the server's current nonce (RFC 9449 sections 8 and 9).
        rate_limit_per_minute: Requests to `/v1` in any 60 seconds.
        token_lifetime: Life of an access token in seconds.
        client_id: Id of the registered client; left out, a random one in the documented form.
        client_secret: Secret of the registered client; left out, a random one.
        private_key_pem: The client's DPoP key, EC P-256 or Ed25519, as PEM; left out, a new P-256 key.
        clock: Where time comes from.

    Attributes:
        clock: The time of the world behind the API; `clock.advance(seconds)` moves it on, `clock.hold()` stops it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        edition: Edition = "newest",
        seed: SeedSource | None = None,
        settle: float | None = 5.0,
        require_nonce: bool = False,
        rate_limit_per_minute: int = 1000,
        token_lifetime: int = 28_800,
        client_id: str | None = None,
        client_secret: str | None = None,
        private_key_pem: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        key = ECKey.generate_key("P-256") if private_key_pem is None else _load_key(private_key_pem)
        self.client_id: str = client_id or f"ant_oc_test_{secrets.token_hex(16)}"
        self.client_secret: str = client_secret or f"ant_ocs_test_{secrets.token_hex(24)}"
        self.private_key_pem: str = key.as_pem(private=True).decode()
        self.api_key: str = f"ak_test_{secrets.token_hex(16)}"
        self._host = host
        self._port = port
        self._clock = clock
        self.clock: SandboxClock = SandboxClock(clock)
        self._merchant = Merchant(self.clock)
        plant(seed, self._merchant)
        self.clock.watch(self._merchant.timeline.advance)
        self._nonces = Nonces(clock) if require_nonce else None
        self._quota = Quota(clock, self.clock, rate_limit_per_minute)
        self._traffic = Traffic()
        checker = ProofChecker(clock, [key], self._nonces)
        issuer = TokenIssuer(clock, lifetime=token_lifetime)
        client = OAuthClient(self.client_id, self.client_secret)
        self._service = Service(
            clock=clock,
            world_clock=self.clock,
            document=load_document(),
            merchant=self._merchant,
            handlers=make_handlers(self._merchant, Presenter(edition), settle=settle),
            gate=Gate(edition=edition, api_key=self.api_key, issuer=issuer, checker=checker),
            issuer=issuer,
            token_endpoint=TokenEndpoint(client, issuer, checker),
            quota=self._quota,
        )
        self._courier = Courier(self._merchant.events, self._merchant.timeline, clock)
        self._stirred = asyncio.Event()
        self.clock.watch(self._stir)
        self._world: asyncio.Task[None] | None = None
        self._runner: web.ServerRunner | None = None

    def __repr__(self) -> str:
        return f"Sandbox(client_id={self.client_id!r}, port={self._port})"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after a `stop` the sandbox comes back on the same port with everything it held."""
        if self._runner is not None:
            raise RuntimeError("The sandbox is running already; stop it before starting it again.")
        runner = web.ServerRunner(web.Server(self._respond, access_log=None), shutdown_timeout=_SHUTDOWN_GRACE)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._port = int(runner.addresses[0][1])
        self._runner = runner
        self._stirred = asyncio.Event()  # a new one, because an event belongs to the loop it was first waited for in
        self._world = asyncio.get_running_loop().create_task(self._turn())

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        runner, self._runner = self._runner, None
        world, self._world = self._world, None
        if world is not None:
            world.cancel()
            await asyncio.wait({world})
        await self._courier.close()
        if runner is not None:
            await runner.cleanup()
        if world is not None and not world.cancelled():
            world.result()

    async def deliver_webhooks(self) -> None:
        """Send every webhook that is due now, and wait for the answers; without this they go out by themselves."""
        self._merchant.timeline.advance()
        await self._courier.flush()

    async def serve_forever(self) -> None:
        """Listen until the calling task is cancelled."""
        async with self:
            await asyncio.Event().wait()

    @property
    def base_url(self) -> str:
        """The URL to give to the client as `base_url`."""
        if self._port == 0:
            raise RuntimeError("The sandbox has no port yet; start it first: `async with Sandbox() as sandbox`.")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def credentials(self) -> OAuthCredentials:
        """The registered client, ready for `AntonClient(credentials=...)`."""
        # Imported here because the serving side must work without the client's authentication code.
        from anton_async.auth.credentials import OAuthCredentials  # noqa: PLC0415
        from anton_async.auth.keys import DPoPKey  # noqa: PLC0415

        return OAuthCredentials(
            client_id=self.client_id, client_secret=self.client_secret, key=DPoPKey.from_pem(self.private_key_pem)
        )

    @property
    def requests(self) -> list[SeenRequest]:
        """What was seen so far, oldest first; the latest 100,000 are kept."""
        return self._traffic.requests()

    @property
    def executed(self) -> Mapping[str, int]:
        """How often a change was carried out, by idempotency key; anything above 1 is money paid twice."""
        return MappingProxyType(self._merchant.executed)

    def on(self, operation_id: str) -> Script:
        """Script what happens to the next requests of an operation.

        Args:
            operation_id: The document's operationId, for example `createPayout`.

        Raises:
            ValueError: The document has no such operation.
        """
        return self._service.scenario.on(operation_id)

    def _stir(self) -> None:
        self._stirred.set()

    async def _turn(self) -> None:
        """Let things happen by themselves: whatever is due, also when nobody asks."""
        while True:
            self._stirred.clear()
            self._merchant.timeline.advance()
            self._courier.dispatch()
            wait = self._merchant.timeline.wait()
            # Real seconds: on a clock that a test holds nothing falls due in them, and the loop only looks.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stirred.wait(), None if wait is None else max(wait, _SHORTEST_LOOK))

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        request_id = _request_id(request)
        outcome = await self._outcome(request)
        self._stir()
        answer = outcome.answer
        self._traffic.add(
            SeenRequest(
                method=request.method,
                path=request.rel_url.raw_path,
                operation_id=outcome.operation_id,
                status=answer.status,
                delivered=not outcome.dropped,
                replayed=outcome.replayed,
                idempotency_key=request.headers.get("Idempotency-Key"),
                jti=outcome.jti,
                request_id=request_id,
            )
        )
        if outcome.dropped and request.transport is not None:
            # aiohttp notices the closed connection and sends nothing.
            request.transport.close()
        headers = {
            **answer.headers,
            **self._quota.headers(outcome.operation_id, request.path),
            "Date": email.utils.formatdate(self._clock.time(), usegmt=True),
            "Server": "anton-sandbox",
            "X-Request-ID": request_id,
        }
        if self._nonces is not None:
            headers["DPoP-Nonce"] = self._nonces.current()
        if answer.body:
            headers["Content-Type"] = answer.content_type
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _outcome(self, request: web.BaseRequest) -> Outcome:
        operation = self._service.operation(request.method, request.rel_url.raw_path)
        body, form, unread = b"", None, None
        try:
            if operation is not None and operation.form:
                form = await read_form(request, operation.max_bytes)
            else:
                body = await read_body(request, _MAX_BODY_BYTES if operation is None else operation.max_bytes)
        except Refusal as refusal:
            unread = refusal
        headers = request.headers
        incoming = Incoming(
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.rel_url.raw_query_string,
            host=request.host,
            content_type=request.content_type,
            authorizations=headers.getall("Authorization", ()),
            proofs=headers.getall("DPoP", ()),
            idempotency_key=headers.get("Idempotency-Key"),
            body=body,
            form=form,
            unread=unread,
        )
        return await self._service.handle(incoming)


def _load_key(pem: str) -> SigningKey:
    for kind in (ECKey, OKPKey):
        try:
            key = kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
        if key.is_private and key.curve_name in {"P-256", "Ed25519"}:
            return key
    raise ValueError("private_key_pem must be a private EC P-256 or Ed25519 key in PEM form.")


def _request_id(request: web.BaseRequest) -> str:
    own = request.headers.get("X-Request-ID", "")
    return own if _SANE_REQUEST_ID.fullmatch(own) else secrets.token_hex(10)
