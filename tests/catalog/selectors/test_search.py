from __future__ import annotations

from catalog.models import Brand, Sku, SkuSearch
from catalog.selectors.search import read_question, search_skus
from tests.cast import World
from tests.catalog.range import make_product


def found(text: str) -> list[str]:
    return list(search_skus(Sku.objects.order_by("code"), text).values_list("code", flat=True))


def test_signs_stand_for_themselves_when_text_is_read(db: None) -> None:
    question = read_question("50%_\\ ％")

    assert question.patterns == ("%50\\%\\_\\\\%", "%\\%%")
    assert question.grams == ("50", "0%", "%_", "_\\", "%")


def test_words_are_folded_when_text_is_read(db: None) -> None:
    question = read_question(" ＡＢ　ab  厨 ")

    assert question.patterns == ("%ab%", "%厨%")
    assert question.grams == ("ab", "厨")


def test_every_sku_is_found_when_nothing_is_asked(world: World) -> None:
    world.make_sku("A")

    assert found("") == found(" 　") == ["A"]


def test_skus_are_found_by_any_of_their_words(world: World) -> None:
    brand = Brand.objects.create(name="苏泊尔 SUPOR")
    world.make_sku(
        "A-1", name="不锈钢炒锅 ３２cm", product=make_product("P1", world.category, brand=brand)
    )
    world.make_sku("B-1", name="铁锅", barcode="6901234567892")

    assert found("锅") == ["A-1", "B-1"]
    assert found("锈钢炒") == ["A-1"]
    assert found("钢锈") == []
    assert found("32CM") == ["A-1"]
    assert found("supor 锅") == ["A-1"]
    assert found("345678") == ["B-1"]
    assert found("b-1 铁") == ["B-1"]
    assert found("1锅") == []  # one word does not run from one field into the next


def test_new_words_are_found_when_what_they_come_from_changed(world: World) -> None:
    brand = Brand.objects.create(name="Old")
    other = Brand.objects.create(name="Other")
    product = make_product("P1", world.category, brand=brand)
    sku = world.make_sku("A", name="Pan", product=product)

    Sku.objects.filter(pk=sku.pk).update(name="Pot", barcode="77")
    by_sku = (found("pan"), found("pot 77 old"))
    Brand.objects.filter(pk=brand.pk).update(name="New")
    by_brand = (found("old"), found("new pot"))
    product.brand = other
    product.save()
    by_product = (found("new"), found("other pot"))

    assert by_sku == by_brand == by_product == ([], ["A"])


def test_search_text_goes_with_its_sku(world: World) -> None:
    sku = world.make_sku("A", in_pool=False)

    sku.delete()

    assert not SkuSearch.objects.exists()
