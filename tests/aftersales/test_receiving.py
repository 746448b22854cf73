"""Goods of a claim come back and are counted."""

from __future__ import annotations

import pytest

from aftersales.errors import AftersaleStateConflict
from aftersales.services.deciding import ApprovedLine
from catalog.errors import PreviewOutdated
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import NotFound, Refusal
from tests.aftersales.acts import claim_of, everything, file, paid_part
from tests.aftersales.returning import awaited, receive, received, report
from tests.cast import Merchant, World
from tests.orders.acts import told


def test_everything_approved_counts_as_received_when_nothing_else_is_said(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant, items={"A": 2, "B": 1})
    report(merchant, aftersale_no)

    receive(aftersale_no)

    claim = claim_of(aftersale_no)
    assert claim.status == "return_received"
    assert list(claim.lines.values_list("received_quantity", flat=True)) == [2, 1]
    assert claim.deadline is not None
    message = told(merchant)[-1]
    assert message.type == "aftersale.status_changed"
    document = message.data["aftersale"]
    assert [item["received_quantity"] for item in document["items"]] == [2, 1]
    assert document["history"][-1]["actor"] == "operator"
    entry = AuditEntry.objects.get(action="receive_return")
    assert entry.actor == "operator"


def test_claim_passes_through_being_sent_when_goods_come_without_a_word(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    before = len(told(merchant))

    receive(aftersale_no)

    assert [message.data["aftersale"]["status"] for message in told(merchant)[before:]] == [
        "return_shipped",
        "return_received",
    ]


def test_lines_left_out_did_not_come(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant, items={"A": 2, "B": 1})

    receive(aftersale_no, {1: 1})

    lines = claim_of(aftersale_no).lines
    assert list(lines.values_list("received_quantity", flat=True)) == [1, 0]


def test_empty_box_is_received_as_nothing(goods: World, merchant: Merchant) -> None:
    aftersale_no = awaited(merchant)

    receive(aftersale_no, {})

    claim = claim_of(aftersale_no)
    assert claim.status == "return_received"
    assert claim.lines.get().received_quantity == 0


@pytest.mark.parametrize(
    ("quantities", "expected"),
    [
        ({1: 2}, ("quantity_invalid", "/lines/1/received", {"line_no": "1", "maximum": 1})),
        ({1: -1}, ("quantity_invalid", "/lines/1/received", {"line_no": "1", "maximum": 1})),
        ({2: 1}, ("field_invalid", "/lines/2", {"line_no": "2"})),
        ({7: 1}, ("field_invalid", "/lines/7", {"line_no": "7"})),
    ],
)
def test_refused_when_more_came_than_was_approved(
    goods: World,
    merchant: Merchant,
    quantities: dict[int, int],
    expected: tuple[str, str, dict[str, object]],
) -> None:
    aftersale_no = awaited(merchant, items={"A": 2, "B": 1}, lines={1: ApprovedLine(1, None)})
    before = everything()

    with pytest.raises(Refusal) as refusal:
        receive(aftersale_no, quantities)

    [fault] = refusal.value.faults
    assert (fault.code, fault.pointer, fault.facts) == expected
    assert everything() == before


def test_refused_when_nothing_is_awaited(goods: World, merchant: Merchant) -> None:
    submitted = file(merchant, paid_part(merchant))["aftersale_no"]
    arrived = received(merchant, number="2")
    before = everything()

    for aftersale_no in (submitted, arrived):
        with pytest.raises(AftersaleStateConflict):
            receive(aftersale_no)

    assert everything() == before


def test_refused_when_the_claim_has_changed_since_it_was_looked_at(
    goods: World, merchant: Merchant
) -> None:
    aftersale_no = awaited(merchant)
    seen = claim_of(aftersale_no).version
    report(merchant, aftersale_no)
    before = everything()

    with pytest.raises(PreviewOutdated):
        receive(aftersale_no, expected_version=seen)

    assert everything() == before


def test_refused_when_there_is_no_such_claim(goods: World) -> None:
    with pytest.raises(NotFound):
        receive("A-NONE")
