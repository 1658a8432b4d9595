"""A sandbox with a state file, ended in every way and started again."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from anton_async.sandbox import Sandbox
from anton_async.sandbox.state import StateError
from tests.sandbox import test_tour as tour
from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.test_deliveries import listening, subscribe
from tests.sandbox.wire import SEED, Wire
from tests.support.clock import SteppedClock

LISTS = (
    "payouts?limit=100", "beneficiaries?limit=100", "instruments?limit=100", "batches?limit=100", "balances",
    "accounts", "transactions?limit=100", "accounts/USD/transactions?limit=100", "fx/exchanges?limit=100",
    "pricing", "webhooks",
    "webhooks/events?limit=100", "reviews?limit=100", "verifications?limit=100", "verification-stats",
)  # fmt: skip

TOO_MUCH = {"source_amount": "999999.00", "dest_amount": "999999.00"}


async def shown(wire: Wire) -> dict[str, bytes]:
    """Return all that can be listed, as it came over the wire."""
    found = {path: (await wire.call("GET", f"/v1/{path}")).body for path in LISTS}
    for payout in (await wire.call("GET", "/v1/payouts?limit=100")).data:
        path = f"payouts/{payout['id']}/events"
        found[path] = (await wire.call("GET", f"/v1/{path}")).body
    return found


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "anton.db"


async def test_everything_is_there_after_a_restart(open_sandbox: OpenSandbox, state: Path, clock: SteppedClock) -> None:
    wire = await open_sandbox(state=state)
    steps = tour.Tour(wire)
    for part in (tour.move_money, tour.tend_payees, tour.upload_files, tour.listen, tour.comply):
        await part(steps)
        wire.sandbox.clock.advance(17)
        clock.step(1.5)
    paid = await wire.pay("kept")
    refused = await wire.pay("refused", **TOO_MUCH)
    wire.sandbox.clock.advance(3600)
    before, executed = await shown(wire), dict(wire.sandbox.executed)
    await wire.sandbox.stop()

    again = await open_sandbox(state=state)

    assert await shown(again) == before
    assert again.sandbox.executed == executed
    for key, first, changes in (("kept", paid, {}), ("refused", refused, TOO_MUCH)):
        replayed = await again.pay(key, **changes)
        assert (replayed.status, replayed.body) == (first.status, first.body)
        assert replayed.headers["X-Idempotent-Replayed"] == "true"
    assert again.sandbox.executed == executed


async def test_the_client_stays_the_same_and_its_token_good(open_sandbox: OpenSandbox, state: Path) -> None:
    wire = await open_sandbox(state=state)
    token = await wire.token()
    await wire.sandbox.stop()

    again = await open_sandbox(state=state)
    headers = {"Authorization": f"DPoP {token}", "DPoP": again.proof("GET", "/v1/balances", token=token)}

    assert (again.sandbox.client_id, again.sandbox.client_secret) == (
        wire.sandbox.client_id,
        wire.sandbox.client_secret,
    )
    assert again.sandbox.private_key_pem == wire.sandbox.private_key_pem
    assert (await again.send("GET", "/v1/balances", headers=headers)).status == 200


async def test_time_goes_on_while_nobody_runs_it_unless_it_is_held(
    open_sandbox: OpenSandbox, state: Path, clock: SteppedClock
) -> None:
    wire = await open_sandbox(state=state, settle=100)
    payout = (await wire.pay("k")).data["id"]
    wire.sandbox.clock.hold()
    statuses: list[str] = []

    for held in (True, False):
        await wire.sandbox.stop()
        clock.step(1000)
        wire = await open_sandbox(state=state, settle=100)
        statuses.append((await wire.call("GET", f"/v1/payouts/{payout}")).data["status"])
        assert wire.sandbox.clock.held is held
        wire.sandbox.clock.release()

    assert statuses == ["pending_screening", "completed"]


async def test_deliveries_are_not_made_again_and_open_ones_go_on(open_sandbox: OpenSandbox, state: Path) -> None:
    async with listening() as receiver:
        wire = await open_sandbox(state=state)
        await subscribe(wire, receiver.url, "payout.created", "payout.completed")
        await wire.pay("k")
        await wire.sandbox.deliver_webhooks()
        receiver.status = 500
        wire.sandbox.clock.advance(60)
        await wire.sandbox.deliver_webhooks()
        before = await shown(wire)
        await wire.sandbox.stop()
        receiver.status = 200
        seen = len(receiver.requests)

        again = await open_sandbox(state=state)
        assert await shown(again) == before
        await again.sandbox.deliver_webhooks()
        assert len(receiver.requests) == seen
        again.sandbox.clock.advance(31)
        await again.sandbox.deliver_webhooks()
        assert len(receiver.requests) == seen + 1


async def test_a_reset_is_kept_and_leaves_nothing(open_sandbox: OpenSandbox, state: Path) -> None:
    wire = await open_sandbox(state=state)
    await wire.pay("k")
    wire.sandbox.clock.advance(1e6)
    await wire.sandbox.reset()
    before = await shown(wire)
    await wire.sandbox.stop()

    again = await open_sandbox(state=state)

    assert await shown(again) == before
    assert (await again.pay("k")).headers.get("X-Idempotent-Replayed") is None
    assert again.sandbox.executed == {"k": 1}


async def test_a_sandbox_that_is_stopped_can_be_reset(state: Path) -> None:
    sandbox = Sandbox(state=state)
    sandbox.clock.hold()

    await sandbox.reset()

    assert not Sandbox(state=state).clock.held


async def test_another_process_makes_the_same_of_it(open_sandbox: OpenSandbox, state: Path) -> None:
    wire = await open_sandbox(state=state)
    steps = tour.Tour(wire)
    for part in (tour.move_money, tour.tend_payees, tour.upload_files, tour.comply):
        await part(steps)
    await wire.sandbox.stop()

    # Whatever is answered differently the second time is refused when the file is read.
    read = f"from anton_async.sandbox import Sandbox; print(len(Sandbox(state={str(state)!r}).executed))"
    environ = {**os.environ, "PYTHONHASHSEED": "4711"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", read, env=environ, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()

    assert (process.returncode, out.decode()) == (0, f"{len(wire.sandbox.executed)}\n")


SERVER = """
import asyncio, os, sys
from anton_async import AntonClient
from anton_async.sandbox import Sandbox

