"""Migrations run on any Postgres, and leave nothing of the models out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

EXTENSION = re.compile(r"\w+Extension\b|CREATE\s+EXTENSION", re.IGNORECASE)
OURS = [
    Path(config.path)
    for config in apps.get_app_configs()
    if Path(config.path).is_relative_to(settings.BASE_DIR)
    and ".venv" not in Path(config.path).parts
]


def test_no_migration_needs_an_extension() -> None:
    files = [file for app in OURS for file in (app / "migrations").glob("*.py")]

    assert files
    assert [file.name for file in files if EXTENSION.search(file.read_text())] == []


@pytest.mark.django_db
def test_models_and_migrations_agree(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("makemigrations", check_changes=True, dry_run=True)

    assert "No changes detected" in capsys.readouterr().out
