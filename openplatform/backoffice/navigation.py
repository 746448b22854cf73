"""The sidebar: what there is, as far as one may see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _

from aftersales.selectors.queue import MAX_COUNTED, Standing, get_standings
from aftersales.states import ClaimStatus
from openplatform.approvals.selectors import list_pending_for
from openplatform.core import clock
from openplatform.core.errors import type_of_text
from openplatform.imports.selectors import list_usable_resources
from openplatform.messaging.figures import list_troubled_endpoints
from orders.selectors.parcels import list_troubled
from reconciliation.selectors.attention import count_overdue_bills, count_requested_invoices

S = ClaimStatus

# Those that wait for us, with links of their own.
CLAIM_QUEUES = ("decide", "receive", "inspect", "send_back")
TROUBLED_PARCELS = format_lazy(
    "{list}?trouble=open", list=reverse_lazy("admin:orders_shipment_changelist")
)

CLAIMS = reverse_lazy("admin:aftersales_claim_changelist")
CLAIM_FIGURES = reverse_lazy("admin:aftersales_claim_figures")
STATEMENTS = reverse_lazy("admin:reconciliation_statement_changelist")
COMPARISONS = reverse_lazy("admin:reconciliation_reconciliation_changelist")
KNOWN_COLUMNS = reverse_lazy("admin:reconciliation_columnmapping_changelist")
BILLS = reverse_lazy("admin:reconciliation_bill_changelist")
# Pages among the addresses of statements and of bills that have links of their own.
MONTHS = reverse_lazy("admin:reconciliation_statement_month")
SUMMARY = reverse_lazy("admin:reconciliation_statement_summary")
ARCHIVE = reverse_lazy("admin:reconciliation_statement_archive")
WRONG_PRICES = reverse_lazy("admin:reconciliation_wrong_prices")
SEE_STATEMENTS = "reconciliation.view_statement"


def _may_see(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def has_permission(request: HttpRequest) -> bool:
        names = (f"{app}.view_{model}", f"{app}.change_{model}")
        return any(request.user.has_perm(name) for name in names)

    return has_permission


def _item(title: type_of_text, icon: str, app: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may_see(app, model),
    }


def _is_at_pools(request: HttpRequest) -> bool:
    """On a page of pools, among whose addresses a merchant's sight is."""
    is_sight = request.path == reverse("admin:catalog_pool_seen_by")
    return request.path.startswith(reverse("admin:catalog_pool_changelist")) and not is_sight


def _is_at_queue(request: HttpRequest) -> bool:
    """At the parcels in trouble, which are some of all shipments."""
    is_at = request.path == reverse("admin:orders_shipment_changelist")
    return is_at and request.GET.get("trouble") == "open"


def _is_at_all(request: HttpRequest) -> bool:
    """At the shipments, save those in trouble."""
    is_at = request.path.startswith(reverse("admin:orders_shipment_changelist"))
    return is_at and not _is_at_queue(request)


def _is_at_claims(request: HttpRequest, *queues: str) -> bool:
    """At one of the queues of claims, which are some of all."""
    return request.path == str(CLAIMS) and request.GET.get("queue") in queues


def _is_at_all_claims(request: HttpRequest) -> bool:
    """At the claims, save the queues and the figures, which have links of their own."""
    is_at = request.path.startswith(str(CLAIMS)) and request.path != str(CLAIM_FIGURES)
    return is_at and not _is_at_claims(request, *CLAIM_QUEUES)


def _claim_queue(name: str, title: type_of_text, icon: str, standing: Standing) -> dict[str, Any]:
    """A queue of claims, and how many wait in it."""
    item = {
        **_item(title, icon, "aftersales", "claim"),
        "link": format_lazy("{list}?queue={name}", list=CLAIMS, name=name),
        "active": lambda request: _is_at_claims(request, name),
    }
    if standing.count:
        is_cut = standing.count >= MAX_COUNTED
        item["badge"] = f"{MAX_COUNTED - 1}+" if is_cut else standing.count
        item["badge_variant"] = "danger" if standing.overdue_count else "warning"
    return item


def _may_see_prices(request: HttpRequest) -> bool:
    """What the page asks for."""
    return bool(request.user.has_perms(("catalog.view_sku", "catalog.view_purchaseprice")))


def _is_at_statements(request: HttpRequest) -> bool:
    """At the statements, save the pages beside them."""
    others = (str(MONTHS), str(SUMMARY), str(ARCHIVE))
    return request.path.startswith(str(STATEMENTS)) and not request.path.startswith(others)


def _is_at_comparisons(request: HttpRequest) -> bool:
    """At the comparisons, or at the columns that are known from them."""
    return request.path.startswith((str(COMPARISONS), str(KNOWN_COLUMNS)))


