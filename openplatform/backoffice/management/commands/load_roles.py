"""``manage.py load_roles``: the groups of staff, with what each may do."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from openplatform.backoffice.services.loading import LoadedRole, PermissionsMissing, load_roles


class Command(BaseCommand):
    """Adds what is lacking; again without effect."""

    help = (
        "Have the groups operator and finance, each with at least the permissions of its role. "
        "What was given to a group besides stays. Run it after every migrate; run_platform does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """:raises CommandError: before the database is migrated."""
        try:
            roles = load_roles(actor="load_roles")
        except PermissionsMissing as error:
            raise CommandError(
                f"The database does not know these permissions: {error}. Run migrate first."
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps({"roles": [asdict(role) for role in roles]}))
            return
        for role in roles:
            if options["verbosity"]:
                self._tell(role)
            self._warn(role)

    def _tell(self, role: LoadedRole) -> None:
        if role.is_new:
            self.stdout.write(f"{role.name}: a new group, with {len(role.added)} permissions")
        else:
            self.stdout.write(f"{role.name}: {len(role.added)} permissions added")
        for name in role.added:
            self.stdout.write(f"  + {name}")

    def _warn(self, role: LoadedRole) -> None:
        if role.conflicts:
            self.stderr.write(
                f"{role.name} also has {', '.join(role.conflicts)}: one person could both make "
                "keys and decide about money. Take it from the group in the back office."
            )
