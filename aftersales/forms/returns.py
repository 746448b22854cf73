"""What people fill in about goods that come back: parcels, counts, and what inspection found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
)

from aftersales.decisions import MAX_NOTE
from aftersales.forms.pictures import ClaimPicturesField
from aftersales.forms.words import WordsField
from aftersales.inspections import InspectedLine
from aftersales.models import ClaimLine, ClaimPicture
from aftersales.selectors.review import show_picture
from aftersales.services.pictures import MAX_PICTURES
from openplatform.core.errors import type_of_text
from openplatform.core.money import MAX_DIGITS
from orders.forms.shipping import SentParcelForm

RECEIVED, ACCEPTED, RESTOCKED, RESULT = "received_", "accepted_", "restocked_", "result_"
Result = ClaimLine.Inspection


def name_line(claimed: ClaimLine) -> str:
    """A claimed line as the order has it."""
    line = claimed.line
    return f"{line.line_no}. {line.sku_code} {line.name}"


class ReturnParcelForm(SentParcelForm):
    """A parcel that a merchant told us of."""

    replaces = forms.ChoiceField(
        label=_("In the place of"),
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text=_("When the number told before was wrong"),
    )

    def __init__(self, *args: Any, known: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if known:
            replaces = self.fields["replaces"]
            assert isinstance(replaces, forms.ChoiceField)  # noqa: S101 - it is, above
            replaces.choices = [
                ("", _("None: it is one more parcel")), *((number, number) for number in known)
            ]  # fmt: skip
        else:
            del self.fields["replaces"]


class ReceiveForm(forms.Form):
    """How many units came, at first all that were approved."""

    def __init__(self, *args: Any, lines: Mapping[int, ClaimLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for line_no, claimed in lines.items():
            approved = claimed.approved_quantity or 0
            self.fields[f"{RECEIVED}{line_no}"] = forms.IntegerField(
                label=name_line(claimed),
                min_value=0,
                max_value=approved,
                initial=approved,
                widget=UnfoldAdminIntegerFieldWidget(),
                help_text=_("%(approved)d were approved") % {"approved": approved},
            )

    def clean(self) -> dict[str, Any]:
        """With ``quantities`` by line number; zero, too: an empty box is something that came."""
        values = super().clean() or {}
        quantities = {
            int(name.removeprefix(RECEIVED)): quantity
            for name, quantity in values.items()
            if name.startswith(RECEIVED)
        }
        return {**values, "quantities": quantities}


class LineFields(NamedTuple):
    """The fields of one line, for the page."""

    claimed: ClaimLine
    fields: Sequence[forms.BoundField]


class KeptPictures(forms.MultipleChoiceField):
    """Pictures that came with this form when it was sent before, and stay unless unticked."""

    widget = forms.CheckboxSelectMultiple


class InspectForm(forms.Form):
    """What was found, line by line, and what speaks for it.

    :param kept: pictures of it that were sent before.
    :param refused: why some that were sent just now were not taken.
    :param claimed_reason: why it was claimed; with the merchant's pictures, to look at.
    """

    note = WordsField(
        label=_("Note"),
        required=False,
        max_length=MAX_NOTE,
        help_text=_("The merchant reads it; needed when nothing is accepted"),
    )
    kept = KeptPictures(label=_("Pictures of the inspection"), required=False)
    pictures = ClaimPicturesField(label=_("Add pictures"))

    def __init__(
        self,
        *args: Any,
        lines: Mapping[int, ClaimLine],
        freight_left: Decimal,
        freight_decided: Decimal,
        kept: Sequence[ClaimPicture] = (),
        refused: Sequence[type_of_text] = (),
        claimed_reason: str = "",
        claimed_pictures: Sequence[Mapping[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lines, self.kept_pictures, self.refused = lines, kept, refused
        self.claimed_reason, self.claimed_pictures = claimed_reason, claimed_pictures
        others, self.fields = self.fields, {}
        for line_no, claimed in lines.items():
            self._add_line(line_no, claimed)
        self._add_freight(freight_decided, freight_left)
        self.fields.update(others)
        choices = self.fields["kept"]
        assert isinstance(choices, forms.MultipleChoiceField)  # noqa: S101 - it is, above
        choices.choices = [(picture.picture_id, picture.picture_id) for picture in kept]

    def _add_freight(self, decided: Decimal, left: Decimal) -> None:
        self.fields["freight_amount"] = forms.DecimalField(
            label=_("Freight that goes back"),
            required=False,
            min_value=Decimal(0),
            max_value=left,
            max_digits=MAX_DIGITS,
            decimal_places=2,
            initial=decided,
            widget=UnfoldAdminDecimalFieldWidget(),
            help_text=_(
                "Decided: %(decided)s; paid and not refunded: %(left)s. Left empty: as it was"
                " decided. Nothing when nothing is accepted"
            )
            % {"decided": f"{decided:,.2f}", "left": f"{left:,.2f}"},
        )

    def _add_line(self, line_no: int, claimed: ClaimLine) -> None:
        approved, received = claimed.approved_quantity or 0, claimed.received_quantity or 0
        for name, label, initial, help_text in (
            (RECEIVED, _("Received"), received, _("%(count)d were approved") % {"count": approved}),
            (ACCEPTED, _("Accepted"), received, _("Refunded; the others that came are sent back")),
            (RESTOCKED, _("Restocked"), received, _("Of the accepted; the others are written off")),
        ):
            self.fields[f"{name}{line_no}"] = forms.IntegerField(
                label=label,
                min_value=0,
                max_value=approved,
                initial=initial,
                widget=UnfoldAdminIntegerFieldWidget(),
                help_text=help_text,
            )
        self.fields[f"{RESULT}{line_no}"] = forms.ChoiceField(
            label=_("Inspection"),
            choices=Result.choices,
            initial=Result.AS_EXPECTED if received == approved else Result.FEWER,
            widget=UnfoldAdminSelectWidget(),
        )

    def list_kept(self) -> list[dict[str, Any]]:
        """The pictures that came before, with links to show them."""
        return [show_picture(picture) for picture in self.kept_pictures]

    def list_lines(self) -> Iterator[LineFields]:
        """The fields, line by line."""
        for line_no, claimed in self.lines.items():
            names = (RECEIVED, ACCEPTED, RESTOCKED, RESULT)
            yield LineFields(claimed, [self[f"{name}{line_no}"] for name in names])

    def clean(self) -> dict[str, Any]:
        """With ``lines`` by line number, and ``picture_ids`` of those that stay."""
        values = super().clean() or {}
        for text in self.refused:
            self.add_error("pictures", str(text))
        lines = {
            line_no: found
            for line_no, claimed in self.lines.items()
            if (found := self._read_line(line_no, claimed, values)) is not None
        }
        picture_ids = values.get("kept", [])
        if len(picture_ids) > MAX_PICTURES:
            text = _("At most %(maximum)d pictures") % {"maximum": MAX_PICTURES}
            self.add_error("kept", text)
        if not self.errors and not any(found.accepted for found in lines.values()):
            self._require_grounds(values)
        return {**values, "lines": lines, "picture_ids": picture_ids}

    def _read_line(
        self, line_no: int, claimed: ClaimLine, values: Mapping[str, Any]
    ) -> InspectedLine | None:
        """None when a field of it is wrong; the field then says so."""
        names = (RECEIVED, ACCEPTED, RESTOCKED, RESULT)
        if any(f"{name}{line_no}" in self.errors for name in names):
            return None
        received, accepted, restocked, result = (values[f"{name}{line_no}"] for name in names)
        if accepted > received:
            self.add_error(f"{ACCEPTED}{line_no}", _("More than were received"))
        if restocked > accepted:
            self.add_error(f"{RESTOCKED}{line_no}", _("More than were accepted"))
        has_all = received == claimed.approved_quantity
        if result == Result.AS_EXPECTED and not (has_all and accepted == received):
            text = _("Not when units are missing or not accepted")
            self.add_error(f"{RESULT}{line_no}", text)
        if result == Result.FEWER and has_all:
            self.add_error(f"{RESULT}{line_no}", _("All that were approved were received"))
        return InspectedLine(accepted, restocked, Result(result), received)

    def _require_grounds(self, values: Mapping[str, Any]) -> None:
        if not values["note"].strip():
            self.add_error("note", _("Say why nothing is accepted"))
        if not values["kept"]:
            self.add_error("pictures", _("Show why nothing is accepted"))
