"""Partners, their people, their keys, and their money."""

from accounts.models.books import BookCheck
from accounts.models.documents import Adjustment, MoneyDocument, TopUp, TopUpProof, Withdrawal
from accounts.models.keys import ApiKey, RequestNonce
from accounts.models.money import CreditLimitChange, HoldEntry, LedgerEntry, Wallet
from accounts.models.partners import Contact, Partner

__all__ = [
    "Adjustment",
    "ApiKey",
    "BookCheck",
    "Contact",
    "CreditLimitChange",
    "HoldEntry",
    "LedgerEntry",
    "MoneyDocument",
    "Partner",
    "RequestNonce",
    "TopUp",
    "TopUpProof",
    "Wallet",
    "Withdrawal",
]
