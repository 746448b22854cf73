"""PDFs: the pages stay, everything that acts, hides or calls home goes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from django.conf import settings
from pikepdf import Name, Pdf

from openplatform.core.errors import FileInvalid, ImageInvalid
from openplatform.core.uploads import limited_process
from openplatform.core.uploads.documents import clean_document, clean_file
from openplatform.core.uploads.files import CleanFile
from openplatform.core.uploads.pdf_rewriting import Refused, rewrite
from tests.core.uploads.samples import (
    add_attachment,
    add_author,
    add_form,
    add_launch,
    add_outside_content,
    add_packed_strings,
    add_script,
    add_stamp,
    bomb,
    pdf_of,
    picture,
)


def opened(file: CleanFile) -> Pdf:
    return pikepdf.open(BytesIO(file.content))


def plain(file: CleanFile) -> bytes:
    """Everything in the file, unpacked."""
    out = BytesIO()
    with opened(file) as pdf:
        pdf.save(
            out,
            stream_decode_level=pikepdf.StreamDecodeLevel.all,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
            compress_streams=False,
        )
    return out.getvalue()


def test_the_pages_stay_when_a_document_is_sound() -> None:
    clean = clean_document(pdf_of(3))

    assert (clean.extension, clean.media_type) == ("pdf", "application/pdf")
    assert clean.sha256 == hashlib.sha256(clean.content).hexdigest()
    with opened(clean) as pdf:
        assert [page.Contents.read_bytes() for page in pdf.pages] == [
            b"BT /F1 12 Tf 20 40 Td (Receipt %d) Tj ET" % number for number in (1, 2, 3)
        ]
        assert pdf.pages[0].Resources.Font.F1.BaseFont == Name.Helvetica
        assert pdf.pages[0].MediaBox[2] == 200


@pytest.mark.parametrize(
    "options",
    [
        {"object_stream_mode": pikepdf.ObjectStreamMode.generate},
        {"linearize": True},
        {"compress_streams": False},
    ],
    ids=str,
)
def test_the_pages_stay_however_the_file_is_packed(options: dict[str, Any]) -> None:
    with opened(clean_document(pdf_of(2, **options))) as pdf:
        assert len(pdf.pages) == 2


def test_a_seal_is_drawn_into_the_page_when_it_is_an_annotation() -> None:
    clean = clean_document(pdf_of(1, add_stamp))

    with opened(clean) as pdf:
        assert Name.Annots not in pdf.pages[0]
        (drawn,) = pdf.pages[0].Resources.XObject.as_dict().values()
        assert drawn.read_bytes() == b"1 0 0 rg 0 0 50 50 re f % the seal"


@pytest.mark.parametrize(
    ("change", "traces"),
    [
        (add_script, [b"JavaScript", b"/JS", b"owned", b"OpenAction", b"/AA", b"/Annots"]),
        (add_launch, [b"Launch", b"cmd.exe", b"evil.example", b"OpenAction", b"/Annots"]),
        (add_attachment, [b"MZ a program", b"tool.exe", b"EmbeddedFile", b"/EF", b"/AF"]),
        (add_form, [b"AcroForm", b"XFA", b"draw me"]),
        (add_outside_content, [b"evil.example", b"Filespec"]),
        (add_author, [b"Zhang San", b"/Metadata", b"/Info"]),
    ],
)
def test_no_trace_is_left_when_a_document_does_more_than_show_pages(
    change: Callable[[Pdf], object], traces: list[bytes]
) -> None:
    sent = pdf_of(1, change, compress_streams=False)
    assert any(trace in sent for trace in traces)

    clean = clean_document(sent)

    content = plain(clean)
    assert [trace for trace in traces if trace in content or trace in clean.content] == []
    assert b"Receipt 1" in content


def test_what_follows_the_end_is_gone() -> None:
    clean = clean_document(pdf_of() + b"\nPK\x03\x04 an archive\n")

    assert b"archive" not in clean.content


def encrypted(user: str) -> bytes:
    """With or without a password to open it."""
    return pdf_of(encryption=pikepdf.Encryption(owner="owner", user=user))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%PDF-",
        b"%PDF-1.7\nnothing\n%%EOF\n",
        pdf_of()[:300],
        pdf_of()[:-60],
        b"junk " + pdf_of(),
        encrypted("secret"),
        encrypted(""),
        pdf_of(0),
        pdf_of(51),
        pdf_of(1_000),
        pdf_of(1, lambda pdf: setattr(pdf.Root, "NeedsRendering", True)),
        b"%PDF-1.7\n<html><script>alert(1)</script></html>",
        picture(),
    ],
    ids=["empty", "start", "nothing", "broken off", "no table", "junk before", "password",
         "encrypted", "no page", "51 pages", "1000 pages", "needs a program", "html", "picture"],
)  # fmt: skip
def test_refused_when_it_is_no_plain_document(data: bytes) -> None:
    with pytest.raises(FileInvalid) as refusal:
        clean_document(data)

    assert (refusal.value.code, refusal.value.status) == ("file_invalid", 422)
    assert refusal.value.pointer == "/file"


def test_refused_when_its_list_of_objects_is_a_bomb() -> None:
    data = bomb()
    assert len(data) < 100_000

    with pytest.raises(FileInvalid):
        clean_document(data)


def test_refused_when_its_objects_unpack_to_more_than_a_file_may_have() -> None:
    sent = pdf_of(1, add_packed_strings, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    assert len(sent) < 100_000

    with pytest.raises(FileInvalid) as refusal:
        clean_document(sent)

    assert refusal.value.facts == {"max_pages": 50, "limit_bytes": settings.UPLOAD_LIMIT}
    with pytest.raises(Refused):
        rewrite(sent, 1, settings.UPLOAD_LIMIT)


def test_refused_when_it_computes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited_process, "WITHIN", 0.001)

    with pytest.raises(FileInvalid):
        clean_document(pdf_of())


def test_streams_are_not_unpacked_when_they_are_bombs() -> None:
    def add_bomb(pdf: Pdf) -> None:
        pdf.pages[0].Contents = pdf.make_stream(bytes(50_000_000))

    sent = pdf_of(1, add_bomb)

    clean = clean_document(sent)

    assert clean.size < 100_000


def test_a_document_is_rewritten_here_as_it_is_by_the_other_process() -> None:
    sent = pdf_of(2, add_script)

    clean = clean_document(sent)

    assert rewrite(sent, 2, clean.size) == clean.content
    with pytest.raises(Refused):
        rewrite(sent, 1, clean.size)
    with pytest.raises(Refused):
        rewrite(sent, 2, clean.size - 1)


@pytest.mark.parametrize(
    ("data", "extension"), [(pdf_of(), "pdf"), (picture(), "jpg"), (picture("GIF"), "png")]
)
def test_a_proof_is_a_picture_or_a_document_by_its_content(data: bytes, extension: str) -> None:
    assert clean_file(data).extension == extension


@pytest.mark.parametrize("data", [b"", b"MZ", b"PK\x03\x04", b"<svg/>", b"hello"])
def test_refused_when_a_proof_is_neither(data: bytes) -> None:
    with pytest.raises(FileInvalid):
        clean_file(data)


def test_refused_as_a_picture_when_a_proof_begins_like_one() -> None:
    with pytest.raises(ImageInvalid):
        clean_file(b"\xff\xd8\xff\xe0 no more")
