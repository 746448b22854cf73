"""Row 31 of the table of bad input: what pictures may be, and what is left of them."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from io import BytesIO

import pytest
from PIL import Image
from pytest_django.fixtures import Settings

from openplatform.core.errors import ImageInvalid, ImageTooLarge
from openplatform.core.uploads import limited_process
from openplatform.core.uploads.files import CleanFile
from openplatform.core.uploads.pictures import clean_picture, clean_picture_in_sizes
from tests.core.uploads.samples import (
    GPS,
    gif_of,
    moving_webp,
    photo_with_metadata,
    picture,
    png_chunk,
    png_of,
    png_with_text,
    webp_canvas,
    webp_chunk,
    webp_of,
)

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def noise(kind: str) -> bytes:
    """Pixels that cannot be packed."""
    out = BytesIO()
    Image.frombytes("RGB", (200, 200), random.Random(1).randbytes(120_000)).save(out, kind)
    return out.getvalue()


def opened(file: CleanFile) -> Image.Image:
    return Image.open(BytesIO(file.content))


@pytest.mark.parametrize(
    ("kind", "extension", "media_type"),
    [
        ("JPEG", "jpg", "image/jpeg"),
        ("PNG", "png", "image/png"),
        ("WEBP", "webp", "image/webp"),
        ("GIF", "png", "image/png"),
    ],
)
def test_the_picture_is_encoded_anew_when_its_format_is_taken(
    kind: str, extension: str, media_type: str
) -> None:
    sent = picture(kind, (64, 48), compress_level=0)

    clean = clean_picture(sent)

    assert (clean.extension, clean.media_type, clean.size) == (
        extension,
        media_type,
        len(clean.content),
    )
    assert clean.content != sent
    assert opened(clean).size == (64, 48)
    red, _green, blue = opened(clean).convert("RGB").getpixel((32, 4))  # type: ignore[misc]
    assert red > 230
    assert blue < 25


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_the_picture_is_taken_whatever_its_colours_are_written_as(kind: str, mode: str) -> None:
    out = BytesIO()
    Image.new(mode, (5, 4)).save(out, kind)

    assert opened(clean_picture(out.getvalue())).size == (5, 4)


def test_sixteen_bits_are_brought_down_to_eight_when_a_scan_has_them() -> None:
    out = BytesIO()
    Image.new("I;16", (2, 2), 0x8000).save(out, "PNG")

    assert opened(clean_picture(out.getvalue())).getpixel((0, 0)) == 0x80


def test_colours_stay_when_a_jpeg_is_for_print() -> None:
    out = BytesIO()
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(out, "JPEG")

    red, green, _blue = opened(clean_picture(out.getvalue())).getpixel((8, 8))  # type: ignore[misc]

    assert red > 200
    assert green < 60


def test_see_through_parts_stay_when_a_picture_has_them() -> None:
    out = BytesIO()
    Image.new("RGBA", (4, 4), (1, 2, 3, 0)).save(out, "PNG")

    assert opened(clean_picture(out.getvalue())).mode == "RGBA"


def test_nothing_is_told_of_person_and_place_when_a_photo_has_metadata() -> None:
    sent = photo_with_metadata()
    assert GPS in sent

    clean = clean_picture(sent + b"PK\x03\x04 an archive behind the end")

    assert [
        text
        for text in (GPS, b"Zhang San", b"secret", b"profile", b"Exif", b"archive")
        if text in clean.content
    ] == []
    assert dict(opened(clean).getexif()) == {}


def test_texts_are_gone_when_a_png_has_them() -> None:
    clean = clean_picture(png_with_text())

    assert b"secret" not in clean.content
    assert opened(clean).info == {}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_picture_stands_upright_when_exif_turns_it(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = [(8, 8), (56, 8), (8, 40), (56, 40)]
    sent = picture(kind, (64, 48), exif=exif)

    clean = opened(clean_picture(sent)).convert("RGB")

    assert clean.size == ((64, 48) if orientation < 5 else (48, 64))
    points = upright if orientation < 5 else [(y, x) for x, y in upright]
    is_red = {
        point: clean.getpixel(point)[0] > 128  # type: ignore[index]
        for point in points
    }
    expected = {1: "u", 2: "u", 3: "d", 4: "d", 5: "l", 6: "r", 7: "r", 8: "l"}[orientation]
    half = {"u": lambda x, y: y < 24, "d": lambda x, y: y > 24,
            "l": lambda x, y: x < 24, "r": lambda x, y: x > 24}[expected]  # fmt: skip
    assert is_red == {point: half(*point) for point in points}


@pytest.mark.parametrize("exif", [b"MM\x00*", b"II*\x00\xff\xff\xff\xff", b"no more than this"])
def test_the_picture_is_taken_as_it_lies_when_its_exif_is_broken(exif: bytes) -> None:
    assert opened(clean_picture(picture(exif=b"Exif\x00\x00" + exif))).size == (64, 48)


def test_it_is_made_smaller_when_a_side_is_longer_than_four_thousand() -> None:
    assert opened(clean_picture(picture("JPEG", (6000, 3000)))).size == (4000, 2000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"not a picture",
        SVG,
        b"<?xml version='1.0'?>" + SVG,
        EPS,
        b"\xc5\xd0\xd3\xc6" + bytes(26) + EPS,
        b"<!DOCTYPE html><html><body><img></body></html>",
        picture("TIFF"),
        picture("BMP"),
        picture("PPM"),
        picture("ICO"),
        picture("JPEG2000"),
        b"\x00\x00\x01\x00" + bytes(20),
        b"%PDF-1.7\n" + picture(),
        b" " + picture(),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_refused_when_it_is_no_picture_that_is_taken(data: bytes) -> None:
    with pytest.raises(ImageInvalid) as refusal:
        clean_picture(data)

    assert (refusal.value.code, refusal.value.status) == ("image_invalid", 422)
    assert refusal.value.pointer == "/file"


@pytest.mark.parametrize(
    "data",
    [
        picture(comment=b"<script>alert(1)</script>"),
        picture() + b"<!DOCTYPE html><html><script>alert(1)</script></html>",
        picture() + SVG,
        noise("PNG") + SVG,
        b"GIF89a/*" + gif_of(1)[8:] + b"*/=1;</script><SCRIPT>alert(1)</SCRIPT>",
        png_of(1, 1, bytes(4), png_chunk(b"tEXt", b"Comment\x00< hTmL><body onload=x()>")),
    ],
    ids=["comment", "behind the end", "svg behind", "behind much", "gif and script", "png text"],
)
def test_refused_when_it_is_markup_as_well(data: bytes) -> None:
    with pytest.raises(ImageInvalid):
        clean_picture(data)


@pytest.mark.parametrize("text", [SVG, b"<html>", b"< SCRIPT >"])
def test_the_picture_is_taken_when_its_pixels_look_like_markup_by_chance(text: bytes) -> None:
    rows = [bytes(301)] * 99
    rows.insert(50, b"\x00" + text.ljust(300))
    sent = png_of(100, 100, b"".join(rows), level=0)
    assert text in sent

    assert opened(clean_picture(sent)).size == (100, 100)


def test_a_png_becomes_a_webp_when_it_would_be_too_large(settings: Settings) -> None:
    sent = noise("PNG")
    settings.UPLOAD_LIMIT = 120_000

    assert clean_picture(sent).extension == "webp"

    settings.UPLOAD_LIMIT = 130_000
    assert clean_picture(sent).extension == "png"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_refused_when_it_is_too_large_once_it_is_encoded_anew(
    settings: Settings, kind: str
) -> None:
    settings.UPLOAD_LIMIT = 10_000

    with pytest.raises(ImageInvalid) as refusal:
        clean_picture(noise(kind))

    assert refusal.value.facts == {"limit_bytes": 10_000}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_refused_when_it_breaks_off(kind: str, part: float) -> None:
    out = BytesIO()
    Image.effect_noise((90, 90), 50).save(out, kind)
    data = out.getvalue()

    with pytest.raises(ImageInvalid):
        clean_picture(data[: int(len(data) * part)])


@pytest.mark.parametrize(
    "data",
    [
        png_of(13_000, 13_000),  # 169 megapixels in 100 bytes
        png_of(2**31 - 1, 2**31 - 1),
        png_of(10_001, 1),
        png_of(1, 10_001),
        png_of(8_000, 5_001),
        gif_of(1)[:6] + b"\xff\xff\xff\xff" + gif_of(1)[10:],
        gif_of(1)[:24] + b"\xff\xff\xff\xff" + gif_of(1)[28:],
        webp_of(webp_canvas(16_000, 16_000), webp_chunk(b"ANMF", bytes(30))),
        webp_of(webp_chunk(b"VP8L", b"\x2f\xff\xff\xff\x0f" + bytes(20))),
        webp_of(webp_chunk(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(20))),
        picture().replace(b"\x00\x30\x00\x40", b"\xff\xff\xff\xff", 1),
    ],
    ids=["169 MP", "2^62", "wide", "high", "40.008 MP", "gif", "gif frame", "webp", "vp8l", "vp8",
         "jpeg"],
)  # fmt: skip
def test_refused_before_decoding_when_it_has_too_many_pixels(data: bytes) -> None:
    assert len(data) < 2_000

    with pytest.raises(ImageTooLarge) as refusal:
        clean_picture(data)

    assert (refusal.value.code, refusal.value.status) == ("image_too_large", 422)
    assert refusal.value.facts == {"max_pixels": 40_000_000, "max_side": 10_000}


def test_refused_when_a_caller_allows_fewer_pixels() -> None:
    assert clean_picture(picture("PNG", (50, 40)), max_pixels=2_000).size > 0

    with pytest.raises(ImageTooLarge):
        clean_picture(picture("PNG", (50, 41)), max_pixels=2_000)


@pytest.mark.parametrize(
    "data",
    [
        gif_of(10_000),
        png_of(1, 1, bytes(4), png_chunk(b"acTL", b"\x00\x00\x27\x10\x00\x00\x00\x00")),
        moving_webp(10_000),
    ],
    ids=["gif", "apng", "webp"],
)
def test_refused_when_it_has_ten_thousand_frames(data: bytes) -> None:
    with pytest.raises(ImageTooLarge) as refusal:
        clean_picture(data)

    assert refusal.value.facts == {"max_frames": 200}


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "MPO"])  # MPO: what some phones take
def test_the_first_frame_is_taken_when_it_moves(kind: str) -> None:
    out = BytesIO()
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])

    clean = opened(clean_picture(out.getvalue()))

    assert getattr(clean, "n_frames", 1) == 1
    red, green, _blue = clean.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert red > 230
    assert green < 25


@pytest.mark.parametrize(
    "data",
    [
        gif_of(1)[:19] + b"\x21\xfe\x01a\x00" * 400_000 + gif_of(1)[19:],
        gif_of(1)[:19] + b"\x21\xfe" + b"\x01a" * 1_000_000 + b"\x00" + gif_of(1)[19:],
        png_of(1, 1, bytes(4), *[png_chunk(b"tEXt", b"a\x00b")] * 100_000),
        picture()[:2] + b"\xff\xe1\x00\x09Exif\x00\x00a" * 200_000 + picture()[2:],
        picture()[:2] + b"\xff\xfe\x00\x03a" * 40_000 + picture()[2:],
        webp_of(*[webp_chunk(b"JUNK", b"")] * 100_000),
    ],
    ids=["gif comments", "gif comment", "png texts", "exif", "jpeg comments", "webp"],
)
def test_an_answer_comes_within_the_limit_when_there_are_very_many_parts(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(limited_process, "SECONDS", 1)
    started = time.perf_counter()

    with suppress(ImageInvalid):
        clean_picture(data)

    assert time.perf_counter() - started < 10  # one second of computing, on a busy machine


def test_refused_at_the_limit_when_a_jpeg_goes_over_its_pixels_very_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limited_process, "SECONDS", 1)
    sent = picture("JPEG", (4_000, 4_000), progressive=True)
    first = sent.index(b"\xff\xda")
    second = sent.index(b"\xff\xda", first + 2)
    started = time.perf_counter()

    with pytest.raises(ImageInvalid):
        clean_picture(sent[:second] + sent[first:second] * 200 + sent[second:])

    assert time.perf_counter() - started < 10


def test_refused_when_decoding_takes_more_memory_than_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = picture("PNG", (5_000, 5_000))
    monkeypatch.setattr(limited_process, "MEMORY", 128 * 1024 * 1024)

    assert clean_picture(picture("PNG")).extension == "png"
    with pytest.raises(ImageInvalid):
        clean_picture(sent)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_nothing_but_a_refusal_is_raised_when_bytes_are_changed_at_random(kind: str) -> None:
    sent = photo_with_metadata() if kind == "JPEG" else picture(kind, (40, 30))
    dice = random.Random(kind)

    for _ in range(10):
        broken = bytearray(sent)
        for _ in range(dice.randint(1, 6)):
            broken[dice.randrange(8, len(broken))] = dice.randrange(256)
        try:
            clean_picture(bytes(broken))
        except (ImageInvalid, ImageTooLarge):
            continue


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((1600, 900), [(200, 113), (800, 450), (1600, 900)]),
        ((300, 600), [(100, 200), (300, 600)]),
        ((800, 10), [(200, 3), (800, 10)]),
        ((200, 200), [(200, 200)]),
        ((5, 4), [(5, 4)]),
        ((1, 900), [(1, 200), (1, 800), (1, 900)]),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_smaller_ones_come_first_and_nothing_is_enlarged_when_sizes_are_asked_for(
    kind: str, size: tuple[int, int], sizes: list[tuple[int, int]]
) -> None:
    out = BytesIO()
    Image.new("RGB", size, "navy").save(out, kind)

    pictures = clean_picture_in_sizes(out.getvalue(), sides=(800, 200))

    assert [(picture.width, picture.height) for picture in pictures] == sizes
    assert [opened(picture.file).size for picture in pictures] == sizes
    assert {picture.file.extension for picture in pictures} == {
        {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}[kind]
    }


def test_every_size_stands_upright_without_metadata_when_a_photo_has_some() -> None:
    pictures = clean_picture_in_sizes(photo_with_metadata(), sides=(10,))

    assert len(pictures) == 2
    for made in pictures:
        assert GPS not in made.file.content
        assert dict(opened(made.file).getexif()) == {}


@pytest.mark.parametrize("data", [EPS, SVG, b"", b"\xff\xd8\xff", png_of(4, 4, b"")], ids=len)
def test_no_size_is_made_when_it_is_no_picture(data: bytes) -> None:
    with pytest.raises(ImageInvalid):
        clean_picture_in_sizes(data, sides=(200,))


def test_no_size_is_made_when_there_are_too_many_pixels() -> None:
    with pytest.raises(ImageTooLarge):
        clean_picture_in_sizes(webp_of(webp_canvas(13_000, 13_000)), sides=(200,))


def test_refused_when_all_sizes_together_are_over_the_limit(settings: Settings) -> None:
    settings.UPLOAD_LIMIT = 2_000

    with pytest.raises(ImageInvalid):
        clean_picture_in_sizes(noise("JPEG"), sides=(100,))
