"""Compile a program and, where it is a script, run it to its end."""

import atexit
import builtins
import contextlib
import gc
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
            program = compile(code.removeprefix("\ufeff"), SOURCE_NAME, "exec", dont_inherit=True)
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
    _name_streams()
    status = _run_main(program)
    try:
        _end_script()
    except BaseException:  # noqa: BLE001 - as the interpreter itself ends a script
        status = status or 120
    os._exit(status & 255)


_DEVICES = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def _name_streams() -> None:
    """Let a script open its streams by their names, though the sandbox has no /proc to which those lead."""
    usual_open = builtins.open

    def opened(file: Any, *arguments: Any, **options: Any) -> Any:
        number = _DEVICES.get(str(file))
        return usual_open(file if number is None else os.dup(number), *arguments, **options)

    builtins.open = io.open = opened


def _run_main(program: types.CodeType) -> int:
    """The exit code of a script. When this returns, nothing here holds its module any more."""
    main = types.ModuleType("__main__")
    main.__file__, main.__builtins__ = SOURCE_NAME, builtins  # type: ignore[attr-defined]
    sys.modules["__main__"] = main
    try:
        exec(program, main.__dict__)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        os.write(2, f"{error.code}\n".encode(errors="replace"))
        return 1
    except BaseException as error:  # noqa: BLE001 - as the interpreter itself ends a script
        described = describe(error)
        place = f" (line {described['line']})" if described["line"] else ""
        os.write(2, f"{described['classes'][0]}: {described['message']}{place}\n".encode(errors="replace"))
        return 1
    return 0


def _end_script() -> None:
    """As the interpreter ends one: wait for its threads, call what it registered, and write what it left unwritten.

    Its objects may print when nothing holds them any more.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    _flush()
    with contextlib.suppress(OSError, ValueError, MemoryError):
        _flush_other_files()
    sys.modules.pop("__main__", None)
    gc.collect()
    _flush()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__):
        if stream is not None and not getattr(stream, "closed", False):  # which may be an object of the script's own
            stream.flush()


def _flush_other_files() -> None:
    """Files that the script left open: in a cycle of objects they may end in an order that loses what is unwritten."""
    for found in gc.get_objects():
        if issubclass(type(found), io.TextIOWrapper | io.BufferedWriter) and not found.closed:
            found.flush()


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
