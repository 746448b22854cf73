from __future__ import annotations

import time
from contextlib import AbstractContextManager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from PIL import Image

from accounts.services.locks import lock_partner
from aftersales.models import ClaimPicture
from aftersales.services.pictures import keep_picture
from openplatform.core import clock
from openplatform.core.errors import TooManyItems
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.core.uploads import limited_process
from openplatform.core.uploads.files import ReceivedFile
from openplatform.idempotency.services.replay import Answer
from tests.cast import Api, Merchant, make_merchant
from tests.core.uploads.samples import (
    GPS,
    gif_of,
    moving_webp,
    photo_with_metadata,
    picture,
    png_chunk,
    png_of,
    png_with_text,
)
from tests.racing import race

PATH = "/aftersales/pictures"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n%%EOF\n"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def stored(files: Path) -> list[Path]:
    return [file for file in files.rglob("*") if file.is_file()]


def shown(url: str) -> Image.Image:
    """The picture behind a link, asked for without a key."""
    return Image.open(BytesIO(content_of(url)))


def content_of(url: str) -> bytes:
    response: Any = Client().get(urlsplit(url).path)
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def add_unused(merchant: Merchant, count: int, *, uploaded_by: str = "", **age: float) -> None:
    at = clock.now() - timedelta(**age)
    number = ClaimPicture.objects.count()
    ClaimPicture.objects.bulk_create(
        ClaimPicture(
            picture_id=dated_no("I", at),
            partner=merchant.partner,
            uploaded_by=uploaded_by,
            file=f"claim-pictures/2026/01/{number + index:026}.png",
            thumbnail=f"claim-pictures/2026/01/{number + index:026}.png",
            width=1,
            height=1,
            sha256="0" * 64,
            size_bytes=1,
            created_at=at,
        )
        for index in range(count)
    )


def busy_with_another_file() -> AbstractContextManager[None]:
    """As while this web process opens a file of somebody else: who opens one now has to wait."""
    return limited_process.held_slot()


