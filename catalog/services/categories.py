"""The category tree: written as a whole, one change after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from catalog.models import Category
from catalog.services.category_news import TreeChange, read_places, read_use, tell_tree
from catalog.services.outcome import Outcome
from catalog.services.placements import lock_placements, lock_tree, moving_products
from catalog.services.price_telling import PATIENCE
from openplatform.core.errors import DomainError, FieldInvalid, NotFound, refuse_if
from openplatform.core.statements import send

SEPARATOR = "/"
MAX_NAME = 120
BATCH = 200


@dataclass(frozen=True, slots=True)
class CategoryDraft:
    """A category to be. ``keeps_parent`` leaves a known one where it is."""

    code: str
    name: str
    parent: str | None = None
    keeps_parent: bool = False


def save_categories(*, drafts: Sequence[CategoryDraft], now: datetime) -> Outcome:
    """Step: make and change categories; subtrees move with their roots.

    Parents may stand before or after their children, or exist already. Partners that have changed
    categories in use are told, and whoever sees SKUs in them.

    1. lock the tree, 2. check, 3. keep where products stood, and compare prices around the rest,
    4. write, 5. tell.

    :raises Refusal: for unknown parents and cycles, with pointers ``/<index>/parent``.
    """
    lock_tree()
    known = {category.code: category for category in Category.objects.order_by("id")}
    parents = _check_parents(known, drafts)
    before = read_places(known.values())
    made = [
        Category(code=draft.code, name=draft.name, level=0, path=[])
        for draft in drafts
        if draft.code not in known
    ]
    Category.objects.bulk_create(made, batch_size=BATCH)
    nodes = {**known, **{category.code: category for category in made}}
    touched = set()
    for draft in drafts:
        node, parent = nodes[draft.code], parents[draft.code]
        parent_id = None if parent is None else nodes[parent].pk
        if (node.name, node.parent_id) != (draft.name, parent_id):
            node.name, node.parent_id = draft.name, parent_id
            touched.add(draft.code)
    places = _place(nodes.values())
    change = TreeChange.between(before, read_places(nodes.values()))
    if change.concerned:
        send(PATIENCE)
    used_before = read_use(change.concerned)
    with ExitStack() as around:
        if change.moved:
            lock_placements()
            moving = moving_products(
                category_ids=change.moved, passed_categories=change.passed, now=now
            )
            around.enter_context(moving)
        Category.objects.bulk_update(
            [node for code, node in nodes.items() if code in touched or code in places],
            ["name", "parent", "level", "path"],
            batch_size=BATCH,
        )
    tell_tree(
        change,
        before=used_before,
        after=read_use(change.concerned),
        codes={node.pk: node.code for node in nodes.values()},
        now=now,
    )
    return Outcome(
        created=len(made),
        updated=sum(1 for code in touched if code in known),
        unchanged=sum(1 for draft in drafts if draft.code in known and draft.code not in touched),
    )


def delete_category(*, code: str) -> None:
    """Step: take an empty category out of the tree. Nobody has it in use, so nobody is told.

    :raises NotFound: when there is no such category.
    :raises FieldInvalid: when a category or product stands in it, or an agreement, a rule or a
        freight template names it.
    """
    lock_tree()
    category = Category.objects.filter(code=code).first()
    if category is None:
        raise NotFound
    try:
        category.delete()
    except models.ProtectedError as error:
        text = _("Something stands in category %(code)s, or names it") % {"code": code}
        raise FieldInvalid(text) from error


def _check_parents(
    known: dict[str, Category], drafts: Sequence[CategoryDraft]
) -> dict[str, str | None]:
    """The code of each category's parent as it will be."""
    codes = {category.pk: category.code for category in known.values()}
    parents = {
        category.code: None if category.parent_id is None else codes[category.parent_id]
        for category in known.values()
    }
    parents.update({
        draft.code: parents.get(draft.code) if draft.keeps_parent else draft.parent
        for draft in drafts
    })  # fmt: skip
    faults: list[DomainError] = []
    for index, draft in enumerate(drafts):
        parent = parents[draft.code]
        if parent is not None and parent not in parents:
            text = _("There is no category %(code)s") % {"code": parent}
            faults.append(FieldInvalid(text, pointer=f"/{index}/parent"))
    refuse_if(faults)
    looped = _codes_in_cycles(parents)
    refuse_if([
        FieldInvalid(_("The category would stand below itself"), pointer=f"/{index}/parent")
        for index, draft in enumerate(drafts)
        if draft.code in looped
    ])  # fmt: skip
    return parents


