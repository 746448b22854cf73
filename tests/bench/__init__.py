"""How fast placing and confirming are, beside the same work done more simply; see
``docs/performance.md``.

    python -m tests.bench [--json FILE] [--seconds N] [--rounds N]
"""
