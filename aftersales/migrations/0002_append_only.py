"""The history of a claim is only ever appended."""

from django.db import migrations

TABLES = ("aftersales_claimevent", "aftersales_claimnote", "aftersales_ruleapproval")


class Migration(migrations.Migration):
    dependencies = [("aftersales", "0001_initial"), ("accounts", "0002_append_only")]
    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            f"DROP TRIGGER {table}_append_only ON {table}",
        )
        for table in TABLES
    ]
