"""Pictures of SKUs: uploaded and kept by us in several sizes, or at somebody's address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.utils.translation import gettext_lazy as _

from catalog.models import Sku, SkuImage
from catalog.services.changes import tell_updated
from openplatform.audit.services.recording import Change, record_changes
from openplatform.core.errors import (
    DomainError,
    ImageInvalid,
    ImageTooLarge,
    NotFound,
    TooManyItems,
    refuse_if,
)
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from openplatform.core.uploads.files import ReceivedFile
from openplatform.core.uploads.pictures import SizedPicture, clean_picture_in_sizes
from openplatform.core.uploads.public import public_address
from openplatform.core.uploads.storage import storing_all

log = structlog.get_logger(__name__)

FOLDER = "goods"
SIDES = (200, 800)  # pixels: a row of a list, and a page
MAX_IMAGES = 50  # of one SKU
MAX_AT_ONCE = 10  # files: each keeps the process busy for up to seconds
MAIN = 0
AWAY = 10_000  # positions that no picture has, for as long as they are given anew

# Which of these files some picture is, in any size, or names as an address.
IN_USE = """
    SELECT file FROM catalog_skuimage WHERE file = ANY(%(names)s::text[])
    UNION
    SELECT size ->> 'file' FROM catalog_skuimage
    CROSS JOIN LATERAL jsonb_array_elements(sizes) AS size
    WHERE file <> '' AND size ->> 'file' = ANY(%(names)s::text[])
    UNION
    SELECT address.name
    FROM unnest(%(addresses)s::text[], %(names)s::text[]) AS address (url, name)
    JOIN catalog_skuimage image ON image.url = address.url
