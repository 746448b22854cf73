"""Orders change a few times in their life: room on their pages, and events that only grow."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial"), ("accounts", "0002_append_only")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE orders_order SET (fillfactor = 80);"
            "ALTER TABLE orders_suborder SET (fillfactor = 80);"
            "ALTER TABLE orders_orderline SET (fillfactor = 85)",
            "ALTER TABLE orders_order RESET (fillfactor);"
            "ALTER TABLE orders_suborder RESET (fillfactor);"
            "ALTER TABLE orders_orderline RESET (fillfactor)",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER orders_orderevent_append_only"
            " BEFORE UPDATE OR DELETE ON orders_orderevent"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            "DROP TRIGGER orders_orderevent_append_only ON orders_orderevent",
        ),
    ]
