"""The page at `/`: its text, its headers, and how a browser shows it."""

from __future__ import annotations

import html

import pytest

from tests.sandbox.test_deliveries import listening
from tests.sandbox.wire import Wire
from tests.support.browser import CHROMIUM, browser

MARKUP = "<script>document.title='taken'</script><b>\"'&amp;"


async def fill(wire: Wire, hook: str) -> None:
    subscription = {"url": f"{hook}?token=QUERYSECRET", "events": ["payout.created"]}
    await wire.call("POST", "/v1/webhooks", body=subscription, key="s")
    paid = await wire.pay(f"k1{MARKUP}")
    wire.sandbox.on("createPayout").drop_response()
    with pytest.raises(Exception, match="disconnected"):
        await wire.pay("k2")
    await wire.pay("k2")
    await wire.pay("k3", source_amount="999999.00", dest_amount="999999.00")
    await wire.call("POST", f"/v1/payouts/{paid.data['id']}/cancel", key="k4")
    await wire.sandbox.deliver_webhooks()


async def test_it_tells_what_is_inside_and_no_secret(wire: Wire) -> None:
    async with listening() as receiver:
        await fill(wire, receiver.url)
        hook = receiver.url

    reply = await wire.send("GET", "/")
    text = reply.body.decode()

    assert (reply.status, reply.content_type) == (200, "text/html")
    for told in ("9,900.00", "EUR", "cancelled", "pending_screening", "422 insufficient_balance", "replayed"):
        assert told in text
    for told in (
        "answer dropped",
        "createPayout",
        html.escape(f"k1{MARKUP}"),
        "payout.created",
        hook,
        "200, try 1 of 5",
    ):
        assert told in text
    assert "<script" not in text
    secrets = (wire.sandbox.client_secret, wire.sandbox.api_key, await wire.token(), "QUERYSECRET", "whsec_", "PRIVATE")
    assert [secret for secret in secrets if secret in text] == []


async def test_it_allows_nothing_but_its_own_style(wire: Wire) -> None:
    headers = (await wire.send("GET", "/")).headers

    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


async def test_looking_changes_nothing(wire: Wire) -> None:
    empty = (await wire.send("GET", "/")).body.decode()
    head = await wire.send("HEAD", "/")

    assert "No requests yet." in empty
    assert (head.status, head.body) == (200, b"")
    assert wire.sandbox.requests == []


async def test_a_name_that_was_pointed_here_is_refused(wire: Wire) -> None:
    assert (await wire.send("GET", "/", headers={"Host": "evil.example"})).status == 403


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
async def test_a_browser_shows_it_on_a_phone_and_in_the_dark(wire: Wire) -> None:
    async with listening() as receiver:
        await fill(wire, receiver.url)

    async with browser() as tab:
        for width, scheme in ((1280, "light"), (390, "dark")):
            await tab.open(f"{wire.sandbox.base_url}/", width=width, scheme=scheme)
            shown = await tab.ask("document.body.innerText")
            ground = await tab.ask("getComputedStyle(document.body).backgroundColor")

            assert "insufficient_balance" in shown
            assert f"k1{MARKUP}" in shown
            assert await tab.ask("document.title") == "Local Anton"
            assert await tab.ask("document.documentElement.scrollWidth") <= width
            assert ground == ("rgb(246, 247, 249)" if scheme == "light" else "rgb(17, 21, 27)")
            assert (await tab.picture()).startswith(b"\x89PNG")
        assert tab.complaints == []
