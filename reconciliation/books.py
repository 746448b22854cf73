"""What ``verify_books`` asks of statements and bills; the form of its checks is that of
``accounts.books.register_checks``.

Statements and payments of bills never change once they are written, so they are held against the
whole ledger, and as of a time gone by those that were there by then.
"""

from __future__ import annotations

from accounts.models import LedgerEntry
from accounts.services.book_checks import TIME_TEXT
from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.documents import AMOUNT_OF_KIND

# Newer entries may be on their way to bills: the worker looks every few seconds.
SETTLED_WITHIN = "1 hour"
MIDNIGHT = "({day}::timestamp AT TIME ZONE '" + PLATFORM_ZONE.key + "')"
IS_THERE = "(%(as_of)s::timestamptz IS NULL OR {stamp} <= %(as_of)s::timestamptz)"
READY = f"""
    SELECT * FROM reconciliation_statement
    WHERE status = 'ready' AND {IS_THERE.format(stamp="ready_at")}
"""  # noqa: S608 - constants
# Where ledger and credit line stood at the midnights before and after.
ENDS = f"""
    SELECT statement.id, edge.name, edge.at,
        coalesce(entry.entry_no, 0) AS entry_no, coalesce(entry.balance_after, 0.00) AS balance,
        coalesce(line.limit_after, 0.00) AS credit_limit
    FROM ready statement
    CROSS JOIN LATERAL (VALUES
        ('opening', {MIDNIGHT.format(day="statement.period_start")}),
        ('closing', {MIDNIGHT.format(day="(statement.period_end + 1)")})
    ) edge (name, at)
    LEFT JOIN LATERAL (
        SELECT entry_no, balance_after FROM accounts_ledgerentry
        WHERE partner_id = statement.partner_id AND created_at < edge.at
        ORDER BY created_at DESC, entry_no DESC LIMIT 1
    ) entry ON true
    LEFT JOIN LATERAL (
        SELECT limit_after FROM accounts_creditlimitchange
        WHERE partner_id = statement.partner_id AND created_at < edge.at
        ORDER BY created_at DESC, id DESC LIMIT 1
    ) line ON true
"""  # noqa: S608 - constants


def _sum_of(kind: LedgerEntry.Kind) -> str:
    return f"coalesce(sum(amount) FILTER (WHERE kind = '{kind.value}'), 0.00)"


def _differs(name: str, column: str, expected: str) -> str:
    return (
        f"('statement_{name}', statement.{column} <> {expected},"
        f" ({expected})::text, statement.{column}::text)"
    )


