"""Compile a program and, where it is a script, run it to its end."""

import builtins
import io
import os
import sys
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from ..protocol.wire import Channel

MODULE_NAME = "solution"
"""The module that a solution runs as; tests may import it."""
SOURCE_NAME = f"{MODULE_NAME}.py"
MAX_WARNINGS = 20
"""Warnings of one compilation that are reported."""
MAX_MESSAGE = 500
"""Characters of an exception's message that are reported."""


def compiled(code: str, report: dict[str, Any]) -> types.CodeType | None:
    """Compile, noting syntax errors (then None is returned) and warnings in `report`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            program = compile(code, SOURCE_NAME, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            report |= {"failure": "syntax", "detail": _describe_syntax(error)[:MAX_MESSAGE]}
            return None
    texts = (f"line {w.lineno}: {w.category.__name__}: {w.message}" for w in caught[:MAX_WARNINGS])
    report["warnings"] = [text[:MAX_MESSAGE] for text in texts]
    return program


def _describe_syntax(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {type(error).__name__}: {error.msg}"
    return f"{type(error).__name__}: {error}"


def compile_reporting(code: str, send: Callable[[dict[str, Any]], None]) -> types.CodeType:
    """Compile and send what there is to report; ends the process if it does not compile.

    Runs before the code does, so what it reports can be believed.
    """
    report: dict[str, Any] = {}
    program = compiled(code, report)
    if program is None:
        send({"syntax": report["detail"]})
        os._exit(0)
    if report["warnings"]:
        send({"warnings": report["warnings"]})
    return program


def describe(error: BaseException) -> dict[str, Any]:
    """The names of an exception's classes, most derived first, its message, and its line in the solution."""
    try:
        message = str(error)[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - a broken __str__
        message = ""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SOURCE_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return {"classes": [c.__name__ for c in type(error).__mro__], "message": message, "line": line}


def run_program(code: str, report_fd: int) -> NoReturn:
    """Run `code` as a script, with the streams it was given; the report is closed before the code starts."""
    program = _compile_only(code, report_fd)
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    status = 0
    try:
        exec(program, main.__dict__)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if error.code is not None and not isinstance(error.code, int):
            os.write(2, f"{error.code}\n".encode(errors="replace"))
    except BaseException as error:  # noqa: BLE001 - as the interpreter itself ends a script
        status = 1
        described = describe(error)
        place = f" (line {described['line']})" if described["line"] else ""
        os.write(2, f"{described['classes'][0]}: {described['message']}{place}\n".encode(errors="replace"))
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # as at the end of any script: wait for its threads
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - as the interpreter itself ends a script
        status = status or 120
    os._exit(status & 255)


def offer_files(files: dict[str, str]) -> None:
    """Let a checker open these names, which are its arguments too, as files; they exist in memory only."""
    usual_open = open

    def opened(file: Any, *arguments: Any, **options: Any) -> Any:
        return io.StringIO(files[file]) if file in files else usual_open(file, *arguments, **options)

    builtins.open = opened
    sys.argv = ["checker.py", *files]


def compile_program(code: str, report_fd: int) -> NoReturn:
    """Compile and no more."""
    _compile_only(code, report_fd)
    os._exit(0)


def _compile_only(code: str, report_fd: int) -> types.CodeType:
    report = Channel(report_fd)
    program = compile_reporting(code, report.send)
    os.close(report_fd)
    return program
