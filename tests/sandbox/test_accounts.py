from __future__ import annotations

from decimal import Decimal

from tests.sandbox.wire import Wire


async def transactions(wire: Wire, query: str = "") -> list[tuple[str, str, str]]:
    found = (await wire.call("GET", f"/v1/transactions?limit=100{query}")).data
    return [(one["type"], one["currency"], one["amount"]) for one in found]


async def test_each_currency_has_an_account(wire: Wire) -> None:
    listed = (await wire.call("GET", "/v1/accounts")).data

    assert [(one["currency"], one["balance"], one["status"]) for one in listed] == [
        ("USD", "10000.00", "active"),
        ("EUR", "2000.00", "active"),
        ("USDC", "500.000000", "active"),
    ]
    assert (await wire.call("GET", "/v1/accounts/EUR")).data == listed[1]


async def test_deposit_details_stay_the_same_and_hold_a_real_iban(wire: Wire) -> None:
    details = (await wire.call("GET", "/v1/accounts/EUR/details")).data

    assert (await wire.call("GET", "/v1/accounts/EUR/details")).data == details
    rearranged = details["iban"][4:] + details["iban"][:4]
    assert int("".join(str(int(character, 36)) for character in rearranged)) % 97 == 1


async def test_an_account_that_is_not_there(wire: Wire) -> None:
    for path in ("", "/details", "/transactions"):
        reply = await wire.call("GET", f"/v1/accounts/CHF{path}")
        assert (reply.status, reply.code) == (404, "account_not_found")


async def test_the_transactions_of_an_account_add_up_to_its_balance(wire: Wire) -> None:
    await wire.pay(source_amount="100.00", dest_amount="92.00", dest_currency="EUR", instrument_id="ins_JANEEUR")
    wire.clock.step(60)

    kinds = [kind for kind, _, _ in await transactions(wire, "&currency=USD")]
    amounts = [amount for _, _, amount in await transactions(wire, "&currency=USD")]

    assert kinds == ["fee", "debit", "credit"]
    assert str(sum(map(Decimal, amounts))) == (await wire.balance())[2]


async def test_transactions_are_filtered_and_paged(wire: Wire) -> None:
    await wire.pay()
    wire.clock.step(60)
    paid_at = (await wire.call("GET", "/v1/transactions?type=debit")).data[0]["created_at"]

    first = await wire.call("GET", "/v1/transactions?limit=3")
    second = await wire.call("GET", f"/v1/transactions?limit=3&cursor={first.json['next_cursor']}")

    assert [one["type"] for one in first.data + second.data] == ["debit", "credit", "credit", "credit"]
    assert await transactions(wire, "&type=debit") == [("debit", "USD", "-100.00")]
    assert await transactions(wire, f"&created_after={paid_at}") == [("debit", "USD", "-100.00")]
    assert len(await transactions(wire, f"&created_before={paid_at}")) == 4
    own = (await wire.call("GET", "/v1/accounts/USD/transactions")).data
    assert [one["amount"] for one in own] == ["-100.00", "10000.00"]
