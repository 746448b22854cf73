"""What carriage costs: templates, each with a rule for every region that it tells apart."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from openplatform.core.model_fields import AmountField

NAMES_SHOWN = 8


class FreightTemplate(models.Model):
    """Whose goods a set of rules is for. Of the templates in use that are meant for a line and
    have a rule for its region, that of the deepest category wins, then that of the warehouse.
    """

    code = models.CharField(
        _("code"),
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[A-Za-z0-9._-]{1,64}\Z")],
    )
    name = models.CharField(_("name"), max_length=64)
    warehouse = models.ForeignKey(
        "catalog.Warehouse",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("warehouse"),
        help_text=_("What this warehouse ships; none means any"),
    )
    category = models.ForeignKey(
        "catalog.Category",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("category"),
        help_text=_("With all below it; none means any"),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("freight template")
        verbose_name_plural = _("freight templates")
        ordering = ("code",)
        constraints = [
            models.UniqueConstraint(
                fields=["warehouse", "category"],
                condition=models.Q(is_active=True),
                nulls_distinct=False,
                name="freight_template_one_in_use",
                violation_error_message=_(
                    "Another template is in use for the same warehouse and category"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class FreightRule(models.Model):
    """The tariff of a template for some regions: a first part, then equal steps; one begun counts
    whole. Of the rules for a place that of the deepest region wins; one without regions is for all
    the others.
    """

    class Basis(models.TextChoices):
        WEIGHT = "weight", _("Weight (g)")
        PIECES = "pieces", _("Pieces")
        AMOUNT = "amount", _("Goods amount")

    template = models.ForeignKey(
        FreightTemplate, models.CASCADE, related_name="rules", verbose_name=_("freight template")
    )
    regions = models.ManyToManyField(
        "regions.Region",
        blank=True,
        related_name="+",
        verbose_name=_("regions"),
        help_text=_("Of any level; none means all that no other rule names"),
    )
    basis = models.CharField(_("basis"), max_length=8, choices=Basis, default=Basis.WEIGHT)
    first_size = models.PositiveIntegerField(
        _("first part"),
        default=1000,
        validators=[MinValueValidator(1)],
        help_text=_("Grams, pieces or units of the currency"),
    )
    first_amount = AmountField(_("amount for the first part"))
    step_size = models.PositiveIntegerField(
        _("each further part"), default=1000, validators=[MinValueValidator(1)]
    )
    step_amount = AmountField(_("amount for each further part"), default=Decimal(0))
    free_from_amount = AmountField(
        _("free from"),
        null=True,
        blank=True,
        help_text=_("Goods of this template in one suborder; a remote surcharge stays"),
    )
    remote_amount = AmountField(
        _("remote surcharge"), default=Decimal(0), help_text=_("Once per suborder")
    )

    class Meta:
        verbose_name = _("freight rule")
        verbose_name_plural = _("freight rules")
        ordering = ("template", "id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(first_amount__gte=0, step_amount__gte=0, remote_amount__gte=0)
                & (models.Q(free_from_amount=None) | models.Q(free_from_amount__gte=0)),
                name="freight_rule_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(first_size__gte=1, step_size__gte=1),
                name="freight_rule_sizes_positive",
            ),
        ]

    def __str__(self) -> str:
        """Where, and how much: ``西藏自治区 · Weight (g): 18.00/1000 + 10.00/1000``."""
        names = [region.name for region in self.regions.all()] if self.pk else []
        where = "、".join(names[:NAMES_SHOWN]) or gettext("All other regions")
        if len(names) > NAMES_SHOWN:
            where += f" … ({len(names)})"
        amounts = f"{self.first_amount}/{self.first_size} + {self.step_amount}/{self.step_size}"
        parts = [where, f"{self.get_basis_display()}: {amounts}"]
        if self.free_from_amount is not None:
            parts.append(gettext("free from %(amount)s") % {"amount": self.free_from_amount})
        if self.remote_amount:
            parts.append(gettext("surcharge %(amount)s") % {"amount": self.remote_amount})
        return " · ".join(parts)
