"""Answers are plain data, rendered as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer

from openplatform.core.json_text import to_json


class JSONRenderer(BaseRenderer):
    """Renders plain data; bytes are taken as JSON already made."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else to_json(data)
