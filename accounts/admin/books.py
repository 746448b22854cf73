"""Checks of the books in the back office: their results, and one more when it is asked for."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from accounts.models import BookCheck
from accounts.services.books import order_check
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text


@admin.register(BookCheck)
class BookCheckAdmin(ReadOnlyAdmin):
    """What became of each look at the books."""

    list_display = (
        "as_of", "result", "wallet_count", "entry_count", "difference_count", "duration",
        "started_at",
    )  # fmt: skip
    list_filter = ("is_ok", ("as_of", RangeDateFilter))
    ordering = ("-id",)
    fields = (
        ("as_of", "result_name"), ("wallet_count", "entry_count"), ("started_at", "duration"),
        "difference_count", "difference_table",
    )  # fmt: skip
    readonly_fields = ("result_name", "duration", "difference_table")
    actions_list = ("check_now",)

    def has_check_permission(self, request: HttpRequest) -> bool:
        """Whoever may add checks."""
        return bool(request.user.has_perm("accounts.add_bookcheck"))

    @action(
        description=_("Check now"), permissions=["check"], url_path="check-now", icon="fact_check"
    )
    def check_now(self, request: HttpRequest) -> HttpResponse:
        """Leave it to the worker: a page must not take as long as the books may."""

        def call(_values: Values) -> type_of_text:
            order_check()
            return _("The check was ordered; its result will stand in this list in a moment")

        return answer_form_page(
            self,
            request,
            form_class=forms.Form,
            title=_("Check the books now"),
            submit=_("Check now"),
            call=call,
            back_to=reverse("admin:accounts_bookcheck_changelist"),
            intro=_(
                "Holds wallets, ledger, holds, credit lines and documents against each other, as "
                "every day. Orders go on meanwhile."
            ),
        )

    @display(description=_("result"), ordering="is_ok", label={"ok": "success", "bad": "danger"})
    def result(self, check: BookCheck) -> tuple[str, str]:
        """A badge."""
        return ("ok", gettext("In order")) if check.is_ok else ("bad", gettext("Differences"))

    @display(description=_("result"))
    def result_name(self, check: BookCheck) -> str:
        """Without the badge."""
        return self.result(check)[1]

    @display(description=_("duration"), ordering="seconds")
    def duration(self, check: BookCheck) -> str:
        """In seconds."""
        return f"{check.seconds:.1f} s"

    @display(description=_("differences"))
    def difference_table(self, check: BookCheck) -> SafeString | str:
        """A row for each of the first hundred."""
        if not check.differences:
            return gettext("None")
        columns = (_("partner"), _("document"), _("check"), _("expected"), _("found"))
        head = format_html_join(
            "", '<th class="font-semibold px-4 py-2 text-left">{}</th>', ((c,) for c in columns)
        )
        row = '<tr class="border-t border-base-200 dark:border-base-800">' + (
            '<td class="px-4 py-2 whitespace-nowrap">{}</td>' * len(columns) + "</tr>"
        )
        body = format_html_join(
            "",
            row,
            (
                tuple(
                    "-" if found.get(name) is None else found[name]
                    for name in ("partner", "document", "check", "expected", "found")
                )
                for found in check.differences
            ),
        )
        return format_html(
            '<div class="overflow-auto"><table class="w-full"><thead><tr>{}</tr></thead>'
            "<tbody>{}</tbody></table></div>",
            head,
            body,
        )
