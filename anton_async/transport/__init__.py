"""One call on its way to the API and back.

    call.py            check everything, encode once, fix the idempotency key
      └▶ transport.py      one absolute deadline over all that follows
           └▶ retry.py         repeat what may be repeated
                └▶ rate.py         wait for the merchant's quota
                     └▶ authentication.py  a token; one more proof or token after a refusal
                          └▶ wire.py           sign, send, read under a cap, translate faults
           decode.py       data, or the right error

Nothing here knows a resource: an `Operation` says what an endpoint is.
"""

from anton_async.transport.call import Call
from anton_async.transport.transport import Transport

__all__ = ["Call", "Transport"]
