"""Who may do what about claims: operators decide them, finance gives the second decision."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from openplatform.approvals.models import Approval
from tests.aftersales.acts import claim_of, file, paid_part
from tests.aftersales.deciding import approve, balance, goods  # noqa: F401
from tests.cast import Merchant

pytestmark = pytest.mark.usefixtures("goods")


def member_of(role: str) -> tuple[User, Client]:
    user = User.objects.create_user(f"one-of-{role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return User.objects.get(pk=user.pk), client


def test_operators_decide_and_finance_gives_the_second_decision() -> None:
    call_command("load_roles", verbosity=0)

    held = {
        role: {
            name.removeprefix("aftersales.")
            for name in member_of(role)[0].get_all_permissions()
            if name.startswith("aftersales.") and ".view_" not in name
        }
        for role in ("operator", "finance")
    }

    assert held == {
        "operator": {
            "add_claim", "decide_claim", "inspect_claim", "add_reason", "change_reason",
            "add_approvalrule", "change_approvalrule",
        },
        "finance": {"decide_large_claim"},
    }  # fmt: skip


def test_large_refund_goes_back_when_finance_approves_it_as_well(
    merchant: Merchant, settings: Any
) -> None:
    settings.AFTERSALE_SECOND_PERSON_ABOVE = 5
    call_command("load_roles", verbosity=0)
    operator, first = member_of("operator")
    _user, second = member_of("finance")
    document = file(merchant, paid_part(merchant, items=[("A", 2)]))
    before = balance(merchant)
    approve(document, user=operator)
    url = reverse("admin:approvals_approval_approve", args=(Approval.objects.get().pk,))

    refused = first.post(url)
    done = second.post(url, follow=True)

    claim = claim_of(document)
    assert refused.status_code == 403
    assert done.status_code == 200
    assert (claim.status, claim.decided_by) == ("refunded", "one-of-operator, one-of-finance")
    assert (before, balance(merchant)) == ("9972.00", "9982.00")
