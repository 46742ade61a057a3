"""`python -m dreaminpainter` is the `dreaminpainter` command."""

import sys

from dreaminpainter.cli import main

sys.exit(main())
