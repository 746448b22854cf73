"""Why a SKU cannot be seen, or cannot be ordered as asked."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError


class SkuNotAvailable(DomainError):
    code = "sku_not_available"
    status = 422
    title = _("This SKU is not in your pools")


class BelowMinimum(DomainError):
    code = "below_minimum"
    status = 422
    title = _("The quantity is below the minimum")


class WrongStep(DomainError):
    code = "wrong_step"
    status = 422
    title = _("The quantity is not a multiple of the step")


class RegionNotServed(DomainError):
    code = "region_not_served"
    status = 422
    title = _("This SKU is not delivered to the region")


class DuplicateSku(DomainError):
    code = "duplicate_sku"
    status = 422
    title = _("The same SKU stands in more than one item")


class SkuOffShelf(DomainError):
    code = "sku_off_shelf"
    status = 409
    title = _("This SKU is off the shelf")


class StockInsufficient(DomainError):
    code = "stock_insufficient"
    status = 409
    title = _("There is not enough stock for the region")


class PreviewOutdated(DomainError):
    code = "preview_outdated"
    status = 409
    title = _("The numbers have changed since the preview; look at them again")


class AgreementConflict(DomainError):
    code = "agreement_conflict"
    status = 409
    title = _("Somebody has edited or withdrawn this agreement meanwhile")


class PriceChangeConflict(DomainError):
    code = "price_change_conflict"
    status = 409
    title = _("This price change has taken effect or was withdrawn meanwhile")
