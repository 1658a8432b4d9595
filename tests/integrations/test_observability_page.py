"""The code of docs/observability.md, run as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "observability.md").read_text("utf-8")
TRACED, LOG_LEVEL, STRUCTLOG, OBSERVER = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PRINTED = re.findall(r"\n\n```\n(.*?)```", PAGE, re.DOTALL)

PAYING = """
import asyncio
from anton_async import AntonClient, AntonError
from anton_async.sandbox import Sandbox
{imports}

async def main():
    async with Sandbox() as sandbox, AntonClient(sandbox.credentials, base_url=sandbox.base_url) as anton:
        {prepare}
        await anton.balances.list()
        try:
            await anton.payouts.retrieve("pay_01K5MDVTVTCYS3TRP9C9P582RG")
        except AntonError as error:
            {failed}
        {finish}

asyncio.run(main())
"""


def run(program: str) -> str:
    found = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


def paying(*, imports: str = "", prepare: str = "pass", failed: str = "pass", finish: str = "pass") -> str:
    return PAYING.format(imports=imports, prepare=prepare, failed=failed, finish=finish)


def test_the_first_program_prints_what_the_page_says() -> None:
    assert run(TRACED) == PRINTED[0]
    assert PAGE.index("```python") < 150


def test_the_structlog_recipe_writes_json_with_what_became_of_each_call() -> None:
    followed = paying(
        imports="from anton_async.integrations.opentelemetry import instrument\n"
        "from opentelemetry.sdk.trace import TracerProvider",
        prepare="instrument(anton, tracer_provider=TracerProvider())",
        failed="structlog.get_logger('service').warning('payout failed', error=error)",
    )

    balances, payout, warning = map(json.loads, run(STRUCTLOG + followed).splitlines())

    assert (balances["logger"], balances["level"]) == ("anton_async.calls", "info")
    assert (balances["anton_operation"], balances["anton_outcome"]) == ("listBalances", "succeeded")
    assert (payout["anton_outcome"], payout["anton_code"]) == ("rejected", "payout_not_found")
    assert len(payout["trace_id"]) == 32
    assert (warning["event"], warning["logger"]) == ("payout failed", "service")
    assert (warning["error"]["outcome"], warning["error"]["code"]) == ("rejected", "payout_not_found")
    assert warning["error"]["request_id"] == payout["anton_request_id"]


def test_the_line_that_switches_the_log_of_calls_on() -> None:
    configured = f"{LOG_LEVEL}\nimport sys; logging.basicConfig(format='%(message)s', stream=sys.stdout)\n"

    lines = run(configured + paying()).splitlines()

    assert [line.split(" after")[0] for line in lines] == [
        "GET /v1/balances: succeeded",
        "GET /v1/payouts/{id}: rejected (payout_not_found)",
    ]


def test_the_observer_counts_outcomes() -> None:
    program = OBSERVER + paying(
        prepare="observed(anton, outcomes := Outcomes())", finish="print(sorted(outcomes.seen.items()))"
    )

    assert run(program) == "[(('getPayout', 'rejected'), 1), (('listBalances', 'succeeded'), 1)]\n"
