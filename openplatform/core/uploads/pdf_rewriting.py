"""A PDF in on standard input, the same pages and nothing else out on standard output.

Run by :mod:`openplatform.core.uploads.documents` within the limits of
:mod:`openplatform.core.uploads.limited_process`.
"""

from __future__ import annotations

import sys
from io import BytesIO
from typing import TYPE_CHECKING

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream

if TYPE_CHECKING:
    from typing_extensions import Buffer

REFUSED = 3  # the exit status for a document that may not pass; any other failure means the same

UNPACKED = 64 * 1024 * 1024  # bytes that one stream may become, where one has to be unpacked

ROOT_KEPT = frozenset({"/Type", "/Pages", "/Version", "/OCProperties"})
PAGE_KEPT = frozenset(
    {
        "/Type", "/Parent", "/Resources", "/Contents", "/Rotate", "/UserUnit", "/Group",
        "/MediaBox", "/CropBox", "/BleedBox", "/TrimBox", "/ArtBox",
    }
)  # fmt: skip
NEVER_ANYWHERE = (
    "/AA", "/OpenAction", "/JavaScript", "/JS", "/EF", "/XFA", "/PieceInfo", "/AcroForm", "/AF",
)  # fmt: skip
# In streams besides: content that lies outside (files, reference objects, prepress originals).
NEVER_IN_STREAMS = (*NEVER_ANYWHERE, "/F", "/FFilter", "/FDecodeParms", "/Ref", "/OPI", "/Metadata")
ACTIONS = [
    Name(f"/{name}")
    for name in (
        "JavaScript", "Launch", "URI", "GoTo", "GoToR", "GoToE", "SubmitForm", "ResetForm",
        "ImportData", "Rendition", "Movie", "Sound", "Thread", "Hide", "Named", "RichMediaExecute",
        "Trans", "SetOCGState", "GoTo3DView",
    )
]  # fmt: skip


class Refused(Exception):
    """The document may not pass."""


def limit_unpacking() -> None:
    """Of this process, from here on."""
    pikepdf.settings.set_qpdf_limits(
        flate_max_memory=UNPACKED,
        dct_max_memory=UNPACKED,
        png_max_memory=UNPACKED,
        run_length_max_memory=UNPACKED,
        tiff_max_memory=UNPACKED,
        doc_max_warnings=100,
        parser_max_nesting=100,
    )


class BoundedOutput(BytesIO):
    """Refuses to hold more than so many bytes: what is packed in a document is unpacked here."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def write(self, piece: Buffer) -> int:
        """:raises Refused: at the limit."""
        if self.tell() + memoryview(piece).nbytes > self.limit:
            raise Refused
        return super().write(piece)


def rewrite(data: bytes, max_pages: int, limit: int) -> bytes:
    """The pages as they look, annotations drawn into them; no action, script, form, attachment.

    Streams are copied as they are, not unpacked; those that hold objects are, so that nothing is
    hidden in them, and may become far more than was sent.

    :raises Refused: when it is encrypted, broken, empty or too long, or becomes over ``limit``
        bytes.
    """
    try:
        with pikepdf.open(BytesIO(data), attempt_recovery=False) as pdf:
            return _rewritten(pdf, max_pages, limit)
    except (pikepdf.PdfError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise Refused from error


def _rewritten(pdf: Pdf, max_pages: int, limit: int) -> bytes:
    if pdf.is_encrypted or not 1 <= len(pdf.pages) <= max_pages:
        raise Refused
    if pdf.Root.get(Name.NeedsRendering, False):  # XFA only: its pages are drawn by a program
        raise Refused
    pdf.flatten_annotations("print")  # seals and stamps of receipts are annotations
    _keep(pdf.Root, ROOT_KEPT)
    for page in pdf.pages:
        _keep(page.obj, PAGE_KEPT)
    for key in list(pdf.trailer.keys()):
        if key not in {"/Root", "/Size", "/ID"}:
            del pdf.trailer[key]
    for part in pdf.objects:
        _scrub(part)
    out = BoundedOutput(limit)
    pdf.save(
        out,
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
        deterministic_id=True,
    )
    return out.getvalue()


def _scrub(part: object) -> None:
    if isinstance(part, Dictionary | Stream):
        if part.get(Name.S) in ACTIONS:
            _keep(part, frozenset())
        never = NEVER_IN_STREAMS if isinstance(part, Stream) else NEVER_ANYWHERE
        for key in never:
            if key in part:
                del part[key]
        inner = [part[key] for key in part.keys()]  # noqa: SIM118 - iterating gives no keys
    elif isinstance(part, Array):
        inner = list(part)
    else:
        return
    for value in inner:
        if isinstance(value, Dictionary | Array) and not value.is_indirect:
            _scrub(value)


def _keep(part: pikepdf.Object, kept: frozenset[str]) -> None:
    for key in list(part.keys()):
        if key not in kept:
            del part[key]


def main() -> int:
    """The arguments are the numbers of pages and of bytes allowed."""
    max_pages, limit = map(int, sys.argv[1:])
    data = sys.stdin.buffer.read()
    limit_unpacking()
    try:
        clean = rewrite(data, max_pages, limit)
    except Refused:
        return REFUSED
    sys.stdout.buffer.write(clean)
    return 0


if __name__ == "__main__":
    sys.exit(main())
