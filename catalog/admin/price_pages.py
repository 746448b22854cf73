"""Pages that change prices: what they show first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from django.db import models

from catalog.admin.previewed import Look, PreviewedAct
from openplatform.core.errors import type_of_text


class PricePage(PreviewedAct):
    """What is odd about prices has to be confirmed."""

    template: ClassVar[str] = "backoffice/previewed_prices.html"
    may_ask: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Line:
    """A row of an example table: a SKU, cells, and what is odd about it."""

    sku: models.Model
    cells: Sequence[str]
    odd: Sequence[type_of_text] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLook(Look):
    """What a change of prices would do.

    :param numbers: how many SKUs of which kind.
    :param heads: of the cells of ``lines``.
    :param related: under a title, what else there is to know.
    """

    numbers: Sequence[tuple[type_of_text, int]]
    heads: Sequence[type_of_text] = ()
    lines: Sequence[Line] = ()
    related_title: type_of_text = ""
    related: Sequence[type_of_text] = ()
