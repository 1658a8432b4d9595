"""Paying a file as one of the API's own batches: upload, validation, a decision, confirmation, the end.

`anton.batches` is the generated resource with `run` beside it. Only `confirm` pays, so one file must never have two
confirmed batches. A state file beside it says which batch it became, and is on disk before that batch is confirmed:

    nothing ──▶ uploaded as bat_... ──▶ confirmed

Once it names a batch, no other is looked at, unless that one is cancelled, failed its validation or still waits to be
confirmed, and the caller wants another.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import inspect
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from anton_async.errors import ConfigurationError, ConflictError, UnprocessableEntityError
from anton_async.models import BATCH_STATUS_TERMINAL, Batch, BatchFindings
from anton_async.resources import batches

Decision: TypeAlias = Callable[[Batch, BatchFindings], bool | Awaitable[bool]]

_LOOK_BACK = dt.timedelta(days=7)
_UNCONFIRMED = frozenset({"uploaded", "validating", "validated"})
_FRUITLESS = frozenset({"validation_failed", "cancelled"})


class BatchStateError(ConfigurationError):
    """It cannot be told for sure that the file is not paid already; nothing was uploaded or confirmed."""


class _State(msgspec.Struct, kw_only=True):
    sha256: str
    client_id: str
    origin: str
    batch_id: str


class Batches(batches.Batches):
    """Many payouts from one file."""

    async def run(
        self,
        path: str | os.PathLike[str],
        *,
        confirm: Decision,
        source_currency: str | None = None,
        state: str | os.PathLike[str] | None = None,
        again: bool = False,
        timeout: float = 3600.0,
    ) -> Batch:
        """Pay a file as a batch; running it again with the same file goes on where it was, and never pays it twice.

        Args:
            path: a `.csv` or `.xlsx` file in the layout of the template, of at most 32 MiB.
            confirm: asked once the file is validated, with the batch (see `summary`, `balance_check`) and what
                validation found; may be a coroutine function. Unless it returns True nothing is paid.
            source_currency: the balance that pays rows which name none.
            state: where to remember which batch the file became; left out, `<path>.batch.json`. Keep it: without it,
                only the last 7 days of batches are searched for one of the same name and size.
            again: upload although such a batch was found, because it is another file; or although the file became a
                batch before that was cancelled, failed its validation, or still waits to be confirmed; that one is
                cancelled then.
            timeout: seconds for validation, and once more for processing.

        Returns:
            The batch: in a terminal state, `validation_failed`, or `validated` when it was not confirmed.
            `list_results` has what became of each row.

        Raises:
            BatchStateError: the file has changed since it was uploaded, the state belongs to another client, or another
                batch may be this file.
            DeadlineExceededError: not done in time; run it again to go on.
            AntonError: as `upload` and `confirm`; whatever it says, run it again to go on.
        """
        file = Path(path)
        memory = Path(state) if state is not None else file.with_name(f"{file.name}.batch.json")
        content = await asyncio.to_thread(_read, file)
        digest = hashlib.sha256(content).hexdigest()
        known: _State | None = self._recall(memory, digest, file)
        key = f"batch-{digest}"
        if known is not None and again and await self._is_fruitless(known.batch_id):
            key = f"{key}-{known.batch_id}"
            known = None
        if known is None:
            found = await self._upload_once(file, content, digest, key=key, again=again)
            client_id, origin = self._transport.owner
            known = _State(sha256=digest, client_id=client_id, origin=origin, batch_id=found.id)
            await asyncio.to_thread(_remember, memory, known)
        batch = await self.wait_until_validated(known.batch_id, timeout=timeout)
        if batch.status == "validated":
            decision = confirm(batch, await self.list_errors(batch.id))
            if not (await decision if inspect.isawaitable(decision) else decision):
                return batch
            await self._confirm_once(batch, source_currency)
        if batch.status == "validation_failed":
            return batch
        return batch if batch.status in BATCH_STATUS_TERMINAL else await self.wait(batch.id, timeout=timeout)

    def _recall(self, memory: Path, digest: str, file: Path) -> _State | None:
        try:
            known = msgspec.json.decode(memory.read_bytes(), type=_State)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError):
            known = None
        if known is None:
            raise BatchStateError(f"{memory} cannot be read: restore it, since it says which batch {file.name} became.")
        if (known.client_id, known.origin) != self._transport.owner:
            raise BatchStateError(f"{memory} belongs to the client {known.client_id} at {known.origin}.")
        if known.sha256 != digest:
            raise BatchStateError(
                f"{file.name} has changed since it became the batch {known.batch_id}: undo that, or give the mended"
                " rows a file of their own."
            )
        return known

    async def _upload_once(self, file: Path, content: bytes, digest: str, *, key: str, again: bool) -> Batch:
        """Upload the file, unless it may be a batch of its own already."""
        twins = [] if again else await self._twins(file.name, len(content))
        for twin in twins:
            if twin.status not in _UNCONFIRMED:
                raise _twin_error(twin, file)
        try:
            # The key follows from the file: whoever uploads it again within a day gets the same batch.
            batch = await self.upload(file=content, file_name=file.name, file_hash=digest, idempotency_key=key)
        except ConflictError as error:
            if error.code not in {"duplicate_file", "idempotency_conflict"}:
                raise
            batch = None
        except UnprocessableEntityError as error:
            if error.code != "batch_upload_failed":
                raise
            # Nothing was stored, and the API repeats this answer under its key.
            batch = await self.upload(file=content, file_name=file.name, file_hash=digest)
        if batch is None:
            raise BatchStateError(
                f"What is in {file.name} is an unfinished batch already, or was uploaded within the last day under"
                " another name: see `batches.list`. Nothing was paid now."
            )
        for twin in twins:
            if twin.id != batch.id:
                raise _twin_error(twin, file)
        return batch

    async def _twins(self, name: str, size: int) -> list[Batch]:
        """Return the batches, newest first, that may be this file and paid or may still pay."""
        since = dt.datetime.fromtimestamp(self._transport.clock.time(), dt.UTC) - _LOOK_BACK
        return [
            batch
            async for batch in self.list(limit=100, created_after=since)
            if (batch.file_name, batch.file_size) == (name, size) and batch.status not in _FRUITLESS
        ]

    async def _is_fruitless(self, batch_id: str) -> bool:
        """Return whether a batch never paid and never will; one that still waits to be confirmed is cancelled."""
        batch = await self.retrieve(batch_id)
        if batch.status == "validated":
            batch = await self.cancel(batch_id)
        return batch.status in _FRUITLESS

    async def _confirm_once(self, batch: Batch, source_currency: str | None) -> None:
        """Confirm; that it was confirmed before is what was wanted.

        A batch can be confirmed once, whatever the key; a key of its own each time lets a refusal be tried again.
        """
        try:
            await self.confirm(batch.id, source_currency=source_currency)
        except ConflictError as error:
            if error.code not in {"batch_not_validated", "batch_confirmation_expired"}:
                raise
            expired = error.code == "batch_confirmation_expired"
        else:
            expired = False
        if expired:
            raise BatchStateError(
                f"The batch {batch.id} was not confirmed in time, and paid nothing: upload the file again with"
                " again=True (--again)."
            )


def _twin_error(twin: Batch, file: Path) -> BatchStateError:
    return BatchStateError(
        f"The batch {twin.id} of {twin.created_at:%Y-%m-%d} has the same name and size as {file.name} and is"
        f" {twin.status}: if it is another file, say so with again=True (--again)."
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror or type(error).__name__}."
    raise ConfigurationError(problem)


def _remember(memory: Path, state: _State) -> None:
    """Put the state on disk, whole and for good."""
    draft = memory.with_name(f"{memory.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(memory)
    directory = os.open(memory.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