@pytest.mark.parametrize(("kind", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_picture_is_kept_and_shown_in_two_sizes_when_it_is_sent(
    merchant: Merchant, kind: str, extension: str, files: Path
) -> None:
    response = merchant.api.upload(PATH, picture(kind, (640, 480)), filename="../../破损.html")

    body = response.json()
    kept = ClaimPicture.objects.get()
    assert response.status_code == 201
    assert body == {
        "picture_id": kept.picture_id,
        "width": 640,
        "height": 480,
        "url": body["url"],
        "thumbnail_url": body["thumbnail_url"],
        "expires_at": body["expires_at"],
    }
    assert (kept.partner, kept.uploaded_by, kept.claim, kept.use) == (
        merchant.partner,
        "",
        None,
        "",
    )
    assert kept.file.endswith(f".{extension}")
    assert kept.size_bytes == len(content_of(body["url"]))
    assert shown(body["url"]).size == (640, 480)
    assert shown(body["thumbnail_url"]).size == (320, 240)
    assert len(stored(files)) == 2


def test_one_file_is_kept_when_the_picture_is_as_small_as_a_thumbnail(
    merchant: Merchant, files: Path
) -> None:
    body = merchant.api.upload(PATH, picture("PNG", (320, 200))).json()

    kept = ClaimPicture.objects.get()
    assert kept.file == kept.thumbnail
    assert shown(body["thumbnail_url"]).size == (320, 200)
    assert len(stored(files)) == 1


def test_the_link_opens_nothing_any_more_when_ten_minutes_went_by(merchant: Merchant) -> None:
    body = merchant.api.upload(PATH, picture()).json()

    with time_machine.travel(clock.now() + timedelta(seconds=601), tick=False):
        late = Client().get(urlsplit(body["url"]).path)

    assert late.status_code == 410


def test_person_and_place_are_gone_and_it_stands_upright_when_a_photo_tells_them(
    merchant: Merchant, files: Path
) -> None:
    sent = photo_with_metadata(orientation=6)
    assert GPS in sent

    body = merchant.api.upload(PATH, sent).json()

    assert (body["width"], body["height"]) == (48, 64)
    for file in stored(files):
        content = file.read_bytes()
        assert [text for text in (GPS, b"Zhang San", b"Exif") if text in content] == []
        assert dict(Image.open(BytesIO(content)).getexif()) == {}


def test_texts_are_gone_when_a_png_has_them(merchant: Merchant, files: Path) -> None:
    assert merchant.api.upload(PATH, png_with_text()).status_code == 201

    assert [file for file in stored(files) if b"secret" in file.read_bytes()] == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_invalid"),
        (b"%PDF-1.7\n", "image_invalid"),
        (SVG, "image_invalid"),
        (b"<!DOCTYPE html><html><script>alert(1)</script></html>", "image_invalid"),
        (EPS, "image_invalid"),
        (b"\xc5\xd0\xd3\xc6" + bytes(26) + EPS, "image_invalid"),
        (picture("GIF"), "image_invalid"),
        (gif_of(10_000), "image_invalid"),
        (picture("TIFF"), "image_invalid"),
        (picture("PNG")[:60], "image_invalid"),
        (picture(comment=b"<script>alert(1)</script>"), "image_invalid"),
        (picture() + b"<!DOCTYPE html><html><body onload=x()>", "image_invalid"),
        (picture("WEBP") + SVG, "image_invalid"),
        (png_of(13_000, 13_000), "image_too_large"),
        (png_of(5_001, 5_000), "image_too_large"),
        (png_of(10_001, 1), "image_too_large"),
        (
            png_of(1, 1, bytes(4), png_chunk(b"acTL", b"\x00\x00\x27\x10\x00\x00\x00\x00")),
            "image_too_large",
        ),
        (moving_webp(10_000), "image_too_large"),
    ],
    ids=["empty", "pdf", "svg", "html", "eps", "dos eps", "gif", "moving gif", "tiff", "broken off",
         "jpeg and script", "jpeg and html", "webp and svg", "169 MP", "25.005 MP", "wide",
         "10,000 frames of png", "10,000 frames of webp"],
)  # fmt: skip
def test_nothing_is_kept_when_it_is_no_picture_that_is_taken(
    merchant: Merchant, data: bytes, code: str, files: Path
) -> None:
    response = merchant.api.upload(PATH, data, filename="photo.jpg")

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert response.json()["errors"][0]["pointer"] == "/file"
    assert not ClaimPicture.objects.exists()
    assert stored(files) == []


def test_an_eps_behind_a_picture_is_cut_off_when_it_is_kept(
    merchant: Merchant, files: Path
) -> None:
    assert merchant.api.upload(PATH, picture() + EPS).status_code == 201

    assert [file for file in stored(files) if b"PS-Adobe" in file.read_bytes()] == []


def test_refused_unread_when_it_is_over_five_megabytes(merchant: Merchant, files: Path) -> None:
    big = picture("PNG") + bytes(5 * 1024 * 1024)

    response = merchant.api.upload(PATH, big)

    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert not ClaimPicture.objects.exists()
    assert stored(files) == []


def test_one_picture_is_kept_when_it_is_sent_again_under_the_same_key(
    merchant: Merchant, files: Path
) -> None:
    headers = {"Idempotency-Key": "p-1"}
    first = merchant.api.upload(PATH, picture("PNG"), headers=headers)

    with (
        time_machine.travel(clock.now() + timedelta(minutes=20), tick=False),
        busy_with_another_file(),  # it is not opened again
    ):
        second = merchant.api.upload(PATH, picture("PNG"), headers=headers)
        assert shown(second.json()["url"]).size == (64, 48)
        third = merchant.api.upload(PATH, picture("JPEG"), headers=headers)

    assert (second.status_code, second["Idempotent-Replayed"]) == (201, "true")
    assert second.json()["picture_id"] == first.json()["picture_id"]
    assert (third.status_code, third.json()["code"]) == (422, "idempotency_key_reused")
    assert ClaimPicture.objects.count() == 1
    assert len(stored(files)) == 1


