"""The checks of the books as SQL: each is one statement over all wallets.

Every check yields a row for each difference: ``partner_id, name, document, expected, found``. Its
parameter ``as_of`` is null for now; ``accounts/services/books.py`` says what a time gone by means.
"""

from __future__ import annotations

from accounts import books

RUNNING = """
    SELECT step.partner_id, difference.name, '{row} ' || step.no AS document,
        difference.expected, difference.found
    FROM (
        SELECT partner_id, {no} AS no, amount, {after} AS after, created_at,
            lag({no}, 1, 0::bigint) OVER running AS no_before,
            lag({after}, 1, 0::numeric) OVER running AS before,
            lag(created_at) OVER running AS before_at
        FROM {table}
        WINDOW running AS (PARTITION BY partner_id ORDER BY {no})
    ) step CROSS JOIN LATERAL (VALUES
        ('{row}_no', no <> no_before + 1, (no_before + 1)::text, no::text),
        ('{row}_{after}', after <> before + amount, (before + amount)::text, after::text),
        ('{row}_time', created_at < before_at, {before_at}, {created_at})
    ) difference (name, is_wrong, expected, found)
    WHERE (no <> no_before + 1 OR after <> before + amount OR created_at < before_at)
        AND difference.is_wrong
        AND (%(as_of)s::timestamptz IS NULL OR created_at <= %(as_of)s::timestamptz)
"""
TIME_TEXT = """to_char({} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD"T"HH24:MI:SS.US"+08:00"')"""
TIMES = {name: TIME_TEXT.format(name) for name in ("before_at", "created_at")}
LEDGER = RUNNING.format(
    row="entry", no="entry_no", after="balance_after", table="accounts_ledgerentry", **TIMES
)
HOLDS = RUNNING.format(
    row="hold", no="hold_no", after="held_after", table="accounts_holdentry", **TIMES
)
TOTALS = """
    SELECT coalesce(total.partner_id, wallet.partner_id) AS partner_id, difference.name,
        'wallet' AS document, difference.expected, difference.found
    FROM (
        SELECT partner_id, max({no}) AS last_no, max(created_at) AS last_at, sum(amount) AS amount,
            count(*) FILTER (WHERE amount > 0) - count(*) FILTER (WHERE amount < 0) AS open
        FROM {table}
        WHERE %(as_of)s::timestamptz IS NULL OR created_at <= %(as_of)s::timestamptz
        GROUP BY partner_id
    ) total
    LEFT JOIN {table} last ON last.partner_id = total.partner_id AND last.{no} = total.last_no
    FULL JOIN accounts_wallet wallet ON wallet.partner_id = total.partner_id
    CROSS JOIN LATERAL (VALUES
        ('wallet', wallet.partner_id IS NULL, total.amount::text, NULL),
        ('{row}_sum', last.{after} <> total.amount, total.amount::text, last.{after}::text),
        {columns}
    ) difference (name, is_wrong, expected, found)
    WHERE difference.is_wrong
"""
WALLET_COLUMN = """
    ('wallet_{column}',
     %(as_of)s::timestamptz IS NULL AND wallet.partner_id IS NOT NULL
         AND wallet.{column} IS DISTINCT FROM {expected},
     {expected_text}, {found_text})
"""
AMOUNT = "coalesce(total.amount, 0.00)"
LAST_NO = "coalesce(total.last_no, 0)"


def _wallet_columns(**expected: str) -> str:
    def compare(column: str, value: str) -> str:
        text = TIME_TEXT if column.endswith("_at") else "({})::text"
        return WALLET_COLUMN.format(
            column=column,
            expected=value,
            expected_text=text.format(value),
            found_text=text.format(f"wallet.{column}"),
        )

    return ",".join(compare(column, value) for column, value in expected.items())


