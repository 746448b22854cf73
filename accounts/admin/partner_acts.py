"""What is done about a partner's money, terms and status: a page each, with one form that calls one
service.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.admin.shown import money_of, page_of
from accounts.forms.money import (
    AdjustmentForm,
    AlertThresholdForm,
    CreditLimitForm,
    LimitsForm,
    ReasonForm,
    TopUpForm,
    WithdrawalForm,
)
from accounts.models import Partner, TopUp
from accounts.services.adjustments import enter_adjustment
from accounts.services.terms import (
    change_alert_threshold,
    change_credit_limit,
    change_limits,
    change_status,
)
from accounts.services.top_ups import enter_top_up
from accounts.services.withdrawals import enter_withdrawal
from openplatform.approvals.kinds import KINDS
from openplatform.approvals.models import Approval
from openplatform.core import clock
from openplatform.core.admin.decorators import action
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ModelAdmin
from openplatform.core.admin.staff import get_staff
from openplatform.core.errors import type_of_text

WAITS = _("%(number)s waits for another person to approve it")
BOOKED_ONCE_APPROVED = _("It is in the ledger once another person has approved it.")


class PartnerActs(ModelAdmin):
    """The acts, and who may do them; ``PartnerAdmin`` says where their buttons stand."""

    def has_top_up_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance."""
        return bool(request.user.has_perm("accounts.add_topup"))

    def has_adjust_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance."""
        return bool(request.user.has_perm("accounts.add_adjustment"))

    def has_withdraw_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance."""
        return bool(request.user.has_perm("accounts.add_withdrawal"))

    def has_terms_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Finance."""
        return bool(request.user.has_perm("accounts.change_wallet"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Of suspending and resuming the one that there is to do."""
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        is_active = Partner.objects.filter(pk=object_id, status=Partner.Status.ACTIVE).exists()
        useless = "accounts_partner_resume" if is_active else "accounts_partner_suspend"
        return [button for button in buttons if button.action_name != useless]

    @action(
        description=_("Top up"),
        permissions=["top_up"],
        url_path="top-up",
        icon="add_card",
        is_primary=True,
    )
    def top_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Enter money that came in."""
        return self._answer(
            request,
            self.get_row(request, object_id),
            service=enter_top_up,
            message_of=_waiting_or_decided,
            form_class=TopUpForm,
            title=_("Top up"),
            submit=_("Enter the top-up"),
            intro=BOOKED_ONCE_APPROVED,
        )

    @action(description=_("Adjust the balance"), permissions=["adjust"], icon="balance")
    def adjust(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put a balance right."""
        return self._answer(
            request,
            self.get_row(request, object_id),
            service=enter_adjustment,
            message_of=lambda adjustment: WAITS % {"number": adjustment.adjustment_no},
            form_class=AdjustmentForm,
            title=_("Adjust the balance"),
            submit=_("Enter the adjustment"),
            intro=BOOKED_ONCE_APPROVED,
        )

    @action(description=_("Withdraw"), permissions=["withdraw"], icon="account_balance")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Pay money back to the merchant."""
        return self._answer(
            request,
            self.get_row(request, object_id),
            service=enter_withdrawal,
            message_of=lambda withdrawal: WAITS % {"number": withdrawal.withdrawal_no},
            form_class=WithdrawalForm,
            title=_("Withdraw"),
            submit=_("Enter the withdrawal"),
            intro=BOOKED_ONCE_APPROVED,
        )

    @action(
        description=_("Credit line"),
        permissions=["terms"],
        url_path="credit-line",
        icon="credit_score",
    )
    def credit_line(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far the balance may go below zero."""
        partner: Partner = self.get_row(request, object_id)
        return self._answer(
            request,
            partner,
            service=change_credit_limit,
            message_of=_in_force_or_waiting,
            form_class=CreditLimitForm,
            title=_("Change the credit line"),
            submit=_("Change the credit line"),
            initial={"credit_limit": partner.wallet.credit_limit},
            intro=_second_person_note(),
        )

    @action(
        description=_("Alert threshold"),
        permissions=["terms"],
        icon="notifications_active",
    )
    def threshold(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """When the balance counts as low."""
        partner: Partner = self.get_row(request, object_id)
        return self._answer(
            request,
            partner,
            service=change_alert_threshold,
            message_of=_in_force_or_waiting,
            form_class=AlertThresholdForm,
            title=_("Change the alert threshold"),
            submit=_("Change the alert threshold"),
            initial={"alert_threshold": partner.wallet.alert_threshold},
            intro=_second_person_note(),
        )

    @action(description=_("Limits"), permissions=["terms"], icon="speed")
    def limits(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the partner may do in a day, at once, and in a minute."""
        partner: Partner = self.get_row(request, object_id)
        return self._answer(
            request,
            partner,
            service=change_limits,
            message_of=lambda _nothing: _("The limits are in force"),
            form_class=LimitsForm,
            title=_("Change the limits"),
            submit=_("Change the limits"),
            initial={
                "daily_spending_cap": partner.wallet.daily_spending_cap,
                "max_open_orders": partner.wallet.max_open_orders,
                "requests_per_minute": partner.requests_per_minute,
            },
        )

    @action(description=_("Suspend"), permissions=["change"], icon="block", is_danger=True)
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Stop the placing of orders."""
        return self._answer_status(
            request,
            self.get_row(request, object_id),
            Partner.Status.SUSPENDED,
            title=_("Suspend the partner"),
            submit=_("Suspend the partner"),
            intro=_(
                "It can place no orders any more. What was placed goes on: it is paid, shipped and "
                "cancelled as ever."
            ),
            is_danger=True,
        )

    @action(description=_("Resume"), permissions=["change"], icon="play_circle")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let it place orders again."""
        return self._answer_status(
            request,
            self.get_row(request, object_id),
            Partner.Status.ACTIVE,
            title=_("Let the partner order again"),
            submit=_("Let the partner order again"),
        )

    def _answer_status(
        self, request: HttpRequest, partner: Partner, status: Partner.Status, **page: Any
    ) -> HttpResponse:
        return self._answer(
            request,
            partner,
            service=partial(change_status, status=status),
            message_of=lambda _nothing: (
                _("%(partner)s: %(status)s") % {"partner": partner, "status": status.label}
            ),
            form_class=ReasonForm,
            **page,
        )

    def _answer(
        self,
        request: HttpRequest,
        partner: Partner,
        *,
        service: Callable[..., Any],
        message_of: Callable[[Any], type_of_text],
        **page: Any,
    ) -> HttpResponse:
        """The page of an act, with how the wallet stands.

        :param service: called with ``partner_code``, what the form holds, ``user`` and ``now``.
        :param message_of: the message of success, from what the service answered.
        :param page: the rest of what :func:`answer_form_page` takes.
        """

        def call(values: Values) -> type_of_text:
            return message_of(
                service(
                    partner_code=partner.code, **values, user=get_staff(request), now=clock.now()
                )
            )

        wallet = partner.wallet
        facts: list[tuple[type_of_text, Any]] = []
        if request.user.has_perm("accounts.view_wallet"):
            facts = [
                (_("balance"), money_of(wallet.balance)),
                (_("held amount"), money_of(wallet.held_amount)),
                (_("credit limit"), money_of(wallet.credit_limit)),
                (_("available"), money_of(wallet.available_amount)),
            ]
        return answer_form_page(
            self,
            request,
            call=call,
            back_to=page_of(partner),
            subject=partner,
            extra_context={"facts": facts},
            **page,
        )


def _waiting_or_decided(top_up: TopUp) -> type_of_text:
    if top_up.status != TopUp.Status.PENDING:
        return _("Top-up %(number)s was decided already") % {"number": top_up.top_up_no}
    return WAITS % {"number": top_up.top_up_no}


def _in_force_or_waiting(approval: Approval | None) -> type_of_text:
    if approval is None:
        return _("The change is in force")
    return WAITS % {"number": KINDS[approval.kind].title}


def _second_person_note() -> type_of_text:
    return _("A change by more than %(amount)s waits for another person.") % {
        "amount": f"{settings.SECOND_PERSON_ABOVE:,.2f}"
    }
