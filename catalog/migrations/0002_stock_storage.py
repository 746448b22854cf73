"""Stock rows change with every order: room on their pages, and movements that only grow."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial"), ("accounts", "0002_append_only")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE catalog_stock SET (fillfactor = 60)",
            "ALTER TABLE catalog_stock RESET (fillfactor)",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER catalog_stockmovement_append_only"
            " BEFORE UPDATE OR DELETE ON catalog_stockmovement"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER catalog_stockmovement_append_only ON catalog_stockmovement",
        ),
    ]
