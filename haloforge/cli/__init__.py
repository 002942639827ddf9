"""`halo-forge`: the same pipeline as the app, on the command line. The only module that prints."""

import os
import sys
from collections.abc import Sequence

from haloforge.children import collect_rarely
from haloforge.cli.parser import build
from haloforge.cli.terminal import harmless
from haloforge.errors import ForgeError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 failed, 2 the input was wrong, 130 stopped."""
    collect_rarely()
    args = build().parse_args(argv)
    try:
        return int(args.do(args))
    except ForgeError as e:
        print(f"halo-forge: {harmless(str(e))}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone; keep the interpreter from complaining about it on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
