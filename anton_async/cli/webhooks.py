"""`anton webhooks verify`: whether a captured delivery is Anton's, and why not.

Exit codes: 0 genuine, 1 not Anton's or not of now, 2 usage or no secret, 65 genuine but no event.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

import click

from anton_async.cli.payroll import EXIT_USAGE
from anton_async.errors import AntonError, WebhookPayloadError, WebhookSignatureError, printable
from anton_async.webhooks import UnknownEvent, WebhookVerifier

EXIT_FORGED = 1
EXIT_NO_EVENT = 65  # EX_DATAERR of sysexits.h

_SECRETS = "ANTON_WEBHOOK_SECRETS"
_SIGNED = frozenset({"x-webhook-signature", "x-webhook-timestamp"})
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def webhooks() -> None:
    """Look into deliveries of webhooks."""


@webhooks.command()
@click.argument("body", type=click.File("rb"), default="-")
@click.option(
    "--header", "-H", "lines", multiple=True, metavar="'NAME: VALUE'", help="A header; give it once for each."
)
@click.option("--headers", "file", type=_EXISTING_FILE, help="File of headers: a line each, or a JSON object.")
@click.option(
    "--tolerance",
    default=300.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds the delivery may be away from now; more of them for one that was captured earlier.",
)
def verify(body: BinaryIO, lines: tuple[str, ...], file: Path | None, tolerance: float) -> None:
    """Say whether a delivery is Anton's: its type and id, or the reason why not.

    BODY is a file with the very bytes that arrived; standard input when left out. The secrets come from
    ANTON_WEBHOOK_SECRETS, with a comma between two while one is rotated.
    """
    for line in lines:
        if not line.partition(":")[1]:
            raise click.UsageError(f"-H wants 'NAME: VALUE', not '{printable(line, 60)}'.")
    content = body.read()
    headers = [*_headers("\n".join(lines)), *(_headers(file.read_text("utf-8", "replace")) if file else [])]
    try:
        secrets = [secret.strip() for secret in os.environ.get(_SECRETS, "").split(",") if secret.strip()]
        event = WebhookVerifier(secrets, tolerance=tolerance).unwrap(content, headers)
    except WebhookSignatureError as error:
        _refuse(_reason(error, content, headers), EXIT_FORGED)
    except WebhookPayloadError as error:
        _refuse(f"Signed by Anton, but no event: {_sentence(error)}", EXIT_NO_EVENT)
    except AntonError as error:
        _refuse(f"{_sentence(error)} Set {_SECRETS}.", EXIT_USAGE)
    if isinstance(event, UnknownEvent):
        click.echo("This version does not know that type, or the event came without data.", err=True)
    click.echo(f"{printable(event.type, 100)} {printable(event.id, 100)}")


def _refuse(reason: str, exit_code: int) -> NoReturn:
    click.echo(f"Error: {reason}", err=True)
    sys.exit(exit_code)


def _headers(text: str) -> list[tuple[str, str]]:
    """Return the headers in `text`; lines without a colon, such as a request line, are left out."""
    if text.lstrip().startswith("{"):
        return [pair for name, value in _object(text).items() for pair in _each(name, value)]
    pairs = (line.partition(":") for line in text.splitlines())
    return [(name.strip(" \t<>"), value.strip()) for name, colon, value in pairs if colon]


def _object(text: str) -> dict[str, object]:
    try:
        return cast("dict[str, object]", json.loads(text))
    except (ValueError, RecursionError):
        _refuse("The headers look like JSON, but cannot be read as it.", EXIT_USAGE)


def _each(name: str, value: object) -> Iterable[tuple[str, str]]:
    return [(name, str(each)) for each in (cast("list[object]", value) if isinstance(value, list) else [value])]


def _reason(error: AntonError, body: bytes, headers: list[tuple[str, str]]) -> str:
    """Return why a delivery is refused, and what is the matter with it where that can be seen."""
    missing = sorted(_SIGNED - {name.lower() for name, _ in headers})
    if missing:
        return f"No {' and no '.join(missing)} among the headers: give them with --header or --headers."
    if not body:
        return "There is no body."
    hint = " The body ends in a line break: is it one that an editor added?" if body.endswith(b"\n") else ""
    return f"{_sentence(error)} {len(body)} bytes were read.{hint}"


def _sentence(error: AntonError) -> str:
    return printable(f"{error.message.removesuffix('.')}.")
