"""An import is one entry of the trail, whatever the number of its rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from openplatform.audit.models import AuditEntry
from openplatform.imports.errors import ImportRefused
from openplatform.imports.services.importing import import_file

pytestmark = pytest.mark.django_db


def _file(folder: Path, text: str) -> Path:
    file = folder / "tree.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_one_entry_has_the_counts_when_a_file_is_imported(tmp_path: Path):
    file = _file(tmp_path, "code,name,parent\nhome,家居,\nlamp,灯具,home\n")

    import_file(resource="categories", file=file, actor="operator")
    import_file(resource="categories", file=file, actor="operator")

    first, again = AuditEntry.objects.order_by("id")
    assert (first.action, first.subject_type, first.subject_label, first.actor) == (
        "import_file", "imports.categories", "categories tree.csv", "operator",
    )  # fmt: skip
    assert first.after == {
        "file": "tree.csv", "rows": 2, "created": 2, "updated": 0, "unchanged": 0,
    }  # fmt: skip
    assert (again.after["created"], again.after["unchanged"]) == (0, 2)
    assert first.subject_id == again.subject_id


def test_nothing_is_recorded_when_the_import_was_tried_or_refused(tmp_path: Path):
    file = _file(tmp_path, "code,name,parent\nhome,家居,\n")
    import_file(resource="categories", file=file, actor="operator", dry_run=True)
    with pytest.raises(ImportRefused):
        import_file(
            resource="categories", file=_file(tmp_path, "code,name\n,\n,x\n"), actor="operator"
        )

    assert not AuditEntry.objects.exists()
