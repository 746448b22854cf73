"""The field for what staff write to merchants."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from openplatform.core.errors import StringInvalid
from openplatform.core.visible_text import is_visible


class WordsField(forms.CharField):
    """Text of several lines; a browser's line ends count as one character each."""

    def __init__(self, *, rows: int = 3, **kwargs: Any) -> None:
        super().__init__(
            widget=UnfoldAdminTextareaWidget(attrs={"rows": rows}),
            **{"help_text": _("The merchant reads it"), **kwargs},
        )

    def to_python(self, value: Any) -> str:
        """With one kind of line end."""
        text = "" if value is None else str(value)
        return str(super().to_python(text.replace("\r\n", "\n").replace("\r", "\n")) or "")

    def validate(self, value: Any) -> None:
        """:raises ValidationError: also when something in it cannot be seen."""
        super().validate(value)
        if not is_visible(value, multiline=True):
            raise ValidationError(StringInvalid.title, code=StringInvalid.code)

    def widget_attrs(self, widget: forms.Widget) -> Any:
        """Without the browser's own bound, which counts line ends twice."""
        attrs = super().widget_attrs(widget)
        attrs.pop("maxlength", None)
        return attrs
