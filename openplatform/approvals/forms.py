"""What the second person fills in."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from openplatform.approvals.models import Approval
from openplatform.core.visible_text import require_visible


class ApproveForm(forms.Form):
    """Nothing, for kinds that have no form of their own."""

    def __init__(self, *args: object, approval: Approval, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # handed on


class RejectForm(forms.Form):
    """Why not."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        validators=[require_visible],
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Whoever asked reads it; when it was a merchant, the merchant does."),
    )
