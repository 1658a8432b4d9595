"""One life of a sandbox, from its seed to a reset: the merchant, the rules that requests meet, and the deliveries."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from anton_async.clock import Clock
from anton_async.sandbox.access import Gate
from anton_async.sandbox.clock import Instant, SandboxClock
from anton_async.sandbox.contract import Contract
from anton_async.sandbox.deliveries import Courier
from anton_async.sandbox.document import Document
from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.handlers import make_handlers
from anton_async.sandbox.history import Entry, History, UnrepeatableError
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.oauth import TokenEndpoint
from anton_async.sandbox.presenter import Edition, Presenter
from anton_async.sandbox.quota import Quota
from anton_async.sandbox.scenario import Scenario
from anton_async.sandbox.seed import plant
from anton_async.sandbox.service import Service
from anton_async.sandbox.state import Identity, StateError, StateFile
from anton_async.sandbox.tokens import TokenIssuer


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stays when a world ends."""

    wall: Clock
    clock: SandboxClock
    document: Document
    gate: Gate
    issuer: TokenIssuer
    token_endpoint: TokenEndpoint
    scenario: Scenario
    edition: Edition
    settle: float | None
    rate_limit_per_minute: int
    contract: Contract | None


class World:
    """What requests can read and change.

    Raises:
        ValueError: the seed cannot be used.
    """

    def __init__(self, around: Surroundings, seed: bytes, history: History) -> None:
        self.history: History = history
        self.merchant: Merchant = Merchant(around.clock)
        plant(seed, self.merchant)
        self.quota: Quota = Quota(around.wall, around.clock, around.rate_limit_per_minute)
        self.service: Service = Service(
            clock=around.wall,
            world_clock=around.clock,
            document=around.document,
            merchant=self.merchant,
            handlers=make_handlers(self.merchant, Presenter(around.edition), settle=around.settle),
            gate=around.gate,
            issuer=around.issuer,
            token_endpoint=around.token_endpoint,
            quota=self.quota,
            scenario=around.scenario,
            history=history,
            contract=around.contract,
        )
        self.courier: Courier = Courier(self.merchant.events, self.merchant.timeline, around.wall, history)

    def repeat(self, entry: Entry) -> None:
        """Let an entry of the history happen once more.

        Raises:
            UnrepeatableError: its answer differs from the first one.
        """
        with self.history.again(entry), self.history.moment():
            # What fell due by itself before it comes first, as it did then.
            self.merchant.timeline.advance()
            if entry.kind == "request":
                self.service.repeat(entry.content)
            elif entry.kind == "delivery":
                self.courier.repeat(entry.content)


def begin_world(around: Surroundings, seed: bytes, file: StateFile | None, identity: Identity) -> World:
    """Make a new world from a seed; a file forgets the one before.

    Raises:
        ValueError: the seed cannot be used.
    """
    history = History(around.clock, around.wall)
    with history.moment() as birth:
        world = World(around, seed, history)
    if file is not None:
        file.begin(identity, replace(birth, kind="birth", content=seed))
        history.keeper = file
    return world


def resume_world(around: Surroundings, file: StateFile) -> World:
    """Make the world of a file again, and let its clock go on from where it was; meanwhile time went on.

    Raises:
        StateError: it does not come out as it was, because another version of the sandbox made it.
    """
    history = History(around.clock, around.wall)
    entries = file.entries()
    last = next(entries)
    with history.again(last), history.moment():
        world = World(around, last.content, history)
    for entry in entries:
        last = entry
        try:
            world.repeat(entry)
        except (UnrepeatableError, Refusal, StopIteration, msgspec.MsgspecError):
            raise StateError(
                f"The state file {file.path} was made by another version of the sandbox, which answered differently:"
                " use that version again, or name another file."
            ) from None
    away = 0.0 if last.held else max(0.0, around.wall.time() - last.wall)
    around.clock.resume(Instant(last.instant.tick + away, last.instant.time + away), held=last.held)
    history.keeper = file
    return world
