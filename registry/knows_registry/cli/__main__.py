"""`python -m knows_registry.cli`, for where the script `kwf` is not on the path."""

from __future__ import annotations

import sys

from knows_registry.cli import main

sys.exit(main())
