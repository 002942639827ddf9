"""`python -m haloforge.ui JSON`: the server process behind `halo-forge app`."""

import json
import sys

from haloforge.children import collect_rarely
from haloforge.config import AppConfig
from haloforge.errors import ForgeError


def main(settings: str) -> int:
    """Serve until interrupted."""
    collect_rarely()
    from haloforge.ui import studio  # Gradio, and much with it

    try:
        studio.launch(AppConfig.parse(json.loads(settings)))
    except ForgeError as e:
        print(f"halo-forge: {e}", file=sys.stderr)
        return e.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "{}"))
