"""What the cast is made of is what the platform's own services would have made."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import structlog
from django.apps import apps

from accounts.services.keys import create_key
from accounts.services.partners import add_partner
from openplatform.core import clock
from openplatform.core.locking import transactional
from openplatform.core.scopes import Scope
from tests.cast import make_merchant

GIVEN_OUT = re.compile(r"\bT\d{6}[0-9A-Z]{10}\b|\bop_[0-9A-Z]{8}\b")


def rows_of(code: str) -> dict[str, list[dict[str, Any]]]:
    """Every row that tells of a partner, without what is another in each."""
    found = {}
    for model in apps.get_models():
        names = {field.name for field in model._meta.concrete_fields}
        by = "partner__code" if "partner" in names else "code"
        if by == "code" and "code" not in names:
            continue
        rows = model._default_manager.filter(**{by: code}).order_by("pk").values()
        told = [{name: _told(name, value, code) for name, value in row.items()} for row in rows]
        if told:
            found[model._meta.label] = told
    return found


def _told(name: str, value: Any, code: str) -> Any:
    if isinstance(value, datetime):
        return "a time"
    if isinstance(value, bytes) or (value is not None and re.search(r"(^|_)id$", name)):
        return "a key"
    if isinstance(value, str):
        return GIVEN_OUT.sub("a number", value).replace(code, "its code")
    if isinstance(value, dict):
        return {key: _told(key, inner, code) for key, inner in value.items()}
    return value


@pytest.mark.parametrize("credit_limit", ["0.00", "500.00"])
@pytest.mark.parametrize("balance", ["0.00", "10000.00"])
def test_merchant_is_as_services_leave_one(balance: str, credit_limit: str, db: None) -> None:
    structlog.contextvars.clear_contextvars()  # of the last request, which the trail would name
    transactional(add_partner)(
        code="theirs", name="Merchant theirs", opening_balance=Decimal(balance),
        credit_limit=Decimal(credit_limit), actor="test", now=clock.now(),
    )  # fmt: skip
    create_key(partner_code="theirs", scopes=Scope.values, actor="test")

    ours = make_merchant("ours", balance=balance, credit_limit=credit_limit)

    assert rows_of("ours") == rows_of("theirs")
    assert len(rows_of("ours")) == 4 + 2 * (balance != "0.00") + (credit_limit != "0.00")
    assert ours.api.get("/account").json()["balance"] == balance
