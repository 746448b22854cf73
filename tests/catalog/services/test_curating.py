"""What a preview says is what is done, and looking changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Partner
from catalog.errors import PreviewOutdated
from catalog.models import (
    Pool,
    PoolAssignment,
    PoolChange,
    PoolExclusion,
    PoolMembership,
    PoolRule,
    Sku,
    SkuStamp,
)
from catalog.selectors.pools import Act, RuleDraft
from catalog.services.curating import (
    Preview,
    change_pool,
    change_rules,
    open_pool,
    preview_act,
    preview_partners,
    preview_rules,
)
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import Refusal
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "operator", "now": NOW}
TABLES = (
    PoolMembership, PoolExclusion, PoolChange, PoolRule, PoolAssignment, SkuStamp, Outbox,
    AuditEntry,
)  # fmt: skip


def everything() -> list[list[Any]]:
    """All that an act could write."""
    return [list(table.objects.order_by("pk").values()) for table in TABLES]


def numbers_of(preview: Preview) -> dict[str, int]:
    """Without zeros."""
    return {name: count for name, count in preview.numbers.items() if count}


def told() -> dict[int, tuple[int, int]]:
    """By partner, how many SKUs the messages say it gained and lost."""
    counts: dict[int, list[int]] = {}
    for row in Outbox.objects.filter(type__startswith="pool."):
        for partner_id in row.partner_ids or ():
            side = 0 if row.type == "pool.sku_added" else 1
            counts.setdefault(partner_id, [0, 0])[side] += len(row.data["skus"])
    return {partner_id: (gains, loses) for partner_id, (gains, loses) in counts.items()}


@pytest.fixture
def two_pools(shop: World, merchant: Merchant, stranger: Merchant) -> World:
    """``acme`` sees both pools, ``stranger`` the second one; A is in both, B in the second, C in
    none; D is excluded from the first; the first has a rule that matches E alone.
    """
    second = Pool.objects.create(code="second", name="Second")
    for partner in (merchant.partner, stranger.partner):
        PoolAssignment.objects.create(pool=second, partner=partner)
    skus = {code: shop.make_sku(code, in_pool=code in "AE") for code in "ABCDE"}
    PoolMembership.objects.create(pool=second, sku=skus["A"])
    PoolMembership.objects.create(pool=second, sku=skus["B"])
    PoolExclusion.objects.create(pool=shop.pool, sku=skus["D"])
    PoolRule.objects.create(pool=shop.pool, min_price=Decimal("99"))
    Sku.objects.filter(code="E").update(sale_price=Decimal("99.00"))
    PoolMembership.objects.filter(sku=skus["E"]).update(is_picked=False)
    return shop


def ids(codes: str) -> list[int]:
    """Of SKUs named by one letter each."""
    return [Sku.objects.get(code=code).pk for code in codes]


@dataclass(frozen=True)
class Case:
    """An act, what it is to do, and how many SKUs the merchant gains and loses by it."""

    act: Act
    codes: str
    numbers: dict[str, int]
    sight: tuple[int, int] | None


CASES = (
    Case(Act.TAKE_IN, "ABCDE", {"picked": 2, "kept": 1, "barred": 1, "unchanged": 1}, (1, 0)),
    Case(Act.TAKE_OUT, "ABE", {"left": 2, "excluded": 1, "unchanged": 1}, (0, 1)),
    Case(Act.EXCLUDE, "ACD", {"left": 1, "excluded": 2, "unchanged": 1}, None),
    Case(Act.READMIT, "AD", {"readmitted": 1, "unchanged": 1}, None),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.act)
def test_act_does_what_its_preview_says(two_pools: World, merchant: Merchant, case: Case) -> None:
    before = everything()

    preview = preview_act(pool=two_pools.pool, act=case.act, sku_ids=ids(case.codes))

    assert everything() == before
    assert numbers_of(preview) == case.numbers
    assert preview.merchants == ({merchant.partner.pk: case.sight} if case.sight else {})

    done = change_pool(
        pool_code="pool",
        act=case.act,
        sku_ids=ids(case.codes),
        expected=preview.fingerprint,
        **BY,
    )

    assert done == preview
    assert told() == preview.merchants
    assert preview_act(pool=two_pools.pool, act=case.act, sku_ids=ids(case.codes)).is_empty


def test_nothing_is_done_when_as_many_other_skus_would_come_in_by_now(two_pools: World) -> None:
    two_pools.make_sku("F", in_pool=False)
    Sku.objects.exclude(code="E").update(sale_price=Decimal("50.00"))
    Sku.objects.filter(code="C").update(sale_price=Decimal("5.00"))
    rule = RuleDraft(max_price=Decimal("10.00"))
    preview = preview_rules(pool=two_pools.pool, add=[rule])
    Sku.objects.filter(code="C").update(sale_price=Decimal("50.00"))
    Sku.objects.filter(code="F").update(sale_price=Decimal("5.00"))
    before = everything()
    again = preview_rules(pool=two_pools.pool, add=[rule])
    assert (again.numbers, again.merchants) == (preview.numbers, preview.merchants)
    assert again.skus != preview.skus

    with pytest.raises(PreviewOutdated):
        change_rules(pool_code="pool", add=[rule], expected=preview.fingerprint, **BY)

    assert everything() == before


def test_nothing_is_done_when_the_preview_is_outdated(two_pools: World) -> None:
    preview = preview_act(pool=two_pools.pool, act=Act.TAKE_IN, sku_ids=ids("ABC"))
    PoolMembership.objects.create(pool=two_pools.pool, sku=Sku.objects.get(code="C"))
    before = everything()

    with pytest.raises(PreviewOutdated):
        change_pool(
            pool_code="pool",
            act=Act.TAKE_IN,
            sku_ids=ids("ABC"),
            expected=preview.fingerprint,
            **BY,
        )

    assert everything() == before


def test_pool_follows_at_once_when_a_rule_is_added(two_pools: World, merchant: Merchant) -> None:
    rule = RuleDraft(category_id=two_pools.category.pk, max_price=Decimal("10.00"))
    before = everything()

    preview = preview_rules(pool=two_pools.pool, add=[rule])

    assert everything() == before
    assert numbers_of(preview) == {"brought": 2, "unchanged": 3}
    assert preview.merchants == {merchant.partner.pk: (1, 0)}

    change_rules(pool_code="pool", add=[rule], expected=preview.fingerprint, **BY)

    assert told() == preview.merchants
    members = PoolMembership.objects.filter(pool=two_pools.pool)
    assert dict(members.values_list("sku__code", "is_picked")) == {
        "A": True, "B": False, "C": False, "E": False,
    }  # fmt: skip
    entry = AuditEntry.objects.get(action="change_pool_rules")
    assert entry.before == {"rules": ["≥ 99.00"]}
    assert entry.after == {
        "rules": ["≥ 99.00", "home 家居 · ≤ 10.00"], "skus_taken_in": 2, "skus_taken_out": 0,
    }  # fmt: skip


def test_skus_leave_with_the_rule_that_brought_them(two_pools: World, merchant: Merchant) -> None:
    rules = list(PoolRule.objects.values_list("pk", flat=True))

    preview = preview_rules(pool=two_pools.pool, remove=rules)
    change_rules(pool_code="pool", remove=rules, expected=preview.fingerprint, **BY)

    assert numbers_of(preview) == {"left": 1, "unchanged": 2}
    assert told() == preview.merchants == {merchant.partner.pk: (0, 1)}
    assert not PoolRule.objects.exists()
    change = PoolChange.objects.get()
    assert (change.sku.code, change.kind, change.cause, change.actor) == (
        "E", "removed", "rule", "operator",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        (RuleDraft(), "/category"),
        (RuleDraft(min_price=Decimal("20"), max_price=Decimal("10")), "/max_price"),
        (RuleDraft(min_price=Decimal("99")), "/category"),
    ],
    ids=["no condition", "range upside down", "there already"],
)
def test_rule_is_refused_when_it_makes_no_sense(
    two_pools: World, rule: RuleDraft, pointer: str
) -> None:
    before = everything()

    with pytest.raises(Refusal) as refused:
        change_rules(pool_code="pool", add=[rule], expected="", **BY)

    assert [fault.pointer for fault in refused.value.faults] == [pointer]
    assert everything() == before


def test_partners_gain_and_lose_what_the_preview_says(
    two_pools: World, merchant: Merchant, stranger: Merchant
) -> None:
    before = everything()

    preview = preview_partners(pool=two_pools.pool, partner_ids=[stranger.partner.pk])

    assert everything() == before
    assert numbers_of(preview) == {"partners_added": 1, "partners_removed": 1}
    assert preview.merchants == {merchant.partner.pk: (0, 1), stranger.partner.pk: (1, 0)}

    open_pool(
        pool_code="pool",
        partner_ids=[stranger.partner.pk],
        expected=preview.fingerprint,
        **BY,
    )

    assert told() == preview.merchants
    assert list(Partner.objects.filter(pool_assignments__pool=two_pools.pool)) == [stranger.partner]