STATEMENTS = f"""
    WITH ready AS MATERIALIZED ({READY}),
    edges AS MATERIALIZED ({ENDS}),
    -- The last hold before each midnight. Holds have no index by time: so holds and midnights are
    -- put in one order, where each counts the holds up to it.
    timeline AS (
        SELECT hold.partner_id, hold.created_at AS at, 1 AS place, hold.hold_no, hold.held_after,
            NULL::bigint AS id, NULL AS name
        FROM accounts_holdentry hold
        WHERE hold.partner_id IN (SELECT partner_id FROM ready)
        UNION ALL
        SELECT statement.partner_id, edges.at, 0, NULL, NULL, edges.id, edges.name
        FROM edges JOIN ready statement ON statement.id = edges.id
    ), numbered AS (
        SELECT *, count(hold_no) OVER (
            PARTITION BY partner_id ORDER BY at, place, hold_no
            ROWS UNBOUNDED PRECEDING
        ) AS holds_before
        FROM timeline
    ), held AS (
        SELECT edge.id, edge.name, coalesce(hold.held_after, 0.00) AS held_amount
        FROM numbered edge
        LEFT JOIN numbered hold ON hold.partner_id = edge.partner_id
            AND hold.holds_before = edge.holds_before AND hold.hold_no IS NOT NULL
        WHERE edge.id IS NOT NULL
    )
    SELECT statement.partner_id, difference.name,
        'statement ' || statement.statement_no AS document, difference.expected, difference.found
    FROM ready statement
    JOIN edges opening ON opening.id = statement.id AND opening.name = 'opening'
    JOIN edges closing ON closing.id = statement.id AND closing.name = 'closing'
    JOIN held held_before ON held_before.id = statement.id AND held_before.name = 'opening'
    JOIN held held_after ON held_after.id = statement.id AND held_after.name = 'closing'
    CROSS JOIN LATERAL (
        SELECT count(*) AS entry_count,
            {", ".join(f"{_sum_of(kind)} AS {column}" for kind, column in AMOUNT_OF_KIND.items())}
        FROM accounts_ledgerentry entry
        WHERE entry.partner_id = statement.partner_id
            AND entry.entry_no > statement.opening_entry_no
            AND entry.entry_no <= statement.closing_entry_no
    ) summed
    CROSS JOIN LATERAL (VALUES
        {_differs("opening_entry_no", "opening_entry_no", "opening.entry_no")},
        {_differs("opening_balance", "opening_balance", "opening.balance")},
        {_differs("opening_held_amount", "opening_held_amount", "held_before.held_amount")},
        {_differs("opening_credit_limit", "opening_credit_limit", "opening.credit_limit")},
        {_differs("closing_entry_no", "closing_entry_no", "closing.entry_no")},
        {_differs("closing_balance", "closing_balance", "closing.balance")},
        {_differs("closing_held_amount", "closing_held_amount", "held_after.held_amount")},
        {_differs("closing_credit_limit", "closing_credit_limit", "closing.credit_limit")},
        {
    ", ".join(_differs(column, column, f"summed.{column}") for column in AMOUNT_OF_KIND.values())
},
        ('statement_entry_count',
            statement.closing_entry_no - statement.opening_entry_no <> summed.entry_count,
            summed.entry_count::text,
            (statement.closing_entry_no - statement.opening_entry_no)::text)
    ) difference (name, is_wrong, expected, found)
    WHERE difference.is_wrong
"""  # noqa: S608 - constants
CONTINUITY = f"""
    WITH ready AS MATERIALIZED ({READY})
    SELECT next.partner_id, difference.name,
        'statement ' || next.statement_no || ' after ' || last.statement_no AS document,
        difference.expected, difference.found
    FROM ready last
    JOIN ready next ON next.partner_id = last.partner_id
        AND next.period_start = last.period_end + 1
    CROSS JOIN LATERAL (VALUES
        ('statement_begins_at_entry', last.closing_entry_no <> next.opening_entry_no,
            last.closing_entry_no::text, next.opening_entry_no::text),
        ('statement_begins_with_balance', last.closing_balance <> next.opening_balance,
            last.closing_balance::text, next.opening_balance::text),
        ('statement_begins_with_held', last.closing_held_amount <> next.opening_held_amount,
            last.closing_held_amount::text, next.opening_held_amount::text),
        ('statement_begins_with_credit_limit',
            last.closing_credit_limit <> next.opening_credit_limit,
            last.closing_credit_limit::text, next.opening_credit_limit::text)
    ) difference (name, is_wrong, expected, found)
    WHERE difference.is_wrong
"""  # noqa: S608 - constants
ISSUED = f"""
    SELECT bill.*, statement.closing_entry_no, statement.closing_balance,
        statement.partner_id AS statement_partner_id
    FROM reconciliation_bill bill
    JOIN reconciliation_statement statement ON statement.id = bill.statement_id
    WHERE {IS_THERE.format(stamp="bill.issued_at")}
"""  # noqa: S608 - constants
# What was in use at the closing, less what the earlier bills still asked for by then.
BILLS = f"""
    WITH issued AS MATERIALIZED ({ISSUED}), paid AS (
        SELECT bill_id, sum(amount) AS amount FROM reconciliation_billpayment GROUP BY bill_id
    ), paid_by_closing AS (
        SELECT bill.id, sum(payment.amount) AS amount
        FROM issued bill
        JOIN issued earlier ON earlier.partner_id = bill.partner_id AND earlier.id < bill.id
        JOIN reconciliation_billpayment payment ON payment.bill_id = earlier.id
            AND payment.entry_no <= bill.closing_entry_no
        GROUP BY bill.id
    ), expected AS (
        SELECT bill.*, coalesce(paid.amount, 0.00) AS payments,
            greatest(-bill.closing_balance, 0.00) - coalesce(
                sum(bill.amount) OVER (
                    PARTITION BY bill.partner_id ORDER BY bill.id
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ), 0.00
            ) + coalesce(paid_by_closing.amount, 0.00) AS due_amount
        FROM issued bill
        LEFT JOIN paid ON paid.bill_id = bill.id
        LEFT JOIN paid_by_closing ON paid_by_closing.id = bill.id
    )
    SELECT bill.partner_id, difference.name, 'bill ' || bill.bill_no AS document,
        difference.expected, difference.found
    FROM expected bill
    LEFT JOIN accounts_partner owner ON owner.id = bill.statement_partner_id
    LEFT JOIN accounts_partner billed ON billed.id = bill.partner_id
    CROSS JOIN LATERAL (VALUES
        ('bill_partner', bill.partner_id <> bill.statement_partner_id, owner.code, billed.code),
        ('bill_amount', bill.amount <> bill.due_amount,
            bill.due_amount::text, bill.amount::text),
        ('bill_paid_amount', bill.paid_amount <> bill.payments,
            bill.payments::text, bill.paid_amount::text)
    ) difference (name, is_wrong, expected, found)
    WHERE difference.is_wrong
"""  # noqa: S608 - constants
# Each payment is a part of an entry that raised the balance after the bill's statement had closed.
# Entries pay in their order, so what they had paid before comes to the older bills, or to more.
PAYMENTS = f"""
    WITH issued AS MATERIALIZED ({ISSUED}), due AS (
        SELECT *, coalesce(sum(amount) OVER (
            PARTITION BY partner_id ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0.00) AS older_amount
        FROM issued
    ), paid AS (
        SELECT due.partner_id, due.bill_no, due.closing_entry_no, due.older_amount,
            payment.entry_no, payment.amount, payment.at,
            coalesce(sum(payment.amount) OVER (
                PARTITION BY due.partner_id ORDER BY payment.entry_no, due.id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0.00) AS paid_before
        FROM reconciliation_billpayment payment JOIN due ON due.id = payment.bill_id
    )
    SELECT paid.partner_id, difference.name,
        'bill ' || paid.bill_no || ' entry ' || paid.entry_no AS document,
        difference.expected, difference.found
    FROM paid
    LEFT JOIN accounts_ledgerentry entry
        ON entry.partner_id = paid.partner_id AND entry.entry_no = paid.entry_no
    CROSS JOIN LATERAL (VALUES
        ('payment_without_entry', entry.id IS NULL OR entry.amount <= 0,
            NULL, paid.amount::text),
        ('payment_before_closing', paid.entry_no <= paid.closing_entry_no,
            'after entry ' || paid.closing_entry_no, 'entry ' || paid.entry_no),
        ('payment_time', paid.at <> entry.created_at,
            {TIME_TEXT.format("entry.created_at")}, {TIME_TEXT.format("paid.at")}),
        ('payment_before_older_bills', paid.paid_before < paid.older_amount,
            'older bills paid: ' || paid.older_amount, paid.paid_before::text)
    ) difference (name, is_wrong, expected, found)
    WHERE difference.is_wrong
"""  # noqa: S608 - constants
# How much of each entry went to bills: no more than there was, and none is left lying for a bill
# that is not paid.
ENTRIES = f"""
    WITH issued AS MATERIALIZED ({ISSUED}), used AS (
        SELECT bill.partner_id, payment.entry_no, sum(payment.amount) AS amount
        FROM reconciliation_billpayment payment JOIN issued bill ON bill.id = payment.bill_id
        GROUP BY bill.partner_id, payment.entry_no
    ), owing AS (
        SELECT DISTINCT ON (partner_id) partner_id, bill_no, closing_entry_no
        FROM issued WHERE status <> 'paid' ORDER BY partner_id, id
    )
    SELECT used.partner_id, 'payments_of_entry' AS name, 'entry ' || used.entry_no AS document,
        'at most ' || entry.amount AS expected, used.amount::text AS found
    FROM used
    JOIN accounts_ledgerentry entry
        ON entry.partner_id = used.partner_id AND entry.entry_no = used.entry_no
    WHERE used.amount > entry.amount
    UNION ALL
    SELECT owing.partner_id, 'bill_not_settled', 'bill ' || owing.bill_no,
        (entry.amount - coalesce(used.amount, 0))::text || ' of entry ' || entry.entry_no, NULL
    FROM owing
    JOIN accounts_ledgerentry entry ON entry.partner_id = owing.partner_id
        AND entry.entry_no > owing.closing_entry_no AND entry.amount > 0
        AND entry.created_at < clock_timestamp() - interval '{SETTLED_WITHIN}'
    LEFT JOIN used ON used.partner_id = entry.partner_id AND used.entry_no = entry.entry_no
    WHERE %(as_of)s::timestamptz IS NULL AND entry.amount > coalesce(used.amount, 0)
"""  # noqa: S608 - constants
FLAGS = """
    SELECT partner.id AS partner_id, 'overdue_flag' AS name, 'partner' AS document,
        overdue.is_there::text AS expected, partner.has_overdue_bill::text AS found
    FROM accounts_partner partner
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM reconciliation_bill bill
            WHERE bill.partner_id = partner.id AND bill.status = 'overdue'
        ) AS is_there
    ) overdue
    WHERE %(as_of)s::timestamptz IS NULL AND partner.has_overdue_bill <> overdue.is_there
"""

CHECKS = (STATEMENTS, CONTINUITY, BILLS, PAYMENTS, ENTRIES, FLAGS)
