"""Every handler of the sandbox, by operation id: each resource brings its own, wired to one merchant."""

from __future__ import annotations

from anton_async.sandbox.accounts import Accounts
from anton_async.sandbox.administration import Administration
from anton_async.sandbox.attempts import Attempts
from anton_async.sandbox.balances import Balances
from anton_async.sandbox.batch_orders import BatchOrders
from anton_async.sandbox.batches import Batches
from anton_async.sandbox.beneficiaries import Beneficiaries
from anton_async.sandbox.call import Handler
from anton_async.sandbox.corridors import Corridors
from anton_async.sandbox.evaluations import Evaluations
from anton_async.sandbox.exchanges import Exchanges
from anton_async.sandbox.exports import ReviewExports
from anton_async.sandbox.imports import Imports
from anton_async.sandbox.instruments import Instruments
from anton_async.sandbox.lifecycle import Lifecycle
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.payouts import Payouts
from anton_async.sandbox.plans import Plans
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.reference import ReferenceData
from anton_async.sandbox.reviews import Reviews
from anton_async.sandbox.verifications import Verifications
from anton_async.sandbox.webhooks import Webhooks

_DEFAULT_PACE = 5.0  # seconds that slow work takes, for example a batch from upload to its end


def make_handlers(merchant: Merchant, presenter: Presenter, *, settle: float | None) -> dict[str, Handler]:
    """Return the handlers of all resources.

    Args:
        merchant: what they read and change.
        presenter: how they show it.
        settle: seconds from a payout's creation to `completed`; None leaves payouts in `pending_screening`.
    """
    pace = _DEFAULT_PACE if settle is None else settle
    lifecycle = Lifecycle(merchant, settle=settle, edition=presenter.edition)
    payouts = Payouts(merchant, lifecycle, presenter)
    beneficiaries = Beneficiaries(merchant, presenter)
    instruments = Instruments(merchant, presenter)
    reviews = Reviews(merchant, presenter, pace=pace)
    evaluations = Evaluations(merchant, reviews, presenter, pace=pace)
    attempts = Attempts(merchant, evaluations, settle=settle)
    return {
        **payouts.handlers(),
        **beneficiaries.handlers(),
        **instruments.handlers(),
        **Imports(merchant, beneficiaries).handlers(),
        **Batches(
            merchant, BatchOrders(merchant, beneficiaries, instruments, payouts), presenter, pace=pace
        ).handlers(),
        **Balances(merchant, presenter).handlers(),
        **Webhooks(merchant, presenter).handlers(),
        **Accounts(merchant, presenter).handlers(),
        **Exchanges(merchant, presenter).handlers(),
        **Plans(merchant, presenter).handlers(),
        **Corridors(presenter).handlers(),
        **ReferenceData(presenter).handlers(),
        **reviews.handlers(),
        **ReviewExports(reviews).handlers(),
        **evaluations.handlers(),
        **Verifications(merchant, attempts, presenter).handlers(),
        **Administration(merchant, beneficiaries, instruments, payouts).handlers(),
    }
