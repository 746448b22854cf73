"""Which statements one wants: made, added up, as an archive; and the word with which a month is
closed.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDateWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Partner
from openplatform.core.admin.period_pages import require_days
from openplatform.core.visible_text import require_visible
from reconciliation.models import StatementFile

MAX_NOTE = 200


def _partner_field(**options: Any) -> forms.ModelChoiceField[Partner]:
    return forms.ModelChoiceField(
        label=pgettext_lazy("of a statement", "Merchant"),
        queryset=Partner.objects.order_by("code"),
        widget=UnfoldAdminSelect2Widget(),
        **options,
    )


class PeriodForm(forms.Form):
    """Two days and what lies between; both count."""

    period_start = forms.DateField(label=_("First day"), widget=UnfoldAdminDateWidget())
    period_end = forms.DateField(label=_("Last day"), widget=UnfoldAdminDateWidget())

    def clean(self) -> dict[str, Any]:
        """A period that has days, and not too many."""
        values = super().clean() or {}
        require_days(self, values, "period_start", "period_end")
        return values

    @property
    def period(self) -> tuple[date, date]:
        """The first and the last day that were asked for."""
        return self.cleaned_data["period_start"], self.cleaned_data["period_end"]


class OrderStatementForm(PeriodForm):
    """A statement for one merchant."""

    partner = _partner_field()
    field_order = ("partner", "period_start", "period_end")


class SummaryForm(PeriodForm):
    """A period, and one merchant or all."""

    partner = _partner_field(to_field_name="code", required=False, empty_label=_("All merchants"))


class ArchiveForm(PeriodForm):
    """The statements of all merchants for one period, and which of their files."""

    formats = forms.MultipleChoiceField(
        label=_("Files"),
        choices=StatementFile.Format,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=StatementFile.Language,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )


class OrderMissingForm(forms.Form):
    """Nothing to fill in."""


class CloseMonthForm(forms.Form):
    """What is to be known about a month that is closed.

    :param is_note_needed: whether something is left open, which wants a reason.
    """

    note = forms.CharField(
        label=_("Note"),
        max_length=MAX_NOTE,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        validators=[require_visible],
    )

    def __init__(self, *args: Any, is_note_needed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = is_note_needed
        if is_note_needed:
            self.fields["note"].help_text = _("Why the month is closed with what is left open")