def _is_at_bills(request: HttpRequest) -> bool:
    """At the bills, save the page beside them."""
    is_at = request.path.startswith(str(BILLS))
    return is_at and not request.path.startswith(str(WRONG_PRICES))


def _page(title: type_of_text, icon: str, link: Any, *permissions: str) -> dict[str, Any]:
    """A page that is no list, and those below it."""
    return {
        "title": title,
        "icon": icon,
        "link": link,
        "permission": lambda request: request.user.has_perms(permissions),
        "active": lambda request: request.path.startswith(str(link)),
    }


def list_navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's callback: groups of links; beside the approvals, how many one could decide, beside
    the parcels in trouble and the queues of claims, how many wait for somebody, beside the bills,
    how many are overdue, beside the invoices, how many are to be issued, and beside the webhook
    endpoints, how many take nothing.
    """
    waiting = list_pending_for(request.user).count()
    troubled = list_troubled().count()
    claims = get_standings()
    failing = list_troubled_endpoints(now=clock.now()).count()
    overdue = count_overdue_bills()
    requested = count_requested_invoices()
    return [
        {
            "items": [
                {
                    "title": _("Overview"),
                    "icon": "dashboard",
                    "link": reverse_lazy("admin:index"),
                }
            ]
        },
        {
            "title": _("Goods"),
            "separator": True,
            "collapsible": True,
            "items": [
                _item(_("SKUs"), "inventory_2", "catalog", "sku"),
                _item(_("Products"), "category", "catalog", "product"),
                _item(_("Categories"), "account_tree", "catalog", "category"),
                _item(_("Brands"), "sell", "catalog", "brand"),
                _item(_("Scheduled listings"), "event_available", "catalog", "shelfchange"),
                {**_item(_("Pools"), "layers", "catalog", "pool"), "active": _is_at_pools},
                _item(_("Pool history"), "history_edu", "catalog", "poolchange"),
                _item(_("Pool exclusions"), "block", "catalog", "poolexclusion"),
                {
                    "title": _("Seen by a merchant"),
                    "icon": "visibility",
                    "link": reverse_lazy("admin:catalog_pool_seen_by"),
                    "permission": _may_see_prices,
                },
                _item(_("Purchase prices"), "price_change", "catalog", "purchaseprice"),
                _item(_("Price changes"), "schedule", "catalog", "pricechange"),
                _item(_("Stock"), "shelves", "catalog", "stock"),
                _item(_("Stock movements"), "swap_vert", "catalog", "stockmovement"),
                _item(_("Warehouses"), "warehouse", "catalog", "warehouse"),
                {
                    **_item(capfirst(_("imports")), "upload_file", "imports", "importrun"),
                    "permission": lambda request: bool(list_usable_resources(request.user)),
                },
            ],
        },
        {
            "title": _("Orders"),
            "separator": True,
            "collapsible": True,
            "items": [
                _item(_("Orders"), "receipt_long", "orders", "order"),
                _item(_("Quotes"), "request_quote", "orders", "quote"),
                _item(_("Suborders"), "call_split", "orders", "suborder"),
                {**_item(_("Shipments"), "package_2", "orders", "shipment"), "active": _is_at_all},
                {
                    **_item(_("Parcels in trouble"), "report", "orders", "shipment"),
                    "link": TROUBLED_PARCELS,
                    "active": _is_at_queue,
                    **({"badge": troubled, "badge_variant": "danger"} if troubled else {}),
                },
                _item(_("Closures"), "money_off", "orders", "closure"),
                _item(_("Carriers"), "local_shipping", "orders", "carrier"),
                _item(_("Freight templates"), "scale", "orders", "freighttemplate"),
            ],
        },
        {
            "title": _("After-sales"),
            "separator": True,
            "collapsible": True,
            "items": [
                _claim_queue("decide", _("Claims to decide"), "gavel", claims[S.SUBMITTED]),
                _claim_queue("receive", _("Returns to receive"), "inbox", claims[S.RETURN_SHIPPED]),
                _claim_queue(
                    "inspect", _("Returns to inspect"), "search_check", claims[S.RETURN_RECEIVED]
                ),
                {
                    **_item(_("Goods to send back"), "undo", "aftersales", "claim"),
                    "link": format_lazy("{list}?queue=send_back", list=CLAIMS),
                    "active": lambda request: _is_at_claims(request, "send_back"),
                },
                {
                    **_item(_("All claims"), "assignment_return", "aftersales", "claim"),
                    "active": _is_at_all_claims,
                },
                _item(_("Return parcels"), "package_2", "aftersales", "claimparcel"),
                {
                    "title": _("Figures about claims"),
                    "icon": "monitoring",
                    "link": CLAIM_FIGURES,
                    "permission": _may_see("aftersales", "claim"),
                },
                _item(_("Claim reasons"), "list_alt", "aftersales", "reason"),
                _item(_("Approval rules"), "rule", "aftersales", "approvalrule"),
            ],
        },
        {
            "title": _("Connectors"),
            "separator": True,
            "collapsible": True,
            "items": [
                _item(_("Providers"), "hub", "connectors", "provider"),
                _item(_("Calls of providers"), "call_made", "connectors", "providercall"),
                _item(_("Tracked parcels"), "route", "connectors", "trackedparcel"),
            ],
        },
        {
            "title": _("Partners"),
            "separator": True,
            "collapsible": True,
            "items": [
                _item(_("Partners"), "store", "accounts", "partner"),
                _item(_("Contacts"), "contacts", "accounts", "contact"),
                _item(_("API keys"), "key", "accounts", "apikey"),
            ],
        },
        {
            "title": _("Money"),
            "separator": True,
            "collapsible": True,
            "items": [
                {
                    **_item(_("Approvals"), "approval", "approvals", "approval"),
                    **({"badge": waiting, "badge_variant": "warning"} if waiting else {}),
                },
                _item(_("Wallets"), "account_balance_wallet", "accounts", "wallet"),
                _item(_("Ledger"), "menu_book", "accounts", "ledgerentry"),
                _item(_("Hold entries"), "lock_clock", "accounts", "holdentry"),
                _item(_("Top-ups"), "add_card", "accounts", "topup"),
                _item(_("Adjustments"), "balance", "accounts", "adjustment"),
                _item(_("Withdrawals"), "account_balance", "accounts", "withdrawal"),
                _item(_("Credit limit changes"), "credit_score", "accounts", "creditlimitchange"),
                _item(_("Checks of the books"), "fact_check", "accounts", "bookcheck"),
            ],
        },
        {
            "title": _("Reconciliation"),
            "separator": True,
            "collapsible": True,
            "items": [
                _page(_("Close a month"), "event_available", MONTHS, SEE_STATEMENTS),
                {
                    **_item(_("Statements"), "description", "reconciliation", "statement"),
                    "active": _is_at_statements,
                },
                _page(_("Summary of statements"), "functions", SUMMARY, SEE_STATEMENTS),
                _page(
                    _("Archive of statements"),
                    "folder_zip",
                    ARCHIVE,
                    SEE_STATEMENTS,
                    "reconciliation.download_statement",
                ),
                {
                    **_item(_("Comparisons"), "compare_arrows", "reconciliation", "reconciliation"),
                    "active": _is_at_comparisons,
                },
                {
                    **_item(_("Bills"), "request_page", "reconciliation", "bill"),
                    "active": _is_at_bills,
                    **({"badge": overdue, "badge_variant": "danger"} if overdue else {}),
                },
                {
                    **_item(_("Invoices"), "receipt", "reconciliation", "invoice"),
                    **({"badge": requested, "badge_variant": "warning"} if requested else {}),
                },
                _item(_("Invoice titles"), "badge", "reconciliation", "invoicetitle"),
                _page(
                    _("Prices that went wrong"),
                    "money_off_csred",
                    WRONG_PRICES,
                    "orders.view_order",
                    "catalog.view_purchaseprice",
                ),
            ],
        },
        {
            "title": _("Messages"),
            "separator": True,
            "collapsible": True,
            "items": [
                _item(_("Messages"), "forum", "messaging", "message"),
                {
                    **_item(_("Webhook endpoints"), "webhook", "messaging", "webhookendpoint"),
                    **({"badge": failing, "badge_variant": "danger"} if failing else {}),
                },
                _item(_("Webhook deliveries"), "send", "messaging", "webhookdelivery"),
                _item(_("Outbox"), "outbox", "messaging", "outbox"),
                _item(_("Message cursors"), "format_list_numbered", "messaging", "messagecursor"),
                _item(_("Mails"), "mail", "messaging", "mail"),
            ],
        },
        {
            "title": _("System"),
            "separator": True,
            "collapsible": True,
            "items": [
                _item(_("Audit trail"), "history", "audit", "auditentry"),
                _item(_("Users"), "person", "auth", "user"),
                _item(_("Groups"), "group", "auth", "group"),
                _item(_("Regions"), "map", "regions", "region"),
                _item(_("Address library"), "library_books", "regions", "regionlibrary"),
                _item(_("Idempotent requests"), "replay", "idempotency", "idempotentrequest"),
                _item(_("Workers"), "monitor_heart", "operations", "heartbeat"),
                _item(_("Schedules"), "schedule", "django_q", "schedule"),
                _item(_("Finished tasks"), "task_alt", "django_q", "success"),
                _item(_("Failed tasks"), "error", "django_q", "failure"),
            ],
        },
    ]
