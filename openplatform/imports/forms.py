"""What people fill in to import a file."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget


class UploadForm(forms.Form):
    """A file; what is in it the check tells."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,  # told by the service, in words of its own
        help_text=_("CSV in UTF-8 or XLSX, at most 20 MB"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.xlsx"}),
    )
