"""What all merchants' statements of a period come to, held against the ledger itself.

The ledger's side is read by the time of its entries alone; it knows nothing of the entry ranges
that statements keep, nor of their sums, and its closing is its opening and what was added up. So
when both sides say the same, that means something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from openplatform.core import money
from openplatform.core.statements import send
from reconciliation.documents import AMOUNT_OF_KIND
from reconciliation.states import PaperStatus

MOVEMENTS = [kind.value for kind in AMOUNT_OF_KIND]  # in the order in which they are shown
PARTS = ["opening", *MOVEMENTS, "closing"]

# Merchants that had a wallet by then. With the bounds of one period, each wallet's entries are a
# piece of one index, which has what is added up.
SUMMARY = """
    SELECT partner.id AS partner_id, partner.code, partner.name,
        statement.id AS statement_id, statement.statement_no, statement.status,
        statement.closing_entry_no - statement.opening_entry_no AS stated_entries,
        statement.opening_balance AS stated_opening, {stated},
        statement.closing_balance AS stated_closing,
        coalesce(opening.balance_after, 0.00) AS booked_opening, moved.*,
        coalesce(opening.balance_after, 0.00) + moved.booked AS booked_closing
    FROM accounts_wallet wallet
    JOIN accounts_partner partner ON partner.id = wallet.partner_id
    LEFT JOIN reconciliation_statement statement ON statement.partner_id = partner.id
        AND statement.period_start = %(first)s AND statement.period_end = %(last)s
    LEFT JOIN LATERAL (
        SELECT balance_after FROM accounts_ledgerentry entry
        WHERE entry.partner_id = partner.id AND entry.created_at < bounds.start
        ORDER BY created_at DESC, entry_no DESC LIMIT 1
    ) opening ON TRUE
    CROSS JOIN LATERAL (
        SELECT count(*) AS booked_entries, coalesce(sum(entry.amount), 0.00) AS booked, {booked}
        FROM accounts_ledgerentry entry
        WHERE entry.partner_id = partner.id
            AND entry.created_at >= bounds.start AND entry.created_at < bounds.end
    ) moved
    WHERE (%(partner_id)s::bigint IS NULL OR partner.id = %(partner_id)s)
        AND (partner.created_at < bounds.end OR statement.id IS NOT NULL
            OR opening.balance_after IS NOT NULL OR moved.booked_entries > 0)
    ORDER BY partner.code
"""
# The midnights around a period, where the platform is.
START = "(%(first)s::date)::timestamp AT TIME ZONE 'Asia/Shanghai'"
END = "(%(last)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'"
STATED = ", ".join(
    f"statement.{column} AS stated_{kind.value}" for kind, column in AMOUNT_OF_KIND.items()
)
BOOKED = ", ".join(
    f"coalesce(sum(entry.amount) FILTER (WHERE entry.kind = '{kind}'), 0.00) AS booked_{kind}"
    for kind in MOVEMENTS
)
STATEMENT = (
    SUMMARY.format(stated=STATED, booked=BOOKED)
    .replace("bounds.start", START)
    .replace("bounds.end", END)
)


class Agreement(StrEnum):
    """How a merchant's statement stands to the ledger; what wants doing comes first."""

    DIFFERS = "differs"
    FAILED = "failed"
    MISSING = "missing"
    PREPARING = "preparing"
    AGREES = "agrees"


@dataclass(frozen=True, slots=True)
class Sums:
    """Amounts by the names of :data:`PARTS`, with their signs, and how many entries they are."""

    amounts: dict[str, Decimal]
    entry_count: int


@dataclass(frozen=True, slots=True)
class MerchantSums:
    """One merchant: what its statement says, once it is ready, and what the ledger says."""

    partner_id: int
    code: str
    name: str
    statement_id: int | None
    statement_no: str | None
    agreement: Agreement
    stated: Sums | None
    booked: Sums

    @property
    def differing(self) -> list[str]:
        """The parts in which the statement says something else; ``entries`` for their number."""
        if self.stated is None:
            return []
        names = [part for part in PARTS if self.stated.amounts[part] != self.booked.amounts[part]]
        is_other = self.stated.entry_count != self.booked.entry_count
        return [*names, "entries"] if is_other else names


@dataclass(frozen=True, slots=True)
class Summary:
    """All merchants of a period, those that want looking at first, and both sides' totals.

    ``unstated`` is what the ledger has of merchants whose statement is not ready.
    """

    first: date
    last: date
    merchants: Sequence[MerchantSums]
    stated: Sums
    unstated: Sums
    booked: Sums
    counts: dict[Agreement, int]

    @property
    def is_agreed(self) -> bool:
        """Whether every merchant has its statement, and each says what the ledger says."""
        return self.counts[Agreement.AGREES] == len(self.merchants)

    @property
    def differences(self) -> Sums:
        """What the statements have more than the ledger has of the same merchants."""
        stated, unstated, booked = self.stated, self.unstated, self.booked
        return Sums(
            {
                part: stated.amounts[part] + unstated.amounts[part] - booked.amounts[part]
                for part in PARTS
            },
            stated.entry_count + unstated.entry_count - booked.entry_count,
        )


def get_summary(*, first: date, last: date, partner_id: int | None = None) -> Summary:
    """The summary of the statements of exactly this period, both days included.

    One statement on one snapshot. Over a million entries it takes seconds: give it its time.

    :param partner_id: only this merchant.
    """
    rows = send(STATEMENT, {"first": first, "last": last, "partner_id": partner_id}).named_rows()
    merchants = [_read(row) for row in rows]
    order = list(Agreement)
    merchants.sort(key=lambda merchant: order.index(merchant.agreement))  # keeps that of the codes
    return Summary(
        first=first,
        last=last,
        merchants=merchants,
        stated=_add_up(merchant.stated for merchant in merchants if merchant.stated is not None),
        unstated=_add_up(merchant.booked for merchant in merchants if merchant.stated is None),
        booked=_add_up(merchant.booked for merchant in merchants),
        counts={
            agreement: sum(merchant.agreement == agreement for merchant in merchants)
            for agreement in Agreement
        },
    )


def _read(row: dict[str, Any]) -> MerchantSums:
    booked = _sums_of(row, "booked")
    stated = _sums_of(row, "stated") if row["status"] == PaperStatus.READY else None
    match row["status"]:
        case None:
            agreement = Agreement.MISSING
        case PaperStatus.FAILED:
            agreement = Agreement.FAILED
        case PaperStatus.READY:
            agreement = Agreement.AGREES if stated == booked else Agreement.DIFFERS
        case _:
            agreement = Agreement.PREPARING
    return MerchantSums(
        partner_id=row["partner_id"],
        code=row["code"],
        name=row["name"],
        statement_id=row["statement_id"],
        statement_no=row["statement_no"],
        agreement=agreement,
        stated=stated,
        booked=booked,
    )


def _sums_of(row: dict[str, Any], side: str) -> Sums:
    return Sums({part: row[f"{side}_{part}"] for part in PARTS}, row[f"{side}_entries"])


def _add_up(sides: Iterable[Sums]) -> Sums:
    amounts, count = dict.fromkeys(PARTS, money.ZERO), 0
    for side in sides:
        count += side.entry_count
        for part in PARTS:
            amounts[part] += side.amounts[part]
    return Sums(amounts, count)
