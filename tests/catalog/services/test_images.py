"""Pictures of SKUs: files that live as long as some row names them, in an order that holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
import time_machine
from django.core.files.storage import default_storage
from PIL import Image
from pytest_django.fixtures import Settings

from catalog.models import Sku, SkuImage
from catalog.services.images import ImageDraft, add_images, list_picture_files, set_images
from openplatform.core import clock
from openplatform.core.errors import (
    DomainError,
    ImageInvalid,
    ImageTooLarge,
    NotFound,
    Refusal,
    TooManyItems,
)
from openplatform.core.locking import transactional
from openplatform.core.uploads.files import ReceivedFile
from openplatform.core.uploads.public import public_address
from openplatform.core.uploads.storage import sweep_files
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World
from tests.catalog.news import act, news_of
from tests.catalog.range import settle
from tests.core.uploads.samples import gif_of, png_of, webp_canvas, webp_chunk, webp_of
from tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sku(shop: World, settings: Settings, tmp_path: Path) -> Sku:
    """In the pool, without a picture; files go where this test alone looks."""
    settings.MEDIA_ROOT = tmp_path / "files"
    sku = shop.make_sku("A")
    settle(shop)
    return sku


def picture(colour: str = "navy") -> ReceivedFile:
    out = BytesIO()
    Image.new("RGB", (900, 90), colour).save(out, "JPEG")
    return ReceivedFile(out.getvalue(), f"{colour}.jpg")


def add(sku: Sku, *files: ReceivedFile, urls: tuple[str, ...] = ()) -> Callable[[], int]:
    return lambda: add_images(sku_id=sku.pk, files=files, urls=urls, actor="li", now=clock.now())


def put(sku: Sku, *drafts: ImageDraft, removed: tuple[int, ...] = ()) -> bool:
    return act(
        lambda: set_images(
            sku_id=sku.pk, drafts=drafts, removed=removed, actor="li", now=clock.now()
        )
    )


def stored(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def shown(sku: Sku) -> list[tuple[int, str]]:
    return [(image.position, image.url or image.file) for image in sku.images.all()]


def test_files_stay_while_any_row_names_them_and_go_when_none_does(
    sku: Sku, shop: World, settings: Settings
) -> None:
    """Also long after the month in which they were stored."""
    add(sku, picture())()
    image = sku.images.get()
    files = [size["file"] for size in image.sizes]
    assert len(files) == 3
    assert stored(settings.MEDIA_ROOT) == sorted(files)
    other = shop.make_sku("B")
    SkuImage.objects.create(sku=other, url=public_address(image.file), position=0)
    much_later = clock.now() + timedelta(days=400)

    with time_machine.travel(much_later):
        assert (sweep_files(), stored(settings.MEDIA_ROOT)) == (0, sorted(files))
        put(sku, removed=(image.pk,))
        assert (sweep_files(), stored(settings.MEDIA_ROOT)) == (2, [image.file])
        other.images.all().delete()
        assert (sweep_files(), stored(settings.MEDIA_ROOT)) == (1, [])


def test_only_files_in_use_are_named_when_a_sweep_asks(sku: Sku) -> None:
    add(sku, picture())()
    files = [size["file"] for size in sku.images.get().sizes]

    asked = [*files, "goods/2020/01/ABCDEFGHJKMNPQRSTVWXYZ0123.jpg"]

    assert set(list_picture_files(asked)) == set(files)


def test_no_file_is_left_when_the_sku_is_gone_or_full(sku: Sku, settings: Settings) -> None:
    SkuImage.objects.bulk_create(
        SkuImage(sku=sku, url=f"https://e.com/{number}.png", position=number)
        for number in range(50)
    )

    with pytest.raises(TooManyItems) as full:
        add(sku, picture())()
    with pytest.raises(NotFound):
        add(Sku(pk=987_654_321), picture())()

    assert full.value.facts == {"maximum": 50}
    assert stored(settings.MEDIA_ROOT) == []
    assert sku.images.count() == 50
    assert not Outbox.objects.exists()


def test_every_bad_file_is_named_when_several_are_sent(sku: Sku, settings: Settings) -> None:
    page = ReceivedFile(b"<html>", "page.png")

    with pytest.raises(Refusal) as refused:
        add(sku, page, picture(), ReceivedFile(b"\x89PNG\r\n\x1a\n<script>", "b.png"))()

    assert [type(fault) for fault in refused.value.faults] == [ImageInvalid, ImageInvalid]
    names = [str(fault.detail).partition(":")[0] for fault in refused.value.faults]
    assert names == ["page.png", "b.png"]
    assert stored(settings.MEDIA_ROOT) == []
    assert not SkuImage.objects.exists()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"<!doctype html><script>alert(1)</script>", ImageInvalid),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', ImageInvalid),
        (b"%!PS-Adobe-3.0 EPSF-3.0\nshowpage\n%%EOF\n", ImageInvalid),
        (png_of(40, 30, bytes(121 * 30)) + b"<script>alert(1)</script>", ImageInvalid),
        (png_of(13_000, 13_000), ImageTooLarge),
        (webp_of(webp_canvas(16_000, 16_000), webp_chunk(b"ANMF", bytes(30))), ImageTooLarge),
        (gif_of(10_000), ImageTooLarge),
    ],
    ids=["html", "svg", "eps", "markup behind", "169 megapixels", "canvas", "10,000 frames"],
)
def test_nothing_is_kept_when_a_file_is_up_to_something(
    content: bytes, error: type[DomainError], sku: Sku, settings: Settings
) -> None:
    with pytest.raises(Refusal) as refused:
        add(sku, ReceivedFile(content, "evil.png"))()

    [fault] = refused.value.faults
    assert (type(fault), fault.pointer) == (error, "/files")
    assert stored(settings.MEDIA_ROOT) == []
    assert not SkuImage.objects.exists()
    assert not Outbox.objects.exists()


def test_an_address_comes_once_when_it_is_given_again(sku: Sku, merchant: Merchant) -> None:
    add(sku, urls=("https://e.com/a.png", "https://e.com/a.png"))()
    Outbox.objects.all().delete()

    assert add(sku, urls=("https://e.com/a.png",))() == 0

    assert shown(sku) == [(0, "https://e.com/a.png")]
    assert not Outbox.objects.exists()


def test_an_uploaded_picture_keeps_its_file_when_pictures_are_put_in_order(
    sku: Sku, merchant: Merchant
) -> None:
    add(sku, picture(), urls=("https://e.com/a.png",))()
    file, address = sku.images.all()
    drafts = [
        ImageDraft(url="https://e.com/b.png", image_id=address.pk, width=3, height=2),
        ImageDraft(url="https://evil.example/x.png", image_id=file.pk, width=1, height=1),
    ]

    assert put(sku, *drafts) is True

    assert shown(sku) == [(0, "https://e.com/b.png"), (1, file.file)]
    assert [(image.width, image.height) for image in sku.images.all()] == [(3, 2), (900, 90)]
    assert news_of(merchant) == [("sku.updated", {"skus": ["A"], "fields": ["images"]})]
    assert put(sku, *drafts) is False
    assert not Outbox.objects.exists()
    assert default_storage.exists(file.file)


def test_a_picture_that_somebody_took_out_stays_out_when_an_old_page_is_saved(sku: Sku) -> None:
    add(sku, urls=("https://e.com/a.png", "https://e.com/b.png"))()
    first, second = sku.images.all()
    old_page = [ImageDraft(image.url, image.pk) for image in (second, first)]
    put(sku, removed=(second.pk,))

    put(sku, *old_page)

    assert shown(sku) == [(0, "https://e.com/a.png")]


def test_positions_stay_apart_when_pictures_come_from_two_sides_at_once(
    sku: Sku, merchant: Merchant
) -> None:
    add(sku, urls=("https://e.com/a.png", "https://e.com/b.png"))()
    first, second = sku.images.all()

    @transactional
    def swap() -> bool:
        drafts = [ImageDraft(image.url, image.pk) for image in (second, first)]
        return set_images(sku_id=sku.pk, drafts=drafts, actor="li", now=clock.now())

    outcomes = race(
        swap,
        add(sku, urls=("https://e.com/c.png",)),
        add(sku, urls=("https://e.com/d.png",)),
    )

    assert [str(one) for one in outcomes if isinstance(one, BaseException)] == []
    assert [position for position, _url in shown(sku)] == [0, 1, 2, 3]
    names = [url.removeprefix("https://e.com/") for _position, url in shown(sku)]
    assert (names[:2], sorted(names[2:])) == (["b.png", "a.png"], ["c.png", "d.png"])
