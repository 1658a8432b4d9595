"""What the overlay calls sensitive stands in the fields of an answer, and not in its repr."""

from __future__ import annotations

import copy
import pickle

import msgspec
import pytest
from rich.pretty import pretty_repr

from anton_async import models
from anton_async.masking import Masked
from anton_async.models import responses

SECRET = "whsec_" + "5e" * 32


def subscription() -> models.CreatedWebhookSubscription:
    body = {
        "id": "whk_1",
        "url": "https://example.org/hook",
        "events": ["*"],
        "status": "active",
        "secret": SECRET,
        "version": "2024-01-01",
        "merchant_id": "mer_1",
        "created_at": "2026-09-14T09:00:00Z",
        "updated_at": "2026-09-14T09:00:00Z",
    }
    return msgspec.convert(body, models.CreatedWebhookSubscription, strict=False)


def test_a_secret_is_read_and_not_shown() -> None:
    found = subscription()

    assert found.secret == SECRET
    shown = [repr(found), str(found), f"{found}", f"{[found]!r}", pretty_repr(found)]
    assert all("<hidden>" in text and "whk_1" in text for text in shown)
    assert not [text for text in shown if SECRET in text]


def test_an_absent_value_is_shown_as_absent() -> None:
    assert "secret=None" in repr(msgspec.structs.replace(subscription(), secret=None))


def test_copies_compare_and_hide_as_the_original_does() -> None:
    found = subscription()

    for other in (copy.copy(found), pickle.loads(pickle.dumps(found))):  # noqa: S301 - our own
        assert other == found
        assert SECRET not in repr(other)


@pytest.mark.parametrize("kind", [kind for kind in vars(responses).values() if isinstance(kind, type)])
def test_every_hidden_name_is_a_field(kind: type) -> None:
    if issubclass(kind, Masked) and kind is not Masked:
        assert kind.sensitive_fields <= set(kind.__struct_fields__)
