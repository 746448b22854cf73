"""Pictures of SKUs in the back office."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from catalog.forms.images import AddImagesForm, SkuImageForm
from catalog.models import Sku, SkuImage
from catalog.services.images import ImageDraft, add_images, set_images
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import PartsInline
from openplatform.core.errors import type_of_text
from openplatform.core.uploads.public import public_address


class SkuImageInline(PartsInline):
    """The pictures of a SKU in their order."""

    model = SkuImage
    form = SkuImageForm
    fields = ("preview", "order", "url", "width", "height")
    readonly_fields = ("preview",)
    ordering = ("position",)

    @display(description=_("picture"))
    def preview(self, image: SkuImage) -> SafeString | str:
        """Small, and a link to the whole."""
        if image.pk is None:
            return "—"
        large = public_address(image.file) if image.file else image.url
        small = public_address(image.sizes[0]["file"]) if image.sizes else large
        return format_html(
            '<a href="{}" target="_blank" rel="noopener noreferrer"><img src="{}" alt=""'
            ' loading="lazy" referrerpolicy="no-referrer" class="rounded-default"'
            ' style="height: 4rem; width: 4rem; object-fit: contain"></a>{}',
            large,
            small,
            _main_mark() if image.position == 0 else "",
        )


def _main_mark() -> SafeString:
    return format_html('<span class="block text-xs">{}</span>', _("Main picture"))


class PictureActions:
    """For the admin of SKUs: a page that takes pictures in."""

    @action(
        description=_("Add pictures"),
        permissions=["change"],
        icon="add_photo_alternate",
    )
    def add_pictures(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """By upload and by address."""
        sku: Sku = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            count = add_images(
                sku_id=sku.pk,
                files=values["files"],
                urls=values["urls"],
                is_for_product=values["is_for_product"],
                actor=request.user.get_username(),
                now=clock.now(),
            )
            text = ngettext(
                "%(count)d SKU has new pictures", "%(count)d SKUs have new pictures", count
            )
            return text % {"count": count}

        return answer_form_page(
            self,
            request,
            form_class=partial(AddImagesForm, limit=settings.UPLOAD_LIMIT),
            title=_("Add pictures"),
            submit=_("Add"),
            call=call,
            back_to=reverse("admin:catalog_sku_change", args=(sku.pk,)),
            subject=sku,
            intro=_(
                "Files are made anew without metadata, in several sizes, and get an address that"
                " anybody may ask for: merchants show them in their own shops. New pictures come"
                " behind those that are there."
            ),
        )


def save_images(*, sku: Sku, formset: Any, actor: str) -> None:
    """What the formset of a SKU's pictures says, by the step that keeps their order."""
    doomed = {form.instance.pk for form in formset.deleted_forms}
    kept: Sequence[Any] = [
        form
        for form in formset.forms
        if form.instance.pk not in doomed and (form.instance.pk or form.has_changed())
    ]
    if formset.has_changed():
        drafts = [_draft(form) for form in sorted(kept, key=_place)]
        set_images(
            sku_id=sku.pk, drafts=drafts, removed=doomed - {None}, actor=actor, now=clock.now()
        )
    # What Django makes a note of, which the trail of the SKU has.
    formset.new_objects = formset.changed_objects = formset.deleted_objects = []


def _place(form: Any) -> tuple[float, bool, int]:
    """Of two with the same number, the one that got it now comes first; without one at the end."""
    order = form.cleaned_data.get("order")
    is_old = "order" not in form.changed_data
    position = form.instance.position if form.instance.pk else 0
    return (float("inf") if order is None else order, is_old, position)


def _draft(form: Any) -> ImageDraft:
    values = form.cleaned_data
    return ImageDraft(
        url=values.get("url") or "",
        image_id=form.instance.pk,
        width=values.get("width"),
        height=values.get("height"),
    )
