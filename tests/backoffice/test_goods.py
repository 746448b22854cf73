"""What an operator does with products, SKUs, categories and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from catalog.models import Brand, Category, CategoryAttribute, Product, Sku, SkuImage
from openplatform.audit.models import AuditEntry
from openplatform.messaging.models import Outbox
from tests.backoffice.conftest import Staff
from tests.cast import Merchant, World
from tests.catalog.news import news_of
from tests.catalog.range import SETTLED_AT, make_category, make_product, settle


def url(model: str, page: str, *args: Any) -> str:
    return reverse(f"admin:catalog_{model}_{page}", args=args)


def sent_back(page: Any) -> dict[str, Any]:
    """What a browser sends when nothing was touched, hidden first values included."""
    assert page.status_code == 200
    sent: dict[str, Any] = {}
    forms = [page.context["adminform"].form]
    for shown in page.context["inline_admin_formsets"]:
        forms += [shown.formset.management_form, *shown.formset.initial_forms]
    for form in forms:
        for field in form:
            value = field.value()
            text = "" if value is None else str(value)
            sent[field.html_name] = text.replace("\n", "\r\n")
            if field.field.show_hidden_initial:
                first = form.data.get(field.html_initial_name, text)
                sent[field.html_initial_name] = first.replace("\n", "\r\n")
    return sent


def errors_of(response: Any) -> Mapping[str, list[str]]:
    assert response.status_code == 200
    errors: Mapping[str, list[str]] = response.context["adminform"].form.errors
    return errors


def png(colour: str = "navy", size: tuple[int, int] = (900, 600)) -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return SimpleUploadedFile(f"{colour}.png", out.getvalue(), "image/png")


@pytest.fixture
def shirt(shop: World) -> Product:
    """A product of a category with attributes, two SKUs, nothing told yet."""
    clothes = make_category("clothes", "Clothes", None)
    shirts = make_category("shirts", "Shirts", clothes)
    attributes = CategoryAttribute.objects
    attributes.create(category=clothes, name="origin", is_required=True)
    attributes.create(category=shirts, name="material", choices=["cotton", "linen"])
    product = make_product(
        "SHIRT", shirts, unit="件", description="<p>one</p>\n<p>two</p>",
        attributes={"origin": "杭州", "material": "wool", "sizes": 4, "net": "200 g"},
    )  # fmt: skip
    shop.make_sku("S-1", product=product, specs={"color": "red", "length": 70})
    shop.make_sku("S-2", product=product)
    settle(shop)
    return product


def field(product: Product, name: str) -> str:
    attribute = CategoryAttribute.objects.get(name=name)
    return f"attribute_{attribute.pk}"


# Products


def test_nothing_is_told_or_recorded_when_a_page_is_saved_as_it_is(
    shirt: Product, boss: Client
) -> None:
    before = Product.objects.values().get(pk=shirt.pk)
    pages = [
        url("product", "change", shirt.pk),
        url("sku", "change", shirt.skus.order_by("pk")[0].pk),
        url("category", "change", shirt.category_id),
        url("brand", "change", Brand.objects.create(name="Acme").pk),
    ]

    for page in pages:
        assert boss.post(page, sent_back(boss.get(page))).status_code == 302

    assert Product.objects.values().get(pk=shirt.pk) == before
    assert set(Sku.objects.values_list("updated_at", flat=True)) == {SETTLED_AT}
    assert not Outbox.objects.exists()
    assert (
        not AuditEntry.objects.exclude(action="create_key")
        .filter(subject_type__startswith="catalog.")
        .exists()
    )


def test_fields_of_the_category_and_those_above_are_shown_when_a_product_opens(
    shirt: Product, boss: Client
) -> None:
    form = boss.get(url("product", "change", shirt.pk)).context["adminform"].form

    origin, material = form[field(shirt, "origin")], form[field(shirt, "material")]
    assert (origin.label, origin.value(), origin.field.required) == ("origin", "杭州", True)
    assert (material.label, material.value(), material.field.required) == (
        "material", "wool", False,
    )  # fmt: skip
    assert [choice for choice, _label in material.field.choices] == ["", "cotton", "linen", "wool"]
    assert form["other_attributes"].value() == "net=200 g\nsizes=4"


def test_one_attribute_is_written_and_told_when_it_is_edited(
    shirt: Product, merchant: Merchant, boss: Client
) -> None:
    page = url("product", "change", shirt.pk)
    form = sent_back(boss.get(page)) | {field(shirt, "material"): "linen"}

    response = boss.post(page, form)

    assert response.status_code == 302, response.context["errors"]
    shirt.refresh_from_db()
    assert shirt.attributes == {"origin": "杭州", "material": "linen", "sizes": 4, "net": "200 g"}
    assert news_of(merchant) == [
        ("sku.updated", {"skus": ["S-1", "S-2"], "fields": ["attributes"]})
    ]
    entry = AuditEntry.objects.get(subject_type="catalog.product")
    assert (entry.action, list(entry.after)) == ("change", ["attributes"])


def test_other_attributes_come_and_go_when_their_lines_do(shirt: Product, boss: Client) -> None:
    page = url("product", "change", shirt.pk)
    form = sent_back(boss.get(page)) | {
        "other_attributes": "sizes=4\r\ncare=30 °C = cold",
        field(shirt, "material"): "",
    }

    assert boss.post(page, form).status_code == 302

    shirt.refresh_from_db()
    assert shirt.attributes == {"origin": "杭州", "sizes": 4, "care": "30 °C = cold"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", ""),
        ("origin", "o" * 201),
        ("origin", "a\u200bb"),
        ("material", "silk"),
        ("other_attributes", "no sign"),
        ("other_attributes", "origin=twice"),
        ("other_attributes", '{"a": 1}'),
        ("other_attributes", "\n".join(f"n{number}=x" for number in range(201))),
        ("description", "x" * 200_001),
        ("name", "n" * 256),
    ],
)
def test_product_stays_when_a_field_is_wrong(
    name: str, value: str, shirt: Product, boss: Client
) -> None:
    before = Product.objects.values().get(pk=shirt.pk)
    page = url("product", "change", shirt.pk)
    html_name = name if name in sent_back(boss.get(page)) else field(shirt, name)

    response = boss.post(page, sent_back(boss.get(page)) | {html_name: value})

    assert list(errors_of(response)) == [html_name]
    assert Product.objects.values().get(pk=shirt.pk) == before
    assert not Outbox.objects.exists()


def test_longest_name_is_kept_whole_when_it_fits(shirt: Product, boss: Client) -> None:
    page = url("product", "change", shirt.pk)

    assert boss.post(page, sent_back(boss.get(page)) | {"name": "名" * 255}).status_code == 302

    shirt.refresh_from_db()
    assert shirt.name == "名" * 255


def test_edit_of_another_field_stays_when_two_pages_are_saved_after_each_other(
    shirt: Product, boss: Client
) -> None:
    page = url("product", "change", shirt.pk)
    first, second = sent_back(boss.get(page)), sent_back(boss.get(page))

    assert boss.post(page, first | {"unit": "箱"}).status_code == 302
    assert boss.post(page, first | {field(shirt, "origin"): "宁波"}).status_code == 302
    assert boss.post(page, second | {"name": "Shirt"}).status_code == 302

    shirt.refresh_from_db()
    assert (shirt.unit, shirt.attributes["origin"], shirt.name) == ("箱", "宁波", "Shirt")


def test_values_follow_into_the_fields_of_another_category_when_it_is_chosen(
    shirt: Product, merchant: Merchant, boss: Client
) -> None:
    """``origin`` goes along, ``material`` becomes one of the others, ``sizes`` a field."""
    tools = make_category("tools", "Tools", None)
    origin = CategoryAttribute.objects.create(category=tools, name="origin")
    CategoryAttribute.objects.create(category=tools, name="sizes")
    page = url("product", "change", shirt.pk)
    form = sent_back(boss.get(page)) | {"category": tools.pk, field(shirt, "material"): "linen"}

    response = boss.post(page, form)

    assert response.status_code == 302, response.context["errors"]
    shirt.refresh_from_db()
    assert shirt.category_id == tools.pk
    assert shirt.attributes == {"origin": "杭州", "material": "linen", "sizes": 4, "net": "200 g"}
    assert news_of(merchant) == [
        ("sku.updated", {"skus": ["S-1", "S-2"], "fields": ["attributes", "category"]})
    ]
    shown = boss.get(page).context["adminform"].form
    assert shown[f"attribute_{origin.pk}"].value() == "杭州"


def test_page_comes_back_with_the_field_when_the_new_category_requires_one(
    shirt: Product, boss: Client
) -> None:
    tools = make_category("tools", "Tools", None)
    power = CategoryAttribute.objects.create(category=tools, name="power", is_required=True)
    page = url("product", "change", shirt.pk)
    before = Product.objects.values().get(pk=shirt.pk)

    response = boss.post(page, sent_back(boss.get(page)) | {"category": tools.pk})

    name = f"attribute_{power.pk}"
    assert list(errors_of(response)) == [name]
    assert Product.objects.values().get(pk=shirt.pk) == before
    shown = response.context["adminform"].form
    assert shown["other_attributes"].value().splitlines() == [
        "net=200 g", "sizes=4", "origin=杭州", "material=wool",
    ]  # fmt: skip
    completed = sent_back(response) | {name: "5 W"}
    assert completed[f"initial-{name}"] == ""
    assert boss.post(page, completed).status_code == 302
    shirt.refresh_from_db()
    assert shirt.category_id == tools.pk
    assert shirt.attributes == {
        "origin": "杭州", "material": "wool", "sizes": 4, "net": "200 g", "power": "5 W",
    }  # fmt: skip


def test_new_product_has_the_fields_of_the_category_in_its_link(
    shirt: Product, boss: Client
) -> None:
    page = url("product", "add")
    form = boss.get(page, {"category": shirt.category_id}).context["adminform"].form
    assert field(shirt, "origin") in form.fields
    sent = {
        "code": "NEW", "name": "New", "category": shirt.category_id, "brand": "", "unit": "",
        "other_attributes": "a=b", "shown_category": shirt.category_id, "description": "",
        field(shirt, "origin"): "宁波", field(shirt, "material"): "",
        "skus-TOTAL_FORMS": 0, "skus-INITIAL_FORMS": 0,
    }  # fmt: skip

    assert boss.post(page, sent).status_code == 302

    assert Product.objects.get(code="NEW").attributes == {"origin": "宁波", "a": "b"}


@pytest.mark.parametrize("category", ["99999999999999999999", "-1", "999999"])
def test_product_page_says_so_when_its_category_is_none(
    category: str, shirt: Product, boss: Client
) -> None:
    page = url("product", "change", shirt.pk)

    response = boss.post(page, sent_back(boss.get(page)) | {"category": category})

    assert "category" in errors_of(response)


@pytest.mark.parametrize("category", ["x", "１", "99999999999999999999", "-1", "999999"])
def test_new_product_has_no_category_when_its_link_names_none(
    category: str, world: World, boss: Client
) -> None:
    page = boss.get(url("product", "add"), {"category": category})

    assert page.status_code == 200
    assert [name for name in page.context["adminform"].form.fields if "attribute_" in name] == []


def test_description_is_shown_in_a_closed_frame_when_it_was_written_past_the_step(
    shirt: Product, boss: Client
) -> None:
    evil = "<script>parent.x()</script><p onclick='x()'>ok</p>\"><b>"
    Product.objects.filter(pk=shirt.pk).update(description=evil)

    page = boss.get(url("product", "change", shirt.pk)).content.decode()

    frame = page[page.index("<iframe") : page.index("</iframe>")]
    assert "<iframe sandbox referrerpolicy" in frame
    assert "script" not in frame
    assert "onclick" not in frame
    assert "&lt;p&gt;ok&lt;/p&gt;" in frame


def test_product_is_shown_to_whoever_may_only_look(shirt: Product, staff: Staff) -> None:
    client = staff("catalog.view_product")

    page = client.get(url("product", "change", shirt.pk))

    assert page.status_code == 200
    assert "origin=杭州" in page.content.decode()
    assert client.post(url("product", "change", shirt.pk), {"name": "x"}).status_code == 403


# SKUs


def test_numbers_stay_numbers_when_another_spec_is_edited(
    shirt: Product, merchant: Merchant, boss: Client
) -> None:
    sku = Sku.objects.get(code="S-1")
    page = url("sku", "change", sku.pk)
    form = sent_back(boss.get(page))
    assert form["specs"] == form["initial-specs"] == "color=red\r\nlength=70"

    response = boss.post(page, form | {"specs": "length=70\r\ncolor=blue"})

    assert response.status_code == 302, response.context["errors"]
    sku.refresh_from_db()
    assert sku.specs == {"color": "blue", "length": 70}
    assert news_of(merchant) == [("sku.updated", {"skus": ["S-1"], "fields": ["specs"]})]


def test_sku_begins_with_prices_and_pictures_when_it_is_added(shirt: Product, boss: Client) -> None:
    form = {
        "code": "S-3", "shelf_state": "on_shelf", "product": shirt.pk, "name": "Third",
        "specs": "color=green", "market_price": "30.00", "sale_price": "20.00", "cost_price": "",
        "floor_price": "", "min_quantity": 1, "quantity_step": 1, "tax_rate": "0.13",
        "weight_grams": 0, "barcode": "", "images-TOTAL_FORMS": 1, "images-INITIAL_FORMS": 0,
        "images-0-url": "https://example.com/a.png",
    }  # fmt: skip
    for name in ("stocks", "purchase_prices", "memberships", "pool_changes", "regions"):
        form |= {f"{name}-TOTAL_FORMS": 0, f"{name}-INITIAL_FORMS": 0}

    response = boss.post(url("sku", "add"), form)

    assert response.status_code == 302, response.context["errors"]
    sku = Sku.objects.get(code="S-3")
    assert sku.specs == {"color": "green"}
    assert sku.price_changes.count() == 1
    assert [(image.url, image.position) for image in sku.images.all()] == [
        ("https://example.com/a.png", 0)
    ]


@pytest.mark.parametrize(
    ("search", "found"),
    [("s-1", ["S-1"]), ("商品 S-2", ["S-2"]), ("SHIRT", ["S-1", "S-2"]), ("nothing", [])],
)
def test_skus_are_found_when_they_are_searched(
    search: str, found: list[str], shirt: Product, boss: Client
) -> None:
    page = boss.get(url("sku", "changelist"), {"q": search})

    assert sorted(sku.code for sku in page.context["cl"].result_list) == found


def test_lists_hold_everything_below_a_category_when_it_is_chosen(
    shirt: Product, shop: World, boss: Client
) -> None:
    shop.make_sku("OTHER")
    above = Category.objects.get(code="clothes").pk

    skus = boss.get(url("sku", "changelist"), {"product__category__id__exact": above})
    products = boss.get(url("product", "changelist"), {"category__id__exact": above})
    none = boss.get(url("sku", "changelist"), {"product__category__id__exact": "x"}, follow=True)

    assert sorted(sku.code for sku in skus.context["cl"].result_list) == ["S-1", "S-2"]
    assert [product.code for product in products.context["cl"].result_list] == ["SHIRT"]
    assert none.status_code == 200


# Categories


def test_empty_category_goes_and_a_full_one_stays_when_they_are_deleted(
    shirt: Product, boss: Client
) -> None:
    empty = make_category("empty", "Empty", shirt.category)

    assert boss.post(url("category", "delete", empty.pk), {"post": "yes"}).status_code == 302
    assert (
        boss.post(url("category", "delete", shirt.category_id), {"post": "yes"}).status_code == 200
    )

    assert not Category.objects.filter(pk=empty.pk).exists()
    assert Category.objects.filter(pk=shirt.category_id).exists()
    assert AuditEntry.objects.get(action="delete").subject_label == "empty Empty"


def test_rename_stays_when_somebody_moves_the_category_meanwhile(
    shirt: Product, boss: Client
) -> None:
    page = url("category", "change", shirt.category_id)
    form = sent_back(boss.get(page))
    root = make_category("root", "Root", None)

    assert boss.post(page, form | {"parent": root.pk}).status_code == 302
    assert boss.post(page, form | {"name": "Hemden"}).status_code == 302

    category = Category.objects.get(pk=shirt.category_id)
    assert (category.name, category.path) == ("Hemden", [root.pk, category.pk])


# Pictures


def test_pictures_are_stored_in_sizes_and_told_when_they_are_uploaded(
    shirt: Product, merchant: Merchant, boss: Client
) -> None:
    sku = Sku.objects.get(code="S-1")
    page = url("sku", "add_pictures", sku.pk)
    assert boss.get(page).status_code == 200

    response = boss.post(
        page,
        {"files": [png("navy"), png("red", (100, 50))], "urls": "https://example.com/a.png"},
    )

    assert response.status_code == 302, response.context["form"].errors
    answer = merchant.api.get("/catalog/images", sku="S-1").json()["results"][0]["images"]
    assert [(image["position"], image["is_main"], image["width"], image["height"],
             [(size["width"], size["height"]) for size in image["sizes"]])
            for image in answer] == [
        (0, True, 900, 600, [(200, 133), (800, 533), (900, 600)]),
        (1, False, 100, 50, [(100, 50)]),
        (2, False, None, None, []),
    ]  # fmt: skip
    assert answer[0]["url"] == answer[0]["sizes"][-1]["url"]
    assert answer[2]["url"] == "https://example.com/a.png"
    assert news_of(merchant) == [("sku.updated", {"skus": ["S-1"], "fields": ["images"]})]
    entry = AuditEntry.objects.get(action="change_images")
    assert (entry.subject_label, entry.before, len(entry.after["images"])) == (
        f"S-1 {sku.name}", {"images": []}, 3,
    )  # fmt: skip
    path = answer[0]["sizes"][0]["url"].partition("/pictures/")[2]
    seen: Any = Client().get(f"/pictures/{path}")
    assert Image.open(BytesIO(b"".join(seen.streaming_content))).size == (200, 133)


def test_every_sku_of_the_product_has_them_when_that_is_asked_for(
    shirt: Product, merchant: Merchant, boss: Client
) -> None:
    sku = Sku.objects.get(code="S-1")

    boss.post(
        url("sku", "add_pictures", sku.pk), {"files": png(), "urls": "", "is_for_product": "on"}
    )

    files = SkuImage.objects.order_by("sku__code").values_list("sku__code", "file")
    assert [code for code, _file in files] == ["S-1", "S-2"]
    assert len({file for _code, file in files}) == 1
    assert news_of(merchant) == [("sku.updated", {"skus": ["S-1", "S-2"], "fields": ["images"]})]


def test_file_input_stands_where_the_theme_s_script_looks_for_it(
    shirt: Product, boss: Client
) -> None:
    """It writes into the text field of the element three levels above the input."""
    page = boss.get(url("sku", "add_pictures", Sku.objects.get(code="S-1").pk)).content.decode()

    end = page.index('type="file"')
    start = page.rindex('<input type="text"', 0, end)
    assert page.count("<div>", start, end) == 2
    assert "</div>" not in page[start:end]


@pytest.mark.parametrize(
    "form",
    [
        {"urls": ""},
        {"urls": "javascript:alert(1)"},
        {"urls": "ftp://example.com/a.png"},
        {"urls": f"https://example.com/{'a' * 500}.png"},
        {"urls": "", "files": SimpleUploadedFile("a.png", b"<html>")},
        {"urls": "", "files": SimpleUploadedFile("a.svg", b"<svg onload=x()>")},
    ],
    ids=range(6),
)
def test_nothing_is_stored_when_there_is_no_picture(
    form: dict[str, Any], shirt: Product, boss: Client
) -> None:
    sku = Sku.objects.get(code="S-1")

    response = boss.post(url("sku", "add_pictures", sku.pk), form)

    assert response.status_code == 200
    assert response.context["form"].errors
    assert not SkuImage.objects.exists()
    assert not Outbox.objects.exists()


def test_none_is_stored_and_the_file_is_named_when_one_of_several_is_bad(
    shirt: Product, boss: Client
) -> None:
    sku = Sku.objects.get(code="S-1")
    files = [png(), SimpleUploadedFile("bad.png", b"GIF89a broken")]

    response = boss.post(url("sku", "add_pictures", sku.pk), {"files": files, "urls": ""})

    assert response.context["form"].errors["files"] == [
        "bad.png: The file is not a picture that can be taken"
    ]
    assert not SkuImage.objects.exists()


def test_eleven_files_are_refused_when_ten_are_allowed(shirt: Product, boss: Client) -> None:
    sku = Sku.objects.get(code="S-1")

    response = boss.post(
        url("sku", "add_pictures", sku.pk),
        {"files": [png(size=(1, 1)) for _ in range(11)], "urls": ""},
    )

    assert response.context["form"].errors["files"] == ["At most 10 files at once"]


def test_order_follows_the_numbers_and_pictures_go_when_the_page_says_so(
    shirt: Product, merchant: Merchant, boss: Client
) -> None:
    sku = Sku.objects.get(code="S-1")
    rows = [
        SkuImage.objects.create(sku=sku, url=f"https://e.com/{name}.png", position=position)
        for position, name in enumerate("abcd")
    ]
    page = url("sku", "change", sku.pk)
    form = sent_back(boss.get(page)) | {
        "images-2-order": "1",  # c becomes the main one
        "images-1-DELETE": "on",
        "images-TOTAL_FORMS": "5",
        "images-4-url": "https://e.com/e.png",
    }

    response = boss.post(page, form)

    assert response.status_code == 302, response.context["errors"]
    shown = [(image.url[14:15], image.position, image.pk) for image in sku.images.all()]
    assert [(name, position) for name, position, _pk in shown] == [
        ("c", 0), ("a", 1), ("d", 2), ("e", 3),
    ]  # fmt: skip
    assert [pk for _name, _position, pk in shown[:3]] == [rows[2].pk, rows[0].pk, rows[3].pk]
    assert news_of(merchant) == [("sku.updated", {"skus": ["S-1"], "fields": ["images"]})]


HOSTILE_ADDRESSES = [
    'https://x.example/"><script>alert(1)</script>',
    "https://user:secret@x.example/a.jpg",
    "https://x.example:99999/a.jpg",
]


@pytest.mark.parametrize("address", ["javascript:x", "ftp://x.example/a.jpg", *HOSTILE_ADDRESSES])
def test_no_picture_is_added_when_an_address_may_not_be_handed_on(
    address: str, shirt: Product, boss: Client
) -> None:
    sku = Sku.objects.get(code="S-1")
    urls = f"https://e.com/a.png\n{address}"

    response = boss.post(url("sku", "add_pictures", sku.pk), {"urls": urls})

    [fault] = response.context["form"].errors["urls"]
    assert "secret" not in fault
    assert not SkuImage.objects.exists()
    assert not Outbox.objects.exists()


@pytest.mark.parametrize("address", ["", "javascript:x", "not an address", *HOSTILE_ADDRESSES])
def test_pictures_stay_when_an_address_is_none(address: str, shirt: Product, boss: Client) -> None:
    sku = Sku.objects.get(code="S-1")
    SkuImage.objects.create(sku=sku, url="https://e.com/a.png")
    page = url("sku", "change", sku.pk)

    response = boss.post(page, sent_back(boss.get(page)) | {"images-0-url": address})

    assert response.status_code == 200
    assert [image.url for image in sku.images.all()] == ["https://e.com/a.png"]
    assert not Outbox.objects.exists()


def test_pictures_are_not_taken_when_one_may_only_look(shirt: Product, staff: Staff) -> None:
    sku = Sku.objects.get(code="S-1")
    client = staff("catalog.view_sku")

    response = client.post(url("sku", "add_pictures", sku.pk), {"files": png(), "urls": ""})

    assert response.status_code == 403
    assert not SkuImage.objects.exists()
