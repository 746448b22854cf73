"""Files to send, good and bad, made here so that everyone sees what is in them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream, String
from PIL import Image, PngImagePlugin

GPS = b"39.9087N 116.3975E"


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """Red above, blue below."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (0, size[1] // 2, *size))
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo_with_metadata(orientation: int = 6) -> bytes:
    """A JPEG that tells where it was taken, by whom, and which side is up."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x013B] = "Zhang San"
    exif.get_ifd(0x8825)[29] = GPS.decode()
    return picture(exif=exif, comment=b"secret comment", icc_profile=b"profile" * 20)


def png_with_text() -> bytes:
    """A PNG with a comment, compressed and not."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "secret comment")
    text.add_text("Author", "Zhang San", zip=True)
    return picture("PNG", pnginfo=text)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Length, kind, content, checksum."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_of(width: int, height: int, pixels: bytes = b"", *others: bytes, level: int = -1) -> bytes:
    """A PNG that announces a size; its pixels need not be there. At level 0 they are not packed."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header), *others, png_chunk(b"IDAT", zlib.compress(pixels, level))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def gif_of(frames: int) -> bytes:
    """An animated GIF, each frame one pixel."""
    frame = b"\x2c" + bytes(4) + b"\x01\x00\x01\x00\x00" + b"\x02\x02\x44\x01\x00"
    head = b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + b"\xff\x00\x00\x00\x00\xff"
    return head + frame * frames + b";"


def webp_chunk(kind: bytes, content: bytes) -> bytes:
    """Kind, length, content, evened."""
    return kind + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)


def webp_of(*chunks: bytes) -> bytes:
    """A WebP file of these."""
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def webp_canvas(width: int, height: int) -> bytes:
    """The head of an extended WebP."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp_chunk(b"VP8X", b"\x02\x00\x00\x00" + size)


def moving_webp(frames: int) -> bytes:
    """An animated WebP, each frame one pixel."""
    pixel = picture("WEBP", (1, 1), lossless=True)[12:]
    frame = webp_chunk(b"ANMF", bytes(12) + b"\x0a\x00\x00\x00" + pixel)
    return webp_of(webp_canvas(1, 1), webp_chunk(b"ANIM", bytes(6)), *[frame] * frames)


def pdf_of(
    pages: int = 1, change: Callable[[Pdf], object] = lambda pdf: None, **options: Any
) -> bytes:
    """A PDF with a word on each page."""
    pdf = pikepdf.new()
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    for number in range(pages):
        page = pdf.add_blank_page(page_size=(200, 100))
        page.Resources = Dictionary(Font=Dictionary(F1=font))
        text = f"BT /F1 12 Tf 20 40 Td (Receipt {number + 1}) Tj ET"
        page.Contents = pdf.make_stream(text.encode())
    change(pdf)
    out = BytesIO()
    pdf.save(out, static_id=True, **options)
    return out.getvalue()


def add_script(pdf: Pdf) -> None:
    """JavaScript wherever a document may have it."""
    script = pdf.make_indirect(Dictionary(S=Name.JavaScript, JS=String("app.alert('owned')")))
    pdf.Root.OpenAction = script
    pdf.Root.AA = Dictionary(WC=script)
    pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("a"), script])))
    pdf.pages[0].AA = Dictionary(O=script)
    pdf.pages[0].Annots = Array([_link(script)])


def add_launch(pdf: Pdf) -> None:
    """An action that starts a program, and one that calls home."""
    launch = Dictionary(S=Name.Launch, F=String("cmd.exe"))
    home = Dictionary(S=Name.URI, URI=String("https://evil.example/?who"))
    pdf.pages[0].Annots = Array([_link(launch), _link(home)])
    pdf.Root.OpenAction = launch


def _link(action: Dictionary) -> Dictionary:
    return Dictionary(
        Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 200, 100]), F=4, A=action
    )


def add_attachment(pdf: Pdf) -> None:
    """A program in the document, named by the catalogue, by a page and by an annotation."""
    pdf.attachments["tool.exe"] = b"MZ a program"
    file = pdf.Root.Names.EmbeddedFiles.Names[1]
    pdf.Root.AF = Array([file])
    pdf.pages[0].AF = Array([file])
    note = Dictionary(Type=Name.Annot, Subtype=Name.FileAttachment, FS=file, F=4)
    note.Rect = Array([0, 0, 20, 20])
    pdf.pages[0].Annots = Array([note])


def add_form(pdf: Pdf) -> None:
    """A form of which a program draws the fields."""
    pdf.Root.AcroForm = Dictionary(Fields=Array(), XFA=pdf.make_stream(b"<xdp>draw me</xdp>"))


def add_outside_content(pdf: Pdf) -> None:
    """Content that lies in a file elsewhere."""
    outside = Stream(pdf, b"")
    outside.F = Dictionary(Type=Name.Filespec, FS=Name.URL, F=String("https://evil.example/x"))
    pdf.pages[0].Resources.XObject = Dictionary(X1=outside)


def add_stamp(pdf: Pdf) -> None:
    """A seal, as receipts carry it: an annotation with an appearance of its own."""
    look = pdf.make_stream(b"1 0 0 rg 0 0 50 50 re f % the seal")
    look.Type, look.Subtype, look.BBox = Name.XObject, Name.Form, Array([0, 0, 50, 50])
    stamp = Dictionary(Type=Name.Annot, Subtype=Name.Stamp, F=4, AP=Dictionary(N=look))
    stamp.Rect = Array([10, 10, 60, 60])
    pdf.pages[0].Annots = Array([pdf.make_indirect(stamp)])


def add_author(pdf: Pdf) -> None:
    """Who wrote it, where programs look for it."""
    pdf.docinfo[Name.Author] = "Zhang San"
    with pdf.open_metadata() as metadata:
        metadata["dc:description"] = "Zhang San"


def add_packed_strings(pdf: Pdf) -> None:
    """What the page may use: 64 megabytes of text, packed a thousand to one."""
    texts = Array([String("a" * 1_000_000)] * 64)
    pdf.pages[0].Resources.Properties = pdf.make_indirect(Dictionary(P=texts))


def bomb() -> bytes:
    """A PDF whose list of objects unpacks to 256 megabytes."""
    content = zlib.compress(zlib.compress(bytes(1 << 28), 1), 9)
    head = b"%PDF-1.5\n"
    table = (
        b"1 0 obj\n<< /Type /XRef /W [1 4 2] /Size 150000000 /Root 2 0 R "
        b"/Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n%s\nendstream\nendobj\n"
        % (len(content), content)
    )
    return head + table + b"startxref\n%d\n%%%%EOF\n" % len(head)
