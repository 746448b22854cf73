"""Links that show pictures of claims for a few minutes, to whoever may see the claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from openplatform.core.clock import to_text
from openplatform.core.uploads.links import signed_link

Row = Mapping[str, Any]


def links(picture: Row) -> dict[str, Any]:
    """``url``, ``thumbnail_url`` and ``expires_at`` of a picture, for ``claim_document``.

    To be made anew for every answer, after it was decided who may see the claim.

    :param picture: its ``picture_id``, ``file`` and ``thumbnail``.
    """
    url, expires_at = _link(picture, picture["file"])
    thumbnail_url, _same = _link(picture, picture["thumbnail"])
    return {"url": url, "thumbnail_url": thumbnail_url, "expires_at": to_text(expires_at)}


def links_on_page(picture: Row) -> dict[str, Any]:
    """The same for a page of the back office: without the host, since its reader may be here under
    another name than the merchants.
    """
    found = links(picture)
    return {**found, **{name: urlsplit(found[name]).path for name in ("url", "thumbnail_url")}}


def picture_document(picture: Row) -> dict[str, Any]:
    """A picture as ``POST /aftersales/pictures`` answers it, and as it stands in a claim."""
    return {
        "picture_id": picture["picture_id"],
        "width": picture["width"],
        "height": picture["height"],
        **links(picture),
    }


def _link(picture: Row, name: str) -> tuple[str, Any]:
    extension = name.rpartition(".")[2]
    return signed_link(name, filename=f"{picture['picture_id']}.{extension}")
