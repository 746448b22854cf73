"""What products of a category tell about themselves."""

from __future__ import annotations

from catalog.models import Category, CategoryAttribute


def list_attributes(*, category_id: int | None) -> list[CategoryAttribute]:
    """The attributes of a category and of those above it, from the root down.

    Of one name the deepest counts, in the place of the highest.
    """
    if category_id is None:
        return []
    path = Category.objects.filter(pk=category_id).values_list("path", flat=True).first() or []
    rows = CategoryAttribute.objects.filter(category__in=path).select_related("category")
    ordered = sorted(
        rows, key=lambda attribute: (attribute.category.level, attribute.position, attribute.pk)
    )
    return list({attribute.name: attribute for attribute in ordered}.values())
