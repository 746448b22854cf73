#!/usr/bin/env python
"""Django's command line; without ``DATABASE_URL`` it brings up the embedded Postgres first,
unless the command needs none."""

import sys

from openplatform.startup import name_settings, needs_database, prepare


def main() -> None:
    if needs_database(sys.argv):
        prepare()
    else:
        name_settings()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
