"""Reading `WWW-Authenticate`: which schemes a server offers, and why it refused.

The transport asks it whether a 401 wants a nonce, a fresh token or another algorithm.

Source: RFC 9110 section 11.6.1; RFC 9449 sections 7.1 and 9
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_MOST = 8  # headers; reading hundreds of odd ones would hold up the loop
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - the grammar's name, not a secret
_ITEM = re.compile(
    rf"""\s*(?:
        (?P<name>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>{_TOKEN}))
      | (?P<scheme>{_TOKEN})(?:[ ]+(?P<token68>[A-Za-z0-9\-._~+/]+=*)(?=\s*(?:,|$)))?
    )\s*(?P<comma>,|$|(?=\s))""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: its scheme in lower case and its parameters by lower-case name."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges of the first `WWW-Authenticate` headers; one that breaks the grammar counts as none."""
    return [challenge for value in itertools.islice(values, _MOST) for challenge in _parse(value)]


def dpop_parameter(values: Iterable[str], name: str) -> str | None:
    """Return a parameter of the DPoP challenges, such as `error` or `algs`; None when none of them has it.

    Args:
        values: all `WWW-Authenticate` headers of the answer.
        name: in lower case.
    """
    for challenge in parse_challenges(values):
        if challenge.scheme == "dpop" and name in challenge.parameters:
            return challenge.parameters[name]
    return None


def _parse(value: str) -> list[Challenge]:
    challenges: list[Challenge] = []
    position = 0
    while position < len(value):
        if value[position] in ", \t":
            position += 1
            continue
        found = _ITEM.match(value, position)
        if found is None:
            return []
        position = found.end()
        if found["scheme"] is not None:
            challenges.append(Challenge(found["scheme"].lower()))
        elif not challenges:
            return []
        else:
            text = found["plain"] if found["quoted"] is None else re.sub(r"\\(.)", r"\1", found["quoted"])
            challenges[-1].parameters.setdefault(found["name"].lower(), text)
    return challenges
