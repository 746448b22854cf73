"""The inbox of decisions: what waits, the page of one, approving and rejecting."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import LedgerEntry, TopUp, TopUpProof, Wallet
from accounts.services.top_ups import report_top_up
from openplatform.approvals.models import Approval
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from tests.backoffice.conftest import Staff
from tests.cast import Merchant

VIEW = "approvals.view_approval"
DECIDE = "accounts.decide_topup"
PAID_AT = datetime(2026, 1, 30, 1, 30, tzinfo=UTC)


def _messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def _url(approval: Approval, page: str) -> str:
    return reverse(f"admin:approvals_approval_{page}", args=(approval.pk,))


def _balance(merchant: Merchant) -> Decimal:
    return Wallet.objects.values_list("balance", flat=True).get(pk=merchant.partner.pk)


@pytest.fixture
def entered(merchant: Merchant, staff: Staff) -> Approval:
    """A top-up of 250.50 that ``fin1`` entered."""
    client = staff("accounts.view_partner", "accounts.add_topup", VIEW, DECIDE, username="fin1")
    client.post(
        reverse("admin:accounts_partner_top_up", args=(merchant.partner.pk,)),
        {"amount": "250.50", "reference": "BANK-1", "note": "first"},
    )
    return Approval.objects.get()


@pytest.fixture
def asker(entered: Approval) -> Client:
    """``fin1`` again."""
    client = Client(headers={"Accept-Language": "en"})
    assert entered.requested_by is not None
    client.force_login(entered.requested_by)
    return client


def _report(merchant: Merchant, *, proof_id: str | None = None) -> Approval:
    def report() -> None:
        report_top_up(
            partner_id=merchant.partner.pk,
            amount=Decimal("80.00"),
            reference="BANK-2",
            paid_at=PAID_AT,
            proof_id=proof_id,
            key_id=merchant.partner.api_keys.get().pk,
            actor="key",
            now=clock.now(),
        )

    report()
    return Approval.objects.get(subject_no=TopUp.objects.get(reference="BANK-2").top_up_no)


def test_top_up_is_booked_when_another_person_approves_it(
    entered: Approval, merchant: Merchant, staff: Staff
):
    client = staff(VIEW, DECIDE, username="fin2")

    page = client.get(_url(entered, "approve"))
    response = client.post(
        _url(entered, "approve"), {"approved_amount": "250.50", "note": ""}, follow=True
    )

    assert page.context["form"]["approved_amount"].value() == Decimal("250.50")
    assert _messages(response) == [f"{entered.subject_no} was approved and carried out"]
    entered.refresh_from_db()
    assert (entered.status, str(entered.decided_by)) == ("approved", "fin2")
    entry = LedgerEntry.objects.get(document_no=entered.subject_no)
    assert (entry.kind, entry.amount) == ("top_up", Decimal("250.50"))
    assert _balance(merchant) == Decimal("10250.50")


def test_less_is_booked_when_less_is_approved_with_a_note(
    entered: Approval, merchant: Merchant, staff: Staff
):
    client = staff(VIEW, DECIDE, username="fin2")

    client.post(_url(entered, "approve"), {"approved_amount": "245.50", "note": "bank fee"})

    assert _balance(merchant) == Decimal("10245.50")
    top_up = TopUp.objects.get(top_up_no=entered.subject_no)
    assert (top_up.amount, top_up.approved_amount) == (Decimal("250.50"), Decimal("245.50"))
    entered.refresh_from_db()
    assert entered.values == {"approved_amount": "245.50", "note": "bank fee"}


@pytest.mark.parametrize(("typed", "kept"), [("200", "200.00"), ("245.5", "245.50")])
def test_decided_amount_is_kept_with_two_places_when_it_is_typed_with_less(
    typed: str, kept: str, entered: Approval, staff: Staff
):
    client = staff(VIEW, DECIDE, username="fin2")

    client.post(_url(entered, "approve"), {"approved_amount": typed, "note": "bank fee"})

    entered.refresh_from_db()
    assert entered.values == {"approved_amount": kept, "note": "bank fee"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"approved_amount": "250.51", "note": ""}, "approved_amount"),
        ({"approved_amount": "1e2", "note": "why"}, "approved_amount"),
        ({"approved_amount": "200.00", "note": "a\u202eb"}, "note"),
        ({"approved_amount": "0", "note": ""}, "approved_amount"),
        ({"approved_amount": "250.00", "note": ""}, "note"),
    ],
)
def test_nothing_is_booked_when_the_approved_amount_is_wrong(
    values: dict[str, str], field: str, entered: Approval, merchant: Merchant, staff: Staff
):
    response = staff(VIEW, DECIDE, username="fin2").post(_url(entered, "approve"), values)

    assert list(response.context["form"].errors) == [field]
    entered.refresh_from_db()
    assert entered.status == "pending"
    assert _balance(merchant) == Decimal("10000.00")


def test_nothing_is_booked_when_whoever_asked_approves(
    entered: Approval, asker: Client, merchant: Merchant
):
    detail = asker.get(_url(entered, "change"))
    asked = asker.get(_url(entered, "approve"), follow=True)
    response = asker.post(_url(entered, "approve"), {"approved_amount": "250.50"}, follow=True)

    refusal = "Whoever asked for this cannot decide it; another person has to"
    assert _messages(asked) == _messages(response) == [refusal]
    assert detail.context["may_decide"] is False
    assert _url(entered, "approve") not in detail.content.decode()
    assert "another person has to decide it" in detail.content.decode()
    entered.refresh_from_db()
    assert entered.status == "pending"
    assert _balance(merchant) == Decimal("10000.00")


def test_the_second_finds_it_decided_when_two_people_approve(
    entered: Approval, merchant: Merchant, staff: Staff
):
    first = staff(VIEW, DECIDE, username="fin2")
    second = staff(VIEW, DECIDE, username="fin3")
    values = {"approved_amount": "250.50"}

    first.post(_url(entered, "approve"), values)
    late = second.post(_url(entered, "approve"), values, follow=True)
    rejected = second.post(_url(entered, "reject"), {"reason": "no"}, follow=True)

    assert _messages(late) == _messages(rejected) == ["This was decided already"]
    assert _balance(merchant) == Decimal("10250.50")
    entered.refresh_from_db()
    assert (entered.status, str(entered.decided_by)) == ("approved", "fin2")


def test_top_up_is_rejected_when_a_reason_is_given(
    entered: Approval, merchant: Merchant, staff: Staff
):
    client = staff(VIEW, DECIDE, username="fin2")

    without = client.post(_url(entered, "reject"), {"reason": "  "})
    response = client.post(_url(entered, "reject"), {"reason": "not on the account"}, follow=True)

    assert list(without.context["form"].errors) == ["reason"]
    assert _messages(response) == [f"{entered.subject_no} was rejected"]
    top_up = TopUp.objects.get(top_up_no=entered.subject_no)
    assert (top_up.status, top_up.reject_reason, top_up.decided_by) == (
        "rejected", "not on the account", "fin2",
    )  # fmt: skip
    assert _balance(merchant) == Decimal("10000.00")
    entry = AuditEntry.objects.get(action="reject")
    assert (entry.before, entry.after, entry.reason, entry.actor) == (
        {"status": "pending"}, {"status": "rejected"}, "not on the account", "fin2",
    )  # fmt: skip


def test_deciding_is_forbidden_when_the_permission_is_for_another_kind(
    entered: Approval, merchant: Merchant, staff: Staff
):
    client = staff(VIEW, "accounts.decide_wallet", username="risk")

    response = client.post(_url(entered, "approve"), {"approved_amount": "250.50"})
    detail = client.get(_url(entered, "change"))

    assert response.status_code == 403
    assert _url(entered, "approve") not in detail.content.decode()
    assert _balance(merchant) == Decimal("10000.00")


def test_deciding_is_forbidden_when_staff_may_only_look(entered: Approval, staff: Staff):
    client = staff(VIEW, username="clerk")

    assert client.get(_url(entered, "change")).status_code == 200
    assert client.get(_url(entered, "approve")).status_code == 403
    assert client.post(_url(entered, "reject"), {"reason": "no"}).status_code == 403


def test_refusal_is_shown_when_the_money_is_not_there(
    merchant: Merchant, staff: Staff, boss: Client
):
    staff("accounts.view_partner", "accounts.add_withdrawal", username="fin1").post(
        reverse("admin:accounts_partner_withdraw", args=(merchant.partner.pk,)),
        {"amount": "10000.01", "reference": "OUT-1", "reason": "contract ended"},
    )
    approval = Approval.objects.get()

    response = boss.post(_url(approval, "approve"))

    assert response.status_code == 200
    assert list(response.context["form"].errors) == ["__all__"]
    approval.refresh_from_db()
    assert approval.status == "pending"
    assert _balance(merchant) == Decimal("10000.00")


def test_credit_line_changes_when_another_person_approves(
    merchant: Merchant, staff: Staff, boss: Client
):
    boss.post(
        reverse("admin:accounts_partner_credit_line", args=(merchant.partner.pk,)),
        {"credit_limit": "50000.00", "reason": "grown"},
    )
    approval = Approval.objects.get()

    staff(VIEW, "accounts.decide_wallet", username="risk").post(_url(approval, "approve"))

    wallet = Wallet.objects.get(pk=merchant.partner.pk)
    assert wallet.credit_limit == Decimal("50000.00")
    actors = AuditEntry.objects.filter(action="change_credit_limit").values_list("actor", flat=True)
    assert list(actors) == ["risk"]


def test_picture_is_shown_when_a_merchant_sent_one(merchant: Merchant, boss: Client):
    TopUpProof.objects.create(
        proof_id="PROOF1",
        partner=merchant.partner,
        file="top-up-proofs/2026/01/0123456789ABCDEFGHJKMNPQRS.png",
        media_type="image/png",
        sha256="0" * 64,
        size_bytes=1,
        created_at=clock.now(),
    )
    approval = _report(merchant, proof_id="PROOF1")

    page = boss.get(_url(approval, "change"))
    form = boss.get(_url(approval, "approve"))
    top_up_page = boss.get(
        reverse("admin:accounts_topup_change", args=(TopUp.objects.get(reference="BANK-2").pk,))
    )

    for response in (page, form, top_up_page):
        [file] = response.context["files"]
        assert (file.filename, file.is_picture) == ("PROOF1.png", True)
        assert f'<img src="{file.url}"' in response.content.decode()
        assert file.url.startswith("/files/")
    assert "Reported by the merchant" in page.content.decode()


def test_list_begins_with_what_waits_when_some_are_decided(
    entered: Approval, merchant: Merchant, boss: Client
):
    reported = _report(merchant)
    boss.post(_url(reported, "reject"), {"reason": "no"})
    url = reverse("admin:approvals_approval_changelist")

    rows = list(boss.get(url).context["cl"].result_list)

    assert rows == [entered, reported]
    assert list(boss.get(url, {"mine": "decide"}).context["cl"].result_list) == [entered]
    assert list(boss.get(url, {"mine": "decided"}).context["cl"].result_list) == [reported]
    assert list(boss.get(url, {"kind": "credit_limit"}).context["cl"].result_list) == []


def test_sidebar_counts_what_one_could_decide_oneself(
    entered: Approval, asker: Client, boss: Client
):
    def badge(client: Client) -> Any:
        groups = client.get("/admin/").context["sidebar_navigation"]
        [item] = [
            item for group in groups for item in group["items"] if item["title"] == "Approvals"
        ]
        return item.get("badge")

    assert badge(boss) == 1
    assert badge(asker) is None
