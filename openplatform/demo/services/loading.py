"""The demo comes in: an invented range, two merchants, and people who work in the back office."""

from __future__ import annotations

import csv
import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from accounts.models import Contact, Partner
from accounts.recipients import OWN_SIDE_TOPICS
from accounts.services.keys import create_key
from catalog.models import Sku
from openplatform.core.locking import transactional
from openplatform.core.scopes import Scope
from openplatform.demo.services.logistics import add_providers
from openplatform.imports.services.importing import import_file
from openplatform.regions.models import Region
from openplatform.regions.services.loading import load_regions
from orders.models import Carrier, FreightTemplate

DATA = Path(__file__).resolve().parent.parent / "data"
# Each resource names codes of those before it. Partners come after the goods, so that their
# message feeds begin with the pools that were opened to them.
RESOURCES = ("categories", "warehouses", "pools", "products", "stock", "partners", "prices")
FREIGHT = "freight"
USERS = (
    ("admin", "administrator"),
    ("operator", "operator"),
    ("finance1", "finance"),
    ("finance2", "finance"),
)
PASSWORD_BYTES = 12


class DatabaseNotEmpty(Exception):
    """The demo is loaded into an empty database only; this one has partners or SKUs."""


@dataclass(frozen=True, kw_only=True)
class DemoUser:
    """Somebody who logs in to the back office. ``role``: administrator, operator or finance."""

    username: str
    password: str
    role: str


@dataclass(frozen=True, kw_only=True)
class DemoMerchant:
    """A merchant and the text of its key, which opens every scope."""

    code: str
    name: str
    key: str


@dataclass(frozen=True, kw_only=True)
class DemoData:
    """What one needs to try the platform. Holds secrets."""

    base_url: str
    users: list[DemoUser]
    merchants: list[DemoMerchant]

    def to_document(self) -> dict[str, Any]:
        """The content of ``demo.json``."""
        return {
            "base_url": self.base_url,
            "users": [
                {"username": user.username, "password": user.password, "role": user.role}
                for user in self.users
            ],
            "merchants": [
                {"code": merchant.code, "name": merchant.name, "key": merchant.key}
                for merchant in self.merchants
            ],
        }


def load_demo(*, actor: str, now: datetime) -> DemoData:
    """Fill an empty database and write ``demo.json``.

    The steps commit one by one, because each import is a service of its own; a demo that broke
    off leaves no ``demo.json``, and the database wants emptying before the next try.

    1. Regions, unless they are there.
    2. The import files of ``openplatform/demo/data``, through the operator's importers.
    3. Freight templates, unless some are in use, and carriers.
    4. A key and a contact for each merchant, and staff in the groups of their roles.

    :raises DatabaseNotEmpty: when there is a partner or a SKU; nothing is changed then.
    """
    if not is_empty():
        raise DatabaseNotEmpty
    if not Region.objects.exists():
        load_regions(file=None, now=now)
    for resource in RESOURCES:
        import_file(resource=resource, file=DATA / f"{resource}.csv", actor=actor)
    if not FreightTemplate.objects.filter(is_active=True).exists():
        import_file(resource=FREIGHT, file=DATA / f"{FREIGHT}.csv", actor=actor)
    _add_carriers()
    add_providers()
    _add_contacts()
    call_command("load_roles", verbosity=0)
    data = DemoData(
        base_url=settings.PUBLIC_URL,
        users=_add_users(),
        merchants=_create_merchant_keys(actor=actor),
    )
    write_demo_file(data.to_document())
    return data


def is_empty() -> bool:
    """Whether the demo may be loaded: no partner and no SKU."""
    return not (Partner.objects.exists() or Sku.objects.exists())


def demo_file() -> Path:
    """Where logins and keys of the demo are kept."""
    return Path(settings.DATA_DIR) / "demo.json"


def read_demo_file() -> dict[str, Any] | None:
    """The content of ``demo.json``, or None when no demo was loaded."""
    try:
        content: dict[str, Any] = json.loads(demo_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return content


def write_demo_file(content: dict[str, Any]) -> None:
    """Replace ``demo.json`` in one move; nobody but the owner can read it at any moment."""
    file = demo_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(content, stream, ensure_ascii=False, indent=2)
            stream.write("\n")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


@transactional
def _add_carriers() -> None:
    with (DATA / "carriers.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            Carrier.objects.get_or_create(code=row["code"], defaults={"name": row["name"]})


@transactional
def _add_contacts() -> None:
    """One person of each merchant, and two of our own side, so that every alert has an owner."""
    topics = Contact.Topic.values
    own_side = [("示例平台财务", "finance"), ("示例平台技术", "technical")]
    for name, role in own_side:
        Contact.objects.get_or_create(
            partner=None,
            email=f"{role}@example.com",
            defaults={"name": name, "role": role, "topics": topics},
        )
    merchants = [topic for topic in topics if topic not in OWN_SIDE_TOPICS]
    for partner in Partner.objects.exclude(email=""):
        Contact.objects.get_or_create(
            partner=partner,
            email=partner.email,
            defaults={"name": f"{partner.name}财务", "role": "finance", "topics": merchants},
        )


def _create_merchant_keys(*, actor: str) -> list[DemoMerchant]:
    merchants = []
    for partner in Partner.objects.order_by("code"):
        _row, text = create_key(
            partner_code=partner.code, scopes=Scope.values, actor=actor, note="demo"
        )
        merchants.append(DemoMerchant(code=partner.code, name=partner.name, key=text))
    return merchants


@transactional
def _add_users() -> list[DemoUser]:
    """One administrator; the others by the group that bears the name of their role."""
    users = []
    for username, role in USERS:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        user, _is_new = User.objects.get_or_create(username=username)
        user.is_staff = True
        user.is_superuser = role == "administrator"
        user.set_password(password)
        user.save()
        user.groups.set(Group.objects.filter(name=role))
        users.append(DemoUser(username=username, password=password, role=role))
    return users
