"""Refusals about keys, partners and money."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError


class KeyRevoked(DomainError):
    code = "key_revoked"
    status = 401
    title = _("The API key was revoked")


class KeyExpired(DomainError):
    code = "key_expired"
    status = 401
    title = _("The API key has expired")


class IpNotAllowed(DomainError):
    code = "ip_not_allowed"
    status = 403
    title = _("The API key may not be used from this address")


class PartnerSuspended(DomainError):
    code = "partner_suspended"
    status = 403
    title = _("This account may not place orders at the moment")


class BalanceInsufficient(DomainError):
    code = "balance_insufficient"
    status = 402
    title = _("The available balance does not cover the amount")


class ReferenceConflict(DomainError):
    code = "reference_conflict"
    status = 409
    title = _("This reference stands for another transfer")


class SpendingCapExceeded(DomainError):
    code = "spending_cap_exceeded"
    status = 402
    title = _("The order would exceed the spending cap of the day")


class AccountOverdue(DomainError):
    code = "account_overdue"
    status = 402
    title = _("A bill is overdue; orders can be placed once it is paid")


class TooManyOpenOrders(DomainError):
    code = "too_many_open_orders"
    status = 429
    title = _("Too many orders wait for their confirmation")
    retry_after = 60
