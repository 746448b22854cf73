"""A file comes in through the back office: it is checked, confirmed, written, and forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.utils import translation

from accounts.models import Partner
from catalog.models import Category, Sku, Stock
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.background import DAILY_JOBS, LOOPS
from openplatform.core.errors import FileInvalid, NotFound, TemporarilyUnavailable
from openplatform.core.uploads.storage import sweep_files
from openplatform.imports.errors import ImportNeedsConfirmation, ImportStateConflict
from openplatform.imports.models import ImportRun
from openplatform.imports.resources import RESOURCES
from openplatform.imports.services import running, uploading
from openplatform.imports.services.confirming import check_again
from openplatform.imports.services.running import MAX_ATTEMPTS, run_due_imports
from openplatform.imports.services.uploading import prune_imports, upload_import
from tests.cast import World
from tests.imports.runs import GOOD, HEAD, ODD, checked, confirm, faults_of, make_user, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def user() -> User:
    return make_user()


def state(run: ImportRun) -> str:
    run.refresh_from_db()
    return run.status


def test_file_is_kept_and_waits_when_it_is_uploaded(user: User) -> None:
    run = upload(user, name="..\\目录\\分类=1.csv")

    assert (run.resource, run.filename, run.size_bytes) == ("categories", "分类=1.csv", len(GOOD))
    assert state(run) == "uploaded"
    assert run.due_at is not None
    with default_storage.open(run.file) as stored:
        assert stored.read() == GOOD.encode()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject_id, entry.actor) == (
        "upload_import", str(run.pk), "operator",
    )  # fmt: skip
    assert entry.after["sha256"] == run.sha256


def test_nothing_is_written_when_the_worker_checks(user: User) -> None:
    run = checked(user)

    assert run.status == "checked"
    assert run.report == {
        "rows": 2, "created": 2, "updated": 0, "unchanged": 0, "messages": [],
    }  # fmt: skip
    assert (run.due_at, run.rows_done, run.changes_nothing) == (None, 2, False)
    assert not Category.objects.exists()
    assert run_due_imports() == 0


def test_file_is_written_by_whoever_confirmed_it(user: User) -> None:
    run = checked(user)
    boss = make_user("boss")

    confirm(run, boss)
    assert state(run) == "importing"
    assert not Category.objects.exists()
    assert run_due_imports() == 1

    assert state(run) == "imported"
    assert (run.user, run.confirmed_by, run.report["created"]) == (user, boss, 2)
    assert run.ended_at is not None
    assert Category.objects.count() == 2
    assert list(AuditEntry.objects.order_by("id").values_list("action", "actor")) == [
        ("upload_import", "operator"),
        ("confirm_import", "boss"),
        ("import_file", "boss"),
    ]
    assert AuditEntry.objects.get(action="import_file").subject_label == "categories a.csv"


def test_run_says_so_when_the_file_changes_nothing(user: User) -> None:
    first = checked(user)
    confirm(first, user)
    run_due_imports()

    again = checked(user)

    assert again.changes_nothing
    assert (again.report["rows"], again.report["unchanged"]) == (2, 2)


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        (f"{HEAD}a,家居\n".encode("gbk"), [(2, "", "file_invalid")]),
        (b"PK\x03\x04 and no archive", [(1, "", "file_invalid")]),
        ("sku,name\na,A\n", [(1, "sku", "unknown_field"), (1, "code", "field_required")]),
        (f"{HEAD}a b,\n", [(2, "code", "string_invalid"), (2, "name", "field_required")]),
        (b"%PDF-1.7\n", [(1, "%PDF-1.7", "unknown_field"), (1, "code", "field_required"),
                         (1, "name", "field_required")]),
        ("\n", [(1, "", "file_invalid")]),
    ],
)  # fmt: skip
def test_refused_with_all_faults_when_the_file_is_wrong(
    user: User, content: str | bytes, faults: list[tuple[int, str, str]]
) -> None:
    run = checked(user, content)

    assert run.status == "refused"
    assert faults_of(run) == faults
    assert run.fault_count == len(faults)
    with pytest.raises(ImportStateConflict):
        confirm(run, user)
    assert not Category.objects.exists()


def test_refused_when_a_category_is_missing_and_stock_is_negative(user: User, world: World) -> None:
    world.make_sku("A", north=5)
    boss = User.objects.create_superuser("boss")
    products = "sku,name,category,sale_price\nB,b,no-such-category,1\n"
    stock = "warehouse,sku,on_hand\nnorth,A,-1\n"

    [missing, negative] = [
        checked(boss, products, resource="products"),
        checked(boss, stock, resource="stock"),
    ]

    assert faults_of(missing) == [(2, "category", "field_invalid")]
    assert faults_of(negative) == [(2, "on_hand", "field_invalid")]
    assert not Sku.objects.filter(code="B").exists()
    assert Stock.objects.get().on_hand == 5


@pytest.mark.parametrize("column", ["credit_limit", "opening_balance", "alert_threshold"])
def test_refused_when_a_file_of_partners_brings_money(column: str) -> None:
    boss = User.objects.create_superuser("boss")

    run = checked(boss, f"code,name,{column}\np,P,100000\n", resource="partners")

    assert run.status == "refused"
    assert faults_of(run) == [(1, column, "field_invalid")]
    assert run.faults[0]["text"] == (
        "Money of a partner is entered as a top-up and decided by a second person"
    )
    assert not Partner.objects.exists()


def test_texts_are_in_the_language_of_the_uploader(user: User) -> None:
    run = upload(user, f"{HEAD}a,\n")
    ImportRun.objects.update(language="zh-hans")

    run_due_imports()

    run.refresh_from_db()
    assert run.faults[0]["text"] == "该字段必填"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "The file is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook of the old kind"),
        ("code,name\n".encode("utf-16"), "neither CSV in UTF-8 nor XLSX"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "neither CSV in UTF-8 nor XLSX"),
    ],
)
def test_upload_is_refused_when_it_can_be_no_table(user: User, content: bytes, text: str) -> None:
    with pytest.raises(FileInvalid, match=text):
        upload(user, content)

    assert not ImportRun.objects.exists()
    assert not AuditEntry.objects.exists()


def test_upload_is_refused_when_it_is_too_large(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "MAX_BYTES", 10)

    upload(user, "code,name\n")
    with pytest.raises(FileInvalid, match="20 MB"):
        upload(user, "code,name\na")

    assert ImportRun.objects.count() == 1


def test_upload_is_not_found_when_one_may_not_use_the_resource(user: User) -> None:
    for resource in ("stock", "nothing"):
        with pytest.raises(NotFound):
            upload_import(
                resource=resource, file=SimpleUploadedFile("a.csv", b"a"), user=user,
                language="en", now=clock.now(),
            )  # fmt: skip

    assert not ImportRun.objects.exists()


def test_run_is_not_found_when_one_may_not_use_the_resource(user: User) -> None:
    run = checked(user)
    stranger = make_user("stranger", "catalog.change_stock")

    with pytest.raises(NotFound):
        confirm(run, stranger)
    with pytest.raises(NotFound):
        check_again(run_id=run.pk, user=stranger)

    assert state(run) == "checked"


def test_warnings_are_asked_about_when_nobody_has_accepted_them(
    user: User, odd_resource: str
) -> None:
    run = checked(user, ODD, resource=odd_resource)

    assert run.warnings == [
        {"row": 2, "column": "name", "code": "name_is_short", "text": "A is short"}
    ]
    with pytest.raises(ImportNeedsConfirmation):
        confirm(run, user)
    assert state(run) == "checked"

    confirm(run, user, accepts_warnings=True)
    run_due_imports()

    assert (state(run), run.warning_count) == ("imported", 1)
    assert Category.objects.count() == 2
    assert AuditEntry.objects.get(action="confirm_import").after["warning_count"] == 1


def test_run_waits_for_a_person_again_when_it_has_got_other_warnings_since(
    user: User, odd_resource: str
) -> None:
    run = checked(user, ODD, resource=odd_resource)
    confirm(run, user, accepts_warnings=True)
    ImportRun.objects.update(warnings_fingerprint="of others")

    run_due_imports()

    assert state(run) == "checked"
    assert (run.confirmed_by, run.warning_count) == (None, 1)
    assert not Category.objects.exists()


def test_run_fails_with_its_faults_when_the_world_has_changed_since_the_check(
    user: User, world: World
) -> None:
    run = checked(user, "code,name,parent\nlamps,Lamps,home\n")
    confirm(run, user)
    Category.objects.all().delete()

    run_due_imports()

    assert (state(run), run.fault_count) == ("failed", 1)
    assert faults_of(run) == [(2, "parent", "field_invalid")]
    assert not Category.objects.exists()


def test_run_fails_when_its_resource_is_not_there_any_more(
    user: User, odd_resource: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = upload(user, resource=odd_resource)
    monkeypatch.delitem(RESOURCES, odd_resource)

    run_due_imports()

    assert state(run) == "failed"
    assert run.faults[0]["text"] == "Files of this kind are not imported any more"
    assert run.resource_label == odd_resource


def test_file_is_checked_anew_when_a_person_asks(user: User) -> None:
    run = checked(user, "code,name,parent\nb,Bee,a\n")
    assert faults_of(run) == [(2, "parent", "field_invalid")]
    other = checked(user, "code,name\na,Ay\n")
    confirm(other, user)
    run_due_imports()

    check_again(run_id=run.pk, user=user)
    assert (state(run), run.faults) == ("uploaded", [])
    run_due_imports()

    assert (state(run), run.fault_count) == ("checked", 0)
    assert AuditEntry.objects.filter(action="check_import_again", actor="operator").count() == 1


def test_run_is_put_off_when_something_else_holds_the_rows(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = upload(user)

    def busy(**_arguments: object) -> None:
        raise TemporarilyUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(running, "import_file", busy)
        assert run_due_imports() == 1
    assert (state(run), run.attempts) == ("checking", 1)
    assert run_due_imports() == 0

    ImportRun.objects.update(due_at=Now() - timedelta(seconds=1))
    assert run_due_imports() == 1
    assert (state(run), run.attempts) == ("checked", 2)


def test_run_fails_when_it_never_comes_to_its_end(user: User) -> None:
    run = upload(user)
    ImportRun.objects.update(attempts=MAX_ATTEMPTS)

    run_due_imports()

    assert state(run) == "failed"
    assert run.faults[0]["text"] == "It was begun several times and never came to its end"


def test_run_fails_when_its_file_is_gone(user: User) -> None:
    run = upload(user)
    default_storage.delete(run.file)

    run_due_imports()

    assert state(run) == "failed"
    assert run.faults[0]["text"] == "The stored file is gone; upload it again"


def test_runs_and_their_files_are_forgotten_when_they_are_a_month_old(user: User) -> None:
    old, due, young = checked(user), upload(user), checked(user)
    long_ago = clock.now() - timedelta(days=30, seconds=1)
    ImportRun.objects.filter(pk__in=[old.pk, due.pk]).update(created_at=long_ago)
    ImportRun.objects.filter(pk=due.pk).update(status="uploaded", due_at=Now())

    assert prune_imports() == 1

    assert set(ImportRun.objects.all()) == {due, young}
    assert not default_storage.exists(old.file)
    assert default_storage.exists(young.file)
    assert prune_imports() == 0


def test_worker_knows_what_to_do_when_it_starts() -> None:
    assert "import files" in {loop.name for loop in LOOPS}
    assert "prune imports" in {job.name for job in DAILY_JOBS}


def test_file_is_swept_when_no_run_names_it(user: User) -> None:
    kept, lost = upload(user), upload(user)
    lost.delete()

    with time_machine.travel(clock.now() + timedelta(days=2)):
        sweep_files()

    assert default_storage.exists(kept.file)
    assert not default_storage.exists(lost.file)


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=lambda resource: resource.name)
def test_every_column_is_explained_and_every_resource_asks_for_a_permission(resource) -> None:
    assert [column.name for column in resource.columns if not column.help] == []
    assert resource.permissions
    assert set(resource.barred_on_page) <= {column.name for column in resource.columns}
