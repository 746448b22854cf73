"""Money rows are only ever appended; wallets leave room on their pages for hot updates."""

from django.db import migrations

TABLES = ("accounts_ledgerentry", "accounts_holdentry", "accounts_creditlimitchange")
REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION refuse_change()"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
                f"DROP TRIGGER {table}_append_only ON {table}",
            )
            for table in TABLES
        ),
        migrations.RunSQL(
            "ALTER TABLE accounts_wallet SET (fillfactor = 50)",
            "ALTER TABLE accounts_wallet RESET (fillfactor)",
        ),
    ]
