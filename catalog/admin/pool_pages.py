"""Pages that change pools: what they show first of SKUs and merchants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.admin.previewed import Look, PreviewedAct
from catalog.models import Sku
from catalog.selectors.pools import Act
from catalog.services.curating import Preview
from openplatform.core.errors import type_of_text

MAX_MERCHANTS = 100
MAX_EXAMPLES = 10
MAX_UNKNOWN = 50

LABELS: dict[str, type_of_text] = {
    "picked": _("Come in by hand"),
    "brought": _("Come in by a rule"),
    "left": _("Leave the pool"),
    "kept": _("Are in it by a rule, and by hand from now on"),
    "excluded": _("Are excluded from now on"),
    "readmitted": _("Are no longer excluded"),
    "barred": _("Stay out, because they are excluded"),
    "partners_added": _("Partners that the pool is opened to"),
    "partners_removed": _("Partners that the pool is closed to"),
}
UNCHANGED: dict[Act, type_of_text] = {
    Act.TAKE_IN: _("Were in it already"),
    Act.TAKE_OUT: _("Were not in it"),
    Act.EXCLUDE: _("Were excluded already"),
    Act.READMIT: _("Were not excluded"),
}


class PoolPage(PreviewedAct):
    """What changes a pool is shown with the merchants that see it happen."""

    template: ClassVar[str] = "backoffice/previewed_page.html"


def look_at(
    preview: Preview,
    *,
    act: Act | None = None,
    unknown: Sequence[str] = (),
    carried: Mapping[str, str] | None = None,
    when_still: type_of_text = "",
) -> Look:
    """A preview as the page shows it.

    :param act: what would be done to single SKUs.
    :param unknown: codes that do not exist.
    :param carried: as :class:`Look` has it.
    :param when_still: what is said when nothing becomes of any SKU now, though something changes.
    """
    partners = Partner.objects.in_bulk(preview.merchants)
    merchants = sorted(
        ((partners[pk], gains, loses) for pk, (gains, loses) in preview.merchants.items()),
        key=lambda row: (-row[1] - row[2], row[0].code),
    )
    return Look(
        fingerprint=preview.fingerprint,
        is_empty=preview.is_empty,
        carried=carried or {},
        context={
            "preview": preview,
            "remark": when_still if preview.is_still and not preview.is_empty else "",
            "numbers": _numbers(preview, act, unknown),
            "unknown": unknown[:MAX_UNKNOWN],
            "more_unknown": max(len(unknown) - MAX_UNKNOWN, 0),
            "merchants": merchants[:MAX_MERCHANTS],
            "more_merchants": max(len(merchants) - MAX_MERCHANTS, 0),
            "examples": _examples(preview),
        },
    )


def _numbers(
    preview: Preview, act: Act | None, unknown: Sequence[str]
) -> list[tuple[type_of_text, int]]:
    numbers = preview.numbers
    rows = [(label, numbers[name]) for name, label in LABELS.items() if numbers.get(name)]
    if act is not None and numbers["unchanged"]:
        rows.append((UNCHANGED[act], numbers["unchanged"]))
    if unknown:
        rows.append((_("Codes that do not exist"), len(unknown)))
    return rows


def _examples(preview: Preview) -> list[tuple[type_of_text, list[Sku], int]]:
    first = {name: ids[:MAX_EXAMPLES] for name, ids in preview.skus.items() if ids}
    skus = Sku.objects.only("code", "name").in_bulk({pk for ids in first.values() for pk in ids})
    return [
        (LABELS[name], [skus[pk] for pk in ids if pk in skus], len(preview.skus[name]) - len(ids))
        for name, ids in first.items()
    ]
