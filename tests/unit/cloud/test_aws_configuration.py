"""Configurations of AWS that cannot be used: one line each, and no secret in it."""

import pytest

from lambdist_lib.cli import main

PROCESS = "[default]\nregion=eu-west-1\ncredential_process = echo {}\n"
TOKEN = (
    "[default]\nregion=eu-west-1\nrole_arn=arn:aws:iam::1:role/x\nweb_identity_token_file=/nowhere/token\n"
)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[default\nregion = x\n", "AWS configuration"),
        (b"\xff\xfe\x00", "AWS configuration"),
        (PROCESS.format("my-secret").encode(), "could not be read"),
        (PROCESS.format('{\\"Version\\":1}').encode(), "AWS"),
        (TOKEN.encode(), "/nowhere/token"),
    ],
)
def test_an_unusable_configuration_is_one_line(tmp_path, monkeypatch, capsys, content, says):
    """It says what cannot be used and what to do; nothing is deployed."""
    (tmp_path / "config").write_bytes(content)
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    assert main.main(["deploy", "--target", "aws", "--yes"]) == 1

    error = capsys.readouterr().err
    assert error.startswith("lambdist: ")
    assert error.count("\n") == 1
    assert says in error
    assert "my-secret" not in error
