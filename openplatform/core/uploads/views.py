"""``/files/<token>``: the file of a signed link."""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from openplatform.core.errors import NotFound
from openplatform.core.uploads import answers
from openplatform.core.uploads.files import PICTURES
from openplatform.core.uploads.links import read_link


@csrf_exempt  # or a POST would be answered by the page for forged forms, and its path logged
@require_safe
def answer_file(request: HttpRequest, token: str) -> FileResponse:
    """The file, piece by piece, in a form that no browser takes for a page of ours.

    :raises NotFound: for a token that we did not sign, and for a file that is gone.
    :raises LinkExpired: when the time of the link is over.
    """
    linked = read_link(token)
    extension = linked.name.rpartition(".")[2]
    try:
        file = default_storage.open(linked.name)
    except FileNotFoundError as error:
        raise NotFound from error
    response = answers.answer_file(
        file,
        filename=linked.filename,
        extension=extension,
        as_attachment=extension not in PICTURES,
    )
    response["Referrer-Policy"] = "no-referrer"
    return response
