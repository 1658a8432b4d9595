"""`make demo`: pays `payroll.csv` through the SDK, against a local Anton that is sometimes in trouble.

Everything is real but the money: HTTP on a loopback port, OAuth tokens, DPoP proofs, idempotency keys, retries, the
journal. Interrupt it in any way and run it again; when it is through, run it again to see that nothing is sent twice.
"""

from __future__ import annotations

import os
import signal
import sys


def leave(number: int, frame: object) -> None:
    """End the process on Ctrl-C without a traceback; a run of payouts has a handler of its own."""
    del frame
    os._exit(128 + number)


signal.signal(signal.SIGINT, leave)  # before the imports, which take a while

import asyncio  # noqa: E402 - after the handler
from collections import Counter  # noqa: E402 - after the handler
from pathlib import Path  # noqa: E402 - after the handler

from anton_async import AntonClient  # noqa: E402 - after the handler
from anton_async.bulk import Accepted, Report, Result  # noqa: E402 - after the handler
from anton_async.bulk.report import counted  # noqa: E402 - after the handler
from anton_async.cli.payroll import EXIT_USAGE, pay_file  # noqa: E402 - after the handler
from anton_async.errors import ConfigurationError  # noqa: E402 - after the handler
from anton_async.sandbox import Sandbox  # noqa: E402 - after the handler

HERE = Path(__file__).parent
DEMO = HERE.parent / "demo"
CLIENT_ID = "ant_oc_test_" + "d" * 32
"""Fixed, because a journal belongs to one client; the secret and the key are new each time."""


async def demo() -> int:
    """Run the demo and return the exit code."""
    tell(f"Starting a local Anton with the payees of {HERE.name}/payees.json ...")
    async with Sandbox(seed=HERE / "payees.json", client_id=CLIENT_ID) as sandbox:
        make_trouble(sandbox)
        tell(
            f"It listens on {sandbox.base_url}. Paying {HERE.name}/payroll.csv; the journal is {DEMO.name}/payroll.db."
        )
        ledger = Comparison(sandbox)
        async with AntonClient(sandbox.credentials, base_url=sandbox.base_url) as anton:
            return await pay_file(
                anton,
                HERE / "payroll.csv",
                journal=DEMO / "payroll.db",
                report_path=DEMO / "report.json",
                watch=ledger.watch,
                conclude=ledger.conclude,
            )


def make_trouble(sandbox: Sandbox) -> None:
    """Let five of the coming requests go wrong; the zero delays count off those that go right in between."""
    script = sandbox.on("createPayout")
    script.delay(0, times=120).fail(503)
    script.delay(0, times=130).drop_response()
    script.delay(0, times=150).fail(503)
    script.delay(0, times=150).fail(429, retry_after=1)
    script.delay(0, times=150).drop_response()


class Comparison:
    """Holds what the job reports against what the other side has booked."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._accepted: Counter[str] = Counter()

    def watch(self, result: Result) -> None:
        """Remember the key of a payout that was accepted in this run."""
        if isinstance(result, Accepted) and not result.from_journal:
            self._accepted[result.idempotency_key] += 1

    def conclude(self, report: Report) -> None:
        """Say whether both sides agree."""
        seen = [request for request in self._sandbox.requests if request.operation_id == "createPayout"]
        troubled = sum(request.status >= 429 and request.status != 422 for request in seen)
        lost = sum(not request.delivered for request in seen)
        replayed = sum(request.replayed for request in seen)
        if seen:
            tell(
                f"On the wire: {counted(len(seen), 'request')}, {troubled:,} refused for a while,"
                f" {counted(lost, 'answer')} lost, {replayed:,} answered again from the first execution."
            )
        else:
            tell("On the wire: no payout was asked for.")
        tell(f"Ledger: {self._verdict(report)}.")

    def _verdict(self, report: Report) -> str:
        booked = Counter(dict(self._sandbox.executed))
        payouts = f"{counted(len(booked), 'payout')} booked in this run"
        if booked == self._accepted:
            if not booked:
                return "nothing was booked in this run, as the job reports"
            if len(booked) == 1:
                return f"{payouts}, exactly once, and it is the one the job reports"
            return f"{payouts}, each exactly once, and each is one the job reports"
        if report.pending or report.unknown:
            return f"{payouts}, {len(self._accepted):,} reported so far"
        return "it does NOT agree with the report"


def tell(line: str) -> None:
    """Talk to the person who watches; standard output is for the closing line."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Run the demo."""
    DEMO.mkdir(mode=0o700, exist_ok=True)
    try:
        code = asyncio.run(demo())
    except ConfigurationError as error:
        tell(f"{error} (to begin anew, remove the {DEMO.name} directory)")
        code = EXIT_USAGE
    sys.exit(code)


if __name__ == "__main__":
    main()
