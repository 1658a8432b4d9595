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
import secrets
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self, get_args

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from anton_async._version import __version__
from anton_async.clock import SYSTEM_CLOCK, Clock
from anton_async.sandbox.access import SCOPES, Gate
from anton_async.sandbox.clock import Instant, SandboxClock
from anton_async.sandbox.contract import load_contract
from anton_async.sandbox.control import Control, ControlReach
from anton_async.sandbox.document import load_document
from anton_async.sandbox.listener import Listener
from anton_async.sandbox.oauth import OAuthClient, TokenEndpoint
from anton_async.sandbox.presenter import Edition
from anton_async.sandbox.proof import Nonces, ProofChecker, SigningKey
from anton_async.sandbox.scenario import Scenario, Script
from anton_async.sandbox.seed import SeedSource
from anton_async.sandbox.seed import encoded as encoded_seed
from anton_async.sandbox.state import Identity, StateError, StateFile
from anton_async.sandbox.tokens import TokenIssuer
from anton_async.sandbox.traffic import SeenRequest, Traffic
from anton_async.sandbox.world import Surroundings, World, begin_world, resume_world

if TYPE_CHECKING:
    from anton_async.auth.credentials import OAuthCredentials

_SHORTEST_LOOK = 0.05  # seconds


class Sandbox:
    """A local Anton with one merchant and one registered client.

    Args:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        edition: edition of the API to speak: `newest`, or `earlier` with bare objects and static keys.
        seed: what the merchant has from the start: a mapping, or the path of a JSON file. Left out, only balances.
        settle: seconds from a payout's creation to `completed`; None leaves every payout in `pending_screening` and
            every verification where it began. Batches, screenings and approvals keep the same pace, 5 seconds at None.
        require_nonce: whether every proof must carry the server's current nonce (RFC 9449 sections 8 and 9).
        rate_limit_per_minute: requests to `/v1` in any 60 seconds.
        token_lifetime: life of an access token in seconds.
        client_id: id of the registered client; left out, a random one in the documented form.
        client_secret: secret of the registered client; left out, a random one.
        private_key_pem: the client's DPoP key, EC P-256 or Ed25519, as PEM; left out, a new P-256 key.
        clock: where time comes from.
        capabilities: what the account can do, of `payouts` and `intelligence`.
        scopes: what the registered client may do, of the same.
        check_answers: whether an answer that breaks the document becomes a 500, in the newest edition.
        state: a SQLite file that keeps everything over a restart, made when missing, for one sandbox at a time. It
            keeps the client's credentials, too. Left out, everything ends with the sandbox.
        control: whether there is a control API under `/control`: True for requests from this machine, `anywhere` for
            those from others, too.

    Raises:
        ValueError: an argument, the seed or the state file cannot be used; the message says which and why.

    Attributes:
        clock: the time of the world behind the API; `clock.advance(seconds)` moves it on, `clock.hold()` stops it.
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
        capabilities: Collection[str] = SCOPES,
        scopes: Collection[str] = SCOPES,
        check_answers: bool = False,
        state: str | Path | None = None,
        control: bool | ControlReach = False,
    ) -> None:
        if edition not in get_args(Edition):
            raise ValueError(f"There is no edition {edition!r}: choose one of {', '.join(get_args(Edition))}.")
        _check_settle(settle)
        if control not in {True, False, *get_args(ControlReach)}:
            raise ValueError(f"control must be True, False or one of {', '.join(get_args(ControlReach))}.")
        if not {*capabilities, *scopes} <= set(SCOPES):
            raise ValueError(f"capabilities and scopes are a list of {' and '.join(SCOPES)}.")
        self._seed = encoded_seed(seed)
        self._file = None if state is None else StateFile(Path(state))
        kept = None if self._file is None else self._read_kept(self._file, edition, settle, seeded=seed is not None)
        self._identity = identity = kept or Identity(
            release=__version__,
            edition=edition,
            settle=settle,
            client_id=client_id or f"ant_oc_test_{secrets.token_hex(16)}",
            client_secret=client_secret or f"ant_ocs_test_{secrets.token_hex(24)}",
            private_key_pem=_new_key() if private_key_pem is None else private_key_pem,
            api_key=f"ak_test_{secrets.token_hex(16)}",
            token_key_pem=_new_key(),
        )
        key = _load_key(identity.private_key_pem if private_key_pem is None else private_key_pem)
        self.client_id: str = client_id or identity.client_id
        self.client_secret: str = client_secret or identity.client_secret
        self.private_key_pem: str = key.as_pem(private=True).decode()
        self.api_key: str = identity.api_key
        self._host = host
        self._port = port
        self._clock = clock
        self.clock: SandboxClock = SandboxClock(clock)
        nonces = Nonces(clock) if require_nonce else None
        self._traffic = Traffic()
        document = load_document()
        self._scenario = Scenario({name: operation.client_name for name, operation in document.operations.items()})
        checker = ProofChecker(clock, [key], nonces)
        issuer = TokenIssuer(clock, lifetime=token_lifetime, key=ECKey.import_key(identity.token_key_pem))
        client = OAuthClient(self.client_id, self.client_secret, " ".join(scopes))
        self._around = Surroundings(
            wall=clock,
            clock=self.clock,
            document=document,
            gate=Gate(edition=edition, api_key=self.api_key, issuer=issuer, checker=checker, capabilities=capabilities),
            issuer=issuer,
            token_endpoint=TokenEndpoint(client, issuer, checker),
            scenario=self._scenario,
            edition=edition,
            settle=settle,
            rate_limit_per_minute=rate_limit_per_minute,
            contract=load_contract() if check_answers and edition == "newest" else None,
        )
        with self._file_at_hand() as file:
            self._world = self._begin_world() if file is None or kept is None else resume_world(self._around, file)
        self.clock.watch(self._follow)
        self._stirred = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turning: asyncio.Task[None] | None = None
        self._listener = Listener(
            world=lambda: self._world,
            after=self._stir,
            traffic=self._traffic,
            nonces=nonces,
            clock=clock,
            control=Control(self) if control else None,
            reach="loopback" if isinstance(control, bool) else control,
        )

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
        """Listen; after a `stop` the sandbox comes back on the same port with everything it held.

        Raises:
            OSError: the port is taken, or the host is no address of this machine.
            StateError: the state file is in use, or was changed in a way that cannot be followed.
        """
        if self._listener.is_open:
            raise RuntimeError("The sandbox is running already; stop it before starting it again.")
        try:
            if self._file is not None:
                self._open(self._file)
            self._port = await self._listener.open(self._host, self._port)
        except BaseException:
            self._close_file()
            raise
        self._stirred = asyncio.Event()  # a new one, because an event belongs to the loop it was first waited for in
        self._loop = asyncio.get_running_loop()
        self._turning = self._loop.create_task(self._turn())

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        turning, self._turning = self._turning, None
        if turning is not None:
            turning.cancel()
            await asyncio.wait({turning})
        await self._world.courier.close()
        await self._listener.close()
        self._loop = None
        self._close_file()
        if turning is not None and not turning.cancelled():
            turning.result()

    async def reset(self) -> None:
        """Begin again from the seed: objects, keys, scripts and clock as at the start; host and credentials stay."""
        await self._world.courier.close()
        self._world.history.keeper = None  # what is still under way belongs to the world that ends here
        self._scenario.clear()
        self._traffic.clear()
        self.clock.resume(Instant(self._clock.monotonic(), self._clock.time()), held=False)
        with self._file_at_hand():
            self._world = self._begin_world()
        self._stir()

    async def deliver_webhooks(self) -> None:
        """Send every webhook that is due now, and wait for the answers; without this they go out by themselves."""
        self._world.merchant.timeline.advance()
        await self._world.courier.flush()

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
        from anton_async.auth.credentials import OAuthCredentials  # noqa: PLC0415 - for whoever asks, not before
        from anton_async.auth.keys import DPoPKey  # noqa: PLC0415 - for whoever asks, not before

        return OAuthCredentials(
            client_id=self.client_id, client_secret=self.client_secret, key=DPoPKey.from_pem(self.private_key_pem)
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that let `AntonClient.from_env` reach this sandbox as its registered client."""
        return {
            "ANTON_BASE_URL": self.base_url,
            "ANTON_CLIENT_ID": self.client_id,
            "ANTON_CLIENT_SECRET": self.client_secret,
            "ANTON_DPOP_KEY": self.private_key_pem,
        }

    @property
    def requests(self) -> list[SeenRequest]:
        """What was seen so far, oldest first; the latest 100,000 are kept."""
        return self._traffic.requests()

    @property
    def executed(self) -> Mapping[str, int]:
        """How often a change was carried out, by idempotency key; anything above 1 is money paid twice."""
        return MappingProxyType(self._world.merchant.executed)

    def on(self, operation_id: str) -> Script:
        """Script what happens to the next requests of an operation.

        Args:
            operation_id: the document's operationId, for example `createPayout`.

        Raises:
            ValueError: the document has no such operation; the message names similar ones.
        """
        return self._scenario.on(operation_id)

    def _read_kept(self, file: StateFile, edition: Edition, settle: float | None, *, seeded: bool) -> Identity | None:
        """Return who the state file belongs to, None when it is new; its seed becomes this sandbox's."""
        with file:
            kept = file.identity()
            if kept is None:
                return None
            seed = next(file.entries()).content
        if (kept.edition, kept.settle) != (edition, settle):
            was = f"edition={kept.edition!r} and settle={kept.settle}"
            raise StateError(f"The state file {file.path} was made with {was}: use the same, or name another file.")
        if seeded and seed != self._seed:
            raise StateError(
                f"The state file {file.path} was made with another seed: leave it out, or name another file."
            )
        self._seed = seed
        return kept

    def _begin_world(self) -> World:
        return begin_world(self._around, self._seed, self._file, self._identity)

    def _open(self, file: StateFile) -> None:
        known = file.mark
        file.open()
        if file.mark != known:  # another sandbox went on with it meanwhile
            self._world = resume_world(self._around, file)

    def _file_at_hand(self) -> AbstractContextManager[StateFile | None]:
        """Return the state file, opened meanwhile when it is closed."""
        return nullcontext(self._file) if self._file is None or self._file.is_open else self._file

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()

    def _stir(self) -> None:
        self._stirred.set()

    def _follow(self) -> None:
        """Let the world follow its clock, in the loop that it lives in."""
        if self._loop is None or not self._loop.is_running() or self._loop is _present_loop():
            self._note_clock()
        else:
            asyncio.run_coroutine_threadsafe(self._noted_clock(), self._loop).result()

    async def _noted_clock(self) -> None:
        self._note_clock()

    def _note_clock(self) -> None:
        world = self._world
        with self._file_at_hand():
            world.merchant.timeline.advance()
            with world.history.moment() as entry:
                world.history.keep(entry, "clock")
        self._stir()

    async def _turn(self) -> None:
        """Let things happen by themselves: whatever is due, also when nobody asks."""
        while True:
            self._stirred.clear()
            timeline = self._world.merchant.timeline
            timeline.advance()
            self._world.courier.dispatch()
            wait = timeline.wait()
            # Real seconds: on a clock that a test holds nothing falls due in them, and the loop only looks.
            with contextlib.suppress(TimeoutError):
                # `wait_for` of Python 3.11 would lose a cancellation that comes together with the event.
                async with asyncio.timeout(None if wait is None else max(wait, _SHORTEST_LOOK)):
                    await self._stirred.wait()


def _present_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _check_settle(settle: object) -> None:
    if settle is None:
        return
    if isinstance(settle, bool) or not isinstance(settle, int | float) or not 0 <= settle < float("inf"):
        raise ValueError("settle must be 0 seconds or more, or None.")


def _new_key() -> str:
    return ECKey.generate_key("P-256").as_pem(private=True).decode()


def _load_key(pem: str) -> SigningKey:
    for kind in (ECKey, OKPKey):
        try:
            key = kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
        if key.is_private and key.curve_name in {"P-256", "Ed25519"}:
            return key
    raise ValueError("private_key_pem must be a private EC P-256 or Ed25519 key in PEM form.")
