"""The form of messages about the address library, with an example of each."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from openplatform.regions.messages import REGIONS_CHANGED


class RegionsNewsSerializer(serializers.Serializer[Any]):
    """Which release of the address library is in use now."""

    version = serializers.CharField(help_text=_("Release of the address library"))


EXAMPLES = {REGIONS_CHANGED: {"version": "2024-1f3b9c7a"}}
