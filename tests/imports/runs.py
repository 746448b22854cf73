"""Files that come in through the back office, without its pages."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile

from openplatform.core import clock
from openplatform.imports.models import ImportRun
from openplatform.imports.services.confirming import confirm_import
from openplatform.imports.services.running import run_due_imports
from openplatform.imports.services.uploading import upload_import

HEAD = "code,name\n"
GOOD = f"{HEAD}a,Ay\nb,Bee\n"
ODD = f"{HEAD}a,A\nb,Bee\n"


def make_user(username: str = "operator", *permissions: str) -> User:
    """Staff with permissions (``app.codename``); by default those for categories."""
    user = User.objects.create_user(username, is_staff=True)
    for name in permissions or ("catalog.add_category", "catalog.change_category"):
        app, _dot, codename = name.partition(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return User.objects.get(pk=user.pk)


def upload(
    user: User, content: str | bytes = GOOD, *, resource: str = "categories", name: str = "a.csv"
) -> ImportRun:
    """A file that waits for the worker."""
    data = content if isinstance(content, bytes) else content.encode()
    return upload_import(
        resource=resource,
        file=SimpleUploadedFile(name, data),
        user=user,
        language="en",
        now=clock.now(),
    )


def checked(
    user: User, content: str | bytes = GOOD, *, resource: str = "categories", name: str = "a.csv"
) -> ImportRun:
    """A file that a worker has checked."""
    run = upload(user, content, resource=resource, name=name)
    assert run_due_imports() == 1
    run.refresh_from_db()
    return run


def confirm(run: ImportRun, user: User, *, accepts_warnings: bool = False) -> None:
    """A person has it written."""
    confirm_import(run_id=run.pk, accepts_warnings=accepts_warnings, user=user, now=clock.now())


def faults_of(run: ImportRun) -> list[tuple[int, str, str]]:
    """Row, column and code of each."""
    return [(fault["row"], fault["column"], fault["code"]) for fault in run.faults]
