"""The statements that move deliveries. Deadlines are the database's; the pump gets seconds."""

from __future__ import annotations

from openplatform.messaging.delivery.lanes import HORIZON, MAX_OPEN, PROBE_WINDOW, WINDOW
from openplatform.messaging.selectors import IS_WANTED

# Endpoints that are leased, read or filled in one exchange. After an outage all have a backlog, and
# a statement that is at all of them at once would take longer than the database grants it.
AT_ONCE = 50
LOOKED_AT = 1000  # messages of the log at a time; few of them may be of the types that are wanted

ENDPOINT_FIELDS = (
    "id", "endpoint_id", "partner_id", "url", "types", "description", "headers", "secret",
    "old_secret", "old_secret_until", "status", "disabled_reason", "failures", "failing_since",
    "warned_at", "paused_until", "taken_sequence", "created_at", "updated_at",
)  # fmt: skip
_ENDPOINT = ", ".join(f"endpoint.{name}" for name in ENDPOINT_FIELDS)
_PAUSE = """greatest(
    extract(epoch FROM endpoint.paused_until - clock_timestamp()), 0)::double precision"""
_IS_OURS = "endpoint.lease_holder = %(holder)s::text AND endpoint.leased_until > clock_timestamp()"
_DELIVERY = """delivery.id, delivery.message_id, delivery.sequence,
    delivery.subject, delivery.tries, delivery.is_wanted_now,
    extract(epoch FROM delivery.next_attempt_at - clock_timestamp())::double precision"""
# Test messages that wait behind others: each is asked for by name, so none waits for its turn.
_PINGS = """
    SELECT message.message_id, message.sequence, message.type, message.subject
    FROM messaging_message AS message
    WHERE message.subject = 'webhook_endpoint:' || endpoint.endpoint_id
        AND message.partner_id = endpoint.partner_id AND message.type = 'test.ping'
        AND message.sequence > endpoint.taken_sequence
        AND NOT EXISTS (
            SELECT FROM messaging_webhookdelivery AS delivery
            WHERE delivery.endpoint_id = endpoint.id AND delivery.sequence = message.sequence
        )
"""
_OPEN = """FROM messaging_webhookdelivery AS delivery
    WHERE delivery.endpoint_id = endpoint.id AND delivery.status = 'pending'"""
# Leased in the same exchange, just before.
_IS_NEW = f"{_IS_OURS} AND NOT endpoint.id = ANY(%(held)s::bigint[])"

