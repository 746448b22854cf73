"""Quotes, freight by rules, and what operators do to orders that were paid."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import openplatform.core.model_fields
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_closures"),
        ("catalog", "0012_restocked_units"),
        ("orders", "0002_storage"),
        ("regions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Closure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "closure_no",
                    models.CharField(max_length=24, unique=True, verbose_name="closure number"),
                ),
                (
                    "goods_amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2, max_digits=14, verbose_name="goods"
                    ),
                ),
                (
                    "freight_amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2,
                        default=Decimal("0"),
                        max_digits=14,
                        verbose_name="freight",
                    ),
                ),
                (
                    "amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2, max_digits=14, verbose_name="refund"
                    ),
                ),
                (
                    "is_restocked",
                    models.BooleanField(
                        help_text="Whether the units can be sold again", verbose_name="restocked"
                    ),
                ),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("actor", models.CharField(max_length=150, verbose_name="by")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
            ],
            options={
                "verbose_name": "closure",
                "verbose_name_plural": "closures",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="ClosureLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                (
                    "amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2, max_digits=14, verbose_name="refund"
                    ),
                ),
            ],
            options={
                "verbose_name": "closed line",
                "verbose_name_plural": "closed lines",
            },
        ),
        migrations.CreateModel(
            name="FreightRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "basis",
                    models.CharField(
                        choices=[
                            ("weight", "Weight (g)"),
                            ("pieces", "Pieces"),
                            ("amount", "Goods amount"),
                        ],
                        default="weight",
                        max_length=8,
                        verbose_name="basis",
                    ),
                ),
                (
                    "first_size",
                    models.PositiveIntegerField(
                        default=1000,
                        help_text="Grams, pieces or units of the currency",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="first part",
                    ),
                ),
                (
                    "first_amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2, max_digits=14, verbose_name="amount for the first part"
                    ),
                ),
                (
                    "step_size",
                    models.PositiveIntegerField(
                        default=1000,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="each further part",
                    ),
                ),
                (
                    "step_amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2,
                        default=Decimal("0"),
                        max_digits=14,
                        verbose_name="amount for each further part",
                    ),
                ),
                (
                    "free_from_amount",
                    openplatform.core.model_fields.AmountField(
                        blank=True,
                        decimal_places=2,
                        help_text="Goods of this template in one suborder; a remote surcharge stays",
                        max_digits=14,
                        null=True,
                        verbose_name="free from",
                    ),
                ),
                (
                    "remote_amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2,
                        default=Decimal("0"),
                        help_text="Once per suborder",
                        max_digits=14,
                        verbose_name="remote surcharge",
                    ),
                ),
            ],
            options={
                "verbose_name": "freight rule",
                "verbose_name_plural": "freight rules",
                "ordering": ("template", "id"),
            },
        ),
        migrations.CreateModel(
            name="Quote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("quote_id", models.CharField(max_length=24, unique=True, verbose_name="quote")),
                (
                    "fingerprint",
                    models.BinaryField(
                        help_text="SHA-256 of SKUs, quantities and region",
                        verbose_name="fingerprint",
                    ),
                ),
                (
                    "total_amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2, max_digits=14, verbose_name="total"
                    ),
                ),
                (
                    "plan",
                    models.JSONField(
                        help_text="Suborders and lines as they will be frozen", verbose_name="plan"
                    ),
                ),
                ("expires_at", models.DateTimeField(verbose_name="expires at")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="created at",
                    ),
                ),
            ],
            options={
                "verbose_name": "quote",
                "verbose_name_plural": "quotes",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="Split",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "lines",
                    models.JSONField(
                        help_text="line_no, the number it had, quantity and amount of each line that went",
                        verbose_name="lines",
                    ),
                ),
                (
                    "goods_amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2, max_digits=14, verbose_name="goods"
                    ),
                ),
                (
                    "freight_amount",
                    openplatform.core.model_fields.AmountField(
                        decimal_places=2, max_digits=14, verbose_name="freight"
                    ),
                ),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("actor", models.CharField(max_length=150, verbose_name="by")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
            ],
            options={
                "verbose_name": "split",
                "verbose_name_plural": "splits",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="WaybillChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "from_waybill_no",
                    models.CharField(max_length=64, verbose_name="from waybill number"),
                ),
                (
                    "to_waybill_no",
                    models.CharField(max_length=64, verbose_name="to waybill number"),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("actor", models.CharField(max_length=150, verbose_name="by")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
            ],
            options={
                "verbose_name": "waybill change",
                "verbose_name_plural": "waybill changes",
                "ordering": ("-id",),
            },
        ),
        migrations.AlterModelOptions(
            name="freighttemplate",
            options={
                "ordering": ("code",),
                "verbose_name": "freight template",
                "verbose_name_plural": "freight templates",
            },
        ),
        migrations.RemoveConstraint(
            model_name="freighttemplate",
            name="freight_template_amounts_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="freighttemplate",
            name="freight_template_weights_positive",
        ),
        migrations.RemoveConstraint(
            model_name="freighttemplate",
            name="freight_template_one_in_use",
        ),
        migrations.AddField(
            model_name="freighttemplate",
            name="category",
            field=models.ForeignKey(
                blank=True,
                help_text="With all below it; none means any",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.category",
                verbose_name="category",
            ),
        ),
        migrations.AddField(
            model_name="freighttemplate",
            name="code",
            field=models.CharField(
                default="",
                max_length=64,
                validators=[django.core.validators.RegexValidator("\\A[A-Za-z0-9._-]{1,64}\\Z")],
                verbose_name="code",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="freighttemplate",
            name="warehouse",
            field=models.ForeignKey(
                blank=True,
                help_text="What this warehouse ships; none means any",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.warehouse",
                verbose_name="warehouse",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="consignee_erased_at",
            field=models.DateTimeField(null=True, verbose_name="consignee erased at"),
        ),
        migrations.AddField(
            model_name="order",
            name="dropped",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="SKU, requested and ordered quantity of each line cut for lack of stock",
                verbose_name="dropped",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="quote_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The quote it was placed on",
                max_length=24,
                verbose_name="quote",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="region_confidence",
            field=models.DecimalField(
                blank=True,
                decimal_places=2,
                help_text="Of the region, where it was found by the address",
                max_digits=3,
                null=True,
                verbose_name="confidence",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="closed_quantity",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Refunded before they were shipped",
                verbose_name="closed",
            ),
        ),
        migrations.AddField(
            model_name="shipment",
            name="delivered_at",
            field=models.DateTimeField(null=True, verbose_name="delivered at"),
        ),
        migrations.AddField(
            model_name="shipment",
            name="settled_at",
            field=models.DateTimeField(null=True, verbose_name="settled at"),
        ),
        migrations.AddField(
            model_name="shipment",
            name="settlement",
            field=models.CharField(blank=True, max_length=200, verbose_name="settlement"),
        ),
        migrations.AddField(
            model_name="shipment",
            name="status",
            field=models.CharField(
                choices=[
                    ("pending", "Nothing known yet"),
                    ("picked_up", "Picked up"),
                    ("in_transit", "In transit"),
                    ("out_for_delivery", "Out for delivery"),
                    ("delivered", "Delivered"),
                    ("exception", "Exception"),
                    ("refused", "Refused"),
                    ("returning", "Returning"),
                    ("returned", "Returned"),
                    ("lost", "Lost"),
                ],
                db_default="pending",
                default="pending",
                help_text="Where its carrier says it is",
                max_length=16,
                verbose_name="status",
            ),
        ),
        migrations.AddField(
            model_name="shipment",
            name="troubled_at",
            field=models.DateTimeField(
                help_text="While it is lost, refused, on its way back or stuck, nothing is received",
                null=True,
                verbose_name="in trouble since",
            ),
        ),
        migrations.AddField(
            model_name="suborder",
            name="freight_details",
            field=models.JSONField(
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="The rules that gave the freight when the order was placed",
                verbose_name="freight by template",
            ),
        ),
        migrations.AddField(
            model_name="suborder",
            name="receipt_due_at",
            field=models.DateTimeField(
                help_text="When it counts as received by itself",
                null=True,
                verbose_name="receipt due at",
            ),
        ),
        migrations.AddField(
            model_name="suborder",
            name="refunded_freight_amount",
            field=openplatform.core.model_fields.AmountField(
                db_default=Decimal("0"),
                decimal_places=2,
                default=Decimal("0"),
                max_digits=14,
                verbose_name="refunded freight",
            ),
        ),
        migrations.AddIndex(
            model_name="shipment",
            index=models.Index(fields=["waybill_no"], name="shipment_waybill_no"),
        ),
        migrations.AddIndex(
            model_name="shipment",
            index=models.Index(
                condition=models.Q(("settled_at__isnull", True), ("troubled_at__isnull", False)),
                fields=["troubled_at"],
                name="shipment_in_trouble",
            ),
        ),
        migrations.AddIndex(
            model_name="suborder",
            index=models.Index(
                condition=models.Q(("status__in", ["shipped", "delivered"])),
                fields=["receipt_due_at"],
                name="suborder_receipt_due_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="freighttemplate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_active", True)),
                fields=("warehouse", "category"),
                name="freight_template_one_in_use",
                nulls_distinct=False,
                violation_error_message="Another template is in use for the same warehouse and category",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(("quote_id", ""), _negated=True),
                fields=("quote_id",),
                name="order_quote_unique",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "quantity__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("shipped_quantity"), "+", models.F("closed_quantity")
                        ),
                    ),
                    ("refunded_quantity__gte", models.F("closed_quantity")),
                ),
                name="order_line_closed_is_not_shipped",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refunded_amount__gte", 0), ("refunded_amount__lte", models.F("amount"))
                ),
                name="order_line_refunded_within_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="suborder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refunded_amount__gte", models.F("refunded_freight_amount")),
                    ("refunded_amount__lte", models.F("total_amount")),
                    ("refunded_freight_amount__gte", 0),
                    ("refunded_freight_amount__lte", models.F("freight_amount")),
                ),
                name="suborder_refunded_within_total",
            ),
        ),
        migrations.AddField(
            model_name="closure",
            name="suborder",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="closures",
                to="orders.suborder",
                verbose_name="suborder",
            ),
        ),
        migrations.AddField(
            model_name="closureline",
            name="closure",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="orders.closure",
                verbose_name="closure",
            ),
        ),
        migrations.AddField(
            model_name="closureline",
            name="line",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="closure_lines",
                to="orders.orderline",
                verbose_name="line",
            ),
        ),
        migrations.AddField(
            model_name="freightrule",
            name="regions",
            field=models.ManyToManyField(
                blank=True,
                help_text="Of any level; none means all that no other rule names",
                related_name="+",
                to="regions.region",
                verbose_name="regions",
            ),
        ),
        migrations.AddField(
            model_name="freightrule",
            name="template",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="rules",
                to="orders.freighttemplate",
                verbose_name="freight template",
            ),
        ),
        migrations.AddField(
            model_name="quote",
            name="partner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="quotes",
                to="accounts.partner",
                verbose_name="partner",
            ),
        ),
        migrations.AddField(
            model_name="split",
            name="from_warehouse",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.warehouse",
                verbose_name="from warehouse",
            ),
        ),
        migrations.AddField(
            model_name="split",
            name="source",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="splits",
                to="orders.suborder",
                verbose_name="from suborder",
            ),
        ),
        migrations.AddField(
            model_name="split",
            name="suborder",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="orders.suborder",
                verbose_name="suborder",
            ),
        ),
        migrations.AddField(
            model_name="split",
            name="to_warehouse",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.warehouse",
                verbose_name="to warehouse",
            ),
        ),
        migrations.AddField(
            model_name="waybillchange",
            name="from_carrier",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="orders.carrier",
                verbose_name="from carrier",
            ),
        ),
        migrations.AddField(
            model_name="waybillchange",
            name="shipment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="waybill_changes",
                to="orders.shipment",
                verbose_name="shipment",
            ),
        ),
        migrations.AddField(
            model_name="waybillchange",
            name="to_carrier",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="orders.carrier",
                verbose_name="to carrier",
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "amount",
                        django.db.models.expressions.CombinedExpression(
                            models.F("goods_amount"), "+", models.F("freight_amount")
                        ),
                    ),
                    ("freight_amount__gte", 0),
                    ("goods_amount__gte", 0),
                ),
                name="closure_amount_is_goods_and_freight",
            ),
        ),
        migrations.AddConstraint(
            model_name="closureline",
            constraint=models.UniqueConstraint(
                fields=("closure", "line"), name="closure_line_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="closureline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gt", 0)), name="closure_line_quantity_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="freightrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("first_amount__gte", 0),
                    ("remote_amount__gte", 0),
                    ("step_amount__gte", 0),
                    models.Q(
                        ("free_from_amount", None), ("free_from_amount__gte", 0), _connector="OR"
                    ),
                ),
                name="freight_rule_amounts_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="freightrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("first_size__gte", 1), ("step_size__gte", 1)),
                name="freight_rule_sizes_positive",
            ),
        ),
        migrations.AddIndex(
            model_name="quote",
            index=models.Index(fields=["expires_at"], name="quote_expires_at"),
        ),
        migrations.RunSQL(
            [
                "UPDATE orders_freighttemplate SET code = 'template-' || id",
                """
                INSERT INTO orders_freightrule (
                    template_id, basis, first_size, first_amount, step_size, step_amount,
                    remote_amount
                )
                SELECT id, 'weight', first_weight_grams, first_amount, step_weight_grams,
                    step_amount, 0
                FROM orders_freighttemplate
                """,
                # Constraints checked at the end of the transaction stand in the way of ALTER TABLE.
                "SET CONSTRAINTS ALL IMMEDIATE",
            ],
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name="freighttemplate",
            name="code",
            field=models.CharField(
                max_length=64,
                unique=True,
                validators=[django.core.validators.RegexValidator("\\A[A-Za-z0-9._-]{1,64}\\Z")],
                verbose_name="code",
            ),
        ),
        migrations.RemoveField(
            model_name="freighttemplate",
            name="first_amount",
        ),
        migrations.RemoveField(
            model_name="freighttemplate",
            name="first_weight_grams",
        ),
        migrations.RemoveField(
            model_name="freighttemplate",
            name="step_amount",
        ),
        migrations.RemoveField(
            model_name="freighttemplate",
            name="step_weight_grams",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER orders_closure_append_only"
            " BEFORE UPDATE OR DELETE ON orders_closure"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER orders_closure_append_only ON orders_closure",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER orders_closureline_append_only"
            " BEFORE UPDATE OR DELETE ON orders_closureline"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER orders_closureline_append_only ON orders_closureline",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER orders_split_append_only"
            " BEFORE UPDATE OR DELETE ON orders_split"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER orders_split_append_only ON orders_split",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER orders_waybillchange_append_only"
            " BEFORE UPDATE OR DELETE ON orders_waybillchange"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER orders_waybillchange_append_only ON orders_waybillchange",
        ),
    ]
