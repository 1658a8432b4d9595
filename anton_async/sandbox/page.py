"""The page at `/`: what is inside a sandbox, for a person to look at.

One answer without scripts; everything that came from outside is escaped, and no credential or secret is on it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from anton_async.sandbox.errors import Answer
from anton_async.sandbox.events import DeliveryEntry
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.traffic import SeenRequest

_LATEST = 50
_BAD = frozenset(
    {"failed", "returned", "cancelled", "velocity_blocked", "cannot_be_processed", "screening_failed", "abandoned"}
)
_GOOD = frozenset({"completed", "success"})


def render(merchant: Merchant, requests: Sequence[SeenRequest]) -> Answer:
    """Return the page."""
    template, style = _sources()
    now = merchant.now()
    deliveries = [delivery for event in merchant.events.events for delivery in event.deliveries]
    content = template.substitute(
        style=style,
        now=now.isoformat(),
        now_shown=f"{now:%d %b %Y, %H:%M:%S} UTC",
        balances=_balances(merchant),
        payouts=_payouts(merchant),
        payout_count=len(merchant.payouts),
        requests=_requests(requests),
        request_count=_extent(len(requests)),
        deliveries=_deliveries(deliveries),
        delivery_count=_extent(len(deliveries)),
    )
    headers = {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_sha256(style)}'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return Answer(200, content.encode(errors="replace"), headers, "text/html; charset=utf-8")


def _balances(merchant: Merchant) -> str:
    shown = [account.shown(merchant.id) for account in merchant.ledger.accounts()]
    rows = [
        (_text(one.currency), _amount(one.available), _amount(one.pending), _amount(one.total))
        for one in sorted(shown, key=lambda one: one.currency)
    ]
    return _table(("Currency", "Available", "Pending", "Total"), rows, numbers_from=1, empty="No money yet.")


def _payouts(merchant: Merchant) -> str:
    counts = Counter(entry.shown.status for entry in merchant.payouts)
    rows = [(_tag(status), str(count)) for status, count in counts.most_common()]
    return _table(("Status", "Payouts"), rows, numbers_from=1, empty="No payouts yet.")


def _requests(requests: Sequence[SeenRequest]) -> str:
    rows = [
        (
            _tag(f"{seen.status} {seen.code or ''}".strip(), _mood(seen)) + _asides(seen),
            _text(seen.operation_id or "no such operation"),
            f"<code>{_text(f'{seen.method} {seen.path}')}</code>",
            "" if seen.idempotency_key is None else f"<code>{_text(seen.idempotency_key)}</code>",
        )
        for seen in reversed(requests[-_LATEST:])
    ]
    return _table(("Verdict", "Operation", "Request", "Idempotency key"), rows, empty="No requests yet.")


def _deliveries(deliveries: Sequence[DeliveryEntry]) -> str:
    rows = [
        (
            _tag(one.shown.status),
            _text(one.event.shown.type),
            f"<code>{_text(_place(one.shown.url))}</code>",
            _text(_last_try(one)),
        )
        for one in reversed(deliveries[-_LATEST:])
    ]
    return _table(("Status", "Event", "Endpoint", "Last try"), rows, empty="No deliveries yet.")


def _last_try(delivery: DeliveryEntry) -> str:
    shown = delivery.shown
    if not shown.attempts:
        return shown.error or "not tried yet"
    return f"{shown.response_status or shown.error or 'no answer'}, try {shown.attempts} of {shown.max_attempts}"


def _place(url: str) -> str:
    """Return an endpoint without what may be a secret: user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _mood(seen: SeenRequest) -> str:
    if not seen.delivered:
        return "busy"
    return "good" if seen.status < 400 else "bad"


def _asides(seen: SeenRequest) -> str:
    asides = (("replayed", seen.replayed), ("answer dropped", not seen.delivered))
    return "".join(f" {_tag(name, 'busy')}" for name, holds in asides if holds)


def _tag(text: str, mood: str | None = None) -> str:
    if mood is None:
        mood = "good" if text in _GOOD else "bad" if text in _BAD else ""
    return f'<span class="tag {mood}">{_text(text)}</span>'


def _extent(count: int) -> str:
    return f"the latest {_LATEST} of {count}" if count > _LATEST else str(count)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str, numbers_from: int = 99) -> str:
    """Return a table of cells that are HTML already."""

    def line(cells: Sequence[str], name: str) -> str:
        return "".join(
            f"<{name}{' class=number' if column >= numbers_from else ''}>{cell}</{name}>"
            for column, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    if not body:
        return f"<p class=empty>{empty}</p>"
    return f"<table><thead><tr>{line(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _amount(text: str) -> str:
    return format(Decimal(text), ",f")


def _text(text: str) -> str:
    return html.escape(text)


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _sources() -> tuple[Template, str]:
    here = Path(__file__).parent
    return Template((here / "page.html").read_text("utf-8")), (here / "page.css").read_text("utf-8")
