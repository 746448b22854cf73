"""What people fill in to have a merchant's file compared, and to explain what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Partner
from openplatform.core.errors import type_of_text
from openplatform.core.visible_text import require_visible
from reconciliation.comparing.heads import REQUIRED
from reconciliation.forms.statements import PeriodForm
from reconciliation.services.resolving import MAX_NOTE

FIELD_NAMES: dict[str, type_of_text] = {
    "merchant_order_no": _("Merchant's order number"),
    "kind": _("Kind"),
    "amount": _("Amount"),
    "at": _("Time"),
    "status": _("State"),
    "merchant_aftersale_no": _("Merchant's claim number"),
}


class UploadForm(PeriodForm):
    """A merchant's file and the days that it is about."""

    partner = forms.ModelChoiceField(
        label=pgettext_lazy("of a statement", "Merchant"),
        queryset=Partner.objects.order_by("code"),
        widget=UnfoldAdminSelect2Widget(),
    )
    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,  # told by the service, in words of its own
        help_text=_("CSV in UTF-8, UTF-16 or GB 18030, or XLSX; at most 25 MB and 200,000 rows"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,.xlsx"}),
    )
    field_order = ("partner", "period_start", "period_end", "file")


class ColumnsForm(forms.Form):
    """Which column of a file is what.

    :param heads: the names that stand in the head, in their order.
    """

    def __init__(self, *args: Any, heads: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(head, head) for head in heads if head and list(heads).count(head) == 1]
        for field, label in FIELD_NAMES.items():
            is_required = field in REQUIRED
            self.fields[field] = forms.ChoiceField(
                label=str(label),
                required=is_required,
                choices=[("", "—" if is_required else _("Not in the file")), *named],
                widget=UnfoldAdminSelectWidget(),
            )

    def clean(self) -> dict[str, Any]:
        """Each column once."""
        values = super().clean() or {}
        chosen = [name for name in values.values() if name]
        for field, name in list(values.items()):
            if name and chosen.count(name) > 1:
                self.add_error(field, ValidationError(_("One column cannot be two of ours")))
        return values

    @property
    def columns(self) -> dict[str, str]:
        """Our field: the name in the head."""
        return {field: name for field, name in self.cleaned_data.items() if name}


class NoteForm(forms.Form):
    """Why something differs."""

    note = forms.CharField(
        label=_("Explanation"),
        max_length=MAX_NOTE,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
    )