async def main():
    async with Sandbox(state=sys.argv[1], seed=sys.argv[2]) as sandbox:
        async with AntonClient(sandbox.credentials, base_url=sandbox.base_url) as anton:
            async def pay(key):
                payout = await anton.payouts.create(
                    beneficiary_id="ben_JANE", instrument_id="ins_JANEUSD", source_amount="1.00", dest_amount="1.00",
                    dest_currency="USD", method="ach", purpose="contractor_payment", reference=key, idempotency_key=key,
                )
                print(key, payout.id, flush=True)
            await asyncio.gather(*(pay(f"k{number}") for number in range(5000)))

asyncio.run(main())
"""


async def test_what_was_answered_survives_a_kill(state: Path, tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(SEED))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, str(state), str(seed), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [await process.stdout.readline() for _ in range(40)]
    process.kill()
    lines += (await process.communicate())[0].splitlines(keepends=True)
    answered = dict(line.decode().split() for line in lines if line.endswith(b"\n"))

    async with Sandbox(state=state) as sandbox:
        entries = {payout.shown.reference: payout.id for payout in sandbox._world.merchant.payouts}  # pyright: ignore[reportPrivateUsage] - to break it
        executed = dict(sandbox.executed)

    assert len(answered) >= 40
    assert {key: entries[key] for key in answered} == answered
    assert set(executed) == set(entries)
    assert set(executed.values()) == {1}


def test_the_file_is_private_and_used_by_one_at_a_time(state: Path) -> None:
    Sandbox(state=state)
    state.chmod(0o644)

    Sandbox(state=state)

    assert stat.S_IMODE(state.stat().st_mode) == 0o600


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_a_second_sandbox_is_refused_while_the_first_runs(state: Path, tmp_path: Path) -> None:
    async with Sandbox(state=state):
        with pytest.raises(StateError, match="Another sandbox is using"):
            Sandbox(state=state)
        assert modes(tmp_path) == {"anton.db": 0o600, "anton.db-wal": 0o600}


async def test_a_sandbox_follows_what_another_did_meanwhile(state: Path) -> None:
    first = Sandbox(state=state, settle=1)
    second = Sandbox(state=state, settle=1)
    first.clock.hold()

    async with second:
        assert second.clock.held


def test_other_files_are_refused_and_left_alone(tmp_path: Path, state: Path) -> None:
    text, foreign = tmp_path / "notes.txt", tmp_path / "foreign.db"
    text.write_text("a shopping list that is longer than the header of a database file\n" * 20)
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    (tmp_path / "link").symlink_to(state)
    before = (text.read_bytes(), foreign.read_bytes(), text.stat().st_mode)

    for name, complaint in (
        ("notes.txt", "no state file"),
        ("foreign.db", "no state file"),
        ("link", "not a plain file"),
        ("nowhere/anton.db", "No such file or directory"),
    ):
        with pytest.raises(StateError, match=complaint):
            Sandbox(state=tmp_path / name)

    assert (text.read_bytes(), foreign.read_bytes(), text.stat().st_mode) == before


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("PRAGMA user_version = 99", "has format 99, this release reads format 1"),
        ("UPDATE identity SET content = x'00'", "is damaged"),
        ("UPDATE identity SET content = 'nonsense'", "is damaged"),
        ("UPDATE entry SET digest = x'00' WHERE kind = 'request'", "was made by another version of the sandbox"),
        ("UPDATE entry SET content = x'00' WHERE kind = 'request'", "was made by another version of the sandbox"),
    ],
)
async def test_a_file_that_cannot_be_followed_is_refused(
    open_sandbox: OpenSandbox, state: Path, damage: str, complaint: str
) -> None:
    wire = await open_sandbox(state=state)
    await wire.pay("k")
    await wire.sandbox.stop()
    connection = sqlite3.connect(state, isolation_level=None)
    connection.execute(damage)
    connection.close()

    with pytest.raises(StateError, match=complaint):
        Sandbox(state=state)


def test_a_file_of_another_release_names_both(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        for module in ("server", "state"):
            patch.setattr(f"anton_async.sandbox.{module}.__version__", "9.9.9")
        Sandbox(state=state)

    with pytest.raises(StateError, match=r"made by anton-async 9\.9\.9, this is "):
        Sandbox(state=state)


def test_other_options_than_the_files_are_refused(state: Path) -> None:
    Sandbox(state=state, seed=SEED)

    others: list[dict[str, Any]] = [{"edition": "earlier"}, {"settle": 1.0}, {"seed": {}}]
    for options in others:
        with pytest.raises(StateError, match="was made with"):
            Sandbox(state=state, **options)
    assert Sandbox(state=state).executed == {}


async def test_what_cannot_be_kept_is_not_answered(open_sandbox: OpenSandbox, state: Path, tmp_path: Path) -> None:
    wire = await open_sandbox(state=state, check_answers=False)
    await wire.pay("k1")
    full = wire.sandbox._file  # pyright: ignore[reportPrivateUsage] - to break it
    assert full is not None
    full._open.execute("PRAGMA max_page_count = 1")  # pyright: ignore[reportPrivateUsage] - to break it

    refused = [(await wire.pay(f"more-{number}", metadata={"a": "b" * 400})).status for number in range(100)]
    full._open.execute("PRAGMA max_page_count = 100000")  # pyright: ignore[reportPrivateUsage] - to break it
    later = await wire.pay("later")
    await wire.sandbox.stop()

    assert refused[-1] == 500
    assert later.status == 500
    shutil.copy(state, tmp_path / "copy.db")
    kept = Sandbox(state=tmp_path / "copy.db").executed
    assert "later" not in kept
    assert len(kept) == 1 + refused.count(201)
