"""Statements that are ready, their files, and what was invoiced or paid never change."""

from django.db import migrations

TABLES = (
    "reconciliation_statementfile",
    "reconciliation_billpayment",
    "reconciliation_invoiceline",
    "reconciliation_invoiceevent",
)


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_initial"), ("accounts", "0002_append_only")]
    operations = [
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
                f"DROP TRIGGER {table}_append_only ON {table}",
            )
            for table in TABLES
        ),
        migrations.RunSQL(
            "CREATE TRIGGER reconciliation_statement_kept BEFORE UPDATE OR DELETE"
            " ON reconciliation_statement FOR EACH ROW WHEN (OLD.status = 'ready')"
            " EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER reconciliation_statement_kept ON reconciliation_statement",
        ),
    ]
