"""The field for pictures that staff add to a claim: to a note, or of an inspection."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from aftersales.services.pictures import MAX_PICTURES, UPLOAD_LIMIT
from catalog.forms.images import PicturesField

ACCEPTED = "image/jpeg,image/png,image/webp"


def _say_bounds() -> str:
    return _("JPEG, PNG or WebP; up to %(count)d, each up to %(size)s") % {
        "count": MAX_PICTURES,
        "size": filesizeformat(UPLOAD_LIMIT),
    }


BOUNDS = lazy(_say_bounds, str)()  # in the language of whoever looks


class ClaimPicturesField(PicturesField):
    """Up to nine pictures, as they were sent: a list of ``ReceivedFile``, none of them opened.

    ``keep_staff_pictures`` makes ids of them, and ``attach_pictures`` names these.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            limit=UPLOAD_LIMIT,
            **{"label": _("Pictures"), "required": False, "help_text": BOUNDS, **kwargs},
        )
        self.widget.attrs["accept"] = ACCEPTED

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Each within its bounds."""
        files = super().clean(data, initial)
        if len(files) > MAX_PICTURES:
            raise ValidationError(
                _("At most %(maximum)d files at once"), params={"maximum": MAX_PICTURES}
            )
        return files
