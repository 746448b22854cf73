"""Reasons to begin with; operators keep the list from here on."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

REFUND, RETURN = ["refund"], ["return_refund"]
BOTH = [*REFUND, *RETURN]

# code, name, name in English, types, whether pictures are asked for
REASONS = (
    ("ordered_by_mistake", "误下单或重复下单", "Ordered by mistake or twice", REFUND, False),
    ("consumer_cancelled", "消费者取消购买", "The consumer cancelled", REFUND, False),
    ("shipped_too_late", "发货太慢", "Shipped too late", REFUND, False),
    ("parcel_lost", "包裹丢失或未收到", "Parcel lost or never received", REFUND, False),
    ("parcel_refused", "消费者拒收", "The consumer refused the parcel", BOTH, False),
    ("units_missing", "少件或漏发", "Units were missing", REFUND, True),
    ("wrong_goods", "发错商品", "Other goods than ordered", BOTH, True),
    ("damaged", "运输破损", "Damaged on the way", BOTH, True),
    ("defective", "质量问题", "Defective goods", BOTH, True),
    ("not_wanted", "不喜欢或不合适", "Not wanted, or does not fit", RETURN, False),
)


def add_reasons(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    reason = apps.get_model("aftersales", "Reason")
    reason.objects.bulk_create(
        [
            reason(
                code=code,
                name=name,
                name_en=name_en,
                types=types,
                pictures_required=pictures_required,
                position=position,
            )
            for position, (code, name, name_en, types, pictures_required) in enumerate(
                REASONS, start=1
            )
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("aftersales", "0002_append_only")]
    operations = [migrations.RunPython(add_reasons, migrations.RunPython.noop)]