"""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """An uploaded picture with the names that it is kept under, the smallest size first."""

    sizes: Sequence[Mapping[str, Any]]

    @property
    def largest(self) -> Mapping[str, Any]:
        """The picture itself."""
        return self.sizes[-1]


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """A picture as it is to be: a known one by its id, else a new one by its address.

    Address and measures of an uploaded one stay what they are.
    """

    url: str = ""
    image_id: int | None = None
    width: int | None = None
    height: int | None = None


def add_images(
    *,
    sku_id: int,
    files: Sequence[ReceivedFile] = (),
    urls: Sequence[str] = (),
    is_for_product: bool = False,
    actor: str,
    now: datetime,
) -> int:
    """Pictures behind those that a SKU has; answers how many SKUs got them.

    1. Each file is made anew in several sizes, 2. all are stored before their rows, 3. the SKUs are
    locked and get the rows, 4. whoever sees them is told.

    :param is_for_product: for every SKU of the product; they share the files.
    :raises Refusal: with the fault of each file that is no picture that can be taken.
    :raises TooManyItems: for over 10 files at once, or over 50 pictures of one SKU (``maximum``).
    :raises NotFound: when there is no such SKU.
    :raises TemporarilyUnavailable: while this web process is at another file.
    """
    if len(files) > MAX_AT_ONCE:
        raise TooManyItems(pointer="/files", maximum=MAX_AT_ONCE)
    with _stored(_clean_all(files), now) as pictures:
        return _add_rows(
            sku_id=sku_id,
            pictures=pictures,
            urls=urls,
            is_for_product=is_for_product,
            actor=actor,
            now=now,
        )


def _clean_all(files: Sequence[ReceivedFile]) -> list[list[SizedPicture]]:
    faults: list[DomainError] = []
    clean = []
    for file in files:
        try:
            clean.append(clean_picture_in_sizes(file.content, sides=SIDES))
        except (ImageInvalid, ImageTooLarge) as error:
            text = _("%(file)s: %(fault)s") % {"file": file.filename, "fault": error.detail}
            faults.append(type(error)(text, pointer="/files", **error.facts))
    refuse_if(faults)
    return clean


@contextmanager
def _stored(
    pictures: Sequence[Sequence[SizedPicture]], now: datetime
) -> Iterator[list[StoredPicture]]:
    stored = []
    with ExitStack() as stack:
        for sizes in pictures:
            files = [picture.file for picture in sizes]
            names = stack.enter_context(storing_all(files, folder=FOLDER, now=now))
            stored.append(
                StoredPicture(
                    [
                        {"width": picture.width, "height": picture.height, "file": name}
                        for picture, name in zip(sizes, names, strict=True)
                    ]
                )
            )
        yield stored


@transactional
def _add_rows(
    *,
    sku_id: int,
    pictures: Sequence[StoredPicture],
    urls: Sequence[str],
    is_for_product: bool,
    actor: str,
    now: datetime,
) -> int:
    skus = _lock_skus(sku_id, is_for_product=is_for_product)
    before = _list_images([sku.pk for sku in skus])
    new: list[SkuImage] = []
    for sku in skus:
        present = before[sku.pk]
        known = {image.url for image in present}
        added = [
            *(_uploaded(sku, picture) for picture in pictures),
            *(SkuImage(sku=sku, url=url) for url in dict.fromkeys(urls) if url not in known),
        ]
        _require_room(len(present) + len(added))
        start = max((image.position for image in present), default=MAIN - 1) + 1
        for position, image in enumerate(added, start=start):
            image.position = position
        new += added
    SkuImage.objects.bulk_create(new)
    touched = {image.sku_id for image in new}
    tell_updated(fields=dict.fromkeys(touched, ("images",)), now=now)
    shown_before = {sku.pk: _shown(before[sku.pk]) for sku in skus}
    _record([sku for sku in skus if sku.pk in touched], shown_before, actor)
    log.info("images_added", skus=len(touched), files=len(pictures), actor=actor)
    return len(touched)


def _uploaded(sku: Sku, picture: StoredPicture) -> SkuImage:
    return SkuImage(sku=sku, sizes=list(picture.sizes), **picture.largest)


def set_images(
    *,
    sku_id: int,
    drafts: Sequence[ImageDraft],
    removed: Collection[int] = (),
    actor: str,
    now: datetime,
) -> bool:
    """Step: the pictures of a SKU, in this order, the first one the main one; whether they differ.

    What somebody else has added meanwhile, so that neither drafts nor ``removed`` name it, comes
    behind them. Whoever sees the SKU is told when anything differs.

    :param removed: ids of pictures to take out.
    :raises TooManyItems: for over 50 (``maximum``).
    :raises NotFound: when there is no such SKU.
    """
    require_transaction()
    [sku] = _lock_skus(sku_id)
    before = _list_images([sku_id])
    known = {image.pk: image for image in before[sku_id]}
    shown_before = _shown(before[sku_id])
    wanted = []
    for draft in drafts:
        image = SkuImage(sku=sku) if draft.image_id is None else known.pop(draft.image_id, None)
        if image is None:  # somebody else took it out in between
            continue
        if not image.file:
            image.url, image.width, image.height = draft.url, draft.width, draft.height
        wanted.append(image)
    wanted += [image for pk, image in known.items() if pk not in removed]
    _require_room(len(wanted))
    for position, image in enumerate(wanted):
        image.position = position
    if _shown(wanted) == shown_before:
        return False
    kept = [image for image in wanted if not image._state.adding]
    images = SkuImage.objects.filter(sku=sku)
    images.exclude(pk__in=[image.pk for image in kept]).delete()
    send("UPDATE catalog_skuimage SET position = position + %s WHERE sku_id = %s", [AWAY, sku_id])
    SkuImage.objects.bulk_update(kept, ["position", "url", "width", "height"])
    SkuImage.objects.bulk_create(image for image in wanted if image._state.adding)
    tell_updated(fields={sku_id: ("images",)}, now=now)
    _record([sku], {sku_id: shown_before}, actor)
    return True


def list_picture_files(names: Collection[str]) -> Collection[str]:
    """Which of these files some picture of a SKU names."""
    addresses = [public_address(name) for name in names]
    rows = send(IN_USE, {"names": list(names), "addresses": addresses}).rows()
    return {name for (name,) in rows}


def _lock_skus(sku_id: int, *, is_for_product: bool = False) -> list[Sku]:
    asked = Sku.objects.filter(pk=sku_id)
    if is_for_product:
        asked = Sku.objects.filter(product__in=asked.values("product"))
    skus = list(asked.select_for_update(no_key=True, of=("self",)).order_by("pk"))
    if not skus:
        raise NotFound
    return skus


def _list_images(sku_ids: Collection[int]) -> Mapping[int, list[SkuImage]]:
    images: dict[int, list[SkuImage]] = defaultdict(list)
    for image in SkuImage.objects.filter(sku_id__in=sku_ids).order_by("sku_id", "position"):
        images[image.sku_id].append(image)
    return images


def _require_room(count: int) -> None:
    if count > MAX_IMAGES:
        text = _("A SKU has at most %(maximum)d pictures") % {"maximum": MAX_IMAGES}
        raise TooManyItems(text, maximum=MAX_IMAGES)


def _shown(images: Sequence[SkuImage]) -> list[tuple[Any, ...]]:
    """All that merchants see of them, in order."""
    return [
        (image.file or image.url, image.position, image.width, image.height) for image in images
    ]


def _record(
    skus: Sequence[Sku], before: Mapping[int, Sequence[tuple[Any, ...]]], actor: str
) -> None:
    after = _list_images([sku.pk for sku in skus])
    record_changes(
        action="change_images",
        changes=[
            Change(
                sku,
                {"images": [shown[0] for shown in before[sku.pk]]},
                {"images": [shown[0] for shown in _shown(after[sku.pk])]},
            )
            for sku in skus
        ],
        actor=actor,
    )
