"""What can stand in the trail, in words. Apps above name the actions that they record."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from openplatform.core.admin import edits
from openplatform.core.errors import type_of_text

ACTIONS: dict[str, type_of_text] = {
    edits.ADD: _("Added"),
    edits.CHANGE: _("Changed"),
    edits.DELETE: _("Deleted"),
    edits.CHANGE_PASSWORD: _("Password changed"),
}
# Names in before and after that are no field of the subject.
FIELDS: dict[str, type_of_text] = {}


def name_actions(
    titles: Mapping[str, type_of_text], fields: Mapping[str, type_of_text] | None = None
) -> None:
    """Tell what actions are called, and fields that their subjects do not have."""
    ACTIONS.update(titles)
    FIELDS.update(fields or {})


def title_of(action: str) -> type_of_text:
    """What an action is called; its own name when nobody named it."""
    return ACTIONS.get(action, action)
