"""The platform's settings with what ``startproject`` and DRF choose by themselves."""

from __future__ import annotations

from openplatform.settings import *  # noqa: F403 - a variant of them
from openplatform.settings import _database

ROOT_URLCONF = "tests.bench.plain.urls"
DATABASES = {"default": _database}  # persistent connections, as for the platform
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tests.bench.plain.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tests.bench.plain.authentication.MayWriteOrders"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
