"""What can be typed after `anton`; each command reads its options and hands over.

Credentials and host come from the environment variables of `AntonClient.from_env`. Standard output carries results
only, everything else goes to standard error. Exit codes: 0 done, 1 rejected rows with `--strict`, 2 usage or
configuration, 3 unknown rows, 75 stopped early or unreachable, 130 interrupted before anything began.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import warnings
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import click

from anton_async._version import __version__
from anton_async.auth.keys import DPoPKey
from anton_async.bulk import Report
from anton_async.bulk.layout import Layout
from anton_async.bulk.report_file import totals
from anton_async.bulk.row_file import Format
from anton_async.bulk.sqlite_journal import read_journal
from anton_async.cli.batches import run_batch
from anton_async.cli.display import describe
from anton_async.cli.keyfile import write_key
from anton_async.cli.payroll import EXIT_STOPPED, EXIT_USAGE, check_file, pay_file, settle_journal
from anton_async.cli.server import make_sandbox, serve
from anton_async.cli.token import describe_token
from anton_async.cli.webhooks import webhooks
from anton_async.client import AntonClient
from anton_async.config import DEFAULT_RATE_LIMIT, Environment, RateLimit
from anton_async.errors import AntonError, ConnectionError, DeadlineExceededError, TransportError, printable

T = TypeVar("T")

_FILE = click.Path(dir_okay=False, path_type=Path)
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Misconfigured(click.ClickException):
    exit_code = EXIT_USAGE


class _Unavailable(click.ClickException):
    exit_code = EXIT_STOPPED


@contextmanager
def _errors_as_sentences() -> Generator[None, None, None]:
    try:
        yield
    except AntonError as error:
        kind = _Unavailable if isinstance(error, TransportError | DeadlineExceededError) else _Misconfigured
        told = printable(str(error), 2000)
        if isinstance(error, ConnectionError):
            told = f"{told.removesuffix('.')}. The host is {_host()}: is ANTON_BASE_URL right?"
        raise kind(told) from None


def _host() -> str:
    named = os.environ.get("ANTON_ENVIRONMENT", "").strip() or "sandbox"
    return os.environ.get("ANTON_BASE_URL", "").strip() or Environment(named).base_url


@contextmanager
def _warnings_as_sentences() -> Generator[None, None, None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        click.echo(f"Warning: {printable(str(warning.message))}", err=True)


def _client(*, concurrency: int = 100, per_minute: int = DEFAULT_RATE_LIMIT.per_minute) -> AntonClient:
    with _warnings_as_sentences():
        return AntonClient.from_env(concurrency=concurrency, rate_limit=RateLimit(per_minute=per_minute))


def _run(work: Coroutine[object, object, T]) -> T:
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        sys.exit(EXIT_STOPPED)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="anton")
def anton() -> None:
    """Work with the Anton Payments API.

    Credentials and host come from ANTON_CLIENT_ID, ANTON_CLIENT_SECRET, ANTON_DPOP_KEY or ANTON_DPOP_KEY_FILE,
    ANTON_ENVIRONMENT (sandbox or production) and ANTON_BASE_URL.
    """


anton.add_command(webhooks)


@anton.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option(
    "--seed", type=_EXISTING_FILE, help="JSON file with balances, beneficiaries and instruments to start with."
)
@click.option(
    "--settle", default=5.0, show_default=True, type=click.FloatRange(0), help="Seconds until a payout completes."
)
@click.option(
    "--key-file",
    default=Path("anton-sandbox-key.pem"),
    show_default=True,
    type=_FILE,
    help="Where the client's DPoP key is written; a key that is there already is used.",
)
@click.option("--state", type=_FILE, help="SQLite file that keeps everything over a restart; made when missing.")
@click.option(
    "--control",
    is_flag=False,
    flag_value="loopback",
    type=click.Choice(["loopback", "anywhere"]),
    help="Open the control API under /control, for this machine unless told otherwise.",
)
def sandbox(
    *,
    host: str,
    port: int,
    seed: Path | None,
    settle: float,
    key_file: Path,
    state: Path | None,
    control: Literal["loopback", "anywhere"] | None,
) -> None:
    """Run a local Anton until Ctrl-C.

    ANTON_CLIENT_ID and ANTON_CLIENT_SECRET, where set, become its client's.
    """
    with _errors_as_sentences():
        with _warnings_as_sentences():
            local = make_sandbox(
                host=host, port=port, seed=seed, settle=settle, key_file=key_file, state=state, control=control
            )
        _run(serve(local, key_file, control=control is not None))


@anton.group()
def keys() -> None:
    """Make DPoP keys."""


@keys.command("generate")
@click.option("--algorithm", default="ES256", show_default=True, type=click.Choice(["ES256", "EdDSA"]))
@click.option("--out", required=True, type=_FILE, help="Where the private key is written; never overwritten.")
def generate_key(algorithm: Literal["ES256", "EdDSA"], out: Path) -> None:
    """Make a DPoP key pair: the private half goes into a file, the public half is printed."""
    with _errors_as_sentences():
        key = DPoPKey.generate(algorithm)
        write_key(key.private_pem(), out)
    click.echo(json.dumps({"public_jwk": dict(key.public_jwk), "thumbprint": key.thumbprint}, indent=2))
    click.echo(f"The private key is in {out}: keep it, and register the public one with your client.", err=True)


@anton.command()
@click.option("--show", is_flag=True, help="Print the token itself, too: it is a secret for as long as it lives.")
def token(*, show: bool) -> None:
    """Fetch an access token, to see whether the credentials work."""
    with _errors_as_sentences():
        click.echo(_run(_token(show=show)))


async def _token(*, show: bool) -> str:
    async with _client() as client:
        return await describe_token(client, show=show)


@anton.group()
def payouts() -> None:
    """Pay many payouts from a file."""


_concurrency = click.option(
    "--concurrency", default=64, show_default=True, type=click.IntRange(1), help="Payouts under way at once."
)
_grace = click.option(
    "--grace",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0, 3600),
    help="Seconds that payouts under way have to be answered after Ctrl-C; a second one ends the wait.",
)
_trust_clock = click.option(
    "--trust-clock",
    is_flag=True,
    help="Send rows again though the journal is newer than this machine's clock: only when that clock was ahead"
    " before, and they were first sent less than 23 hours ago.",
)
_per_minute = click.option(
    "--per-minute",
    default=DEFAULT_RATE_LIMIT.per_minute,
    show_default=True,
    type=click.IntRange(1),
    help="Requests that the merchant may send in any minute.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Write JSON objects to standard error, one a line.")


@payouts.command("run")
@click.argument("file", type=_EXISTING_FILE)
@click.option("--journal", type=_FILE, help="The job's memory: made when missing, resumed when there.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "xlsx"]),
    help="Left out: JSON Lines for .jsonl, XLSX for .xlsx, else CSV.",
)
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="What a column of FILE is called here; COLUMN= leaves it out.",
)
@click.option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help="What every row has.")
@click.option("--check", is_flag=True, help="Only look for rows that break the document's rules; nothing is sent.")
@_concurrency
@click.option("--report", type=_FILE, help="Write a report: .json with counts and sums, .csv with the problem rows.")
@click.option("--accepted", type=_FILE, help="Write a CSV of the accepted rows with the ids of their payouts.")
@click.option("--rejected", type=_FILE, help="Write the rejected rows as FILE has them, to be mended and run again.")
@click.option("--follow", is_flag=True, help="Then wait until each payout is in a terminal state, or for Ctrl-C.")
@_json
@_per_minute
@click.option("--strict", is_flag=True, help="Exit with 1 when rows were rejected.")
@click.option(
    "--max-failures", type=click.IntRange(1), help="Stop when this many rows were rejected or left unknown in this run."
)
@click.option("--stop-on", multiple=True, metavar="CODE", help="Stop when a row is rejected with this error code.")
@_grace
@_trust_clock
def run_payouts(
    file: Path,
    *,
    journal: Path | None,
    form: Format | None,
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    check: bool,
    concurrency: int,
    report: Path | None,
    accepted: Path | None,
    rejected: Path | None,
    follow: bool,
    as_json: bool,
    per_minute: int,
    max_failures: int | None,
    stop_on: tuple[str, ...],
    strict: bool,
    grace: float,
    trust_clock: bool,
) -> None:
    """Pay the rows of a file, CSV, JSON Lines or XLSX, each exactly once; the same command again resumes.

    Columns are the fields of the create call plus row_id (left out: the line number), metadata.<label> and
    session.<field>. Standard output gets one line: rows N | accepted A | rejected R | unknown U.
    """
    with _errors_as_sentences():
        layout = Layout(
            columns=_pairs("--map", "COLUMN=FIELD", columns), constants=_pairs("--set", "FIELD=VALUE", constants)
        )
        if check:
            sys.exit(check_file(file, form, layout))
    if journal is None:
        raise click.UsageError("Missing option '--journal'.")
    place = journal

    async def pay() -> int:
        async with _client(concurrency=max(100, concurrency), per_minute=per_minute) as client:
            return await pay_file(
                client,
                file,
                journal=place,
                concurrency=concurrency,
                report_path=report,
                accepted_path=accepted,
                rejected_path=rejected,
                follow=follow,
                as_json=as_json,
                strict=strict,
                grace=grace,
                max_failures=max_failures,
                stop_on=stop_on,
                trust_clock=trust_clock,
                form=form,
                layout=layout,
            )

    with _errors_as_sentences():
        sys.exit(_run(pay()))


def _pairs(option: str, form: str, given: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.UsageError(f"{option} wants {form}, not '{printable(text, 60)}'.")
        if name in pairs:
            raise click.UsageError(f"{option} names '{printable(name, 60)}' twice.")
        pairs[name] = value
    return pairs


@payouts.command("settle")
@click.argument("journal", type=_FILE)
@_concurrency
@_grace
@_trust_clock
@_json
@_per_minute
def settle_payouts(
    journal: Path, *, concurrency: int, grace: float, trust_clock: bool, as_json: bool, per_minute: int
) -> None:
    """Find out what became of the rows of a journal that may have left; no other row is sent.

    For 23 hours after its first sending a row is sent again under its own key. An older one is looked up by its
    reference, and left unknown when that finds no payout that can only be its own.
    """

    async def settle() -> int:
        async with _client(concurrency=max(100, concurrency), per_minute=per_minute) as client:
            return await settle_journal(
                client, journal, concurrency=concurrency, grace=grace, trust_clock=trust_clock, as_json=as_json
            )

    with _errors_as_sentences():
        sys.exit(_run(settle()))


@payouts.command("status")
@click.argument("journal", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def payouts_status(journal: Path, *, as_json: bool) -> None:
    """Show what a journal knows, also while a job runs on it."""
    with _errors_as_sentences():
        owner, report = read_journal(journal)
    if as_json:
        click.echo(json.dumps({"client_id": owner.client_id, "origin": owner.origin, **totals(report)}))
        return
    click.echo(f"client {printable(owner.client_id)} at {printable(owner.origin)}")
    for line in _details(report):
        click.echo(line)
    click.echo(report.closing_line())


def _details(report: Report) -> Generator[str, None, None]:
    for group in report.groups:
        yield printable(describe(group))
    for currency, amount in report.paid.items():
        yield f"payouts made: {amount:f} {currency}"
    for code, count in report.rejections.items():
        yield f"rejected {count} {printable(code)}"
    if report.pending:
        yield f"pending {report.pending}: run the job again to settle them"


@anton.group()
def batches() -> None:
    """Pay many payouts as one of Anton's own batches."""


@batches.command("run")
@click.argument("file", type=_EXISTING_FILE)
@click.option("--yes", is_flag=True, help="Confirm without asking.")
@click.option("--source-currency", help="The balance that pays rows which name none.")
@click.option("--results", type=_FILE, help="Write a CSV with what became of each row.")
@click.option("--again", is_flag=True, help="Upload although a batch of the same name and size was found.")
@click.option("--strict", is_flag=True, help="Exit with 1 when rows were not paid.")
def run_batch_file(
    file: Path, *, yes: bool, source_currency: str | None, results: Path | None, again: bool, strict: bool
) -> None:
    """Upload a CSV or XLSX file in the template's layout, show what validation found, confirm it, and follow it.

    The same command again goes on where it was; FILE.batch.json remembers which batch the file became.
    """

    async def pay() -> int:
        async with _client() as client:
            return await run_batch(
                client, file, yes=yes, source_currency=source_currency, results_path=results, again=again, strict=strict
            )

    with _errors_as_sentences():
        sys.exit(_run(pay()))
