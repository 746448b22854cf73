"""Search in a table of its own, and stamps in the order of their list."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

# Capitals and small letters, full-width and half-width ones are the same to a search.
FOLD = """
    CREATE FUNCTION catalog_fold(words text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT lower(normalize(words, NFKC)) $$;
    -- Taking a text apart is dear; the planner is to ask the index.
    ALTER FUNCTION catalog_grams(text) COST 10000;
"""
UNFOLD = """
    ALTER FUNCTION catalog_grams(text) COST 100;
    DROP FUNCTION catalog_fold(text);
"""
# The rows that are there are locked first, so that whoever comes second reads what the first wrote.
TRIGGERS = r"""
    CREATE FUNCTION catalog_write_search(sku_ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM catalog_skusearch WHERE sku_id = ANY(sku_ids) ORDER BY sku_id FOR UPDATE;
        INSERT INTO catalog_skusearch (sku_id, words)
        SELECT sku.id,
            catalog_fold(concat_ws(E'\n', sku.name, sku.code, sku.barcode, brand.name))
        FROM catalog_sku sku
        JOIN catalog_product product ON product.id = sku.product_id
        LEFT JOIN catalog_brand brand ON brand.id = product.brand_id
        WHERE sku.id = ANY(sku_ids)
        ORDER BY sku.id
        ON CONFLICT (sku_id) DO UPDATE SET words = excluded.words;
    END $$;
    CREATE FUNCTION catalog_search_of_new_skus() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM catalog_write_search(ARRAY(SELECT id FROM made));
        RETURN NULL;
    END $$;
    CREATE FUNCTION catalog_search_of_sku() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM catalog_write_search(ARRAY[NEW.id]);
        RETURN NULL;
    END $$;
    CREATE FUNCTION catalog_search_of_product() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM catalog_write_search(
            ARRAY(SELECT id FROM catalog_sku WHERE product_id = NEW.id)
        );
        RETURN NULL;
    END $$;
    CREATE FUNCTION catalog_search_of_brand() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM catalog_write_search(ARRAY(
            SELECT sku.id FROM catalog_product product
            JOIN catalog_sku sku ON sku.product_id = product.id
            WHERE product.brand_id = NEW.id
        ));
        RETURN NULL;
    END $$;
    CREATE TRIGGER catalog_sku_search_of_new AFTER INSERT ON catalog_sku
        REFERENCING NEW TABLE AS made
        FOR EACH STATEMENT EXECUTE FUNCTION catalog_search_of_new_skus();
    CREATE TRIGGER catalog_sku_search AFTER UPDATE ON catalog_sku
        FOR EACH ROW WHEN (
            (OLD.name, OLD.code, OLD.barcode, OLD.product_id)
            IS DISTINCT FROM (NEW.name, NEW.code, NEW.barcode, NEW.product_id)
        ) EXECUTE FUNCTION catalog_search_of_sku();
    CREATE TRIGGER catalog_product_search AFTER UPDATE ON catalog_product
        FOR EACH ROW WHEN (OLD.brand_id IS DISTINCT FROM NEW.brand_id)
        EXECUTE FUNCTION catalog_search_of_product();
    CREATE TRIGGER catalog_brand_search AFTER UPDATE ON catalog_brand
        FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name)
        EXECUTE FUNCTION catalog_search_of_brand();
    SELECT catalog_write_search(ARRAY(SELECT id FROM catalog_sku));
"""
NO_TRIGGERS = """
    DROP TRIGGER catalog_brand_search ON catalog_brand;
    DROP TRIGGER catalog_product_search ON catalog_product;
    DROP TRIGGER catalog_sku_search ON catalog_sku;
    DROP TRIGGER catalog_sku_search_of_new ON catalog_sku;
    DROP FUNCTION catalog_search_of_brand();
    DROP FUNCTION catalog_search_of_product();
    DROP FUNCTION catalog_search_of_sku();
    DROP FUNCTION catalog_search_of_new_skus();
    DROP FUNCTION catalog_write_search(bigint[]);
"""
# What a request may take is not enough for the rows of a full catalogue.
TAKE_TIME = "SET LOCAL statement_timeout = 0"
CODES = """
    UPDATE catalog_skustamp stamp SET code = sku.code
    FROM catalog_sku sku WHERE sku.id = stamp.sku_id
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_catalogue_rows")]

    operations = [
        migrations.RunSQL(TAKE_TIME, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="sku", name="sku_search_grams"),
        migrations.RemoveField(model_name="sku", name="search_text"),
        migrations.CreateModel(
            name="SkuSearch",
            fields=[
                (
                    "sku",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
                (
                    "words",
                    models.TextField(
                        help_text="Name, code, barcode and brand, each on its line, folded",
                        verbose_name="words",
                    ),
                ),
            ],
            options={"verbose_name": "search text", "verbose_name_plural": "search texts"},
        ),
        migrations.RunSQL(FOLD, UNFOLD),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
        migrations.AddIndex(
            model_name="skusearch",
            index=django.contrib.postgres.indexes.GinIndex(
                models.Func(models.F("words"), function="catalog_grams"), name="sku_search_grams"
            ),
        ),
        migrations.RemoveIndex(model_name="skustamp", name="sku_stamp_changed_at"),
        migrations.RemoveConstraint(model_name="skustamp", name="sku_stamp_unique"),
        migrations.AlterField(
            model_name="skustamp",
            name="sku",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="stamps",
                to="catalog.sku",
                verbose_name="SKU",
            ),
        ),
        migrations.AddField(
            model_name="skustamp",
            name="code",
            field=models.CharField(default="", editable=False, max_length=64, verbose_name="code"),
            preserve_default=False,
        ),
        migrations.RunSQL(CODES, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="skustamp",
            constraint=models.UniqueConstraint(fields=("sku", "partner"), name="sku_stamp_unique"),
        ),
        migrations.AddIndex(
            model_name="skustamp",
            index=models.Index(
                fields=["partner", "changed_at", "code"], name="sku_stamp_changed_at"
            ),
        ),
    ]
