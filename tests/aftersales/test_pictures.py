from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, RequestFactory
from django.utils.datastructures import MultiValueDict
from PIL import Image

from aftersales.errors import NO_SUCH_PICTURE
from aftersales.forms.pictures import ClaimPicturesField
from aftersales.models import Claim, ClaimNote, ClaimPicture
from aftersales.picture_links import links, links_on_page
from aftersales.selectors.documents import read_document
from aftersales.services.pictures import (
    IN_USE,
    attach_pictures,
    forget_unused_pictures,
    keep_picture,
    keep_staff_pictures,
)
from openplatform.core import clock
from openplatform.core.background import LOOPS
from openplatform.core.errors import Refusal, TooManyItems
from openplatform.core.locking import NotInTransaction, transactional
from openplatform.core.uploads.files import ReceivedFile
from openplatform.core.uploads.storage import sweep_files
from tests.aftersales.claim_rows import Part, lines_of, write_claim
from tests.cast import Merchant, World, make_merchant
from tests.core.uploads.samples import GPS, gif_of, photo_with_metadata, picture, png_of
from tests.orders.acts import pay
from tests.racing import race

Use = ClaimPicture.Use
attach = transactional(attach_pictures)


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def claim(shop: World, merchant: Merchant) -> Claim:
    """A claim on a paid order."""
    shop.make_sku("A", north=9)
    return write_claim([Part(lines_of(pay(merchant))[0])])


def stored(files: Path) -> list[Path]:
    return [file for file in files.rglob("*") if file.is_file()]


def send_pictures(merchant: Merchant, count: int) -> list[str]:
    """Their ids."""
    for number in range(count):
        file = ReceivedFile(picture("PNG", (400, 300 + number)), "a.png")
        keep_picture(partner_id=merchant.partner.pk, file=file, now=clock.now())
    ids = ClaimPicture.objects.order_by("-id").values_list("picture_id", flat=True)
    return list(ids[:count])[::-1]


def used(claim: Claim) -> list[tuple[str, str, int | None, int]]:
    return list(
        ClaimPicture.objects.filter(claim=claim)
        .order_by("use", "position")
        .values_list("picture_id", "use", "note_id", "position")
    )


def pointers(refusal: Refusal) -> list[tuple[str, str]]:
    return [(fault.code, fault.pointer) for fault in refusal.faults]


def test_pictures_stand_in_the_order_named_when_they_are_attached(
    claim: Claim, merchant: Merchant, files: Path
) -> None:
    first, second, third = send_pictures(merchant, 3)

    attach(claim, [third, first], Use.CLAIM)

    assert used(claim) == [(third, "claim", None, 1), (first, "claim", None, 2)]
    document = read_document(claim.pk, links=links)
    assert [shown["picture_id"] for shown in document["pictures"]] == [third, first]
    assert [(shown["width"], shown["height"]) for shown in document["pictures"]] == [
        (400, 302),
        (400, 300),
    ]
    thumbnail: Any = Client().get(document["pictures"][0]["thumbnail_url"])
    content = b"".join(thumbnail.streaming_content)
    assert max(Image.open(BytesIO(content)).size) == 320
    assert list(ClaimPicture.objects.filter(claim=None).values_list("picture_id", flat=True)) == [
        second
    ]


def test_each_use_has_its_own_when_pictures_are_of_a_note_and_of_an_inspection(
    claim: Claim, merchant: Merchant
) -> None:
    first, second, third = send_pictures(merchant, 3)
    note = ClaimNote.objects.create(
        claim=claim, role="merchant", actor="m", text="see", created_at=clock.now()
    )

    attach(claim, [first], Use.CLAIM)
    attach(claim, [second], Use.NOTE, note)
    attach(claim, [third], Use.INSPECTION)

    document = read_document(claim.pk, links=links)
    assert [shown["picture_id"] for shown in document["pictures"]] == [first]
    assert [shown["picture_id"] for shown in document["notes"][0]["pictures"]] == [second]
    assert [shown["picture_id"] for shown in document["inspection_pictures"]] == [third]


def test_a_message_has_no_links_when_it_shows_pictures(claim: Claim, merchant: Merchant) -> None:
    [only] = send_pictures(merchant, 1)
    attach(claim, [only], Use.CLAIM)

    [shown] = read_document(claim.pk)["pictures"]

    assert shown == {
        "picture_id": only,
        "width": 400,
        "height": 300,
        "url": None,
        "thumbnail_url": None,
        "expires_at": None,
    }


