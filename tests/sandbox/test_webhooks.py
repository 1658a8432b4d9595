from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.wire import Reply, Wire

URL = "https://hooks.example.org/anton"


async def subscribe(wire: Wire, key: str = "s", **changes: Any) -> Reply:
    return await wire.call("POST", "/v1/webhooks", body={"url": URL, "events": ["*"], **changes}, key=key)


async def test_a_subscription_shows_its_secret_when_it_is_made(wire: Wire) -> None:
    made = await subscribe(wire, metadata={"team": "treasury"})
    shown = (await wire.call("GET", f"/v1/webhooks/{made.json['id']}")).data

    assert made.status == 201
    assert made.json["secret"].startswith("whsec_")
    assert len(made.json["secret"]) == len("whsec_") + 64
    assert shown == {name: value for name, value in made.json.items() if name != "secret"}
    assert (await wire.call("GET", f"/v1/webhooks/{shown['id']}/secret")).data == {"secret": made.json["secret"]}


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"url": ""}, 400, "webhook_url_required"),
        ({"url": None}, 400, "webhook_url_invalid"),
        ({"url": "not a url"}, 400, "webhook_url_invalid"),
        ({"url": "https://"}, 400, "webhook_url_invalid"),
        ({"url": "ftp://example.org/x"}, 400, "webhook_url_invalid"),
        ({"url": "https://[::1"}, 400, "webhook_url_invalid"),
        ({"url": "http://example.org/x"}, 400, "webhook_url_not_https"),
        ({"url": "https://10.1.2.3/x"}, 400, "webhook_url_private_address"),
        ({"url": "https://169.254.169.254/x"}, 400, "webhook_url_private_address"),
        ({"url": "https://printer.local/x"}, 400, "webhook_url_private_address"),
        ({"events": []}, 422, "validation_error"),
        ({"events": ["payout.eaten"]}, 422, "validation_error"),
        ({"secret": "mine"}, 400, "unknown_field"),
    ],
)
async def test_a_subscription_that_is_refused(wire: Wire, changes: Any, status: int, code: str) -> None:
    reply = await subscribe(wire, **changes)

    assert (reply.status, reply.code) == (status, code)


async def test_a_missing_url_has_a_code_of_its_own(wire: Wire) -> None:
    reply = await wire.call("POST", "/v1/webhooks", body={"events": ["*"]}, key="s")

    assert (reply.status, reply.code) == (400, "webhook_url_required")


async def test_bad_events_are_named_by_position(wire: Wire) -> None:
    reply = await subscribe(wire, events=["payout.created", "payout.eaten"])

    assert [problem["field"] for problem in reply.json["error"]["details"]] == ["events.1"]


async def test_on_the_loopback_address_http_will_do(wire: Wire) -> None:
    for number, url in enumerate(("http://127.0.0.1:9/x", "http://localhost:9/x", "http://[::1]:9/x")):
        assert (await subscribe(wire, key=str(number), url=url)).status == 201


async def test_an_update_changes_what_it_names(wire: Wire) -> None:
    made = (await subscribe(wire)).json
    path = f"/v1/webhooks/{made['id']}"

    changed = (await wire.call("PATCH", path, body={"events": ["payout.failed"], "metadata": {}}, key="a")).data
    empty = await wire.call("PATCH", path, body={}, key="b")
    status = await wire.call("PATCH", path, body={"status": "inactive"}, key="c")
    url = await wire.call("PATCH", path, body={"url": "http://example.org"}, key="d")

    assert (changed["events"], changed["url"]) == (["payout.failed"], URL)
    assert (empty.status, empty.code) == (400, "missing_required_field")
    assert (status.status, status.code) == (400, "unknown_field")
    assert (url.status, url.code) == (400, "webhook_url_not_https")


async def test_subscriptions_are_switched_off_and_deleted(wire: Wire) -> None:
    first, second = (await subscribe(wire, "a")).json["id"], (await subscribe(wire, "b")).json["id"]

    off = (await wire.call("POST", f"/v1/webhooks/{first}/deactivate", key="off")).data
    deleted = await wire.call("DELETE", f"/v1/webhooks/{second}")
    twice = await wire.call("DELETE", f"/v1/webhooks/{second}")

    assert off["status"] == "inactive"
    assert (deleted.status, twice.status, twice.code) == (204, 404, "webhook_subscription_not_found")
    assert [one["id"] for one in (await wire.call("GET", "/v1/webhooks?status=inactive")).data] == [first]
    assert (await wire.call("GET", "/v1/webhooks?status=active")).data == []


async def test_a_deletion_may_carry_a_key(wire: Wire) -> None:
    made = (await subscribe(wire)).json["id"]

    deleted = await wire.call("DELETE", f"/v1/webhooks/{made}", key="k")
    again = await wire.call("DELETE", f"/v1/webhooks/{made}", key="k")

    assert (deleted.status, again.status) == (204, 204)
    assert again.headers["X-Idempotent-Replayed"] == "true"


async def test_a_rotation_makes_a_new_secret(wire: Wire) -> None:
    made = (await subscribe(wire)).json
    path = f"/v1/webhooks/{made['id']}/secret/rotate"

    gentle = (await wire.call("POST", path, key="a")).data
    immediate = (await wire.call("POST", f"{path}?immediate=true", key="b")).data

    assert len({made["secret"], gentle["secret"], immediate["secret"]}) == 3
    assert gentle["previous_secret_expires_at"] is not None
    assert immediate["previous_secret_expires_at"] is None
    unclear = await wire.call("POST", f"{path}?immediate=maybe", key="c")
    assert unclear.status == 400


async def test_events_are_kept_whether_or_not_anyone_listens(wire: Wire) -> None:
    await wire.pay()
    wire.clock.step(10)

    events = await wire.events()
    one = (await wire.call("GET", f"/v1/webhooks/events/{events[0]['id']}")).data

    assert [event["type"] for event in events] == [
        "payout.created", "payout.approved", "payout.processing", "payout.sent", "payout.completed",
    ]  # fmt: skip
    assert one == events[0]
    assert one["payload"]["status"] == "pending_screening"
    assert (await wire.call("GET", f"/v1/webhooks/events/{one['id']}/deliveries")).data == []
    assert [event["type"] for event in await wire.events("payout.sent")] == ["payout.sent"]
    later = (await wire.call("GET", f"/v1/webhooks/events?created_after={events[3]['created_at']}")).data
    assert [event["type"] for event in later] == ["payout.completed", "payout.sent"]
    page = await wire.call("GET", "/v1/webhooks/events?limit=4")
    rest = await wire.call("GET", f"/v1/webhooks/events?limit=4&cursor={page.json['next_cursor']}")
    assert [event["id"] for event in page.data + rest.data] == [event["id"] for event in events[::-1]]


async def test_what_is_not_there(wire: Wire) -> None:
    subscription = "/v1/webhooks/whk_NONE"
    replies = [await wire.call("GET", path) for path in (subscription, f"{subscription}/secret")]
    replies += [
        await wire.call("POST", f"{subscription}/{what}", key=what) for what in ("test", "deactivate", "secret/rotate")
    ]
    assert {(reply.status, reply.code) for reply in replies} == {(404, "webhook_subscription_not_found")}
    for path in ("/v1/webhooks/events/evt_NONE", "/v1/webhooks/events/evt_NONE/deliveries"):
        reply = await wire.call("GET", path)
        assert (reply.status, reply.code) == (404, "webhook_event_not_found")
