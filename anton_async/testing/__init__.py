"""Fixtures that test your own service against a local Anton; installed with the package as a pytest plugin.

Needs the `testing` extra: `pip install "anton-async[testing]"`. The fixtures are in `plugin`.
"""
