"""Production starts only when it knows its database, its key and its hosts."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPLETE = {
    "PRODUCTION": "1",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "shop.example.com",
    "DATABASE_URL": "postgresql://nobody@db.example.com/openplatform",
    "SMTP_HOST": "mail.example.com",
    "MAIL_FROM": "Shop <shop@example.com>",
}


def load_settings(place: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import openplatform.settings"],
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(place), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_starts_when_everything_is_named(tmp_path: Path) -> None:
    answer = load_settings(tmp_path, COMPLETE)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "missing", ["SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "SMTP_HOST", "MAIL_FROM"]
)
@pytest.mark.parametrize("value", [None, "  "], ids=["absent", "blank"])
def test_production_refuses_when_a_variable_is_missing(
    missing: str, value: str | None, tmp_path: Path
) -> None:
    environment = {name: text for name, text in COMPLETE.items() if name != missing}
    if value is not None:
        environment[missing] = value

    answer = load_settings(tmp_path, environment)

    assert answer.returncode == 1
    assert f"ImproperlyConfigured: {missing} must be set" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_production_refuses_debug(tmp_path: Path) -> None:
    answer = load_settings(tmp_path, {**COMPLETE, "DEBUG": "1"})

    assert answer.returncode == 1
    assert "ImproperlyConfigured: DEBUG must be off in production" in answer.stderr


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        ({"SMTP_SECURITY": "ssl"}, "SMTP_SECURITY must be one of none, starttls, tls, not 'ssl'"),
        ({"SMTP_PORT": "0"}, "SMTP_PORT must be 1 or more, not 0"),
        ({"SMTP_USER": "shop"}, "SMTP_USER and SMTP_PASSWORD go together"),
        ({"SMTP_PASSWORD": "s3cret"}, "SMTP_USER and SMTP_PASSWORD go together"),
        (
            {"SMTP_USER": "shop", "SMTP_PASSWORD": "s3cret", "SMTP_SECURITY": "none"},
            "SMTP_SECURITY=none would send SMTP_PASSWORD in the clear",
        ),
        ({"MAIL_FROM": "nobody"}, "MAIL_FROM must be a mail address, not 'nobody'"),
        (
            {"MAIL_FROM": "shop@example.com\nBcc: spy@example.com"},
            "MAIL_FROM must be a mail address",
        ),
    ],
)
def test_settings_refuse_when_mail_cannot_be_sent_like_that(
    environment: dict[str, str], fault: str, tmp_path: Path
) -> None:
    answer = load_settings(tmp_path, {**COMPLETE, **environment})

    assert answer.returncode == 1
    assert f"ImproperlyConfigured: {fault}" in answer.stderr
    assert "s3cret" not in answer.stderr


def test_settings_start_no_database_when_none_is_named(tmp_path: Path) -> None:
    answer = load_settings(tmp_path, {})

    assert (answer.returncode, answer.stderr) == (0, "")
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
