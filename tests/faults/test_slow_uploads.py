"""A server that takes a large body slowly: the wait for its answer begins when it has the body."""

from __future__ import annotations

import pytest

from anton_async import Outcome, UnprocessableEntityError
from tests.faults.conftest import Connect
from tests.faults.server import FaultServer
from tests.faults.steps import take_slowly


@pytest.mark.fault("H09")
async def test_an_upload_may_take_longer_than_an_answer(connect: Connect, api: FaultServer) -> None:
    api.script(take_slowly(0.5, 422, "batch_upload_failed"))

    async with connect(read_timeout=0.1, connect_timeout=0.1, max_retries=0) as anton:
        with pytest.raises(UnprocessableEntityError) as caught:
            await anton.batches.upload(file=b"a" * (8 << 20), file_name="pay.csv")

    assert caught.value.outcome is Outcome.REJECTED
