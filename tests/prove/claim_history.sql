-- Claims on the first lines of completed orders of the past, which tests/bench/history.sql made:
-- most of them refunded, the newest still open. Lines, orders, wallets and ledger agree with them;
-- stock does not know of them, as it does not of the orders. claim_history.py puts in what stands
-- between @s.
INSERT INTO aftersales_reason
    (code, name, name_en, types, pictures_required, is_active, position)
VALUES ('history', '旧申请', 'Of the past', ARRAY['refund', 'return_refund'], false, true, 99)
ON CONFLICT (code) DO NOTHING;
CREATE TEMP TABLE filed ON COMMIT DROP AS
SELECT n, 'A' || lpad(n::text, 9, '0') AS aftersale_no, part.id AS part_id, part.order_no,
    "order".id AS order_id, "order".order_no AS parent_no, "order".partner_id, line.id AS line_id,
    line.line_no, line.purchase_price AS amount, type, ended.status,
    -- The open ones are spread over the last days, the others over the past.
    CASE
        WHEN ended.status IN (@open@) THEN @now@::timestamptz
            - interval '96 hours' * ((@number@ - n)::float8 / (@number@ * 0.03))
        ELSE part.completed_at
    END AS filed_at,
    (
        CASE
            WHEN ended.status = 'submitted' THEN ARRAY['submitted']
            WHEN ended.status = 'info_requested' THEN ARRAY['submitted', 'info_requested']
            WHEN ended.status = 'cancelled' THEN ARRAY['submitted', 'cancelled']
            WHEN ended.status = 'rejected' THEN ARRAY['submitted', 'rejected']
            WHEN ended.status = 'expired'
                THEN ARRAY['submitted', 'approved', 'awaiting_return', 'expired']
            WHEN type = 'refund' THEN ARRAY['submitted', 'approved', 'refunded']
            ELSE (
                ARRAY['submitted', 'approved', 'awaiting_return', 'return_shipped',
                      'return_received', 'refunded']
            )[1:array_position(
                ARRAY['submitted', 'approved', 'awaiting_return', 'return_shipped',
                      'return_received', 'refunded'], ended.status
            )]
        END
    ) AS path
FROM (
    SELECT row_number() OVER (ORDER BY id) AS n, part.* FROM orders_suborder part
    WHERE status = 'completed' AND order_no LIKE 'H%'
    ORDER BY id LIMIT @number@
) part
JOIN orders_order "order" ON "order".id = part.order_id
JOIN orders_orderline line ON line.suborder_id = part.id AND line.line_no = 1
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN n > @number@ * 0.97 THEN (
            ARRAY['submitted', 'submitted', 'submitted', 'info_requested', 'awaiting_return',
                  'return_shipped', 'return_received']
        )[1 + n % 7]
        WHEN n % 100 < 5 THEN 'rejected'
        WHEN n % 100 < 8 THEN 'cancelled'
        WHEN n % 100 < 9 THEN 'expired'
        ELSE 'refunded'
    END AS status
) ended
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN ended.status IN ('awaiting_return', 'return_shipped', 'return_received', 'expired')
            OR n % 3 = 0
        THEN 'return_refund' ELSE 'refund'
    END AS type
) asked;
ANALYZE filed;

INSERT INTO aftersales_claim
    (aftersale_no, partner_id, merchant_aftersale_no, fingerprint, order_id, suborder_id, type,
     status, version, reason_id, description, opened_by, goods_refund_amount,
     freight_refund_amount, refund_amount, decision_note, deadline, return_address, decided_at,
     decided_by, ended_at, created_at, updated_at)
SELECT aftersale_no, partner_id, 'R-' || n, '\x00', order_id, part_id, type, status,
    cardinality(path), (SELECT id FROM aftersales_reason WHERE code = 'history'), '', '',
    stands, 0, stands, CASE WHEN status = 'rejected' THEN '不符合条件' ELSE '' END,
    CASE WHEN status IN (@open@) AND status <> 'return_shipped'
        THEN filed_at + interval '48 hours' END,
    CASE WHEN 'awaiting_return' = ANY(path)
        THEN '{"name": "退货组", "phone": "13800138000", "address": "示例路 1 号"}'::jsonb END,
    CASE WHEN path && ARRAY['approved', 'rejected'] THEN filed_at + interval '1 minute' END,
    CASE WHEN path && ARRAY['approved', 'rejected'] THEN 'history' ELSE '' END,
    CASE WHEN status NOT IN (@open@) THEN last_at END, filed_at, last_at
