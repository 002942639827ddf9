"""A process that plans: a line of JSON in (a stage and its config), a line of JSON out (rows, lines, or why not).

It loads what a dry run needs, torch among it, which the server of the page never does; it ends when its input does.
"""

import json
import sys
from dataclasses import asdict
from typing import Any

from haloforge import stages
from haloforge.children import collect_rarely
from haloforge.config import STAGES
from haloforge.errors import ForgeError
from haloforge.estimates import remember
from haloforge.ui.launch.preflight import preflight
from haloforge.ui.launch.rehearsal import times
from haloforge.verify import hide_from_debuggers


def answer(stage: str, config: dict[str, Any], *, measures: bool) -> dict[str, Any]:
    """Preflight rows, and the lines of the dry run or the sentence that refuses it."""
    parsed = STAGES[stage].parse(config)
    lines: list[str] = []
    try:
        lines, error = stages.plan(parsed, measures=measures), ""
    except ForgeError as e:
        error = str(e)
    return {"checks": [asdict(check) for check in preflight(parsed)], "lines": lines, "error": error}


def answer_chain(chain: list[dict[str, Any]], *, measures: bool) -> dict[str, Any]:
    """How long each run of a pipeline takes, or the sentence that refuses one."""
    try:
        lines, error = times([STAGES[c["stage"]].parse(c["config"]) for c in chain], measures=measures), ""
    except ForgeError as e:
        lines, error = [], str(e)
    return {"checks": [], "lines": lines, "error": error}


def main() -> None:
    """Answer until the input ends. What libraries print goes to stderr: stdout carries answers alone."""
    collect_rarely()
    hide_from_debuggers()
    remember()
    out, sys.stdout = sys.stdout, sys.stderr
    import transformers  # noqa: F401  while the form is being filled in: the first plan would wait for it

    for line in sys.stdin:
        asked = json.loads(line)
        try:
            measures = asked["measures"]
            is_chain = "chain" in asked
            said = (
                answer_chain(asked["chain"], measures=measures)
                if is_chain
                else answer(asked["stage"], asked["config"], measures=measures)
            )
        except Exception as error:  # noqa: BLE001  whatever a library raises must not end the process that plans
            said = {"checks": [], "lines": [], "error": f"this could not be planned: {error}"}
        out.write(json.dumps(said) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
