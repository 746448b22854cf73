-- Placing and confirming as one function each: what Postgres alone can do of the same work. They
-- read what the services read, and write the same rows of the same tables, with documents of the
-- same size. @…@ are literals that tests/bench/world.py puts in.
CREATE SCHEMA bench;
CREATE SEQUENCE bench.placed_nos;
CREATE SEQUENCE bench.confirmed_nos;
CREATE TYPE bench.line AS (
    sku_id bigint, code text, name text, purchase_price numeric, market_price numeric,
    sale_price numeric, tax_rate numeric, weight_grams int, stock_id bigint, warehouse_id bigint
);

-- One unit of each SKU, from one warehouse, the one of the highest priority.
CREATE FUNCTION bench.place_order(for_partner bigint, codes text[]) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    no text := 'B' || nextval('bench.placed_nos');
    context record;
    lines bench.line[];
    goods numeric;
    weight int;
    freight numeric;
    new_order bigint;
    new_part bigint;
    reserved_rows int;
    new_hold bigint;
BEGIN
    SELECT partner.code, region.path_name, known.order_no AS known_no,
        clock_timestamp() + make_interval(mins => partner.order_expiry_minutes) AS expires_at,
        tariff.first_size, tariff.first_amount, tariff.step_size, tariff.step_amount
    INTO context
    FROM accounts_partner partner
    JOIN regions_region region ON region.code = @region@ AND NOT region.is_retired
    LEFT JOIN orders_order known
        ON known.partner_id = partner.id AND known.merchant_order_no = no
    JOIN orders_freighttemplate template ON template.is_active
    JOIN orders_freightrule tariff ON tariff.template_id = template.id
    WHERE partner.id = for_partner AND partner.status = 'active'
        AND (partner.orders_while_overdue OR NOT partner.has_overdue_bill);

    WITH serving AS MATERIALIZED (
        SELECT warehouse.id, warehouse.priority
        FROM catalog_warehouse warehouse
        JOIN regions_region wanted ON wanted.code = @region@
        WHERE NOT EXISTS (
                SELECT FROM catalog_warehouse_serves serves WHERE serves.warehouse_id = warehouse.id
            )
            OR EXISTS (
                SELECT FROM catalog_warehouse_serves serves
                JOIN regions_region served ON served.code = serves.region_id
                WHERE serves.warehouse_id = warehouse.id
                    AND (served.code = ANY(wanted.path) OR wanted.code = ANY(served.path))
            )
    )
    SELECT array_agg(row(
            sku.id, sku.code, sku.name,
            coalesce(
                agreement.fixed_price,
                round(sku.sale_price * (100 - agreement.discount_percent) / 100, 2),
                sku.sale_price
            ),
            sku.market_price, sku.sale_price, sku.tax_rate, sku.weight_grams, stock.id,
            stock.warehouse_id
        )::bench.line)
    INTO lines
    FROM unnest(codes) AS wanted (code)
    JOIN catalog_sku sku ON sku.code = wanted.code AND sku.shelf_state = 'on_shelf'
    LEFT JOIN LATERAL (
        SELECT fixed_price, discount_percent FROM catalog_purchaseprice agreed
        WHERE agreed.sku_id = sku.id AND agreed.partner_id = for_partner
            AND agreed.starts_at <= statement_timestamp()
            AND (agreed.ends_at IS NULL OR agreed.ends_at > statement_timestamp())
        ORDER BY agreed.starts_at DESC LIMIT 1
    ) agreement ON true
    CROSS JOIN LATERAL (
        SELECT stock.id, stock.warehouse_id
        FROM catalog_stock stock JOIN serving ON serving.id = stock.warehouse_id
        WHERE stock.sku_id = sku.id AND stock.on_hand - stock.reserved - stock.safety_quantity > 0
        ORDER BY serving.priority DESC, serving.id LIMIT 1
    ) stock
    WHERE EXISTS (
        SELECT FROM catalog_poolmembership membership
        JOIN catalog_poolassignment assignment ON assignment.pool_id = membership.pool_id
        WHERE membership.sku_id = sku.id AND assignment.partner_id = for_partner
    );
    IF context.known_no IS NOT NULL OR cardinality(lines) IS DISTINCT FROM cardinality(codes) THEN
        RAISE EXCEPTION 'cannot be placed';
    END IF;
    SELECT sum(purchase_price), sum(weight_grams) INTO goods, weight FROM unnest(lines);
    freight := context.first_amount + context.step_amount
        * ceil(greatest(weight - context.first_size, 0)::numeric / context.step_size);

    INSERT INTO orders_order
        (order_no, partner_id, merchant_order_no, fingerprint, status, version, goods_amount,
         freight_amount, total_amount, refunded_amount, remark, purchase_order_no, metadata,
         consignee_name, consignee_phone, consignee_region_id, consignee_region_name,
         consignee_address, expires_at, created_at, updated_at, close_reason)
    VALUES
        (no, for_partner, no, sha256(no::bytea), 'pending_payment', 1, goods, freight,
         goods + freight, 0, '', '', '{}', @name@, @phone@, @region@, context.path_name,
         @address@, context.expires_at, clock_timestamp(), clock_timestamp(), '')
    ON CONFLICT (partner_id, merchant_order_no) DO NOTHING
    RETURNING id INTO new_order;
    INSERT INTO orders_suborder
        (order_id, order_no, warehouse_id, status, goods_amount, freight_amount, total_amount,
         refunded_amount)
    VALUES
        (new_order, no || '-1', lines[1].warehouse_id, 'pending_payment', goods, freight,
         goods + freight, 0)
    RETURNING id INTO new_part;
    INSERT INTO orders_orderline
        (order_id, suborder_id, line_no, sku_id, sku_code, name, quantity, shipped_quantity,
         refunded_quantity, purchase_price, market_price, sale_price, tax_rate, weight_grams,
         amount, refunded_amount)
    SELECT new_order, new_part, line_no, sku_id, code, name, 1, 0, 0, purchase_price, market_price,
        sale_price, tax_rate, weight_grams, purchase_price, 0
    FROM unnest(lines) WITH ORDINALITY AS line
        (sku_id, code, name, purchase_price, market_price, sale_price, tax_rate, weight_grams,
         stock_id, warehouse_id, line_no);
    INSERT INTO orders_orderevent
        (order_id, subject_no, from_status, to_status, actor, reason, created_at)
    VALUES (new_order, no, '', 'pending_payment', context.code, '', clock_timestamp());

    WITH locked AS MATERIALIZED (
        SELECT stock.id FROM unnest(lines) line JOIN catalog_stock stock ON stock.id = line.stock_id
        ORDER BY stock.id FOR NO KEY UPDATE OF stock
    ), moved AS (
        UPDATE catalog_stock stock SET reserved = reserved + 1
        FROM locked
        WHERE stock.id = locked.id
            AND stock.on_hand - stock.reserved - stock.safety_quantity >= 1
        RETURNING stock.id
    )
    INSERT INTO catalog_stockmovement
        (stock_id, cause, on_hand_change, reserved_change, outgoing_change, document_no, actor)
    SELECT id, 'reserved', 0, 1, 0, no, '' FROM moved;
    GET DIAGNOSTICS reserved_rows = ROW_COUNT;
    INSERT INTO messaging_outbox (type, subject, partner_ids, data)
    VALUES
        ('order.created', 'order:' || no, ARRAY[for_partner],
         replace(@created_document@, '@order_no@', no)::jsonb);
    WITH wallet AS (
        UPDATE accounts_wallet
        SET held_amount = held_amount + goods + freight, last_hold_no = last_hold_no + 1,
            last_hold_at = greatest(clock_timestamp(), last_hold_at),
            open_orders = open_orders + 1,
            spent_on = greatest(spent_on, current_date),
            spent_amount = CASE WHEN spent_on >= current_date THEN spent_amount ELSE 0 END
                + goods + freight
        WHERE partner_id = for_partner AND balance + credit_limit - held_amount >= goods + freight
            AND open_orders < max_open_orders
            AND (
                daily_spending_cap IS NULL
                OR CASE WHEN spent_on >= current_date THEN spent_amount ELSE 0 END
                    + goods + freight <= daily_spending_cap
            )
        RETURNING last_hold_no, last_hold_at, held_amount
    )
    INSERT INTO accounts_holdentry
        (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
    SELECT for_partner, last_hold_no, 'held', goods + freight, held_amount, no, last_hold_at
    FROM wallet
    RETURNING hold_no INTO new_hold;
    IF reserved_rows < cardinality(codes) OR new_hold IS NULL THEN
        RAISE EXCEPTION 'no stock or no money';
    END IF;
    RETURN no;
END $$;

-- The next of the orders that add_pending('P', …) made.
CREATE FUNCTION bench.confirm_order() RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    no text := 'P' || nextval('bench.confirmed_nos');
    moved_order record;
BEGIN
    UPDATE orders_order
    SET status = 'paid', version = version + 1, updated_at = clock_timestamp(),
        paid_at = clock_timestamp()
    WHERE order_no = no AND status = 'pending_payment' AND expires_at > clock_timestamp()
    RETURNING id, partner_id, total_amount INTO moved_order;
    IF moved_order.id IS NULL THEN
        RAISE EXCEPTION '% cannot be confirmed', no;
    END IF;
    WITH parts AS (
        UPDATE orders_suborder SET status = 'awaiting_shipment'
        WHERE order_id = moved_order.id AND status = 'pending_payment'
        RETURNING order_no
    )
    INSERT INTO orders_orderevent
        (order_id, subject_no, from_status, to_status, actor, reason, created_at)
    SELECT moved_order.id, no, 'pending_payment', 'paid', 'bench', '', clock_timestamp()
    UNION ALL
    SELECT moved_order.id, order_no, 'pending_payment', 'awaiting_shipment', 'bench', '',
        clock_timestamp()
    FROM parts;
    WITH locked AS MATERIALIZED (
        SELECT stock.id, line.quantity
        FROM orders_orderline line
        JOIN orders_suborder part ON part.id = line.suborder_id
        JOIN catalog_stock stock
            ON stock.sku_id = line.sku_id AND stock.warehouse_id = part.warehouse_id
        WHERE line.order_id = moved_order.id
        ORDER BY stock.id FOR NO KEY UPDATE OF stock
    ), moved AS (
        UPDATE catalog_stock stock
        SET on_hand = on_hand - locked.quantity, reserved = reserved - locked.quantity,
            outgoing = outgoing + locked.quantity
        FROM locked
        WHERE stock.id = locked.id
        RETURNING stock.id, locked.quantity
    )
    INSERT INTO catalog_stockmovement
        (stock_id, cause, on_hand_change, reserved_change, outgoing_change, document_no, actor)
    SELECT id, 'paid', -quantity, -quantity, quantity, no, '' FROM moved;
    INSERT INTO messaging_outbox (type, subject, partner_ids, data)
    VALUES
        ('order.status_changed', 'order:' || no, ARRAY[moved_order.partner_id],
         replace(@confirmed_document@, '@order_no@', no)::jsonb);
    WITH wallet AS (
        UPDATE accounts_wallet
        SET balance = balance - moved_order.total_amount,
            held_amount = held_amount - moved_order.total_amount,
            open_orders = open_orders - 1,
            last_entry_no = last_entry_no + 1, last_hold_no = last_hold_no + 1,
            last_entry_at = greatest(clock_timestamp(), last_entry_at),
            last_hold_at = greatest(clock_timestamp(), last_hold_at)
        WHERE partner_id = moved_order.partner_id
        RETURNING last_entry_no, last_entry_at, balance, last_hold_no, last_hold_at, held_amount
    ), paid AS (
        INSERT INTO accounts_holdentry
            (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
        SELECT moved_order.partner_id, last_hold_no, 'paid', -moved_order.total_amount,
            held_amount, no, last_hold_at
        FROM wallet
    )
    INSERT INTO accounts_ledgerentry
        (partner_id, entry_no, kind, amount, balance_after, document, document_no, order_no,
         suborder_no, aftersale_no, note, created_at)
    SELECT moved_order.partner_id, last_entry_no, 'order_payment', -moved_order.total_amount,
        balance, 'order', no, no, '', '', '', last_entry_at
    FROM wallet;
    RETURN no;
END $$;

-- Orders waiting for confirmation, made in bulk: of three lines each, dealt to the partners in
-- turn, numbered from `first` on behind the prefix. Only what confirming reads and checks is made.
CREATE FUNCTION bench.add_pending(prefix text, first bigint, number int, partners bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stocks bigint[] := (
        SELECT array_agg(stock.id ORDER BY stock.id)
        FROM catalog_stock stock JOIN catalog_warehouse warehouse ON warehouse.id = warehouse_id
        WHERE warehouse.code = 'north'
    );
BEGIN
    CREATE TEMP TABLE wanted ON COMMIT DROP AS
    SELECT prefix || n AS order_no, partners[1 + n % cardinality(partners)] AS partner_id,
        line_no,
        stocks[1 + ((n * 7919 + line_no * (cardinality(stocks) / 3)) % cardinality(stocks))]
            AS stock_id
    FROM generate_series(first, first + number - 1) AS n, generate_series(1, 3) AS line_no;
    CREATE TEMP TABLE priced ON COMMIT DROP AS
    SELECT wanted.*, stock.warehouse_id, sku.id AS sku_id, sku.code, sku.name, sku.market_price,
        sku.sale_price, sku.tax_rate, sku.weight_grams
    FROM wanted JOIN catalog_stock stock ON stock.id = wanted.stock_id
    JOIN catalog_sku sku ON sku.id = stock.sku_id;

    INSERT INTO orders_order
        (order_no, partner_id, merchant_order_no, fingerprint, status, version, goods_amount,
         freight_amount, total_amount, refunded_amount, remark, purchase_order_no, metadata,
         consignee_name, consignee_phone, consignee_region_id, consignee_region_name,
         consignee_address, expires_at, created_at, updated_at, close_reason)
    SELECT order_no, partner_id, order_no, sha256(order_no::bytea), 'pending_payment', 1,
        sum(sale_price), 8, sum(sale_price) + 8, 0, '', '', '{}', @name@, @phone@, @region@,
        @region@, @address@, clock_timestamp() + interval '1 day', clock_timestamp(),
        clock_timestamp(), ''
    FROM priced GROUP BY order_no, partner_id ORDER BY min(stock_id);
    INSERT INTO orders_suborder
        (order_id, order_no, warehouse_id, status, goods_amount, freight_amount, total_amount,
         refunded_amount)
    SELECT "order".id, "order".order_no || '-1', min(warehouse_id), 'pending_payment', goods_amount,
        freight_amount, total_amount, 0
    FROM priced JOIN orders_order "order" USING (order_no) GROUP BY "order".id;
    INSERT INTO orders_orderline
        (order_id, suborder_id, line_no, sku_id, sku_code, name, quantity, shipped_quantity,
         refunded_quantity, purchase_price, market_price, sale_price, tax_rate, weight_grams,
         amount, refunded_amount)
    SELECT part.order_id, part.id, line_no, sku_id, code, name, 1, 0, 0, sale_price, market_price,
        sale_price, tax_rate, weight_grams, sale_price, 0
    FROM priced JOIN orders_suborder part ON part.order_no = priced.order_no || '-1'
    ORDER BY part.id, line_no;
    INSERT INTO accounts_holdentry
        (partner_id, hold_no, kind, amount, held_after, order_no, created_at)
    SELECT partner_id,
        last_hold_no + row_number() OVER (PARTITION BY partner_id ORDER BY "order".id),
        'held', total_amount,
        held_amount + sum(total_amount) OVER (PARTITION BY partner_id ORDER BY "order".id),
        order_no, clock_timestamp()
    FROM orders_order "order" JOIN accounts_wallet USING (partner_id)
    WHERE order_no IN (SELECT order_no FROM wanted);
    UPDATE accounts_wallet wallet
    SET held_amount = held_amount + added.amount, last_hold_no = last_hold_no + added.number,
        open_orders = open_orders + added.number, last_hold_at = clock_timestamp()
    FROM (
        SELECT partner_id, sum(total_amount) AS amount, count(*) AS number
        FROM orders_order WHERE order_no IN (SELECT order_no FROM wanted) GROUP BY partner_id
    ) added
    WHERE wallet.partner_id = added.partner_id;
    UPDATE catalog_stock stock SET reserved = reserved + added.number
    FROM (SELECT stock_id, count(*) AS number FROM wanted GROUP BY stock_id) added
    WHERE stock.id = added.stock_id;
END $$;

-- Orders to file a claim on: as above, and paid. What a payment leaves in stock, ledger and wallet
-- is not made, since a claim does not look there before it is decided.
CREATE FUNCTION bench.add_paid(prefix text, first bigint, number int, partners bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    made text[] := (
        SELECT array_agg(prefix || n) FROM generate_series(first, first + number - 1) AS n
    );
BEGIN
    PERFORM bench.add_pending(prefix, first, number, partners);
    DROP TABLE wanted, priced;
    UPDATE orders_order
    SET status = 'paid', version = version + 1, paid_at = clock_timestamp()
    WHERE order_no = ANY(made);
    UPDATE orders_suborder part SET status = 'awaiting_shipment'
    FROM orders_order "order"
    WHERE "order".id = part.order_id AND "order".order_no = ANY(made);
END $$;
