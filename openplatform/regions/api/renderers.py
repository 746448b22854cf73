"""The library as a file."""

from __future__ import annotations

from openplatform.core.api.renderers import JSONRenderer


class GzipRenderer(JSONRenderer):
    """Bytes that are packed already; a refusal is a problem document all the same."""

    media_type = "application/gzip"
    format = "gz"
    render_style = "binary"
