"""Settings: one module, driven by the environment (see "Settings" in the README)."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from openplatform.core import embedded_postgres, logs
from openplatform.core.environment import (
    read_amount,
    read_bool,
    read_choice,
    read_header,
    read_int,
    read_list,
    read_mailbox,
    read_path,
    read_seconds,
    read_text,
    require,
)
from openplatform.core.networks import TrustedProxies

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = read_path("DATA_DIR", BASE_DIR / ".data")
PRODUCTION = read_bool("PRODUCTION")
DEBUG = read_bool("DEBUG")
PORT = read_int("PORT", 8000)

if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("DEBUG must be off in production")


def _read_secret_key() -> str:
    if PRODUCTION:
        return require("SECRET_KEY", "it signs sessions and cursors in production")
    if from_environment := read_text("SECRET_KEY"):
        return from_environment
    file = DATA_DIR / "secret_key"
    if not file.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"secret_key.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            file.hardlink_to(draft)  # the first process wins, and nobody reads a half-written key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()


SECRET_KEY = _read_secret_key()
# Earlier ones: what they signed and sealed still holds.
SECRET_KEY_FALLBACKS = read_list("SECRET_KEY_FALLBACKS")
if PRODUCTION:
    require("ALLOWED_HOSTS", "the host names that production answers to, separated by commas")
    require("DATABASE_URL", "production does not run on the embedded Postgres")
ALLOWED_HOSTS = read_list("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
PUBLIC_URL = read_text("PUBLIC_URL", f"http://localhost:{PORT}").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# Database
EMBEDDED_POSTGRES = DATA_DIR / "postgres"
DATABASE_URL = read_text("DATABASE_URL") or embedded_postgres.url(EMBEDDED_POSTGRES)
_database: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL, conn_max_age=600))
DATABASES = {
    "default": {
        **_database,
        "OPTIONS": {
            **_database.get("OPTIONS", {}),
            # Parameters travel apart from the statement, so that a repeated statement is planned
            # once per connection and not once per request.
            "server_side_binding": True,
            "prepare_threshold": 2,
            "options": "-c lock_timeout=2s -c statement_timeout=5s"
            " -c idle_in_transaction_session_timeout=10s -c plan_cache_mode=force_generic_plan",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Applications
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # without its own admin site, which would replace ours
    "unfold.contrib.filters",
    "openplatform.backoffice.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "openplatform.core",
    "openplatform.regions",
    "openplatform.messaging",
    "openplatform.idempotency",
    "openplatform.limits",
    "openplatform.audit",
    "openplatform.operations",
    "openplatform.connectors",
    "openplatform.approvals",
    "openplatform.imports",
    "openplatform.backoffice",
    "openplatform.demo",
    "accounts",
    "catalog",
    "orders",
    "aftersales",
    "reconciliation",
]
MIDDLEWARE = [
    "openplatform.core.api.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "openplatform.core.pages.StaticFilesMiddleware",
    "openplatform.core.pages.SessionMiddleware",
    "openplatform.core.pages.LocaleMiddleware",
    "openplatform.core.pages.CommonMiddleware",
    "openplatform.core.pages.CsrfViewMiddleware",
    "openplatform.core.pages.AuthenticationMiddleware",
    "openplatform.core.pages.MessageMiddleware",
    "openplatform.core.pages.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "openplatform.urls"
WSGI_APPLICATION = "openplatform.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "openplatform/backoffice/overrides"],  # before unfold's own
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Language, time, money
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "openplatform" / "backoffice" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
CURRENCY = "CNY"
# A change of credit line or alert threshold by more than this waits for a second person.
SECOND_PERSON_ABOVE = read_amount("SECOND_PERSON_ABOVE", "10000.00")

# How long a quote holds
QUOTE_MINUTES = read_int("QUOTE_MINUTES", 15, minimum=1)
# Orders: days until a part counts as received by itself, after it left and after it arrived
RECEIPT_AFTER_SHIPMENT_DAYS = read_int("RECEIPT_AFTER_SHIPMENT_DAYS", 15, minimum=1)
RECEIPT_AFTER_DELIVERY_DAYS = read_int("RECEIPT_AFTER_DELIVERY_DAYS", 7, minimum=1)
# Days that a consignee is kept after the order ended; messages and kept answers are gone by then.
CONSIGNEE_KEPT_DAYS = read_int("CONSIGNEE_KEPT_DAYS", 180, minimum=31)

# Claims: days after a part was received in which its units can be claimed
AFTERSALE_DAYS = read_int("AFTERSALE_DAYS", 15, minimum=1)
# Hours in which operators decide a claim, and inspect what came back
AFTERSALE_REVIEW_HOURS = read_int("AFTERSALE_REVIEW_HOURS", 48, minimum=1)
AFTERSALE_INSPECTION_HOURS = read_int("AFTERSALE_INSPECTION_HOURS", 48, minimum=1)
# Days that a merchant has to answer a question, and to send goods back; then the claim ends
AFTERSALE_ANSWER_DAYS = read_int("AFTERSALE_ANSWER_DAYS", 7, minimum=1)
AFTERSALE_RETURN_DAYS = read_int("AFTERSALE_RETURN_DAYS", 7, minimum=2)
# A refund above it takes the decision of a second person.
AFTERSALE_SECOND_PERSON_ABOVE = read_amount("AFTERSALE_SECOND_PERSON_ABOVE", "2000.00")

# Statements of a day, and on the first of a month of the month before, are made from this hour on.
STATEMENT_HOUR = read_int("STATEMENT_HOUR", 2, minimum=0)
# Days in which a bill is to be paid where nothing else was agreed, and before which it is called to
# mind
BILL_PAYMENT_DAYS = read_int("BILL_PAYMENT_DAYS", 15, minimum=1)
BILL_REMINDER_DAYS = read_int("BILL_REMINDER_DAYS", 3, minimum=0)
# The rate at which freight is invoiced: as the goods that it comes with.
INVOICE_FREIGHT_TAX_RATE = read_amount("INVOICE_FREIGHT_TAX_RATE", "0.13")

# Static files
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
# Files
# Nothing serves them by their names; signed links do (openplatform.core.uploads).
MEDIA_ROOT = DATA_DIR / "files"
UPLOAD_LIMIT = 10 * 1024 * 1024  # bytes of one file
FILE_LINK_SECONDS = 600  # for how long a link opens its file
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Partner API
API_BODY_LIMIT = 2 * 1024 * 1024  # bytes; an order of 1,000 lines takes about a tenth
DATA_UPLOAD_MAX_MEMORY_SIZE = API_BODY_LIMIT
# A page of the back office may have dozens of rules, each with dozens of regions.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
# Who is believed about the caller's address: networks in CIDR notation, and `unix` for the peer at
# the other end of a unix socket.
TRUSTED_PROXIES = TrustedProxies.parse(read_list("TRUSTED_PROXIES"))
# The header that a trusted proxy says it in. Servers take X_Forwarded_For for X-Forwarded-For: the
# proxy has to drop names with underscores, or to write a header whose name has no hyphen.
CLIENT_ADDRESS_HEADER = read_header("CLIENT_ADDRESS_HEADER", "X-Forwarded-For")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["openplatform.core.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["openplatform.core.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["openplatform.core.api.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "openplatform.core.api.negotiation.JSONNegotiation",
    "DEFAULT_SCHEMA_CLASS": "openplatform.core.api.schema.OperationSchema",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is not part of the contract
    "EXCEPTION_HANDLER": "openplatform.core.api.problems.handle_exception",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "商品开放平台 Open Platform for Commerce",
    "DESCRIPTION": "The partner API: list goods, check price and stock, place and pay orders, "
    "follow shipments, read messages and the ledger.\n\n"
    "- Money is a string with two decimals, tax included; codes and numbers are strings; "
    "quantities are integers; times are RFC 3339 with offset.\n"
    "- A field that is null is as good as left out, but for a flag, which is `true` or `false`, "
    "and in a `PATCH`, where null is refused; a field that is not known is refused.\n"
    "- Errors are RFC 9457 problems. `errors[].pointer` is a JSON pointer into the body "
    "(`/items/0/sku`), `?name` for a query parameter, the name of a header, or empty for the "
    "request as a whole.\n"
    "- `X-Request-Id` comes back: yours when it is 8 to 64 characters of `[A-Za-z0-9._-]`, else "
    "ours.\n"
    "- The same request may be sent again: orders are known by `merchant_order_no`, other writes "
    "by `Idempotency-Key`; a repeat answers with `Idempotent-Replayed: true`.\n"
    "- Confirm and cancel take the parent's number; a child's number answers 404.\n"
    "- `RateLimit-Policy` and `RateLimit` say how many requests a minute are agreed and how many "
    "are left; one too many answers 429 `rate_limited` with `Retry-After`. So does every path with "
    "a number or code in it after too many that were not found.\n"
    "- What happens is told by messages, the same by `GET /messages` and by webhook. Their types "
    "are the webhooks of this document, and have a page with schemas and examples: `/docs/events`.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENFORCE_NON_BLANK_FIELDS": True,
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "orders.states.OrderStatus.choices",
        "SuborderStatus": "orders.states.SuborderStatus.choices",
        "ParcelStatus": "openplatform.connectors.parcels.ParcelStatus.choices",
        "ClaimStatus": "aftersales.states.ClaimStatus.choices",
        "ClaimType": "aftersales.models.claims.ClaimType.choices",
        "PaperStatus": "reconciliation.states.PaperStatus.choices",
        "BillStatus": "reconciliation.states.BillStatus.choices",
        "InvoiceStatus": "reconciliation.states.InvoiceStatus.choices",
        "InvoiceKind": "reconciliation.api.serializers.INVOICE_KINDS",
        "InvoiceTitleKind": "reconciliation.api.serializers.TITLE_KINDS",
        "WebhookEndpointStatus": "openplatform.messaging.api.events.ENDPOINT_STATUSES",
        "WebhookDisabledReason": "openplatform.messaging.api.events.DISABLED_REASONS",
        "WantedWebhookEndpointStatus": "openplatform.messaging.api.requests.WANTED_STATUSES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "POSTPROCESSING_HOOKS": [
        "openplatform.messaging.events.openapi.add_forms",
        "drf_spectacular.hooks.postprocess_schema_enums",
        "openplatform.messaging.events.openapi.add_webhooks",
        "openplatform.core.api.schema.add_problem_responses",
    ],
}

# Mail
SMTP_HOST = read_text("SMTP_HOST")  # without one, mails become files, to look at
if PRODUCTION:
    require("SMTP_HOST", "the mail server that warnings are sent through")
    require("MAIL_FROM", "the address that mails come from")
_SMTP_PORTS = {"none": 25, "starttls": 587, "tls": 465}
_SMTP_SECURITY = read_choice("SMTP_SECURITY", list(_SMTP_PORTS), "starttls")
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if SMTP_HOST
    else "django.core.mail.backends.filebased.EmailBackend"
)
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_HOST = SMTP_HOST
EMAIL_PORT = read_int("SMTP_PORT", _SMTP_PORTS[_SMTP_SECURITY], minimum=1)
EMAIL_HOST_USER = read_text("SMTP_USER")
EMAIL_HOST_PASSWORD = read_text("SMTP_PASSWORD")
if bool(EMAIL_HOST_USER) != bool(EMAIL_HOST_PASSWORD):
    raise ImproperlyConfigured("SMTP_USER and SMTP_PASSWORD go together")
if EMAIL_HOST_PASSWORD and _SMTP_SECURITY == "none":
    raise ImproperlyConfigured("SMTP_SECURITY=none would send SMTP_PASSWORD in the clear")
EMAIL_USE_TLS = _SMTP_SECURITY == "starttls"
EMAIL_USE_SSL = _SMTP_SECURITY == "tls"
EMAIL_TIMEOUT = 10  # seconds for each step of the conversation with the server
DEFAULT_FROM_EMAIL = read_mailbox("MAIL_FROM", "Open Platform <openplatform@localhost>")

# Hosts (with a port, or any) that may be private and spoken to without TLS: providers that staff
# enter, and receivers that partners enter
OUTGOING_PRIVATE_HOSTS = read_list("OUTGOING_PRIVATE_HOSTS")
WEBHOOK_PRIVATE_HOSTS = read_list("WEBHOOK_PRIVATE_HOSTS")

# Webhooks. The seconds to wait before the first try of a message, the second and so on; after the
# last it is set aside. An endpoint that fails altogether is tried after the same times, from the
# second on, and the last over and over.
WEBHOOK_WAITS = read_seconds("WEBHOOK_WAITS", "0,5,300,1800,7200,18000,36000,36000")
WEBHOOK_TIMEOUT = read_seconds("WEBHOOK_TIMEOUT", "10")[0]  # for a whole request
WEBHOOK_IN_FLIGHT = read_int("WEBHOOK_IN_FLIGHT", 4, minimum=1)  # requests to one endpoint at once
WEBHOOK_DISABLE_AFTER = read_int("WEBHOOK_DISABLE_AFTER", 5, minimum=1)  # days of failure

# Rate limits, in requests a minute
RATE_LIMIT_KEY = read_int("RATE_LIMIT_KEY", 3000, minimum=1)  # unless agreed with the key
RATE_LIMIT_PARTNER = read_int("RATE_LIMIT_PARTNER", 6000, minimum=1)  # over all keys; likewise
# Look-ups by one key of what does not exist: who guesses numbers is stopped.
RATE_LIMIT_MISSING = read_int("RATE_LIMIT_MISSING", 60, minimum=1)
# Failed sign-ins to the back office, for one user name and from one address; not a minute, but in:
RATE_LIMIT_SIGN_IN = read_int("RATE_LIMIT_SIGN_IN", 10, minimum=1)
RATE_LIMIT_SIGN_IN_MINUTES = 15

# Figures for Prometheus: who asks has to show this; without one, nothing is counted or told.
METRICS_TOKEN = read_text("METRICS_TOKEN")
if METRICS_TOKEN and len(METRICS_TOKEN) < 16:  # noqa: PLR2004 - guessed no sooner than a key
    raise ImproperlyConfigured("METRICS_TOKEN needs at least 16 characters")

# Background work
REDIS_URL = read_text("REDIS_URL")
Q_CLUSTER: dict[str, Any] = {
    "name": "openplatform",
    "workers": 1,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 3,
    "queue_limit": 4,
    "bulk": 1,
    "poll": 5,
    "guard_cycle": 2,
    "catch_up": False,
    "save_limit": 1000,
    "label": _("Background tasks"),
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
    # Both hand out a task besides, which shows that the cluster runs what it is given.
    "broker_class": "openplatform.operations.brokers."
    + ("in_redis.RedisBroker" if REDIS_URL else "in_database.DatabaseBroker"),
}

# Security
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Both middlewares are there, under the names that openplatform.core.pages gives them.
SILENCED_SYSTEM_CHECKS = ["security.W002", "security.W003"]
SESSION_COOKIE_HTTPONLY = True
if PRODUCTION:
    SECURE_SSL_REDIRECT = read_bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    if header := read_text("TRUSTED_PROXY_SSL_HEADER"):
        SECURE_PROXY_SSL_HEADER = (header, "https")

# Logs
LOG_LEVEL = read_text("LOG_LEVEL", "INFO").upper()
LOGGING_CONFIG = None
logs.configure(LOG_LEVEL)

from openplatform.backoffice.theme import UNFOLD  # noqa: E402, F401 - unfold reads it from here
