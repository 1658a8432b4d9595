"""Secrets that are planted everywhere, and the search for them in whatever the SDK lets out."""

from __future__ import annotations

import asyncio
import base64
import copy
import logging
import pickle
import traceback
import warnings
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import cast

from cryptography.hazmat.primitives.asymmetric import ec

from anton_async import ApiKeyCredentials, DPoPKey, OAuthCredentials

_NUMBER = int.from_bytes(b"a private number to be looked for"[:31])
_PUBLIC = ec.derive_private_key(_NUMBER, ec.SECP256R1()).public_key().public_numbers()


def _text(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


SECRETS = {
    "client secret": "ant_ocs_test_" + "5ec4e7" * 8,
    "token": "t0k3n-canary-of-the-server",
    "private number": _text(_NUMBER),
    "API key": "ak_test_" + "5ec4e7c4n4ry5ec4e7" * 2,
    "proxy password": "pr0xyp455w0rd",
    "webhook secret": "whsec_" + "c4n4ry" * 6,
}
PERSON = {
    "first_name": "Firstname-c4n4ry",
    "last_name": "Lastname-c4n4ry",
    "email": "c4n4ry@example.com",
    "phone": "+49555c4n4ry",
    "date_of_birth": "1815-12-10",
    "nationality": "GB",
    "tax_id": "TAXc4n4ry",
    "address": {"street_line_1": "Street-c4n4ry", "city": "C", "postal_code": "1", "country": "GB"},
}
ACCOUNT = {"iban": "DE00C4N4RYIBAN", "account_holder_name": "Holder-c4n4ry"}
PERSONAL = [str(value) for value in (*PERSON.values(), *ACCOUNT.values()) if "c4n4ry" in str(value).lower()]


def oauth() -> OAuthCredentials:
    jwk = {"kty": "EC", "crv": "P-256", "x": _text(_PUBLIC.x), "y": _text(_PUBLIC.y), "d": SECRETS["private number"]}
    key = DPoPKey.from_jwk(jwk)
    return OAuthCredentials(client_id="ant_oc_test_" + "0" * 32, client_secret=SECRETS["client secret"], key=key)


def api_key() -> ApiKeyCredentials:
    return ApiKeyCredentials(SECRETS["API key"])


def found_in(text: str, more: list[str]) -> list[str]:
    """Return which secrets stand in `text`, plain, in Basic form, or in base64; `more` are further ones."""
    forms = {name: [secret, base64.b64encode(secret.encode()).decode()] for name, secret in SECRETS.items()}
    basic = base64.b64encode(f"ant_oc_test_{'0' * 32}:{SECRETS['client secret']}".encode()).decode()
    forms["client secret"].append(basic)
    named = [name for name, texts in forms.items() if any(form in text for form in texts)]
    decimal = [name for name in ["private number"] if str(_NUMBER) in text]
    return named + decimal + [secret for secret in more if secret in text]


def told_by(error: BaseException) -> Iterator[tuple[str, str]]:
    """Give everything that an error tells, without the code it passed through."""
    for link in chain(error):
        yield "repr", repr(link)
        yield "str", str(link)
        yield "args", repr(link.args)
        yield "vars", repr(vars(link))
        yield "notes", repr(getattr(link, "__notes__", []))
        yield "traceback", "".join(traceback.format_exception(link))
        with suppress(TypeError, AttributeError, pickle.PicklingError):
            yield "pickle", pickle.dumps(link).decode("latin-1")
            yield "copy", repr(vars(copy.copy(link)))


def told_by_frames(error: BaseException) -> str:
    """Give the traceback with the local variables of every frame, as error trackers record it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, link.__context__]
        if isinstance(link, BaseExceptionGroup):
            waiting += cast("BaseExceptionGroup[BaseException]", link).exceptions


class Overheard(logging.Handler):
    """What was logged, warned of, and written on tasks."""

    def __init__(self) -> None:
        super().__init__(level=1)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [record.getMessage(), repr(record.args), repr(vars(record))]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def watch_tasks(self) -> None:
        """Note every task at every turn of the loop."""
        while True:
            self.lines += {f"{task!r} {task.get_name()} {task.get_coro()!r}" for task in asyncio.all_tasks()}
            await asyncio.sleep(0)


@asynccontextmanager
async def overhearing() -> AsyncGenerator[Overheard, None]:
    """Listen to every logger at the lowest level, to asyncio's debug mode, to warnings and to tasks."""
    heard = Overheard()
    root, loop = logging.getLogger(), asyncio.get_running_loop()
    level = root.level
    root.addHandler(heard)
    root.setLevel(1)
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0
    watching = asyncio.create_task(heard.watch_tasks())
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield heard
            heard.lines += [str(warning) for warning in warned]
    finally:
        watching.cancel()
        loop.set_debug(False)
        root.removeHandler(heard)
        root.setLevel(level)
