"""`python -P -m haloforge.cli`; without -P a file of the working folder could stand for a module of Python."""

import sys

from haloforge.cli import main

sys.exit(main())
