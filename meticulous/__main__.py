"""`python -m meticulous`: the same as the command `meticulous`."""

from __future__ import annotations

import sys

from meticulous.cli import main

if __name__ == "__main__":
    sys.exit(main())
