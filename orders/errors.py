"""Refusals about orders."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError


class MerchantOrderNoConflict(DomainError):
    code = "merchant_order_no_conflict"
    status = 409
    title = _("This order number stands for another order")


class OrderStateConflict(DomainError):
    code = "order_state_conflict"
    status = 409
    title = _("The order is in a state that does not allow this")


class OrderExpired(DomainError):
    code = "order_expired"
    status = 409
    title = _("The order was not confirmed in time")


class PriceChanged(DomainError):
    code = "price_changed"
    status = 409
    title = _("The price is no longer the expected one")


class RegionAmbiguous(DomainError):
    code = "region_ambiguous"
    status = 422
    title = _("The address does not tell the region surely; name it by its code")


class QuoteExpired(DomainError):
    code = "quote_expired"
    status = 409
    title = _("The quote is no longer valid")


class QuoteUsed(DomainError):
    code = "quote_used"
    status = 409
    title = _("Another order was placed on this quote")


class QuoteMismatch(DomainError):
    code = "quote_mismatch"
    status = 409
    title = _("The quote is for other items or another region")


class QuantityExceedsOrdered(DomainError):
    code = "quantity_exceeds_ordered"
    status = 409
    title = _("More units than are left to ship")