def test_links_on_a_page_name_no_host(claim: Claim, merchant: Merchant) -> None:
    send_pictures(merchant, 1)
    row = ClaimPicture.objects.values().get()

    there, here = links(row), links_on_page(row)

    assert there["url"].startswith("http")
    assert (here["url"][:7], here["thumbnail_url"][:7]) == ("/files/", "/files/")
    assert {"url", "thumbnail_url", "expires_at"} == set(here)


def test_nothing_is_attached_when_one_is_unknown_used_foreign_or_named_twice(
    claim: Claim, merchant: Merchant
) -> None:
    own, spent = send_pictures(merchant, 2)
    attach(claim, [spent], Use.CLAIM)
    stranger = make_merchant("stranger")
    [foreign] = send_pictures(stranger, 1)

    with pytest.raises(Refusal) as refusal:
        attach(claim, [own, "I-unknown", spent, foreign, own], Use.CLAIM)

    assert (refusal.value.first.code, refusal.value.first.status) == ("not_found", 404)
    assert pointers(refusal.value) == [
        ("not_found", f"/pictures/{index}") for index in (1, 2, 3, 4)
    ]
    assert {str(fault.detail) for fault in refusal.value.faults} == {str(NO_SUCH_PICTURE)}
    assert {str(fault.facts) for fault in refusal.value.faults} == {"{}"}
    assert used(claim) == [(spent, "claim", None, 1)]


def test_nothing_is_asked_when_there_are_no_pictures(
    claim: Claim, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):  # the savepoint
        attach(claim, [], Use.CLAIM)


