"""Messages are kept 30 days."""

from __future__ import annotations

from openplatform.core.statements import send

KEPT_DAYS = 30
BATCH = 5000
DELETE = """
    WITH old AS (
        SELECT id FROM messaging_message
        WHERE created_at < clock_timestamp() - make_interval(days => %s)
        ORDER BY created_at LIMIT %s
    )
    DELETE FROM messaging_message WHERE id IN (SELECT id FROM old) RETURNING id
"""


def prune_messages() -> int:
    """Delete what is older than 30 days, a batch at a time; how many went."""
    pruned = 0
    while gone := len(send(DELETE, [KEPT_DAYS, BATCH]).rows()):
        pruned += gone
    return pruned
