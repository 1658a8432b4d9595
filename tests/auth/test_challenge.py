from __future__ import annotations

import pytest

from anton_async.auth.challenge import Challenge, dpop_parameter, parse_challenges


@pytest.mark.fault("A23", "A24")
@pytest.mark.parametrize(
    ("values", "schemes", "error"),
    [
        (['DPoP algs="ES256 PS256"'], ["dpop"], None),
        (['DPoP error="use_dpop_nonce", error_description="needs a nonce, now"'], ["dpop"], "use_dpop_nonce"),
        (['Bearer, DPoP algs="ES256"'], ["bearer", "dpop"], None),
        (['Bearer realm="a, DPoP error=x", DPoP error="use_dpop_nonce"'], ["bearer", "dpop"], "use_dpop_nonce"),
        (["Bearer", 'DPoP error="invalid_token"'], ["bearer", "dpop"], "invalid_token"),
        (['DPoP algs="ES256"', 'DPoP error="use_dpop_nonce"'], ["dpop", "dpop"], "use_dpop_nonce"),
        (["dpop error=use_dpop_nonce, other=1"], ["dpop"], "use_dpop_nonce"),
        (['Negotiate abc==, DPoP error="x"'], ["negotiate", "dpop"], "x"),
        (['DPoP error="a\\"b"'], ["dpop"], 'a"b'),
        (['DPoP error="unclosed'], [], None),
        (["error=x"], [], None),
        ([""], [], None),
    ],
)
def test_challenges_are_told_apart(values: list[str], schemes: list[str], error: str | None) -> None:
    assert [challenge.scheme for challenge in parse_challenges(values)] == schemes
    assert dpop_parameter(values, "error") == error


def test_parameters_are_found_in_any_case() -> None:
    assert parse_challenges(["DPoP ERROR=invalid_token"]) == [Challenge("dpop", {"error": "invalid_token"})]
