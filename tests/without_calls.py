"""Run a command on a machine whose kernel or container refuses some system calls:

    python tests/without_calls.py "namespaces landlock" python -m haloforge.cli doctor

`namespaces` are refused as a container refuses them, `landlock` and `seccomp` as a kernel does that has none.
"""

import errno
import os
import sys

from haloforge.verify.box.confinement.bpf import (
    ALLOW,
    ANY_BIT,
    answers,
    argument,
    errno_answer,
    program,
    return_,
    step,
    when,
)
from haloforge.verify.box.confinement.seccomp import install

NEW_NAMESPACES = 0x7E020080
"""The flags of clone(2) that make namespaces: CLONE_NEWNS to CLONE_NEWNET, CLONE_NEWCGROUP and CLONE_NEWTIME."""
_NO_RIGHT, _NO_SUCH_CALL = errno_answer(errno.EPERM), errno_answer(errno.ENOSYS)
REFUSALS = {
    "namespaces": [
        *answers(["unshare", "setns", "mount", "pivot_root"], _NO_RIGHT),
        *answers(["clone3"], _NO_SUCH_CALL),
        *when("clone", [argument(0), step(ANY_BIT, 0, 1, NEW_NAMESPACES), return_(_NO_RIGHT), return_(ALLOW)]),
    ],
    "landlock": answers(["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"], _NO_SUCH_CALL),
    "seccomp": answers(["seccomp"], _NO_SUCH_CALL),
}


def main(refused: str, command: list[str]) -> None:
    """Become the command."""
    install(program([rule for name in refused.split() for rule in REFUSALS[name]], otherwise=ALLOW))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
