"""What must stand in the books: each app registers the documents it keeps, as SQL.

``verify_books`` holds the registered rows against the ledger and the holds, in a handful of
statements for all wallets together. Entries name their documents by kind and number only, so no
app below has to know an app above. What is drawn up from the ledger is held against it by checks
that the app which draws it up registers.

A percent sign in a statement is written twice: it is sent with parameters.
"""

from __future__ import annotations

# The documents of accounts itself.
_MONEY_DOCUMENTS = """
    SELECT 'top_up' AS document, top_up_no AS document_no, 'top_up' AS kind, partner_id,
        approved_amount AS amount, coalesce(decided_at, created_at) AS at
    FROM accounts_topup WHERE status = 'approved'
    UNION ALL
    SELECT 'adjustment', adjustment_no, 'adjustment', partner_id,
        amount, coalesce(decided_at, created_at)
    FROM accounts_adjustment WHERE status = 'approved'
    UNION ALL
    SELECT 'withdrawal', withdrawal_no, 'withdrawal', partner_id,
        -amount, coalesce(decided_at, created_at)
    FROM accounts_withdrawal WHERE status = 'approved'
"""

DOCUMENTS: list[str] = [_MONEY_DOCUMENTS]
HOLDS: list[str] = []
CHECKS: list[str] = []


def register_documents(statement: str) -> None:
    """Have the ledger hold one entry for each row of this statement, and no other.

    :param statement: columns ``document, document_no, kind, partner_id, amount, at``, the first
        five as the ledger has them (the amount signed); ``at`` is when it was booked by the
        document's own stamp, or any time later, or null.
    """
    DOCUMENTS.append(statement)


def register_holds(statement: str) -> None:
    """Have the holds' history hold one row for each row of this statement, and no other.

    :param statement: columns ``order_no, partner_id, kind, amount, at`` as the history has them:
        a row ``held`` for every order, and one ``released`` or ``paid`` with the negative amount
        once the hold has ended; ``at`` as in :func:`register_documents`.
    """
    HOLDS.append(statement)


def register_checks(*statements: str) -> None:
    """Have ``verify_books`` run these, too.

    :param statements: each yields a row for every difference, with the columns ``partner_id, name,
        document, expected, found`` (texts; null is nothing), and heeds the parameter ``as_of``
        (null: as of now) by leaving out what was drawn up later. What was drawn up never changes,
        so it is compared with the ledger as it is.
    """
    CHECKS.extend(statements)
