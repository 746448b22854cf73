-- Orders of the past: two lines each, most of them completed, parcels of a third of these; every
-- third of the first partner given, the others dealt to all of them; none has orders yet. The books
-- agree with them; stock does not know of them, since what was shipped is gone. history.py puts in
-- what stands between @s.
INSERT INTO orders_carrier (code, name, is_active) VALUES ('sf', 'SF Express', true)
ON CONFLICT (code) DO NOTHING;
CREATE TEMP TABLE partners ON COMMIT DROP AS
SELECT id, row_number() OVER () - 1 AS at FROM unnest(@partner_ids@::bigint[]) AS id;
CREATE TEMP TABLE goods ON COMMIT DROP AS
SELECT stock.warehouse_id, sku.*, row_number() OVER (ORDER BY sku.id) - 1 AS at
FROM catalog_sku sku
JOIN LATERAL (
    SELECT warehouse_id FROM catalog_stock WHERE sku_id = sku.id ORDER BY warehouse_id LIMIT 1
) stock ON true
LIMIT 5000;
CREATE TEMP TABLE wanted ON COMMIT DROP AS
SELECT n, 'H' || lpad(n::text, 9, '0') AS order_no, partners.id AS partner_id,
    '1' || lpad((n * 7919 % 10000000000)::text, 10, '3') AS phone,
    (ARRAY['王', '李', '张', '刘', '陈', '杨', '赵', '黄', '周', '吴'])[1 + n % 10]
        || (ARRAY['伟', '芳', '娜', '敏', '静', '强', '磊', '洋', '艳', '勇'])[1 + n / 10 % 10]
        || (ARRAY['', '国', '建', '文', '明', '永', '春', '海', '玉', '志'])[1 + n / 100 % 10]
        AS name,
    @now@::timestamptz - interval '1 day' * @days@ * ((@number@ - n)::float8 / @number@)
        - interval '2 hours' AS placed_at,
    CASE
        WHEN n % 100 < 3 THEN 'cancelled'
        WHEN n % 100 = 3 THEN 'expired'
        WHEN n > @number@ * 0.99 THEN 'paid'
        ELSE 'completed'
    END AS status,
    first.warehouse_id, first.id AS first_id, second.id AS second_id,
    first.sale_price + second.sale_price AS goods_amount, 0::numeric AS held_before
FROM generate_series(1::bigint, @number@) AS n
JOIN partners ON partners.at = CASE WHEN n % 3 = 0 THEN 0 ELSE n % @partners@ END
JOIN goods first ON first.at = n * 31 % (SELECT count(*) FROM goods)
JOIN goods second ON second.at = (n * 31 + 7) % (SELECT count(*) FROM goods);

ANALYZE goods;
ANALYZE wanted;

INSERT INTO orders_order
    (order_no, partner_id, merchant_order_no, fingerprint, status, version, goods_amount,
     freight_amount, total_amount, refunded_amount, remark, purchase_order_no, metadata,
     consignee_name, consignee_phone, consignee_region_id, consignee_region_name,
     consignee_address, expires_at, created_at, updated_at, paid_at, cancelled_at, close_reason)
SELECT order_no, partner_id, 'SHOP-' || n, '\x00', status, 3, goods_amount, 8, goods_amount + 8, 0,
    '', CASE WHEN n % 4 = 0 THEN 'PO-' || n ELSE '' END, '{}', name, phone, @region@, @region@,
    @address@, placed_at + interval '30 minutes', placed_at,
    placed_at + CASE WHEN status = 'completed' THEN interval '9 days' ELSE interval '1 hour' END
        * (CASE WHEN n > @number@ * 0.98 THEN 0.0001 ELSE 1 END),
    CASE WHEN status IN ('paid', 'completed') THEN placed_at + interval '1 minute' END,
    CASE WHEN status = 'cancelled' THEN placed_at + interval '1 minute' END, ''
FROM wanted ORDER BY n;
ANALYZE orders_order;
INSERT INTO orders_suborder
    (order_id, order_no, warehouse_id, status, goods_amount, freight_amount, total_amount,
     refunded_amount, shipped_at, delivered_at, completed_at)
SELECT "order".id, order_no || '-1', warehouse_id,
    CASE wanted.status
        WHEN 'expired' THEN 'cancelled' WHEN 'paid' THEN 'awaiting_shipment' ELSE wanted.status
    END,
    "order".goods_amount, 8, total_amount, 0, done.at, done.at, done.at