@pytest.mark.django_db(transaction=True)
def test_one_picture_is_kept_when_it_is_sent_twice_at_once_under_the_same_key(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_process, "PATIENCE", 30)
    merchant = make_merchant("acme")

    def send_it() -> Any:
        headers = {"Idempotency-Key": "p-1"}
        return merchant.api.upload(PATH, picture("PNG", (400, 300)), headers=headers).json()

    answers: list[Any] = race(send_it, send_it)

    assert answers[0]["picture_id"] == answers[1]["picture_id"]
    assert ClaimPicture.objects.count() == 1
    assert len(stored(files)) == 2


def test_told_that_it_is_gone_when_it_is_sent_again_under_the_key_of_a_forgotten_one(
    merchant: Merchant,
) -> None:
    headers = {"Idempotency-Key": "p-1"}
    merchant.api.upload(PATH, picture(), headers=headers)
    ClaimPicture.objects.all().delete()

    again = merchant.api.upload(PATH, picture(), headers=headers)

    assert (again.status_code, again.json()["code"]) == (404, "not_found")


def test_refused_unopened_when_fifty_pictures_wait(merchant: Merchant, files: Path) -> None:
    add_unused(merchant, 49, hours=23)
    add_unused(merchant, 30, hours=25)  # about to be forgotten
    add_unused(merchant, 5, uploaded_by="operator")
    fiftieth = merchant.api.upload(PATH, picture())

    with busy_with_another_file():
        refused = merchant.api.upload(PATH, picture())

    assert (fiftieth.status_code, refused.status_code) == (201, 422)
    assert refused.json()["code"] == "too_many_items"
    assert refused.json()["errors"][0]["maximum"] == 50
    assert ClaimPicture.objects.count() == 49 + 30 + 5 + 1
    assert len(stored(files)) == 1


def test_another_merchant_is_not_stopped_when_one_has_fifty(merchant: Merchant) -> None:
    add_unused(merchant, 50)

    assert make_merchant("other").api.upload(PATH, picture()).status_code == 201


def wait_until_another_waits() -> None:
    """For a lock; given up after a while, as when there is no lock to wait for."""
    deadline = time.monotonic() + 10
    waiting = """
        SELECT FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
    while not send(waiting, []).rows() and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
def test_refused_when_the_fiftieth_is_written_at_this_moment(files: Path) -> None:
    """Without the partner's lock, the one that comes second would not see the first."""
    merchant = make_merchant("acme")
    add_unused(merchant, 49)

    @transactional
    def write_the_fiftieth() -> None:
        lock_partner(pk=merchant.partner.pk)
        add_unused(merchant, 1)
        wait_until_another_waits()

    def send_one() -> Answer:
        file = ReceivedFile(picture(), "a.jpg")
        return keep_picture(partner_id=merchant.partner.pk, file=file, now=clock.now())

    _written, refusal = race(write_the_fiftieth, send_one)

    assert isinstance(refusal, TooManyItems)
    assert ClaimPicture.objects.count() == 50
    assert stored(files) == []


def test_busy_when_another_file_is_being_opened(
    merchant: Merchant, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limited_process, "PATIENCE", 0.1)

    with busy_with_another_file():
        response = merchant.api.upload(PATH, picture())

    assert (response.status_code, response.json()["code"]) == (503, "temporarily_unavailable")
    assert not ClaimPicture.objects.exists()
    assert stored(files) == []


def test_refused_when_there_is_a_field_too_many(merchant: Merchant) -> None:
    response = merchant.api.upload(PATH, picture(), partner="stranger")

    assert (response.status_code, response.json()["code"]) == (422, "unknown_field")
    assert not ClaimPicture.objects.exists()


def test_refused_when_it_is_json(merchant: Merchant) -> None:
    response = merchant.api.post(PATH, {"file": "x"})

    assert (response.status_code, response.json()["code"]) == (415, "media_type_unsupported")


def test_refused_when_the_key_only_reads(merchant: Merchant) -> None:
    response = merchant.api_with("aftersales:read").upload(PATH, picture())

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert not ClaimPicture.objects.exists()


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    assert Api().upload(PATH, picture()).json()["code"] == "key_missing"
