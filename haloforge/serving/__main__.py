"""`python -m haloforge.serving JSON`: the server process behind `halo-forge serve`."""

import json
import sys

from haloforge.config import ServeConfig
from haloforge.errors import ForgeError
from haloforge.serving.server import serve


def main(settings: str) -> int:
    """Serve until interrupted."""
    try:
        serve(ServeConfig.parse(json.loads(settings)))
    except ForgeError as e:
        print(f"halo-forge: {e}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "{}"))
