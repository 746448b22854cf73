"""A percentage of an agreement is what is taken off the sale price, no longer what is left of it."""

from django.db import migrations, models

# 85, of which 85 % was paid, becomes 15: nobody's price moves. What was 100, the sale price in
# spite of an agreement on more, becomes 0 and keeps its rank; new ones are above 0.
TURN = "UPDATE catalog_purchaseprice SET discount_percent = 100 - discount_percent"
NAME = "purchase_price_fixed_or_percent"


def fixed_or(**percent: int) -> models.CheckConstraint:
    """A price of a SKU, or a percentage within bounds."""
    return models.CheckConstraint(
        condition=models.Q(sku__isnull=False, fixed_price__gt=0, discount_percent__isnull=True)
        | models.Q(
            fixed_price__isnull=True,
            **{f"discount_percent__{bound}": value for bound, value in percent.items()},
        ),
        name=NAME,
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0008_unchecked_stamps")]
    operations = [
        migrations.RemoveConstraint(model_name="purchaseprice", name=NAME),
        migrations.RunSQL(
            f"{TURN} WHERE discount_percent IS NOT NULL",
            f"{TURN} WHERE discount_percent IS NOT NULL",
        ),
        migrations.AlterField(
            model_name="purchaseprice",
            name="discount_percent",
            field=models.DecimalField(
                blank=True,
                decimal_places=2,
                help_text="15 means 15 % off: 85 % of the sale price is paid",
                max_digits=5,
                null=True,
                verbose_name="percent off the sale price",
            ),
        ),
        migrations.AddConstraint(model_name="purchaseprice", constraint=fixed_or(gte=0, lt=100)),
    ]
