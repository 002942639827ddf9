"""Errors that a user can act on. Anything else is a bug and keeps its traceback.

ForgeError                  one clear sentence: what, where, what to do (exit code 2)
├── ConfigError             a setting is missing, unknown or out of range
├── DataError               a file or a row of it cannot be used
├── ModelError              a model or checkpoint cannot be found or loaded
├── VerifierError           a verifier is unknown, does not fit, or its compiler is not there
├── BackendError            a generation server refused, or cannot be reached
├── RunError                a run is unknown, busy, or in the wrong state for what was asked
└── MachineError            the machine failed, not the input: disk full, no memory (exit code 1)

Stopped                     not an error: the user asked the run to stop, and everything is saved (exit code 130)
"""


class ForgeError(Exception):
    """Base of every error shown to a user as one sentence."""

    exit_code = 2


class ConfigError(ForgeError):
    """A setting is missing, unknown or out of range; the message names it."""


class DataError(ForgeError):
    """A file or a row of it cannot be used; the message names file and line."""


class ModelError(ForgeError):
    """A model or checkpoint cannot be found or loaded."""


class VerifierError(ForgeError):
    """A verifier is unknown, does not fit the problems, or its compiler or sandbox is not there."""


class BackendError(ForgeError):
    """A generation server refused a request, or cannot be reached."""


class RunError(ForgeError):
    """A run is unknown, busy, or in the wrong state for what was asked."""


class MachineError(ForgeError):
    """The machine failed, not the input: no space left, no memory."""

    exit_code = 1


class Stopped(Exception):
    """The user asked this run to stop; raised by a stage after it has saved its state."""

    exit_code = 130


def first_line(error: BaseException) -> str:
    """What an error of a library says, short enough for a sentence of ours; its class where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
