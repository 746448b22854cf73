from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("aftersales", "0003_reasons"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="claim",
            index=models.Index(
                fields=["merchant_aftersale_no"],
                name="claim_merchant_no",
                opclasses=["varchar_pattern_ops"],
            ),
        ),
    ]
