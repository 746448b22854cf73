#!/usr/bin/env python
"""Django's command line; without ``DATABASE_URL`` it brings up the embedded Postgres first."""

import sys

from openplatform.startup import prepare


def main() -> None:
    prepare()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
