"""`python -m haloforge.cli`."""

import sys

from haloforge.cli import main

sys.exit(main())
