"""What kinds of staff there are, and what each may do.

Keys and money are in different hands. Whoever holds a merchant's key can report a bank transfer as
that merchant; whoever is finance can approve it, since the one who asked is then the merchant and
not a member of staff. One person with both could book money that never came. So the operator makes
keys and has no part in money, finance moves money and makes no keys, and nobody belongs to both
groups. Closing what was not shipped, and deciding claims, are the operator's all the same: they
give back to a wallet what that wallet paid, and nothing else; a large refund takes finance as well.
Deleting, and the logins of others, are the administrator's.
"""

from __future__ import annotations

from dataclasses import dataclass

# Everybody of the back office sees what is in these.
SEEN_APPS = (
    "accounts", "aftersales", "approvals", "audit", "catalog", "connectors", "messaging", "orders",
    "reconciliation", "regions",
)  # fmt: skip

KEYS = frozenset({"accounts.add_apikey", "accounts.change_apikey"})
ENTERING_MONEY = frozenset(
    {
        "accounts.add_topup",
        "accounts.add_adjustment",
        "accounts.add_withdrawal",
        "accounts.change_wallet",  # credit line, threshold, limits
    }
)
DECIDING_MONEY = frozenset(
    {
        "accounts.decide_topup",
        "accounts.decide_adjustment",
        "accounts.decide_withdrawal",
        "accounts.decide_wallet",
    }
)
PARTNERS = frozenset(
    {
        "accounts.add_partner",
        "accounts.change_partner",
        "accounts.add_contact",
        "accounts.change_contact",
    }
)
# Addresses, secrets and what is sent there again; deleting is the administrator's.
WEBHOOKS = frozenset({"messaging.add_webhookendpoint", "messaging.change_webhookendpoint"})
# Opening claims for merchants, deciding, receiving and inspecting; reasons, and rules that decide.
CLAIMS = frozenset(
    {
        "aftersales.add_claim",
        "aftersales.decide_claim",
        "aftersales.inspect_claim",
        "aftersales.add_reason",
        "aftersales.change_reason",
        "aftersales.add_approvalrule",
        "aftersales.change_approvalrule",
    }
)
# Having statements made, files compared, differences explained; bills and invoices.
RECONCILING = frozenset(
    {
        "reconciliation.add_statement",
        "reconciliation.download_statement",
        "reconciliation.add_reconciliation",
        "reconciliation.change_reconciliation",
        "reconciliation.change_columnmapping",
        "reconciliation.change_bill",
        "reconciliation.add_invoicetitle",
        "reconciliation.change_invoicetitle",
        "reconciliation.add_invoice",
        "reconciliation.issue_invoice",
    }
)
LARGE_CLAIMS = frozenset({"aftersales.decide_large_claim"})


@dataclass(frozen=True, kw_only=True)
class Role:
    """A group of staff.

    :param edits: apps in which it may do everything but delete.
    :param may: single permissions besides, ``app.codename``.
    :param never: what would undo the separation of duties; told when the group has it all the same.
    """

    name: str
    edits: tuple[str, ...] = ()
    may: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


ROLES = (
    Role(
        name="operator",
        edits=("catalog", "orders"),
        may=PARTNERS | KEYS | WEBHOOKS | CLAIMS | {"connectors.change_trackedparcel"},
        never=ENTERING_MONEY | DECIDING_MONEY | LARGE_CLAIMS,
    ),
    Role(
        name="finance",
        may=PARTNERS
        | ENTERING_MONEY
        | DECIDING_MONEY
        | LARGE_CLAIMS
        | RECONCILING
        | {"accounts.add_bookcheck"},
        never=KEYS,
    ),
)
