from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from anton_async import DPoPKey
from tests.cli.conftest import Invoke


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_generated_key_is_private_and_its_public_half_is_printed(
    invoke: Invoke, tmp_path: Path, algorithm: str
) -> None:
    file = tmp_path / "key.pem"

    result = invoke("keys", "generate", "--algorithm", algorithm, "--out", file)

    key = DPoPKey.load(file)
    assert result.exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(result.stdout) == {"public_jwk": dict(key.public_jwk), "thumbprint": key.thumbprint}
    assert key.algorithm == algorithm
    assert "PRIVATE" not in result.output


def test_a_key_is_never_overwritten(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("precious")

    result = invoke("keys", "generate", "--out", file)

    assert result.exit_code == 2
    assert "never overwritten" in result.stderr
    assert file.read_text() == "precious"


def test_a_place_that_cannot_be_written_is_told(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("keys", "generate", "--out", tmp_path / "none" / "key.pem")

    assert result.exit_code == 2
    assert "No such file or directory" in result.stderr
