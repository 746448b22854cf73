"""What people fill in about pictures, and about the attributes of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms import ModelForm
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    BASE_INPUT_CLASSES,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from catalog.forms.pairs import LinesField
from catalog.models import CategoryAttribute, SkuImage
from catalog.services.images import MAX_AT_ONCE, MAX_IMAGES
from openplatform.core.uploads.files import ReceivedFile, safe_filename
from openplatform.core.web_addresses import require_web_address

MAX_ADDRESS = 500
MAX_CHOICE = 200


class ManyFilesInput(forms.FileInput):
    """Several files by one input."""

    allow_multiple_selected = True
    template_name = "backoffice/many_files.html"


class PicturesField(forms.FileField):
    """Pictures, as they were sent."""

    def __init__(self, *, limit: int, **kwargs: Any) -> None:
        self._limit = limit
        classes = " ".join([*BASE_INPUT_CLASSES, "max-w-2xl"])
        accepted = "image/jpeg,image/png,image/webp,image/gif"
        super().__init__(
            widget=ManyFilesInput(attrs={"class": classes, "multiple": True, "accept": accepted}),
            **kwargs,
        )

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Each file within its bounds; none of them opened."""
        sent = data if isinstance(data, list | tuple) else [data]
        checked = [super(PicturesField, self).clean(one, initial) for one in sent]
        files: Sequence[UploadedFile[bytes]] = [file for file in checked if file]
        if len(files) > MAX_AT_ONCE:
            raise ValidationError(
                _("At most %(maximum)d files at once"), params={"maximum": MAX_AT_ONCE}
            )
        for file in files:
            if (file.size or 0) > self._limit:
                raise ValidationError(
                    _("%(file)s is larger than %(limit)s"),
                    params={"file": file.name, "limit": filesizeformat(self._limit)},
                )
        return [ReceivedFile(file.read(), safe_filename(file.name or "")) for file in files]


class AddressesField(LinesField):
    """Addresses of pictures, one a line."""

    def to_python(self, value: Any) -> Any:
        """The addresses in their order."""
        addresses = super().to_python(value)
        for address in addresses:
            require_web_address(address)
        return addresses


class AddressField(forms.URLField):
    """The address of a picture."""

    default_validators = [require_web_address]


class AddImagesForm(forms.Form):
    """New pictures."""

    urls = AddressesField(
        label=_("Addresses"),
        max_length=MAX_ADDRESS,
        help_text=_("Of pictures that stay where they are, one a line"),
    )
    is_for_product = forms.BooleanField(
        label=_("For every SKU of the product"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
    )

    def __init__(self, *args: Any, limit: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        files = PicturesField(
            label=_("Files"),
            limit=limit,
            required=False,
            help_text=_("JPEG, PNG, WebP or GIF; up to %(count)d at once, each up to %(size)s")
            % {"count": MAX_AT_ONCE, "size": filesizeformat(limit)},
        )
        self.fields = {"files": files, **self.fields}

    def clean(self) -> dict[str, Any]:
        """At least one."""
        values = super().clean() or {}
        if not self.errors and not values.get("files") and not values.get("urls"):
            raise ValidationError(_("Choose a file, or give an address"))
        return values


class SkuImageForm(ModelForm):  # type: ignore[type-arg] # Django's own is not generic at run time
    """A picture and its place."""

    order = forms.IntegerField(
        label=_("position"),
        required=False,
        min_value=0,
        max_value=MAX_IMAGES,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    url = AddressField(
        label=_("address"),
        max_length=MAX_ADDRESS,
        required=False,
        assume_scheme="https",
        widget=UnfoldAdminTextInputWidget(),
    )

    class Meta:
        model = SkuImage
        fields = ("url", "width", "height")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["order"] = self.instance.position + 1
        if self.instance.file:
            for name in ("url", "width", "height"):
                self.fields[name].disabled = True

    def clean(self) -> dict[str, Any]:
        """A new one has an address."""
        values = super().clean() or {}
        if not self.instance.file and not values.get("url") and "url" not in self.errors:
            self.add_error("url", _("Give the address of the picture"))
        return values


class CategoryAttributeForm(ModelForm):  # type: ignore[type-arg] # Django's own is not generic at run time
    """An attribute of a category."""

    choices = LinesField(
        label=_("Choices"),
        max_length=MAX_CHOICE,
        help_text=_("One a line; none: any text"),
    )

    class Meta:
        model = CategoryAttribute
        fields = ("name", "is_required", "choices", "position")
