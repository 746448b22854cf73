"""What people fill in when they decide claims."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldBooleanWidget,
)

from aftersales.decisions import MAX_NOTE
from aftersales.forms.words import WordsField
from aftersales.models import Claim, ClaimLine, ClaimNote, ClaimPicture, ClaimType
from aftersales.selectors.review import show_picture

UNITS, AMOUNT = "units_", "amount_"
PAIR = r"[0-9]{1,19}:[0-9]{1,12}\.[0-9]{2}"
AMOUNTS = re.compile(rf"\A{PAIR}(,{PAIR})*\Z", re.ASCII)
MAX_CHOSEN = 100
NEWEST_NOTES = 3


class NoteForm(forms.Form):
    """A few words to the merchant, on the claim as it was when they were begun."""

    note = WordsField(label=_("Note"), max_length=MAX_NOTE)
    version = forms.IntegerField(widget=forms.HiddenInput(), min_value=0)


class RejectForm(NoteForm):
    """Why a claim is refused."""

    field_order = ("note", "version")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].label = _("Reason of the rejection")


class AskForm(NoteForm):
    """What is to be known before a claim is decided."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].label = _("Question")


class ApproveForm(forms.Form):
    """How many units of which line, and how much money; at first all that was asked for."""

    note = WordsField(
        label=_("Note"),
        required=False,
        max_length=MAX_NOTE,
        help_text=_("The merchant reads it; needed when it is less than was asked for"),
    )

    def __init__(
        self,
        *args: Any,
        claim: Claim,
        lines: Sequence[ClaimLine],
        freight_left: Decimal,
        freight_asked: Decimal,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.claim, self.freight_asked = claim, freight_asked
        left_empty = _("Left empty: none of it")
        if claim.type == ClaimType.REFUND:
            left_empty = _(
                "Left empty: all of it when no unit of the suborder was or will be shipped, else"
                " none"
            )
        self.lines = lines
        note = self.fields.pop("note")
        for claimed in lines:
            self._add_line(claimed)
        self.fields["freight_amount"] = forms.DecimalField(
            label=_("Freight that goes back"),
            required=False,
            min_value=Decimal(0),
            max_value=freight_left,
            max_digits=14,
            decimal_places=2,
            widget=UnfoldAdminDecimalFieldWidget(),
            help_text=format_lazy(
                "{} {}", _("Up to %(amount)s.") % {"amount": f"{freight_left:,.2f}"}, left_empty
            ),
        )
        self.fields["note"] = note

    def _add_line(self, claimed: ClaimLine) -> None:
        line = claimed.line
        self.fields[f"{UNITS}{line.line_no}"] = forms.IntegerField(
            label=_("Units"),
            min_value=0,
            max_value=claimed.quantity,
            initial=claimed.quantity,
            widget=UnfoldAdminIntegerFieldWidget(),
            help_text=_("Of %(quantity)d that were asked for") % {"quantity": claimed.quantity},
        )
        self.fields[f"{AMOUNT}{line.line_no}"] = forms.DecimalField(
            label=_("Refund for these units"),
            required=False,
            min_value=Decimal(0),
            max_value=line.purchase_price * claimed.quantity,
            max_digits=14,
            decimal_places=2,
            widget=UnfoldAdminDecimalFieldWidget(),
            help_text=_("Left empty: %(price)s for each unit; a lower amount needs a note")
            % {"price": f"{line.purchase_price:,.2f}"},
        )

    def list_lines(self) -> list[tuple[ClaimLine, list[forms.BoundField]]]:
        """Each claimed line with its fields, for the page."""
        return [
            (row, [self[f"{UNITS}{row.line.line_no}"], self[f"{AMOUNT}{row.line.line_no}"]])
            for row in self.lines
        ]

    @property
    def reason_name(self) -> str:
        """Why it is claimed, in the reader's language."""
        return self.claim.reason.shown_name

    @cached_property
    def pictures(self) -> list[dict[str, Any]]:
        """What the merchant shows, under links that work for a few minutes."""
        shown = ClaimPicture.objects.filter(claim=self.claim, use=ClaimPicture.Use.CLAIM)
        return [show_picture(picture) for picture in shown.order_by("position", "id")]

    @cached_property
    def newest_notes(self) -> list[ClaimNote]:
        """What was written about the claim at last, the oldest of it first."""
        notes = ClaimNote.objects.filter(claim=self.claim).order_by("-id")[:NEWEST_NOTES]
        return list(reversed(notes))

    def clean(self) -> dict[str, Any]:
        """With ``lines``: (units, amount or None) by line number; with words when it is less."""
        values = super().clean() or {}
        if self.errors:
            return values
        lines: dict[int, tuple[int, Decimal | None]] = {}
        is_less = False
        for claimed in self.lines:
            line = claimed.line
            units = values[f"{UNITS}{line.line_no}"]
            amount = values[f"{AMOUNT}{line.line_no}"]
            full = line.purchase_price * units
            if amount is not None and amount > full:
                self.add_error(
                    f"{AMOUNT}{line.line_no}",
                    _("So many units were paid with %(amount)s") % {"amount": f"{full:,.2f}"},
                )
            is_less |= units < claimed.quantity or (amount is not None and amount < full)
            if units:
                lines[line.line_no] = (units, None if amount == full else amount)
        if self.errors:
            return values
        freight = values["freight_amount"]
        is_less |= freight is not None and freight < self.freight_asked
        if not lines:
            raise forms.ValidationError(_("No units were chosen; reject the claim instead"))
        if is_less and not values["note"].strip():
            self.add_error("note", _("Say why it is less than was asked for"))
        return {**values, "lines": lines}


class ChosenForm(forms.Form):
    """Claims that were chosen in a list, as they were when they were looked at."""

    chosen = forms.CharField(widget=forms.HiddenInput())

    def clean_chosen(self) -> dict[int, int]:
        """Versions by primary key."""
        try:
            pairs = [pair.split(":") for pair in self.cleaned_data["chosen"].split(",")]
            chosen = {int(key): int(version) for key, version in pairs}
        except ValueError as error:
            raise forms.ValidationError(_("Choose the claims in the list again")) from error
        if len(chosen) > MAX_CHOSEN or not all(0 < key < 2**63 for key in chosen):
            raise forms.ValidationError(_("Choose the claims in the list again"))
        return chosen


class ApproveChosenForm(ChosenForm):
    """Claims that are approved as asked, at the amounts that the page showed."""

    amounts = forms.RegexField(
        AMOUNTS, widget=forms.HiddenInput(), required=False, max_length=MAX_CHOSEN * 40
    )
    note = WordsField(
        label=_("Note"),
        required=False,
        max_length=MAX_NOTE,
        help_text=_("The same for all of them; the merchants read it"),
    )
    confirmed = forms.BooleanField(
        widget=UnfoldBooleanWidget(), error_messages={"required": _("Tick the box to go on")}
    )

    def __init__(self, *args: Any, amount: Decimal, **kwargs: Any) -> None:
        """:param amount: what goes back at once, without a return or a second person; of nothing
        there is nothing to confirm.
        """
        super().__init__(*args, **kwargs)
        if amount:
            self.fields["confirmed"].label = _(
                "I know that %(amount)s goes back at once, and that it cannot be undone."
            ) % {"amount": f"{amount:,.2f}"}
        else:
            del self.fields["confirmed"]

    def clean_amounts(self) -> dict[int, Decimal]:
        """By primary key."""
        pairs = [pair.split(":") for pair in self.cleaned_data["amounts"].split(",") if pair]
        return {int(key): Decimal(amount) for key, amount in pairs}


class RejectChosenForm(ChosenForm):
    """Claims that are refused for one reason."""

    note = WordsField(
        label=_("Reason of the rejection"),
        max_length=MAX_NOTE,
        help_text=_("The same for all of them; the merchants read it"),
    )


def chosen_text(claims: Sequence[Claim]) -> str:
    """What the hidden field of chosen claims holds."""
    return ",".join(f"{claim.pk}:{claim.version}" for claim in claims)


def amounts_text(amounts: Mapping[int, Decimal]) -> str:
    """What the hidden field of the amounts that a page shows holds."""
    return ",".join(f"{key}:{amount:.2f}" for key, amount in amounts.items())