# Endpoints that have something due and that nobody sends to, those longest without a sender first.
# What was leased in an exchange that broke off is ours, too.
LEASE = f"""
    WITH due AS (
        SELECT endpoint.id FROM messaging_webhookendpoint AS endpoint
        LEFT JOIN messaging_messagecursor AS cursor ON cursor.partner_id = endpoint.partner_id
        WHERE endpoint.status <> 'disabled'
            AND (endpoint.leased_until IS NULL OR endpoint.leased_until <= clock_timestamp()
                OR endpoint.lease_holder = %(holder)s::text)
            AND NOT endpoint.id = ANY(%(held)s::bigint[])
            AND (
                ((endpoint.paused_until IS NULL OR endpoint.paused_until <= clock_timestamp()) AND (
                    (cursor.last_sequence > endpoint.taken_sequence AND (
                        SELECT count(*) FROM (SELECT {_OPEN} LIMIT {MAX_OPEN}) AS open
                    ) < CASE endpoint.status WHEN 'enabled' THEN {MAX_OPEN} ELSE {PROBE_WINDOW} END)
                    OR EXISTS (SELECT {_OPEN} AND (
                        endpoint.status = 'failing' OR delivery.next_attempt_at <= clock_timestamp()
                    ))
                ))
                OR EXISTS (SELECT {_OPEN} AND delivery.is_wanted_now)
                OR EXISTS ({_PINGS})
            )
        ORDER BY endpoint.leased_until NULLS FIRST, endpoint.id
        LIMIT %(most)s::bigint FOR NO KEY UPDATE OF endpoint SKIP LOCKED
    ), taken AS (
        UPDATE messaging_webhookendpoint AS endpoint
        SET lease_holder = %(holder)s::text,
            leased_until = clock_timestamp() + %(lease)s::double precision * interval '1 second'
        FROM due WHERE endpoint.id = due.id
        RETURNING endpoint.*
    )
    SELECT {_ENDPOINT}, {_PAUSE}, last.status_code, coalesce(last.sequence, 0)
    FROM taken AS endpoint LEFT JOIN LATERAL (
        SELECT attempt.status_code, delivery.sequence
        FROM messaging_webhookattempt AS attempt
        JOIN messaging_webhookdelivery AS delivery ON delivery.id = attempt.delivery_id
        WHERE attempt.endpoint_id = endpoint.id AND endpoint.status = 'failing'
        ORDER BY attempt.started_at DESC, attempt.id DESC LIMIT 1
    ) AS last ON true
"""  # noqa: S608 - put together from constants
RENEW = f"""
    UPDATE messaging_webhookendpoint AS endpoint
    SET leased_until = clock_timestamp() + %(lease)s::double precision * interval '1 second'
    WHERE id = ANY(%(ids)s::bigint[]) AND {_IS_OURS}
    RETURNING id
"""  # noqa: S608 - put together from constants
RELEASE = f"""
    UPDATE messaging_webhookendpoint AS endpoint
    SET lease_holder = '', leased_until = clock_timestamp()
    WHERE id = ANY(%(ids)s::bigint[]) AND {_IS_OURS}
"""  # noqa: S608 - put together from constants
# The state of what we hold; what is not there was taken over by another sender.
REREAD = f"""
    SELECT {_ENDPOINT}, {_PAUSE} FROM messaging_webhookendpoint AS endpoint
    WHERE endpoint.id = ANY(%(ids)s::bigint[]) AND {_IS_OURS}
"""  # noqa: S608 - put together from constants
# What an endpoint is to be sent soon, and how much is open in all. Whatever is due within a minute
# has to be known, for its subject's later messages wait for it. A probe may be any of them.
_LOAD = f"""
    SELECT endpoint.id, counted.total, soon.*
    FROM messaging_webhookendpoint AS endpoint
    CROSS JOIN LATERAL (SELECT count(*) AS total {_OPEN}) AS counted
    LEFT JOIN LATERAL (
        SELECT {_DELIVERY} {_OPEN} AND (
            endpoint.status = 'failing' OR delivery.is_wanted_now
            OR delivery.next_attempt_at <= clock_timestamp() + {HORIZON} * interval '1 second'
        )
        ORDER BY delivery.sequence LIMIT {WINDOW}
    ) AS soon ON true
"""  # noqa: S608 - put together from constants
LOAD = f"{_LOAD} WHERE endpoint.id = ANY(%(ids)s::bigint[])"
LOAD_NEW = f"{_LOAD} WHERE {_IS_NEW}"
LOAD_WANTED = f"""
    SELECT delivery.endpoint_id, {_DELIVERY} FROM messaging_webhookdelivery AS delivery
    WHERE delivery.endpoint_id = ANY(%(ids)s::bigint[]) AND delivery.status = 'pending'
        AND delivery.is_wanted_now
"""  # noqa: S608 - put together from constants
# From the log to deliveries. A message that went before goes again: somebody moved the endpoint
# back to send it once more. Test messages are not told twice.
#
# 1. Hold the rows of some endpoints that have messages before them, so that nobody moves them
#    meanwhile. The others have to wait for another exchange. New ones have what room is left by all
#    that is open.
# 2. Look at what comes next in the log of each, and number what it wants of it.
# 3. Move on: up to the last message that there is room for, or else the last that was looked at.
# 4. Add test messages from further behind.
FILL = f"""
    WITH room AS (
        SELECT * FROM unnest(%(ids)s::bigint[], %(rooms)s::bigint[])
            WITH ORDINALITY AS room (id, room, position)
        UNION ALL
        SELECT endpoint.id, greatest(
            CASE endpoint.status WHEN 'enabled' THEN {WINDOW} ELSE {PROBE_WINDOW} END
                - (SELECT count(*) FROM (SELECT {_OPEN} LIMIT {WINDOW}) AS open), 0
        ), NULL
        FROM messaging_webhookendpoint AS endpoint WHERE %(with_new)s::boolean AND {_IS_NEW}
    ), waiting AS (
        SELECT room.* FROM room
        JOIN messaging_webhookendpoint AS endpoint ON endpoint.id = room.id
        JOIN messaging_messagecursor AS cursor ON cursor.partner_id = endpoint.partner_id
        WHERE {_IS_OURS} AND endpoint.status <> 'disabled'
            AND cursor.last_sequence > endpoint.taken_sequence
    ), held AS (
        SELECT endpoint.*, waiting.room FROM waiting
        JOIN messaging_webhookendpoint AS endpoint ON endpoint.id = waiting.id
        WHERE {_IS_OURS} AND endpoint.status <> 'disabled'
        ORDER BY waiting.position LIMIT %(most)s::bigint FOR NO KEY UPDATE OF endpoint
    ), looked AS (
        SELECT endpoint.id AS endpoint_id, endpoint.room, message.*,
            count(*) FILTER (WHERE message.is_wanted)
                OVER (PARTITION BY endpoint.id ORDER BY message.sequence) AS wanted,
            count(*) OVER (PARTITION BY endpoint.id) AS seen
        FROM held AS endpoint CROSS JOIN LATERAL (
            SELECT message.message_id, message.sequence, message.type, message.subject,
                {IS_WANTED} AS is_wanted
            FROM messaging_message AS message
            WHERE message.partner_id = endpoint.partner_id
                AND message.sequence > endpoint.taken_sequence
            ORDER BY message.sequence LIMIT least(endpoint.room * {LOOKED_AT}, {LOOKED_AT})
        ) AS message
    ), moved AS (
        SELECT endpoint_id, max(sequence) AS sequence,
            max(seen) = {LOOKED_AT} OR max(wanted) = max(room) AS has_more
        FROM looked WHERE wanted < room OR (wanted = room AND is_wanted) GROUP BY endpoint_id
    ), advanced AS (
        UPDATE messaging_webhookendpoint AS endpoint SET taken_sequence = moved.sequence
        FROM moved WHERE endpoint.id = moved.endpoint_id
    ), next AS (
        SELECT endpoint_id, message_id, sequence, type, subject FROM looked
        WHERE is_wanted AND wanted <= room
        UNION
        SELECT endpoint.id, ping.* FROM held AS endpoint CROSS JOIN LATERAL ({_PINGS}) AS ping
    ), made AS (
        INSERT INTO messaging_webhookdelivery AS delivery (
            endpoint_id, message_id, sequence, type, subject, status, tries, attempts,
            next_attempt_at, is_wanted_now
        )
        SELECT endpoint_id, message_id, sequence, type, subject, 'pending', 0, 0,
            clock_timestamp(), type = 'test.ping'
        FROM next ORDER BY endpoint_id, sequence
        ON CONFLICT (endpoint_id, sequence) DO UPDATE
            SET status = 'pending', tries = 0, next_attempt_at = excluded.next_attempt_at,
                is_wanted_now = false, delivered_at = NULL
            WHERE delivery.status <> 'pending' AND delivery.type <> 'test.ping'
        RETURNING delivery.endpoint_id, {_DELIVERY} AS due_in
    )
    SELECT waiting.id, coalesce(moved.has_more, held.id IS NULL OR waiting.room = 0), made.id,
        made.message_id, made.sequence, made.subject, made.tries, made.is_wanted_now, made.due_in
    FROM waiting LEFT JOIN held ON held.id = waiting.id
    LEFT JOIN moved ON moved.endpoint_id = waiting.id
    LEFT JOIN made ON made.endpoint_id = waiting.id
"""  # noqa: S608 - put together from constants
# Attempts are counted before they are made. The lease has to last until they are over. What was
# asked for by name is answered with it; who asks meanwhile has another one.
BEGIN = """
    WITH begun AS (
        UPDATE messaging_webhookdelivery AS delivery
        SET attempts = delivery.attempts + 1, is_wanted_now = false
        FROM messaging_webhookendpoint AS endpoint
        WHERE delivery.id = ANY(%(ids)s::bigint[]) AND delivery.status = 'pending'
            AND endpoint.id = delivery.endpoint_id AND endpoint.status <> 'disabled'
            AND endpoint.lease_holder = %(holder)s::text
            AND endpoint.leased_until
                > clock_timestamp() + %(needed)s::double precision * interval '1 second'
        RETURNING delivery.id, delivery.attempts, delivery.sequence, endpoint.partner_id
    )
    SELECT begun.id, begun.attempts, message.message_id, message.sequence, message.type,
        message.created_at, message.data::text
    FROM begun LEFT JOIN messaging_message AS message
        ON message.partner_id = begun.partner_id AND message.sequence = begun.sequence
"""
# Every attempt is kept. What it means for the delivery is written once: that it was taken, whoever
# sends there by now; anything else only by the holder of the lease, of the last attempt begun. A
# delivery that was asked for since the attempt began has all its tries before it, and goes at once.
RESULTS = """
    WITH result AS (
        SELECT * FROM json_to_recordset(%(results)s::json) AS result (
            delivery_id bigint, endpoint_id bigint, number int, url text, started_at timestamptz,
            duration_ms int, status_code smallint, error text, answer text, status text,
            wait double precision, counts boolean
        )
    ), kept AS (
        INSERT INTO messaging_webhookattempt (
            delivery_id, endpoint_id, number, url, started_at, duration_ms, status_code, error,
            answer, next_attempt_at
        )
        SELECT delivery_id, endpoint_id, number, url, started_at, duration_ms, status_code, error,
            answer, clock_timestamp() + wait * interval '1 second'
        FROM result ON CONFLICT (delivery_id, number) DO NOTHING
        RETURNING delivery_id, number
    )
    UPDATE messaging_webhookdelivery AS delivery
    SET status = CASE
            WHEN delivery.is_wanted_now AND result.status <> 'delivered' THEN 'pending'
            ELSE result.status
        END,
        tries = delivery.tries
            + CASE WHEN result.counts AND NOT delivery.is_wanted_now THEN 1 ELSE 0 END,
        next_attempt_at = CASE
            WHEN result.status = 'delivered' THEN NULL
            WHEN delivery.is_wanted_now THEN delivery.next_attempt_at
            WHEN result.status <> 'pending' THEN NULL
            WHEN result.counts THEN clock_timestamp() + result.wait * interval '1 second'
            ELSE delivery.next_attempt_at
        END,
        is_wanted_now = delivery.is_wanted_now AND result.status <> 'delivered',
        delivered_at = CASE WHEN result.status = 'delivered' THEN clock_timestamp() END
    FROM result
    JOIN kept ON kept.delivery_id = result.delivery_id AND kept.number = result.number
    JOIN messaging_webhookendpoint AS endpoint ON endpoint.id = result.endpoint_id
    WHERE delivery.id = result.delivery_id AND delivery.status = 'pending' AND (
        result.status = 'delivered'
        OR (delivery.attempts = result.number AND endpoint.lease_holder = %(holder)s::text)
    )
"""
# Failures in a row and pauses. A status that others changed meanwhile is theirs.
FAILURES = """
    UPDATE messaging_webhookendpoint AS endpoint
    SET failures = news.failures,
        paused_until = clock_timestamp() + news.pause * interval '1 second'
    FROM json_to_recordset(%(failures)s::json) AS news (
        id bigint, status text, failures int, pause double precision
    )
    WHERE endpoint.id = news.id AND endpoint.status = news.status
        AND endpoint.lease_holder = %(holder)s::text
"""
# Failing since the first of the attempts that failed in a row; those before somebody enabled it do
# not count.
TURN = """
    UPDATE messaging_webhookendpoint AS endpoint
    SET status = %(status)s::text, failures = %(failures)s::integer,
        paused_until = clock_timestamp() + %(pause)s::double precision * interval '1 second',
        disabled_reason = CASE %(status)s::text WHEN 'disabled' THEN 'gone' ELSE '' END,
        failing_since = CASE %(status)s::text
            WHEN 'failing' THEN coalesce((
                SELECT min(started_at) FROM (
                    SELECT started_at, bool_or(status_code BETWEEN 200 AND 299) OVER (
                        ORDER BY started_at DESC, id DESC
                    ) AS was_fine
                    FROM (
                        SELECT id, started_at, status_code FROM messaging_webhookattempt AS attempt
                        WHERE attempt.endpoint_id = endpoint.id
                        ORDER BY started_at DESC, id DESC LIMIT %(failed)s::integer
                    ) AS last
                ) AS newest_first WHERE was_fine IS NOT TRUE
            ), clock_timestamp())
            WHEN 'disabled' THEN endpoint.failing_since
        END,
        updated_at = clock_timestamp()
    WHERE id = %(id)s AND status = %(was)s::text AND lease_holder = %(holder)s::text
        AND (%(status)s::text <> 'disabled' OR url = %(url)s::text)
    RETURNING warned_at IS NULL OR warned_at < clock_timestamp() - interval '1 hour'
"""
HURRY = """
    UPDATE messaging_webhookdelivery SET next_attempt_at = clock_timestamp()
    WHERE endpoint_id = %(id)s AND status = 'pending' AND next_attempt_at > clock_timestamp()
"""
