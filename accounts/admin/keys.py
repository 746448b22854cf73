"""Keys in the back office: made, shown once, changed, replaced, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from accounts.admin.shown import PARTNER_FILTER, link_to, page_of
from accounts.forms.keys import (
    ApiKeyForm,
    KeyTermsForm,
    RevokeKeyForm,
    RotateKeyForm,
    terms_of,
)
from accounts.models import ApiKey
from accounts.services.keys import change_key, create_key, revoke_key, rotate_key
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin, ReadOnlyInline
from openplatform.core.errors import type_of_text
from openplatform.core.scopes import Scope

ENDS_SOON = timedelta(days=30)  # as soon as the partner is warned for the first time
BOTH_LIVE = timedelta(days=7)
OPENING = ("valid", "ends_soon", "replaced")
STATE_COLOURS: Mapping[str, str] = {
    "valid": "success",
    "ends_soon": "warning",
    "replaced": "info",
    "expired": "danger",
    "revoked": "danger",
}
SHOWN_BEFORE = _(
    "The key was shown once and is not shown again. Nothing new was made; if it was not copied,"
    " revoke this one and make another."
)
STATES: Mapping[str, type_of_text] = {
    "valid": _("Valid"),
    "ends_soon": _("Ends soon"),
    "replaced": _("Replaced"),
    "expired": _("Expired"),
    "revoked": _("Revoked"),
}


def _state_of(key: ApiKey) -> str:
    now = clock.now()
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    if key.replaced_by_id is not None:
        return "replaced"
    if key.expires_at is not None and key.expires_at <= now + ENDS_SOON:
        return "ends_soon"
    return "valid"


class ApiKeyInline(ReadOnlyInline):
    """Keys of a partner."""

    model = ApiKey
    fk_name = "partner"
    verbose_name_plural = _("API keys")
    ordering = ("-created_at",)
    fields = ("prefix", "note", "state", "expires_at", "last_used_at", "created_at")
    readonly_fields = ("state",)

    @display(description=_("state"))
    def state(self, key: ApiKey) -> type_of_text:
        """Whether it opens anything."""
        return STATES[_state_of(key)]


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Every change is a service's; a key's text is shown once, when it is made."""

    list_display = (
        "prefix", "partner", "note", "state", "expires_at", "last_used", "created_at",
    )  # fmt: skip
    list_filter = (PARTNER_FILTER, ("created_at", RangeDateFilter), ("expires_at", RangeDateFilter))
    list_select_related = ("partner",)
    search_fields = ("prefix", "note", "partner__code", "partner__name")
    search_help_text = _("Prefix, note or partner")
    fieldsets = (
        (None, {"fields": ("partner", "prefix", "note", "state_name", "scope_list")}),
        (
            _("Who may use it"),
            {"fields": ("network_list", "requests_per_minute", "requires_signature", "public_pem")},
        ),
        (
            _("Its life"),
            {
                "fields": (
                    "created_at", "last_used_at", "last_used_address", "expires_at", "warned_days",
                    "replaced_by_link", "revoked_at",
                )
            },
        ),
    )  # fmt: skip
    readonly_fields = ("scope_list", "state_name", "network_list", "public_pem", "replaced_by_link")
    actions_detail = ("edit", "rotate", "revoke")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """By permission: the add page calls the service."""
        return bool(request.user.has_perm("accounts.add_apikey"))

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change keys, while this one opens anything."""
        return self._may(request, "accounts.change_apikey", object_id)

    def has_edit_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """The same."""
        return self._may(request, "accounts.change_apikey", object_id)

    def has_rotate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may make keys, while this one opens and was not replaced yet."""
        return self._may(request, "accounts.add_apikey", object_id, ("valid", "ends_soon"))

    def state_of_row(self, row: ApiKey) -> type_of_text:
        """Whether it opens anything."""
        return STATES[_state_of(row)]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Make a key and show it, this once."""
        if not self.has_add_permission(request):
            raise PermissionDenied

        def call(values: Values) -> HttpResponse:
            terms = {name: value for name, value in values.items() if name != "partner"}
            key, text = create_key(
                partner_code=values["partner"].code, actor=request.user.get_username(), **terms
            )
            return self._show_once(request, key, text)

        return answer_form_page(
            self,
            request,
            form_class=ApiKeyForm,
            title=_("New API key"),
            submit=_("Make the key"),
            call=call,
            back_to=reverse("admin:accounts_apikey_changelist"),
            initial={"partner": request.GET.get("partner")},
            intro=_("The key is shown once, on the next page. Only its digest is kept."),
            told_when_repeated=SHOWN_BEFORE,
        )

    @action(description=_("Change"), permissions=["edit"], icon="edit")
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Other terms for a key."""
        key: ApiKey = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            change_key(
                prefix=key.prefix, actor=request.user.get_username(), now=clock.now(), **values
            )
            return _("The key %(prefix)s was changed") % {"prefix": key.prefix}

        return answer_form_page(
            self,
            request,
            form_class=KeyTermsForm,
            title=_("Change the key"),
            submit=_("Save"),
            call=call,
            back_to=page_of(key),
            initial=terms_of(key),
            subject=key,
            intro=_("In force within a second. The key itself and its end stay as they are."),
        )

    @action(description=_("Replace"), permissions=["rotate"], icon="autorenew")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A new key in its place, shown this once; both open until the planned end."""
        key: ApiKey = self.get_row(request, object_id)

        def call(values: Values) -> HttpResponse:
            new, text = rotate_key(
                prefix=key.prefix, actor=request.user.get_username(), now=clock.now(), **values
            )
            return self._show_once(request, new, text)

        return answer_form_page(
            self,
            request,
            form_class=RotateKeyForm,
            title=_("Replace the key"),
            submit=_("Make the new key"),
            call=call,
            back_to=page_of(key),
            initial={"old_ends_at": (clock.now() + BOTH_LIVE).replace(second=0, microsecond=0)},
            subject=key,
            intro=_(
                "The new key opens the same, to the same networks, at the same limits. It is shown "
                "once, on the next page. The old one opens as well until its end, so that the "
                "partner can change over without a pause."
            ),
            told_when_repeated=SHOWN_BEFORE,
        )

    @action(
        description=_("Revoke"),
        permissions=["revoke"],
        icon="block",
        is_danger=True,
    )
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End a key, after a confirmation."""
        key: ApiKey = self.get_row(request, object_id)

        def call(values: Values) -> type_of_text:
            revoke_key(
                prefix=key.prefix,
                actor=request.user.get_username(),
                now=clock.now(),
                reason=values["reason"],
            )
            return _("The key %(prefix)s opens nothing any more") % {"prefix": key.prefix}

        return answer_form_page(
            self,
            request,
            form_class=RevokeKeyForm,
            title=_("Revoke the key"),
            submit=_("Revoke for good"),
            call=call,
            back_to=page_of(key),
            subject=key,
            intro=_(
                "Every request with this key is refused within a second. This cannot be undone."
            ),
            is_danger=True,
        )

    @display(description=_("state"), label=STATE_COLOURS)
    def state(self, key: ApiKey) -> tuple[str, type_of_text]:
        """Whether it opens anything."""
        state = _state_of(key)
        return state, STATES[state]

    @display(description=_("state"))
    def state_name(self, key: ApiKey) -> type_of_text:
        """The same without the badge."""
        return STATES[_state_of(key)]

    @display(description=_("last used"), ordering="last_used_at", is_header=True)
    def last_used(self, key: ApiKey) -> list[Any]:
        """When, and from where."""
        return [key.last_used_at, key.last_used_address or ""]

    @display(description=_("scopes"))
    def scope_list(self, key: ApiKey) -> SafeString:
        """With what each means."""
        names = {scope.value: scope.label for scope in Scope}
        return format_html_join(
            "", "<div>{} <code>{}</code></div>", ((names.get(s, ""), s) for s in key.scopes)
        )

    @display(description=_("allowed networks"))
    def network_list(self, key: ApiKey) -> SafeString | type_of_text:
        """One a line."""
        if not key.allowed_networks:
            return _("Every address")
        return format_html_join("", "<div>{}</div>", ((text,) for text in key.allowed_networks))

    @display(description=_("public key"))
    def public_pem(self, key: ApiKey) -> SafeString | str:
        """As it is written."""
        if not key.public_key:
            return "-"
        return format_html('<pre class="font-mono" style="margin: 0">{}</pre>', key.public_key)

    @display(description=_("replaced by"))
    def replaced_by_link(self, key: ApiKey) -> SafeString | str:
        """To the page of the new key."""
        if key.replaced_by is None:
            return "-"
        return link_to(page_of(key.replaced_by), str(key.replaced_by))

    def _may(
        self,
        request: HttpRequest,
        permission: str,
        object_id: Any,
        states: tuple[str, ...] = OPENING,
    ) -> bool:
        if not request.user.has_perm(permission):
            return False
        key = self.get_object(request, str(object_id)) if object_id is not None else None
        return key is None or _state_of(key) in states

    def _show_once(self, request: HttpRequest, key: ApiKey, text: str) -> HttpResponse:
        response = TemplateResponse(
            request,
            "backoffice/new_key.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.model._meta,
                "title": _("The new API key"),
                "key": key,
                "text": text,
                "back_to": page_of(key),
            },
        )
        add_never_cache_headers(response)
        return response