def test_attaching_is_one_statement_however_many(
    claim: Claim, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    ids = send_pictures(merchant, 9)

    with django_assert_num_queries(3):  # with the savepoint
        attach(claim, ids, Use.CLAIM)

    assert len(used(claim)) == 9


@pytest.mark.django_db(transaction=True)
def test_refused_when_it_is_called_outside_of_a_service() -> None:
    with pytest.raises(NotInTransaction):
        attach_pictures(Claim(pk=1, partner_id=1), ["I1"], Use.CLAIM)


@pytest.mark.django_db(transaction=True)
def test_one_claim_gets_them_when_two_name_the_same_pictures_in_another_order() -> None:
    merchant = make_merchant("acme")
    world = World()
    world.open_pool_to(merchant)
    world.make_sku("A", north=9)
    [line] = lines_of(pay(merchant))
    claims = [write_claim([Part(line)]) for _number in range(2)]
    ids = send_pictures(merchant, 4)

    outcomes = race(
        lambda: attach(claims[0], ids, Use.CLAIM),
        lambda: attach(claims[1], ids[::-1], Use.CLAIM),
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert [len(refusal.faults) for refusal in refused] == [4]
    assert sorted(len(used(claim)) for claim in claims) == [0, 4]


# What staff add


def received(*contents: bytes) -> Sequence[ReceivedFile]:
    return [ReceivedFile(content, f"{number}.jpg") for number, content in enumerate(contents)]


def test_pictures_of_staff_are_kept_when_they_are_good(
    claim: Claim, merchant: Merchant, files: Path
) -> None:
    ids = keep_staff_pictures(
        partner_id=merchant.partner.pk,
        files=received(photo_with_metadata(), picture("WEBP", (640, 480))),
        uploaded_by="operator",
        now=clock.now(),
    )
    attach(claim, ids, Use.INSPECTION)

    assert [picture_id for picture_id, *_rest in used(claim)] == ids
    assert set(ClaimPicture.objects.values_list("uploaded_by", flat=True)) == {"operator"}
    assert len(stored(files)) == 3  # the photo is as small as its thumbnail
    assert [file for file in stored(files) if GPS in file.read_bytes()] == []


def test_none_of_them_is_kept_when_two_are_bad(
    claim: Claim, merchant: Merchant, files: Path
) -> None:
    with pytest.raises(Refusal) as refusal:
        keep_staff_pictures(
            partner_id=merchant.partner.pk,
            files=received(picture(), gif_of(10_000), png_of(13_000, 13_000)),
            uploaded_by="operator",
            now=clock.now(),
        )

    assert [(fault.code, str(fault.detail)[:6]) for fault in refusal.value.faults] == [
        ("image_invalid", "1.jpg:"),
        ("image_too_large", "2.jpg:"),
    ]
    assert not ClaimPicture.objects.exists()
    assert stored(files) == []


def test_none_is_opened_when_there_are_ten(merchant: Merchant, files: Path) -> None:
    with pytest.raises(TooManyItems) as refusal:
        keep_staff_pictures(
            partner_id=merchant.partner.pk,
            files=received(*[picture()] * 10),
            uploaded_by="operator",
            now=clock.now(),
        )

    assert refusal.value.facts == {"maximum": 9}
    assert stored(files) == []


def uploads(*contents: bytes) -> list[SimpleUploadedFile]:
    return [
        SimpleUploadedFile(f"../{number}.jpg", content) for number, content in enumerate(contents)
    ]


def test_the_field_gives_the_files_as_they_were_sent_when_a_form_has_some() -> None:
    field = ClaimPicturesField()
    request = RequestFactory().post("/", {"pictures": uploads(b"one", b"two")})
    sent: MultiValueDict[str, Any] = request.FILES

    value = field.clean(field.widget.value_from_datadict({}, sent, "pictures"))

    assert [(file.content, file.filename) for file in value] == [
        (b"one", "0.jpg"),
        (b"two", "1.jpg"),
    ]
    assert field.clean([]) == []
    assert field.widget.attrs["accept"] == "image/jpeg,image/png,image/webp"


@pytest.mark.parametrize(
    ("files_sent", "text"),
    [
        (uploads(*[b"x"] * 10), "At most 9 files at once"),
        (uploads(bytes(5 * 1024 * 1024 + 1)), "0.jpg is larger than 5.0\xa0MB"),
    ],
    ids=["ten", "over 5 MB"],
)
def test_the_field_says_what_is_wrong_when_there_is_too_much(
    files_sent: list[SimpleUploadedFile], text: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        ClaimPicturesField().clean(files_sent)

    assert refusal.value.messages == [text]


# What nobody names


def test_unused_pictures_go_with_their_files_when_a_day_went_by(
    claim: Claim, merchant: Merchant, files: Path
) -> None:
    [kept] = send_pictures(merchant, 1)
    attach(claim, [kept], Use.CLAIM)
    send_pictures(merchant, 2)
    ClaimPicture.objects.update(created_at=clock.now() - timedelta(hours=25))
    [young] = send_pictures(merchant, 1)

    forgotten = forget_unused_pictures()

    assert forgotten == 2
    assert set(ClaimPicture.objects.values_list("picture_id", flat=True)) == {kept, young}
    assert len(stored(files)) == 4
    assert forget_unused_pictures() == 0


def test_files_of_pictures_stay_when_the_sweeper_comes_and_others_go(
    claim: Claim, merchant: Merchant, files: Path
) -> None:
    [kept] = send_pictures(merchant, 1)
    attach(claim, [kept], Use.CLAIM)
    send_pictures(merchant, 1)
    ClaimPicture.objects.filter(claim=None).delete()  # as when a worker is killed in between
    assert len(stored(files)) == 4

    with time_machine.travel(clock.now() + timedelta(days=2)):
        sweep_files()

    row = ClaimPicture.objects.get()
    assert {str(file.relative_to(files)) for file in stored(files)} == {row.file, row.thumbnail}


@pytest.mark.django_db(transaction=True)
def test_a_picture_stays_when_it_is_attached_at_the_moment_it_is_due() -> None:
    merchant = make_merchant("acme")
    world = World()
    world.open_pool_to(merchant)
    world.make_sku("A", north=9)
    claim = write_claim([Part(lines_of(pay(merchant))[0])])
    ids = send_pictures(merchant, 2)
    ClaimPicture.objects.update(created_at=clock.now() - timedelta(hours=25))

    @transactional
    def attach_and_meet_the_sweep() -> int:
        attach_pictures(claim, ids[:1], Use.CLAIM)
        [outcome] = race(forget_unused_pictures)
        assert isinstance(outcome, int)
        return outcome

    assert attach_and_meet_the_sweep() == 1
    assert used(claim) == [(ids[0], "claim", None, 1)]
    assert ClaimPicture.objects.count() == 1


def test_the_worker_forgets_them() -> None:
    assert forget_unused_pictures in {loop.run for loop in LOOPS}


@pytest.mark.django_db
def test_files_are_looked_up_along_indexes_however_many_pictures_there_are() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # what has no index is read all the same
        cursor.execute(f"EXPLAIN {IN_USE}", {"names": ["a", "b"]})
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "Seq Scan" not in plan
