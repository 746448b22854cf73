"""Files in, through the pages of the back office."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation

from accounts.models import Partner
from catalog.models import Category, Stock
from openplatform.audit.models import AuditEntry
from openplatform.imports.models import ImportRun
from openplatform.imports.resources import RESOURCES
from openplatform.imports.services.running import run_due_imports
from openplatform.imports.tables import neutralised
from tests.backoffice.conftest import Staff
from tests.backoffice.pages import csv_of
from tests.cast import World
from tests.imports.odd import odd_resource  # noqa: F401 - a fixture
from tests.imports.runs import GOOD, HEAD, ODD

LIST = "/admin/imports/importrun/"
CATEGORIES = ("catalog.add_category", "catalog.change_category")


@pytest.fixture
def editor(staff: Staff) -> Client:
    """Somebody who may import categories."""
    return staff(*CATEGORIES)


def send(
    client: Client, content: str | bytes, *, resource: str = "categories", name: str = "a.csv"
) -> Any:
    """Upload a file on the page of a resource."""
    data = content if isinstance(content, bytes) else content.encode()
    return client.post(f"{LIST}add/?resource={resource}", {"file": SimpleUploadedFile(name, data)})


def page_of(run: ImportRun, what: str = "change") -> str:
    return reverse(f"admin:imports_importrun_{what}", args=(run.pk,))


def checked(client: Client, content: str | bytes, **more: Any) -> ImportRun:
    """Upload a file, and have the worker check it."""
    response = send(client, content, **more)
    run = ImportRun.objects.order_by("-id")[0]
    assert (response.status_code, response.headers["Location"]) == (302, page_of(run))
    assert run_due_imports() == 1
    return ImportRun.objects.get(pk=run.pk)


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


def titles(response: Any) -> set[str]:
    """What the sidebar offers."""
    return {
        str(item["title"])
        for group in response.context["sidebar_navigation"]
        for item in group["items"]
        if item["has_permission"]
    }


def test_file_is_imported_when_somebody_uploads_looks_and_confirms(editor: Client):
    run = checked(editor, GOOD)

    preview = editor.get(page_of(run))
    assert [(str(card["label"]), card["value"]) for card in preview.context["cards"]] == [
        ("Rows", 2), ("New", 2), ("To be changed", 0), ("Unchanged", 0),
    ]  # fmt: skip
    assert "Confirm and import" in text_of(preview)
    assert not Category.objects.exists()

    assert editor.post(page_of(run, "confirm")).status_code == 302
    assert not Category.objects.exists()
    run_due_imports()

    done = text_of(editor.get(page_of(run)))
    assert "Imported: all of the file was written." in done
    assert "Confirm and import" not in done
    assert Category.objects.count() == 2
    assert list(AuditEntry.objects.order_by("id").values_list("action", "actor")) == [
        ("upload_import", "operator"),
        ("confirm_import", "operator"),
        ("import_file", "operator"),
    ]


def test_way_to_a_page_leaves_the_name_of_a_file_as_it_is(editor: Client):
    run = checked(editor, GOOD)
    ImportRun.objects.filter(pk=run.pk).update(filename="small.csv")

    page = editor.get(page_of(run)).content.decode()

    assert ">small.csv</a>" in page
    assert "Small.csv" not in page


def test_page_says_so_when_a_file_changes_nothing(editor: Client):
    first = checked(editor, GOOD)
    editor.post(page_of(first, "confirm"))
    run_due_imports()

    again = checked(editor, GOOD)

    page = text_of(editor.get(page_of(again)))
    assert "there is nothing to import" in page
    assert "Confirm and import" not in page
    assert "Nothing to import" in text_of(editor.get(LIST))


def test_second_confirmation_is_told_that_it_came_too_late(editor: Client):
    run = checked(editor, GOOD)
    editor.post(page_of(run, "confirm"))

    response = editor.post(page_of(run, "confirm"), follow=True)

    assert [str(message) for message in response.context["messages"]] == [
        "This import has moved on meanwhile"
    ]
    assert AuditEntry.objects.filter(action="confirm_import").count() == 1


def test_faults_are_shown_and_nothing_can_be_confirmed_when_a_file_is_wrong(editor: Client):
    run = checked(editor, f"{HEAD}a b,\nc,<script>alert(1)</script>\nc,C\n")

    page = text_of(editor.get(page_of(run)))
    assert "3 faults. Nothing was imported" in page
    assert "This field is required" in page
    assert "<script>alert(1)" not in page
    assert "Confirm and import" not in page
    assert csv_of(editor.get(f"{LIST}{run.pk}/faults.csv")) == [
        ["row", "column", "code", "text"],
        ["2", "code", "string_invalid",
         "A code is 1 to 64 letters, digits, dots, hyphens or underscores"],
        ["2", "name", "field_required", "This field is required"],
        ["4", "code", "field_invalid", "The same stands in row 3"],
    ]  # fmt: skip
    assert editor.post(page_of(run, "confirm")).status_code == 302
    assert run_due_imports() == 0
    assert not Category.objects.exists()


def test_formulas_are_neutralised_when_faults_are_downloaded(editor: Client):
    run = checked(editor, '=HYPERLINK("http://x.example"),code,name\na,b,c\n')

    [_head, fault, *_rest] = csv_of(editor.get(f"{LIST}{run.pk}/faults.csv"))

    assert fault[:3] == ["1", '\'=HYPERLINK("http://x.example")', "unknown_field"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"), (" =1", "' =1"), ("＝1", "'＝1"), ("a=1", "a=1"), ("", ""), (-1, -1),
    ],
)  # fmt: skip
def test_cell_is_no_formula_when_it_is_written(value: Any, written: Any):
    assert neutralised(value) == written


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"{HEAD}a,家居\n".encode("gbk"), "The file is not UTF-8 text (GBK, perhaps?)"),
        (b"PK\x03\x04 and no archive", "The workbook cannot be read"),
        ("sku,name\nA,B\n", "There is no such column"),
        ("\n\n", "The file has no head"),
    ],
)
def test_fault_is_told_when_the_file_is_no_table_of_ours(
    editor: Client, content: str | bytes, text: str
):
    run = checked(editor, content)

    assert text in text_of(editor.get(page_of(run)))
    assert not Category.objects.exists()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "The file is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "This is neither CSV in UTF-8 nor XLSX"),
        (None, "This field is required"),
    ],
)
def test_form_tells_the_fault_when_a_file_cannot_be_taken(
    editor: Client, content: bytes | None, text: str
):
    path = f"{LIST}add/?resource=categories"
    response = editor.post(path) if content is None else send(editor, content)

    assert text in text_of(response)
    assert not ImportRun.objects.exists()


def test_stock_stays_when_a_file_has_a_negative_count(staff: Staff, world: World):
    world.make_sku("A", north=5)
    keeper = staff("catalog.change_stock")

    run = checked(keeper, "warehouse,sku,on_hand\nnorth,A,-1\n", resource="stock")

    assert run.status == "refused"
    assert keeper.post(page_of(run, "confirm")).status_code == 302
    assert Stock.objects.get().on_hand == 5


def test_money_is_refused_and_named_when_partners_come_through_the_page(boss: Client):
    page = text_of(boss.get(f"{LIST}add/?resource=partners"))
    assert page.count("decided by a second person") == 3
    assert csv_of(boss.get(f"{LIST}templates/partners.csv")) == [["code", "name", "pools", "email"]]

    run = checked(boss, "code,name,opening_balance\np,P,1000\n", resource="partners")

    assert run.status == "refused"
    assert "decided by a second person" in text_of(boss.get(page_of(run)))
    assert not Partner.objects.exists()


@pytest.mark.usefixtures("odd_resource")
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_warnings_wait_for_a_tick_when_a_file_has_some(boss: Client, language: str):
    run = checked(boss, ODD, resource="odd-categories")
    page = text_of(boss.get(page_of(run), headers={"Accept-Language": language}))
    assert "A is short" in page
    assert 'name="accept_warnings"' in page
    assert len(csv_of(boss.get(f"{LIST}{run.pk}/warnings.csv"))) == 2

    refused = boss.post(page_of(run, "confirm"), follow=True)
    assert [message.level_tag for message in refused.context["messages"]] == ["error"]
    assert run_due_imports() == 0
    assert not Category.objects.exists()

    boss.post(page_of(run, "confirm"), {"accept_warnings": "1"})
    run_due_imports()
    assert Category.objects.count() == 2


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_page_asks_for_the_progress_while_a_worker_is_at_it(editor: Client, language: str):
    send(editor, GOOD)
    run = ImportRun.objects.get()

    page = text_of(editor.get(page_of(run), headers={"Accept-Language": language}))
    before = editor.get(page_of(run, "progress"))
    run_due_imports()
    after = editor.get(page_of(run, "progress"))

    assert page_of(run, "progress") in page
    assert '<meta http-equiv="refresh"' in page
    assert before.json() == {
        "status": "uploaded", "is_due": True, "rows_done": 0, "percent": None,
    }  # fmt: skip
    assert after.json() == {
        "status": "checked", "is_due": False, "rows_done": 2, "percent": 100,
    }  # fmt: skip


def test_file_is_checked_again_when_the_button_is_pressed(editor: Client):
    run = checked(editor, f"{HEAD}a b,A\n")

    assert editor.post(page_of(run, "check_again")).status_code == 302

    run.refresh_from_db()
    assert (run.status, run.fault_count) == ("uploaded", 0)
    response = editor.post(page_of(run, "check_again"), follow=True)
    assert len(response.context["messages"]) == 1


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_columns_and_template_are_there_for_every_resource(name: str, boss: Client):
    resource = RESOURCES[name]
    page = text_of(boss.get(f"{LIST}add/?resource={name}"))

    assert all(f"<code>{column.name}</code>" in page for column in resource.columns)
    [head] = csv_of(boss.get(f"{LIST}templates/{name}.csv"))
    assert head == [column.name for column in resource.page_columns]


def test_template_is_refused_for_its_missing_rows_only(editor: Client):
    template = editor.get(f"{LIST}templates/categories.csv").content

    run = checked(editor, template + b"a,Ay,\r\n")

    assert (run.status, run.report["created"]) == ("checked", 1)


def test_resources_and_runs_are_seen_by_those_who_may_use_them(
    editor: Client, staff: Staff, boss: Client
):
    run = checked(editor, GOOD)
    keeper = staff("catalog.change_stock", username="keeper")
    half = staff("catalog.change_category", username="half")
    colleague = staff(*CATEGORIES, username="colleague")

    offered = {
        name: {resource.name for resource in client.get(f"{LIST}add/").context["resources"]}
        for name, client in {"editor": editor, "keeper": keeper, "boss": boss}.items()
    }
    assert offered == {
        "editor": {"categories"},
        "keeper": {"stock"},
        "boss": set(RESOURCES),
    }
    for path in (page_of(run), page_of(run, "progress"), f"{LIST}{run.pk}/faults.csv"):
        assert keeper.get(path).status_code == 404
        assert colleague.get(path).status_code == 200
    for act in ("confirm", "check_again"):
        assert keeper.post(page_of(run, act)).status_code == 404
    assert keeper.get(LIST).context["cl"].result_count == 0
    assert colleague.get(LIST).context["cl"].result_count == 1
    assert keeper.get(f"{LIST}add/?resource=categories").status_code == 404
    assert send(keeper, GOOD).status_code == 404
    assert keeper.get(f"{LIST}templates/categories.csv").status_code == 404
    assert (half.get(LIST).status_code, half.get(f"{LIST}add/").status_code) == (403, 403)
    assert "Imports" in titles(editor.get("/admin/"))
    assert "Imports" not in titles(half.get("/admin/"))
    run.refresh_from_db()
    assert run.status == "checked"


def test_nothing_happens_when_an_act_is_not_posted_or_comes_from_elsewhere(editor: Client):
    run = checked(editor, GOOD)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="operator"))

    assert editor.get(page_of(run, "confirm")).status_code == 405
    assert editor.get(page_of(run, "check_again")).status_code == 405
    assert strict.post(page_of(run, "confirm")).status_code == 403
    assert editor.post(page_of(run), {"_save": "1"}).status_code == 403
    assert editor.post(f"{LIST}{run.pk}/delete/", {"post": "yes"}).status_code == 403

    run.refresh_from_db()
    assert run.status == "checked"


def test_pages_are_closed_when_nobody_is_logged_in(db: None, client: Client):
    for path in (LIST, f"{LIST}add/", f"{LIST}1/progress/", f"{LIST}templates/stock.csv"):
        response = client.get(path)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/admin/login/")


def test_list_has_the_button_that_leads_to_the_upload(editor: Client):
    response = editor.get(f"{LIST}import_file", follow=True)

    assert response.redirect_chain[-1][0] == f"{LIST}add/"
    assert admin.site.is_registered(ImportRun)


def test_upload_page_brings_the_catalogue_that_its_scripts_ask_for(editor: Client):
    page = editor.get(f"{LIST}add/?resource=categories").content.decode()

    catalogue, script = page.index(reverse("admin:jsi18n")), page.index("admin/js/core.js")
    assert catalogue < script


def test_imports_have_one_name_when_sidebar_and_list_show_them(editor: Client):
    page = editor.get(LIST, headers={"Accept-Language": "zh-hans"})

    names = {
        str(item["title"])
        for group in page.context["sidebar_navigation"]
        for item in group["items"]
        if item["link"] == LIST
    }
    with translation.override("zh-hans"):
        name = str(ImportRun._meta.verbose_name_plural)
    assert name != "imports"
    assert names == {name}
