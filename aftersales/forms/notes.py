"""What people write to merchants about claims."""

from __future__ import annotations

from django import forms
from django.utils.translation import pgettext_lazy

from aftersales.forms.pictures import ClaimPicturesField
from aftersales.forms.words import WordsField

MAX_TEXT = 1000


class WriteNoteForm(forms.Form):
    """A note, with pictures."""

    text = WordsField(label=pgettext_lazy("to a merchant", "Note"), max_length=MAX_TEXT)
    pictures = ClaimPicturesField()
