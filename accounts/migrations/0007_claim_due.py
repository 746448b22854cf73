import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_claims"),
    ]

    operations = [
        migrations.AlterField(
            model_name="contact",
            name="topics",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("balance_low", "Low balance"),
                        ("key_expiring", "API key about to expire"),
                        ("endpoint_failing", "Webhook endpoint failing"),
                        ("claim_due", "Claim about to end"),
                        ("statement_ready", "Statement ready"),
                        ("books_differ", "Books do not agree (our own side)"),
                    ],
                    max_length=32,
                ),
                blank=True,
                default=list,
                size=None,
                verbose_name="is told of",
            ),
        ),
    ]