def _codes_in_cycles(parents: dict[str, str | None]) -> set[str]:
    looped: set[str] = set()
    done: set[str] = set()
    for start in parents:
        trail: dict[str, None] = {}
        code: str | None = start
        while code is not None and code not in done and code not in trail:
            trail[code] = None
            code = parents[code]
        if code is not None and code in trail:
            steps = list(trail)
            looped.update(steps[steps.index(code) :])
        done.update(trail)
    return looped


def _place(nodes: Iterable[Category]) -> set[str]:
    """Set level and path of every node; answers the codes of those that moved."""
    children: dict[int | None, list[Category]] = {}
    for node in nodes:
        children.setdefault(node.parent_id, []).append(node)
    moved = set()
    waiting: list[tuple[Category, list[int]]] = [(root, []) for root in children.get(None, ())]
    while waiting:
        node, above = waiting.pop()
        path = [*above, node.pk]
        if node.path != path or node.level != len(path):
            node.path, node.level = path, len(path)
            moved.add(node.code)
        waiting += [(child, path) for child in children.get(node.pk, ())]
    return moved


class CategoryFinder:
    """Finds categories by code or by a path of names, and makes the missing parts of a path.

    Until the transaction ends nobody can move what it has found; others may look and move products
    meanwhile. Once it makes a category, it is alone with the tree.
    """

    def __init__(self) -> None:
        self._is_alone = False
        lock_tree(is_shared=True)
        self._load()

    def _load(self) -> None:
        self._by_code: dict[str, Category] = {}
        self._by_name: dict[tuple[int | None, str], Category] = {}
        for category in Category.objects.order_by("id"):
            self._note(category)

    def _note(self, category: Category) -> None:
        self._by_code[category.code] = category
        # Of equal names below one parent, the first one that was made counts.
        self._by_name.setdefault((category.parent_id, category.name), category)

    def find(self, text: str) -> Category:
        """The category with this code, or at this path ``A/B/C``, made as far as it is missing.

        A single word that could be a code is one; anything else is a path.

        :raises FieldInvalid: for an unknown code and for a path with an empty or too long name.
        """
        category = self._by_code.get(text)
        if category is not None:
            return category
        if text.isascii() and SEPARATOR not in text and " " not in text:
            raise FieldInvalid(_("There is no category %(code)s") % {"code": text})
        names = [name.strip() for name in text.split(SEPARATOR)]
        if not all(0 < len(name) <= MAX_NAME for name in names):
            raise FieldInvalid(_("A path of categories is written as A/B/C"))
        return self._follow(names)

    def _follow(self, names: Sequence[str]) -> Category:
        parent: Category | None = None
        for depth, name in enumerate(names, start=1):
            category = self._by_name.get((parent.pk if parent else None, name))
            if category is None and not self._is_alone:
                lock_tree()
                self._is_alone = True
                self._load()
                return self._follow(names)
            parent = category or self._make(parent, name, SEPARATOR.join(names[:depth]))
        if parent is None:
            raise ValueError("a path has at least one name")
        return parent

    def _make(self, parent: Category | None, name: str, path: str) -> Category:
        """A new category, whose code follows from its path, so that every run names it alike."""
        code = f"c-{hashlib.sha256(path.encode()).hexdigest()[:12]}"
        if code in self._by_code:  # made for this path, then renamed or moved
            return self._by_code[code]
        above = parent.path if parent else []
        category = Category.objects.create(
            code=code, name=name, parent=parent, level=len(above) + 1, path=[]
        )
        category.path = [*above, category.pk]
        category.save(update_fields=["path"])
        self._note(category)
        return category
