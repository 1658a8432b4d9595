"""A local Anton: the other side of the API's contract, for tests, demos and trying things out.

Needs the `sandbox` extra: `pip install "anton-async[sandbox]"`.
"""

from __future__ import annotations

from anton_async.sandbox.clock import SandboxClock
from anton_async.sandbox.presenter import Edition
from anton_async.sandbox.scenario import Script
from anton_async.sandbox.seed import SeedSource
from anton_async.sandbox.server import Sandbox
from anton_async.sandbox.traffic import SeenRequest

__all__ = ["Edition", "Sandbox", "SandboxClock", "Script", "SeedSource", "SeenRequest"]
