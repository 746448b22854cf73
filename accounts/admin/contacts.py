"""The people to turn to, on both sides, in the back office."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import Form, ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from accounts.admin.shown import PARTNER_FILTER, page_of
from accounts.forms.contacts import ContactForm
from accounts.models import Contact
from accounts.recipients import CONFIRMED_FOR, list_stale_contacts
from accounts.services.contacts import confirm_contacts
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ModelAdmin, ReadOnlyInline
from openplatform.core.errors import type_of_text

# Whoever edits one of these has made sure of the person.
MADE_SURE_BY = frozenset({"name", "role", "email", "phone"})
BADGE = "unfold/helpers/display_label.html"
ROLE_COLOURS = {"business": "info", "product": "info", "technical": "warning", "finance": "success"}


def _topics_of(contact: Contact) -> SafeString:
    names = [Contact.Topic(topic).label for topic in contact.topics]
    return render_to_string(BADGE, {"label": names, "multiple": True})


def _age_of(contact: Contact, now: datetime) -> str:
    days = (now - contact.confirmed_at).days
    if days <= 0:
        return str(_("today"))
    return ngettext("%(days)d day ago", "%(days)d days ago", days) % {"days": days}


def _confirmed(contact: Contact) -> SafeString:
    now = clock.now()
    colour = "danger" if now - contact.confirmed_at > CONFIRMED_FOR else "success"
    return render_to_string(BADGE, {"label": _age_of(contact, now), "label_type": colour})


class SideFilter(DropdownFilter):
    """Ours, or a partner's."""

    title = _("side")
    parameter_name = "side"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two."""
        return [("own", _("Our own side")), ("partner", _("Partners"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        """Those of the side chosen."""
        if self.value() in {"own", "partner"}:
            return queryset.filter(partner__isnull=self.value() == "own")
        return queryset


class ConfirmedFilter(DropdownFilter):
    """Made sure of lately, or not."""

    title = _("confirmed")
    parameter_name = "confirmed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two."""
        return [("stale", _("Not for 90 days")), ("fresh", _("Within 90 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        """Those of the state chosen."""
        stale = list_stale_contacts(now=clock.now()).order_by().values("pk")
        if self.value() == "stale":
            return queryset.filter(pk__in=stale)
        if self.value() == "fresh":
            return queryset.exclude(pk__in=stale)
        return queryset


@admin.register(Contact)
class ContactAdmin(ModelAdmin):
    """Contacts: who they are, what they are told, and when somebody last made sure of them."""

    form = ContactForm
    list_display = ("person", "side", "role_badge", "topic_badges", "phone", "confirmed")
    list_filter = (
        PARTNER_FILTER, SideFilter, ("role", ChoicesDropdownFilter), ConfirmedFilter,
    )  # fmt: skip
    list_select_related = ("partner",)
    search_fields = ("name", "email", "phone", "partner__code", "partner__name")
    search_help_text = _("Name, email, phone or partner")
    autocomplete_fields = ("partner",)
    fields = ("partner", ("name", "role"), ("email", "phone"), "language", "topics", "confirmed")
    readonly_fields = ("confirmed",)
    actions = ("confirm_several",)
    actions_detail = ("confirm",)
    actions_row = ("confirm",)

    def get_fields(self, request: HttpRequest, obj: Contact | None = None) -> Sequence[Any]:
        """Without the last confirmation as long as there is none."""
        fields: Sequence[Any] = super().get_fields(request, obj)
        return [name for name in fields if obj is not None or name != "confirmed"]

    def set_on_change(self, request: HttpRequest, obj: Contact, edited: list[str]) -> list[str]:
        """An edited person was made sure of."""
        if not MADE_SURE_BY.intersection(edited):
            return []
        obj.confirmed_at = clock.now()
        return ["confirmed_at"]

    def save_model(
        self, request: HttpRequest, obj: Contact, form: ModelForm[Contact], change: bool
    ) -> None:
        """One that is new is made sure of."""
        if not change:
            obj.confirmed_at = clock.now()
        super().save_model(request, obj, form, change)

    def has_confirm_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may edit contacts."""
        return bool(request.user.has_perm("accounts.change_contact"))

    @action(
        description=_("Confirm: still right today"),
        permissions=["confirm"],
        icon="how_to_reg",
        is_primary=True,
    )
    def confirm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Note that somebody has made sure of this person."""
        contact: Contact = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            return self._confirm(request, [contact.pk])

        return answer_form_page(
            self,
            request,
            form_class=Form,
            title=_("Confirm the contact"),
            submit=_("Still right today"),
            call=call,
            back_to=page_of(contact),
            subject=contact,
            extra_context={
                "facts": [
                    (_("side"), self.side(contact)),
                    (_("role"), contact.get_role_display()),
                    (_("phone"), contact.phone or "-"),
                    (_("confirmed"), _age_of(contact, clock.now())),
                ]
            },
        )

    @action(description=_("Confirm: still right today"), permissions=["confirm"])
    def confirm_several(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        """The same for all that are ticked."""
        ids = list(queryset.values_list("pk", flat=True))
        self.message_user(request, str(self._confirm(request, ids)))

    def _confirm(self, request: HttpRequest, contact_ids: list[int]) -> type_of_text:
        count = confirm_contacts(
            contact_ids=contact_ids, actor=request.user.get_username(), now=clock.now()
        )
        text = ngettext("%(count)d contact confirmed", "%(count)d contacts confirmed", count)
        return text % {"count": count}

    @display(description=_("person"), ordering="name", is_header=True)
    def person(self, contact: Contact) -> tuple[str, str]:
        """Name over address."""
        return contact.name, contact.email

    @display(description=_("side"), ordering="partner__code")
    def side(self, contact: Contact) -> str:
        """The partner, or ourselves."""
        return str(contact.partner or _("Our own side"))

    @display(description=_("role"), ordering="role", label=ROLE_COLOURS)
    def role_badge(self, contact: Contact) -> tuple[str, str]:
        """A badge."""
        return contact.role, contact.get_role_display()

    @display(description=_("is told of"))
    def topic_badges(self, contact: Contact) -> SafeString:
        """A badge for each."""
        return _topics_of(contact)

    @display(description=_("confirmed"), ordering="confirmed_at")
    def confirmed(self, contact: Contact) -> SafeString:
        """Red when nobody has made sure for 90 days."""
        return _confirmed(contact)


class ContactInline(ReadOnlyInline):
    """A partner's people, to look at; each is edited on a page of its own."""

    model = Contact
    verbose_name_plural = _("contacts")
    ordering = ("name",)
    fields = ("name", "role", "email", "phone", "topic_badges", "confirmed")
    readonly_fields = ("topic_badges", "confirmed")

    @display(description=_("is told of"))
    def topic_badges(self, contact: Contact) -> SafeString:
        """A badge for each."""
        return _topics_of(contact)

    @display(description=_("confirmed"))
    def confirmed(self, contact: Contact) -> SafeString:
        """Red when nobody has made sure for 90 days."""
        return _confirmed(contact)
