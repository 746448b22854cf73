"""``/pictures/<name>``: pictures that have one address for good, for anybody who knows it.

Only folders that were registered as public have it, and of these only pictures. A name holds 130
random bits and never gets another content, so whoever asks may keep the answer for good.
"""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import parse_etags
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from openplatform.core.errors import NotFound
from openplatform.core.uploads.files import MEDIA_TYPES, PICTURES
from openplatform.core.uploads.storage import FOLDERS, NAME

KEPT = "public, max-age=31536000, immutable"


def public_address(name: str) -> str:
    """The address of a stored picture in a public folder.

    :raises ValueError: for a name that has none.
    """
    if not is_public(name):
        raise ValueError(f"{name!r} is not the name of a public picture")
    return f"{_prefix()}{name}"


def public_name(address: str) -> str | None:
    """The stored picture that an address of ours stands for; None for any other address."""
    name = address.removeprefix(_prefix())
    return name if name != address and is_public(name) else None


def is_public(name: str) -> bool:
    """Whether a name, as storage gives them, is one of a picture that anybody may see."""
    if not NAME.fullmatch(name):
        return False
    folder = FOLDERS.get(name.partition("/")[0])
    return folder is not None and folder.is_public and _extension(name) in PICTURES


@csrf_exempt  # see answer_file
@require_safe
def answer_picture(request: HttpRequest, name: str) -> HttpResponseBase:
    """The picture, or 304 to whoever has it, in a form that no browser takes for a page of ours.

    :raises NotFound: for whatever is not the name of a public picture, and for one that is gone.
    """
    if not is_public(name):
        raise NotFound
    try:
        file = default_storage.open(name)
    except FileNotFoundError as error:
        raise NotFound from error
    etag = f'"{name.rpartition("/")[2].partition(".")[0]}"'
    response: HttpResponseBase
    if _has_it(request, etag):
        file.close()
        response = HttpResponse(status=304)
        del response["Content-Type"]
    else:
        response = FileResponse(file, content_type=MEDIA_TYPES[_extension(name)])
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        response["Cross-Origin-Resource-Policy"] = "cross-origin"  # shown in the shops of merchants
    response["Cache-Control"] = KEPT
    response["ETag"] = etag
    return response


def _has_it(request: HttpRequest, etag: str) -> bool:
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return known == ["*"] or any(tag.removeprefix("W/") == etag for tag in known)


def _prefix() -> str:
    return f"{settings.PUBLIC_URL}{reverse('picture', args=['-']).removesuffix('-')}"


def _extension(name: str) -> str:
    return name.rpartition(".")[2]
