"""A PDF in on standard input, the same pages and nothing else out on standard output.

Run as a program of its own by :mod:`openplatform.core.uploads.documents`, with little memory and
little time, because a few kilobytes of PDF unpack to gigabytes where it pleases them, and libraries
in C may crash. It imports nothing of the platform, so that it starts fast and knows no secret.
"""

from __future__ import annotations

import resource
import sys
from io import BytesIO

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream

REFUSED = 3  # the exit status for a document that may not pass; any other failure means the same

MEMORY = 768 * 1024 * 1024  # bytes, the interpreter's own included
SECONDS = 10  # of computing
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


def limit_resources() -> None:
    """Of this process, from here on."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    pikepdf.settings.set_qpdf_limits(
        flate_max_memory=UNPACKED,
        dct_max_memory=UNPACKED,
        png_max_memory=UNPACKED,
        run_length_max_memory=UNPACKED,
        tiff_max_memory=UNPACKED,
        doc_max_warnings=100,
        parser_max_nesting=100,
    )


def rewrite(data: bytes, max_pages: int) -> bytes:
    """The pages as they look, annotations drawn into them; no action, script, form, attachment.

    Streams are copied as they are, not unpacked.

    :raises Refused: when it is encrypted, broken, empty or too long.
    """
    try:
        with pikepdf.open(BytesIO(data), attempt_recovery=False) as pdf:
            return _rewritten(pdf, max_pages)
    except (pikepdf.PdfError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise Refused from error


def _rewritten(pdf: Pdf, max_pages: int) -> bytes:
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
    out = BytesIO()
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
    """The number of pages allowed is the one argument."""
    data = sys.stdin.buffer.read()
    limit_resources()
    try:
        clean = rewrite(data, int(sys.argv[1]))
    except Refused:
        return REFUSED
    sys.stdout.buffer.write(clean)
    return 0


if __name__ == "__main__":
    sys.exit(main())