FROM wanted
JOIN orders_order "order" USING (order_no)
CROSS JOIN LATERAL (SELECT CASE WHEN wanted.status = 'completed' THEN updated_at END AS at) done
ORDER BY n;
ANALYZE orders_suborder;
INSERT INTO orders_orderline
    (order_id, suborder_id, line_no, sku_id, sku_code, name, quantity, shipped_quantity,
     refunded_quantity, purchase_price, market_price, sale_price, tax_rate, weight_grams,
     amount, refunded_amount)
SELECT part.order_id, part.id, line.line_no, sku.id, sku.code, sku.name, 1,
    CASE wanted.status WHEN 'completed' THEN 1 ELSE 0 END, 0, sku.sale_price, sku.market_price,
    sku.sale_price, sku.tax_rate, sku.weight_grams, sku.sale_price, 0
FROM wanted
JOIN orders_suborder part ON part.order_no = wanted.order_no || '-1'
CROSS JOIN LATERAL (VALUES (1, first_id), (2, second_id)) AS line (line_no, sku_id)
JOIN goods sku ON sku.id = line.sku_id
ORDER BY n, line.line_no;
INSERT INTO orders_orderevent
    (order_id, subject_no, from_status, to_status, actor, reason, created_at)
SELECT "order".id, order_no, step.before, step.after, 'bench', '', step.at
FROM wanted
JOIN orders_order "order" USING (order_no)
CROSS JOIN LATERAL (VALUES
    ('', 'pending_payment', placed_at), ('pending_payment', wanted.status, updated_at)
) AS step (before, after, at)
ORDER BY n, step.at;
INSERT INTO orders_shipment
    (shipment_no, suborder_id, carrier_id, waybill_no, shipped_at, status, delivered_at,
     settlement, actor)
SELECT 'S' || part.order_no, part.id, (SELECT min(id) FROM orders_carrier), 'SF' || n * 104729,
    part.shipped_at, 'delivered', part.shipped_at, '', 'bench'
FROM wanted
JOIN orders_suborder part ON part.order_no = wanted.order_no || '-1'
WHERE wanted.status = 'completed' AND n % 3 = 1
ORDER BY n;
ANALYZE orders_orderline;
ANALYZE orders_shipment;
INSERT INTO orders_shipmentline (shipment_id, line_id, quantity)
SELECT shipment.id, line.id, 1
FROM orders_shipment shipment
JOIN orders_orderline line USING (suborder_id)
JOIN orders_suborder part ON part.id = line.suborder_id
WHERE part.order_no LIKE 'H%'
ORDER BY shipment.id, line.line_no;

-- A hold and its end for each order, a payment for most; numbers and sums go on from the wallets'.
INSERT INTO accounts_holdentry
    (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
SELECT partner_id, last_hold_no + row_number() OVER (PARTITION BY partner_id ORDER BY n, step.at),
    step.kind, step.sign * (goods_amount + 8),
    held_amount + CASE step.sign WHEN 1 THEN goods_amount + 8 ELSE 0 END, order_no,
    placed_at + step.sign * interval '-1 second'
FROM wanted
JOIN accounts_wallet USING (partner_id)
CROSS JOIN LATERAL (VALUES
    ('held', 1, 1),
    (CASE WHEN status IN ('paid', 'completed') THEN 'paid' ELSE 'released' END, -1, 2)
) AS step (kind, sign, at)
ORDER BY n, step.at;
INSERT INTO accounts_ledgerentry
    (partner_id, entry_no, kind, amount, balance_after, document, document_no, order_no,
     suborder_no, aftersale_no, note, created_at)
SELECT partner_id, last_entry_no + row_number() OVER by_partner, 'order_payment',
    -goods_amount - 8, balance - sum(goods_amount + 8) OVER by_partner, 'order', order_no,
    order_no, '', '', '', greatest(last_entry_at, placed_at)
FROM wanted
JOIN accounts_wallet USING (partner_id)
WHERE status IN ('paid', 'completed')
WINDOW by_partner AS (PARTITION BY partner_id ORDER BY n)
ORDER BY n;
UPDATE accounts_wallet wallet
SET last_hold_no = last_hold_no + 2 * added.number, last_hold_at = added.last_at,
    last_entry_no = last_entry_no + added.paid, balance = balance - added.amount
FROM (
    SELECT partner_id, count(*) AS number, count(*) FILTER (WHERE is_paid) AS paid,
        coalesce(sum(goods_amount + 8) FILTER (WHERE is_paid), 0) AS amount,
        max(placed_at) + interval '1 second' AS last_at
    FROM wanted CROSS JOIN LATERAL (SELECT status IN ('paid', 'completed') AS is_paid) told
    GROUP BY partner_id
) added
WHERE wallet.partner_id = added.partner_id;
