"""A month is closed: one page that leads finance through it, step by step, with links."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from openplatform.core import clock
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.period_pages import TookTooLong
from openplatform.core.errors import type_of_text
from reconciliation.admin.archive import archive_url
from reconciliation.admin.closing_steps import TITLES, show_step
from reconciliation.admin.summary import MAY_SEE, add_up
from reconciliation.forms.statements import CloseMonthForm, OrderMissingForm
from reconciliation.selectors.closing import Progress, Standing, Step, get_standing
from reconciliation.selectors.months import Month, last_months
from reconciliation.selectors.summary import Agreement, Summary
from reconciliation.services.closing import close_month
from reconciliation.services.requesting import request_statement

TEMPLATE = "backoffice/statement_month.html"
MONTHS = 12  # to choose from by a click
MOST_ORDERED = 300  # statements at once, while somebody waits


class ClosingPages:
    """The pages beside the list of statements."""

    def get_urls(self) -> list[URLPattern]:
        """With the pages."""
        model_admin: Any = self
        wrap = model_admin.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [
            path("months/", wrap(self.show_last_month), name="reconciliation_statement_month"),
            path(
                "months/<str:month>/", wrap(self.show_month),
                name="reconciliation_statement_one_month",
            ),
            path(
                "months/<str:month>/order/", wrap(self.order_missing),
                name="reconciliation_statement_order_missing",
            ),
            path(
                "months/<str:month>/close/", wrap(self.close),
                name="reconciliation_statement_close",
            ),
            *urls,
        ]  # fmt: skip

    def show_last_month(self, request: HttpRequest) -> HttpResponse:
        """On to the month that ended last."""
        return HttpResponseRedirect(month_url(last_months(1, now=clock.now())[0]))

    def show_month(self, request: HttpRequest, month: str) -> HttpResponse:
        """The steps and how each stands.

        :raises PermissionDenied: for whoever may not see statements.
        :raises Http404: for what is no month.
        """
        if not request.user.has_perm(MAY_SEE):
            raise PermissionDenied
        asked = _read(month)
        standing = _standing_of(asked)
        model_admin: Any = self
        may_act = request.user.has_perm("reconciliation.add_statement")
        request.current_app = model_admin.admin_site.name
        now = clock.now()
        return TemplateResponse(
            request,
            TEMPLATE,
            {
                **model_admin.admin_site.each_context(request),
                # It belongs to more than statements, under whose addresses it is.
                "opts": None,
                "title": _("Close a month"),
                "content_title": _("Close a month"),
                "month": asked,
                "standing": standing,
                "steps": [show_step(step, standing, request) for step in Step],
                "closings": standing.closings,
                "may_close": may_act and standing.may_close and not standing.closings,
                "close_url": reverse("admin:reconciliation_statement_close", args=(asked,)),
                "archive": archive_url(asked.first, asked.last)
                if request.user.has_perm("reconciliation.download_statement")
                else None,
                "months": [
                    (one, month_url(one))
                    for one in [Month.running(now), *last_months(MONTHS, now=now)]
                ],
            },
        )

    def order_missing(self, request: HttpRequest, month: str) -> HttpResponse:
        """Have made what is missing or failed.

        :raises PermissionDenied: for whoever may not have statements made.
        :raises Http404: for what is no month.
        """
        asked = self._may_act_on(request, month)
        wanted = _without_statement(_summary_of(asked))

        def call(_values: Values) -> type_of_text:
            for partner_id in wanted[:MOST_ORDERED]:
                request_statement(
                    partner_id=partner_id,
                    period_start=asked.first,
                    period_end=asked.last,
                    by=request.user.get_username(),
                    now=clock.now(),
                )
            count = min(len(wanted), MOST_ORDERED)
            return ngettext(
                "%(count)d statement is being made",
                "%(count)d statements are being made",
                count,
            ) % {"count": count}

        count = len(wanted)
        return answer_form_page(
            self,
            request,
            form_class=OrderMissingForm,
            title=_("Order what is missing of %(month)s") % {"month": asked},
            submit=pgettext("a statement", "Order"),
            call=call,
            back_to=month_url(asked),
            intro=ngettext(
                "%(count)d merchant has no statement of this month, or one that failed. The worker"
                " makes one after the other; at most %(most)d are ordered at once.",
                "%(count)d merchants have no statement of this month, or one that failed. The"
                " worker makes one after the other; at most %(most)d are ordered at once.",
                count,
            )
            % {"count": count, "most": MOST_ORDERED},
        )

    def close(self, request: HttpRequest, month: str) -> HttpResponse:
        """Say that the month is closed; back to its page when somebody has.

        :raises PermissionDenied: for whoever may not have statements made.
        :raises Http404: for what is no month.
        """
        asked = self._may_act_on(request, month)
        standing = _standing_of(asked)
        if standing.closings:
            messages.info(request, gettext("%(month)s is closed already") % {"month": asked})
            return HttpResponseRedirect(month_url(asked))

        def call(values: Values) -> type_of_text:
            close_month(standing=standing, note=values["note"], actor=request.user.get_username())
            return _("%(month)s is closed") % {"month": asked}

        left = [
            gettext(str(TITLES[step]))
            for step, progress in standing.steps.items()
            if progress != Progress.DONE
        ]
        intro: type_of_text = _(
            "Everything is done. The trail keeps who closed the month, and its totals."
        )
        if left:
            intro = _("Not done: %(steps)s") % {"steps": "; ".join(left)}
        return answer_form_page(
            self,
            request,
            form_class=partial(CloseMonthForm, is_note_needed=not standing.is_clear),
            title=_("Close %(month)s") % {"month": asked},
            submit=_("Close the month"),
            call=call,
            back_to=month_url(asked),
            intro=intro,
        )

    def _may_act_on(self, request: HttpRequest, month: str) -> Month:
        allowed = (MAY_SEE, "reconciliation.add_statement")
        if not request.user.has_perms(allowed):
            raise PermissionDenied
        return _read(month)


def month_url(month: Month) -> str:
    """The page of a month."""
    return reverse("admin:reconciliation_statement_one_month", args=(str(month),))


def _read(text: str) -> Month:
    """:raises Http404: for what is no month, and for one that has not begun."""
    month = Month.read(text)
    if month is None or month > Month.running(clock.now()):
        raise Http404
    return month


def _summary_of(month: Month) -> Summary | None:
    try:
        return add_up(first=month.first, last=month.last)
    except TookTooLong:
        return None


def _standing_of(month: Month) -> Standing:
    return get_standing(month, summary=_summary_of(month))


def _without_statement(summary: Summary | None) -> list[int]:
    """The merchants whose statement is missing, or failed."""
    if summary is None:
        return []
    wanted = (Agreement.MISSING, Agreement.FAILED)
    return [one.partner_id for one in summary.merchants if one.agreement in wanted]
