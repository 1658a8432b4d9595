"""Fixtures that test your own service against a local Anton, and `delivery` for its webhooks.

Needs the `testing` extra: `pip install "anton-async[testing]"`. The fixtures are in `plugin`, which is installed with
the package.
"""

from anton_async.testing.deliveries import delivery

__all__ = ["delivery"]
