"""What people fill in about a contact."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.models import Contact
from accounts.recipients import OWN_SIDE_TOPICS

Topic = Contact.Topic
DESCRIPTIONS = {
    Topic.BALANCE_LOW: _("less is available than the alert threshold, and again under half of it"),
    Topic.KEY_EXPIRING: _("30, 7 and 1 days before it stops opening anything"),
    Topic.ENDPOINT_FAILING: _("messages do not reach the partner's system"),
    Topic.CLAIM_DUE: _("an answer or a return is awaited, and the time for it is nearly over"),
    Topic.STATEMENT_READY: _("a period is closed, and its files can be fetched"),
    Topic.BILL_DUE: _("a bill was issued, is due soon, or is overdue"),
    Topic.BOOKS_DIFFER: _("the daily proof of all wallets found a difference"),
}


class ContactForm(forms.ModelForm):  # type: ignore[type-arg] # generic for mypy only
    """A person, and what it is told."""

    topics = forms.MultipleChoiceField(
        label=_("Is told of"),
        required=False,
        choices=[
            (topic.value, format_lazy("{}: {}", topic.label, DESCRIPTIONS[topic]))
            for topic in Topic
        ],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=_(
            "By mail. A partner whose contacts leave a topic out is written to at its own address."
        ),
    )

    class Meta:
        model = Contact
        fields = ("partner", "name", "role", "email", "phone", "language", "topics")
        labels = {"name": _("Full name")}

    def clean(self) -> dict[str, Any] | None:
        """What concerns the platform alone is for our own side."""
        values = super().clean()
        chosen = OWN_SIDE_TOPICS.intersection(self.cleaned_data.get("topics", ()))
        if chosen and self.cleaned_data.get("partner"):
            names = ", ".join(str(Topic(topic).label) for topic in sorted(chosen))
            self.add_error(
                "topics", _("Only our own side is told of: %(names)s") % {"names": names}
            )
        return values
