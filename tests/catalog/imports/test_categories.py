from __future__ import annotations

from catalog.models import Category
from tests.imports.files import Desk

TREE = [
    {"code": "c", "name": "C", "parent": "b"},
    {"code": "b", "name": "B", "parent": "a"},
    {"code": "a", "name": "A", "parent": ""},
]


def paths() -> dict[str, list[str]]:
    codes = dict(Category.objects.values_list("pk", "code"))
    return {
        category.code: [codes[pk] for pk in category.path] for category in Category.objects.all()
    }


def test_tree_stands_when_parents_come_after_children(desk: Desk) -> None:
    counts = desk.counts("categories", *TREE)

    assert counts == (3, 0, 0)
    assert paths() == {"a": ["a"], "b": ["a", "b"], "c": ["a", "b", "c"]}
    assert dict(Category.objects.values_list("code", "level")) == {"a": 1, "b": 2, "c": 3}


def test_nothing_moves_when_the_file_comes_again(desk: Desk) -> None:
    desk.load("categories", *TREE)

    assert desk.counts("categories", *TREE) == (0, 0, 3)


def test_subtree_moves_when_its_root_moves(desk: Desk) -> None:
    desk.load("categories", *TREE, {"code": "z", "name": "Z", "parent": ""})

    counts = desk.counts("categories", {"code": "b", "name": "B", "parent": "z"})

    assert counts == (0, 1, 0)
    assert paths() == {"a": ["a"], "z": ["z"], "b": ["z", "b"], "c": ["z", "b", "c"]}


def test_parent_stays_when_the_column_is_missing(desk: Desk) -> None:
    desk.load("categories", *TREE)

    assert desk.counts("categories", {"code": "c", "name": "C!"}) == (0, 1, 0)
    assert paths()["c"] == ["a", "b", "c"]


def test_refused_when_a_category_would_stand_below_itself(desk: Desk) -> None:
    desk.load("categories", *TREE)

    faults = desk.faults("categories", {"code": "a", "name": "A", "parent": "c"})

    assert faults == [(2, "parent", "field_invalid")]
    assert paths() == {"a": ["a"], "b": ["a", "b"], "c": ["a", "b", "c"]}


def test_refused_when_a_parent_is_unknown_or_a_code_comes_twice(desk: Desk) -> None:
    unknown = desk.faults("categories", {"code": "a", "name": "A", "parent": "nowhere"})
    twice = desk.faults("categories", *TREE, TREE[0])

    assert unknown == [(2, "parent", "field_invalid")]
    assert twice == [(5, "code", "field_invalid")]
    assert not Category.objects.exists()
