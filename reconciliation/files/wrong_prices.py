"""Wrong prices as tables, which are shown on a page and written to files alike."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from openplatform.imports.tables import Form, Table
from orders.admin.badges import STATUS_NAMES
from reconciliation.selectors.wrong_prices import WrongLine, WrongPrices, WrongSums

MERCHANTS, LINES = "merchants", "lines"


def list_tables(found: WrongPrices) -> list[Table]:
    """Both, in the language of whoever looks."""
    return [merchants_table(found.merchants), lines_table(found.lines)]


def merchants_table(merchants: Sequence[WrongSums]) -> Table:
    """A row for each merchant that has any."""
    return Table(
        MERCHANTS,
        _("By merchant"),
        [
            (pgettext("of a statement", "Merchant"), Form.TEXT),
            (_("Name"), Form.TEXT),
            (_("Orders"), Form.COUNT),
            (_("Lines"), Form.COUNT),
            (_("Lines above the sale price"), Form.COUNT),
            (_("Paid above the sale price"), Form.AMOUNT),
            (_("Lines under the floor price"), Form.COUNT),
            (_("Paid less than the floor price"), Form.AMOUNT),
        ],
        [list(merchant) for merchant in merchants],
    )


def lines_table(lines: Sequence[WrongLine]) -> Table:
    """A row for each line of an order."""
    return Table(
        LINES,
        _("Order lines"),
        [
            (_("Order number"), Form.TEXT),
            (pgettext("of a statement", "Merchant"), Form.TEXT),
            (_("Name"), Form.TEXT),
            (_("Merchant's order number"), Form.TEXT),
            (_("Ordered at"), Form.MOMENT),
            (_("Status"), Form.TEXT),
            (_("SKU"), Form.TEXT),
            (pgettext("of an order line", "Product"), Form.TEXT),
            (_("Units"), Form.COUNT),
            (_("Units refunded"), Form.COUNT),
            (_("Purchase price"), Form.AMOUNT),
            (_("Sale price"), Form.AMOUNT),
            (_("Floor price"), Form.AMOUNT),
            (_("Paid above the sale price"), Form.AMOUNT),
            (_("Paid less than the floor price"), Form.AMOUNT),
        ],
        [
            [
                line.order_no,
                line.partner_code,
                line.partner_name,
                line.merchant_order_no,
                line.ordered_at,
                str(STATUS_NAMES[line.status]),
                line.sku,
                line.name,
                line.quantity,
                line.refunded_quantity,
                line.purchase_price,
                line.sale_price,
                line.floor_price,
                line.above_sale_amount,
                line.under_floor_amount,
            ]
            for line in lines
        ],
    )
