"""The databases of the tests: copied from one that has every migration, emptied after a test.

Running all migrations takes half a minute, copying their outcome a second. The template's name
tells of what it was made from, so another state of the migrations makes another one.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.db import connection
from psycopg import sql

ROOT = Path(__file__).parent.parent
PREFIX = "openplatform_migrated_"
LOCK = 7_305_901  # any number: one process at a time makes a template

# TRUNCATE takes its time for each table, and for each that names it: a few rows are deleted in a
# tenth of that. What deleted rows leave behind is cut off when it has become much. Triggers have no
# say, those of foreign keys among them. Content types and permissions belong to the migrations, not
# to a test.
EMPTY = """
    DO $$
    DECLARE
        each_table text;
        has_rows boolean;
        grown text[] := '{}';
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR each_table IN
            SELECT quote_ident(tablename) FROM pg_tables
            WHERE schemaname = current_schema() AND tablename NOT IN (
                'django_migrations', 'django_content_type', 'auth_permission'
            )
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', each_table) INTO has_rows;
            IF has_rows AND pg_relation_size(each_table::regclass) > 262144 THEN
                grown := grown || each_table;
            ELSIF has_rows THEN
                EXECUTE format('DELETE FROM %s', each_table);
            END IF;
        END LOOP;
        IF grown <> '{}' THEN
            EXECUTE 'TRUNCATE ' || array_to_string(grown, ', ') || ' CASCADE';
        END IF;
    END $$
"""


def ensure_template(url: str) -> str:
    """The name of a database with all migrations, on the server of ``url``; made when missing."""
    name = PREFIX + _digest()
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if not _exists(server, name):
            draft = f"{name}_draft"
            _drop(server, draft)
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(draft)))
            _migrate(urlsplit(url)._replace(path=f"/{draft}").geturl())
            server.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(draft), sql.Identifier(name)
                )
            )
    return name


def empty_tables() -> None:
    """Delete what a test committed."""
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)


def _digest() -> str:
    digest = hashlib.sha256()
    migrations = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("*/*/migrations/*.py")]
    for file in sorted([ROOT / "requirements.txt", *migrations]):
        digest.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _exists(server: psycopg.Connection[tuple[object, ...]], name: str) -> bool:
    found = server.execute("SELECT FROM pg_database WHERE datname = %s", [name])
    return found.fetchone() is not None


def _drop(server: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def _migrate(url: str) -> None:
    # A process of its own, which nothing traces: its speed is half of the point.
    environment = {name: value for name, value in os.environ.items() if "COV" not in name}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env={**environment, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "openplatform.settings"},
        check=True,
    )
