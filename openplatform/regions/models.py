"""The address library: province, city, district, town, each by its official code."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

MAX_CODE_LENGTH = 12


class Region(models.Model):
    """One place. Some towns hang directly under a city, so ``level`` does not follow from depth."""

    class Level(models.IntegerChoices):
        PROVINCE = 1, _("Province")
        CITY = 2, _("City")
        DISTRICT = 3, _("District")
        TOWN = 4, _("Town")

    code = models.CharField(_("code"), max_length=MAX_CODE_LENGTH, primary_key=True)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("parent"),
    )
    level = models.PositiveSmallIntegerField(_("level"), choices=Level)
    name = models.CharField(_("name"), max_length=64)
    path = ArrayField(
        models.CharField(max_length=MAX_CODE_LENGTH),
        verbose_name=_("path"),
        help_text=_("Codes from the province down to this place"),
    )
    path_name = models.CharField(_("full name"), max_length=255)
    has_children = models.BooleanField(_("has children"))
    is_retired = models.BooleanField(_("retired"), default=False)
    successor = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="predecessors",
        verbose_name=_("successor"),
    )

    class Meta:
        verbose_name = _("region")
        verbose_name_plural = _("regions")
        ordering = ("code",)

    def __str__(self) -> str:
        return self.path_name

    @property
    def successor_in_use(self) -> str | None:
        """The code that a retired one's place has now; None where nothing is known of it."""
        return self.successor.code if self.successor and not self.successor.is_retired else None


class RegionLibrary(models.Model):
    """The release that is loaded, with the whole library as one file for download. One row."""

    version = models.CharField(_("version"), max_length=40)
    file = models.BinaryField(_("file"))
    loaded_at = models.DateTimeField(_("loaded at"))

    class Meta:
        verbose_name = _("address library release")
        verbose_name_plural = _("address library releases")

    def __str__(self) -> str:
        return self.version