FROM filed
CROSS JOIN LATERAL (
    SELECT filed_at + interval '1 minute' * (cardinality(path) - 1) AS last_at,
        CASE WHEN status IN ('rejected', 'cancelled', 'expired') THEN 0 ELSE amount END AS stands
) told
ORDER BY n;
ANALYZE aftersales_claim;
INSERT INTO aftersales_claimline
    (claim_id, line_id, quantity, unshipped_quantity, approved_quantity, received_quantity,
     accepted_quantity, restocked_quantity, inspection, refund_amount)
SELECT claim.id, line_id, 1, 0,
    CASE WHEN 'approved' = ANY(path) THEN 1 END,
    CASE WHEN 'return_received' = ANY(path) THEN 1 END,
    CASE WHEN filed.status = 'refunded' AND filed.type = 'return_refund' THEN 1 END, 0,
    CASE WHEN filed.status = 'refunded' AND filed.type = 'return_refund'
        THEN 'as_expected' ELSE '' END,
    claim.refund_amount
FROM filed JOIN aftersales_claim claim USING (aftersale_no) ORDER BY n;
INSERT INTO aftersales_claimevent
    (claim_id, from_status, to_status, role, actor, note, created_at)
SELECT claim.id, coalesce(path[step - 1], ''), path[step],
    CASE WHEN path[step] IN ('submitted', 'cancelled', 'return_shipped') THEN 'merchant'
        WHEN path[step] = 'expired' THEN 'platform' ELSE 'operator' END,
    'history', '', filed_at + interval '1 minute' * (step - 1)
FROM filed
JOIN aftersales_claim claim USING (aftersale_no)
CROSS JOIN LATERAL generate_series(1, cardinality(path)) AS step
ORDER BY n, step;
INSERT INTO aftersales_claimparcel
    (claim_id, direction, carrier_id, waybill_no, shipped_at, status, delivered_at, actor)
SELECT claim.id, 'return', (SELECT min(id) FROM orders_carrier), 'BACK' || n, filed_at, 'in_transit',
    NULL, 'history'
FROM filed JOIN aftersales_claim claim USING (aftersale_no)
WHERE 'return_shipped' = ANY(path) ORDER BY n;

UPDATE orders_orderline line
SET claimed_quantity = CASE WHEN status IN (@open@) THEN 1 ELSE 0 END,
    refunded_quantity = CASE WHEN status = 'refunded' THEN 1 ELSE 0 END,
    refunded_amount = CASE WHEN status = 'refunded' THEN filed.amount ELSE 0 END
FROM filed WHERE filed.line_id = line.id AND status IN ('refunded', @open@);
UPDATE orders_suborder part SET refunded_amount = amount
FROM filed WHERE filed.part_id = part.id AND filed.status = 'refunded';
UPDATE orders_order "order" SET refunded_amount = amount
FROM filed WHERE filed.order_id = "order".id AND filed.status = 'refunded';

-- A refund each, behind everything that the wallets' books have.
INSERT INTO accounts_ledgerentry
    (partner_id, entry_no, kind, amount, balance_after, document, document_no, order_no,
     suborder_no, aftersale_no, note, created_at)
SELECT partner_id, last_entry_no + row_number() OVER by_partner, 'refund', amount,
    balance + sum(amount) OVER by_partner, 'aftersale', aftersale_no, parent_no, order_no,
    aftersale_no, '', greatest(last_entry_at, @now@)
FROM filed
JOIN accounts_wallet USING (partner_id)
WHERE status = 'refunded'
WINDOW by_partner AS (PARTITION BY partner_id ORDER BY n)
ORDER BY n;
UPDATE accounts_wallet wallet
SET last_entry_no = last_entry_no + added.number, balance = balance + added.amount,
    last_entry_at = greatest(last_entry_at, @now@)
FROM (
    SELECT partner_id, count(*) AS number, sum(amount) AS amount
    FROM filed WHERE status = 'refunded' GROUP BY partner_id
) added
WHERE wallet.partner_id = added.partner_id;