LEDGER_TOTALS = TOTALS.format(
    row="entry",
    no="entry_no",
    after="balance_after",
    table="accounts_ledgerentry",
    columns=_wallet_columns(balance=AMOUNT, last_entry_no=LAST_NO, last_entry_at="total.last_at"),
)
HOLD_TOTALS = TOTALS.format(
    row="hold",
    no="hold_no",
    after="held_after",
    table="accounts_holdentry",
    columns=_wallet_columns(
        held_amount=AMOUNT,
        last_hold_no=LAST_NO,
        open_orders="coalesce(total.open, 0)",
        last_hold_at="total.last_at",
    ),
)
CREDIT_LINES = """
    SELECT step.partner_id, 'credit_limit_before' AS name,
        'credit limit change ' || step.id AS document,
        step.before::text AS expected, step.limit_before::text AS found
    FROM (
        SELECT id, partner_id, limit_before, created_at,
            lag(limit_after, 1, 0.00) OVER (PARTITION BY partner_id ORDER BY id) AS before
        FROM accounts_creditlimitchange
    ) step
    WHERE limit_before <> before
        AND (%(as_of)s::timestamptz IS NULL OR created_at <= %(as_of)s::timestamptz)
    UNION ALL
    SELECT wallet.partner_id, 'wallet_credit_limit', 'wallet',
        coalesce(last.limit_after, 0.00)::text, wallet.credit_limit::text
    FROM accounts_wallet wallet
    LEFT JOIN (
        SELECT DISTINCT ON (partner_id) partner_id, limit_after
        FROM accounts_creditlimitchange ORDER BY partner_id, id DESC
    ) last ON last.partner_id = wallet.partner_id
    WHERE %(as_of)s::timestamptz IS NULL
        AND wallet.credit_limit <> coalesce(last.limit_after, 0.00)
"""
DOCUMENTS = """
    SELECT coalesce(document.partner_id, entry.partner_id) AS partner_id, difference.name,
        coalesce(document.document || ' ' || document.document_no,
            entry.document || ' ' || entry.document_no) AS document,
        difference.expected, difference.found
    FROM ({documents}) document
    FULL JOIN accounts_ledgerentry entry ON entry.document_no = document.document_no
        AND entry.document = document.document AND entry.kind = document.kind
    LEFT JOIN accounts_partner owner ON owner.id = document.partner_id
    LEFT JOIN accounts_partner booked ON booked.id = entry.partner_id
    CROSS JOIN LATERAL (VALUES
        ('document_without_entry', entry.id IS NULL,
            document.kind || ' ' || document.amount, NULL),
        ('entry_without_document', document.document_no IS NULL,
            NULL, entry.kind || ' ' || entry.amount),
        ('entry_amount', document.amount <> entry.amount,
            document.amount::text, entry.amount::text),
        ('entry_partner', document.partner_id <> entry.partner_id, owner.code, booked.code)
    ) difference (name, is_wrong, expected, found)
    WHERE (entry.id IS NULL OR document.document_no IS NULL OR document.amount <> entry.amount
            OR document.partner_id <> entry.partner_id)
        AND difference.is_wrong
        AND (%(as_of)s::timestamptz IS NULL
            OR least(document.at, entry.created_at) <= %(as_of)s::timestamptz)
"""
# An order has one hold and one end of it, whichever: that pairs the rows, and the kind is compared.
OPEN_ORDERS = """
    SELECT coalesce(due.partner_id, hold.partner_id) AS partner_id, difference.name,
        'order ' || coalesce(due.order_no, hold.order_no) AS document,
        difference.expected, difference.found
    FROM (SELECT *, kind = 'held' AS is_start FROM ({holds}) registered) due
    FULL JOIN (SELECT *, kind = 'held' AS is_start FROM accounts_holdentry) hold
        ON hold.order_no = due.order_no AND hold.is_start = due.is_start
    LEFT JOIN accounts_partner owner ON owner.id = due.partner_id
    LEFT JOIN accounts_partner booked ON booked.id = hold.partner_id
    CROSS JOIN LATERAL (VALUES
        ('order_without_hold', hold.id IS NULL, due.kind || ' ' || due.amount, NULL),
        ('hold_without_order', due.order_no IS NULL, NULL, hold.kind || ' ' || hold.amount),
        ('hold_kind', due.kind <> hold.kind, due.kind, hold.kind),
        ('hold_amount', due.amount <> hold.amount, due.amount::text, hold.amount::text),
        ('hold_partner', due.partner_id <> hold.partner_id, owner.code, booked.code)
    ) difference (name, is_wrong, expected, found)
    WHERE (hold.id IS NULL OR due.order_no IS NULL OR due.kind <> hold.kind
            OR due.amount <> hold.amount OR due.partner_id <> hold.partner_id)
        AND difference.is_wrong
        AND (%(as_of)s::timestamptz IS NULL
            OR least(due.at, hold.created_at) <= %(as_of)s::timestamptz)
"""


def list_checks() -> list[str]:
    """All of them, with what the apps have registered."""
    return [
        LEDGER,
        LEDGER_TOTALS,
        HOLDS,
        HOLD_TOTALS,
        CREDIT_LINES,
        DOCUMENTS.format(documents=" UNION ALL ".join(books.DOCUMENTS)),
        *([OPEN_ORDERS.format(holds=" UNION ALL ".join(books.HOLDS))] if books.HOLDS else []),
        *books.CHECKS,
    ]
