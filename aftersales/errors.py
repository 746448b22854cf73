"""Refusals about claims."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError

# Of what nobody has and of another merchant's: neither answer tells which.
NO_SUCH_SUBORDER = _("There is no such suborder")
NO_SUCH_PICTURE = _("There is no such picture, or it is used already")
# Of PreviewOutdated, for a claim of another version: a note makes one, too.
CLAIM_CHANGED = _("The claim has changed since the preview; look at it again")


class MerchantAftersaleNoConflict(DomainError):
    code = "merchant_aftersale_no_conflict"
    status = 409
    title = _("This claim number stands for another claim")


class AftersaleStateConflict(DomainError):
    code = "aftersale_state_conflict"
    status = 409
    title = _("The claim is in a state that does not allow this")


class AftersaleWindowClosed(DomainError):
    code = "aftersale_window_closed"
    status = 409
    title = _("The time for claims on this order is over")


class AftersaleTypeNotAllowed(DomainError):
    code = "aftersale_type_not_allowed"
    status = 409
    title = _("This kind of claim is not possible for these units")


class QuantityExceedsClaimable(DomainError):
    code = "quantity_exceeds_claimable"
    status = 409
    title = _("More units than can still be claimed")


class RefundExceedsPaid(DomainError):
    """Only an operator who enters amounts meets this one."""

    code = "refund_exceeds_paid"
    status = 409
    title = _("More money than was paid for these units")
