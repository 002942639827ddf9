"""Command-line flags generated from the stage configs, and a parser whose errors are one sentence."""

import argparse
import difflib
import sys
from typing import Any, NoReturn

from haloforge.config import Setting, StageConfig, settings

BASIC = "settings"
ADVANCED = "advanced settings"


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one sentence with the nearest valid word; it exits with code 2."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit."""
        print(f"halo-forge: {message[0].lower()}{message[1:]}; see `{self.prog} --help`", file=sys.stderr)
        raise SystemExit(2)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse, but an unknown flag is refused here, where the flags of the subcommand are known."""
        parsed, unknown = super().parse_known_args(args, namespace)
        flags = [word for word in unknown if word.startswith("--")]
        if flags:
            near = difflib.get_close_matches(flags[0].split("=")[0], list(self._option_string_actions), n=1)
            self.error(f"there is no option {flags[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return parsed, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            near = difflib.get_close_matches(str(value), [str(c) for c in action.choices], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(map(str, action.choices))}"
            self.error(f"there is no {action.metavar or action.dest.replace('_', ' ')} {value!r}; {hint}")


def add_command(group: "argparse._SubParsersAction[Parser]", name: str, about: str) -> Parser:
    """A command whose list entry and description are the same words: in a list without a capital and a full stop."""
    sentence = about[0].upper() + about[1:].rstrip(".") + "."
    starts_with_a_name = about[1:2].isupper()
    listed = about if starts_with_a_name else about[0].lower() + about[1:]
    return group.add_parser(name, help=listed.rstrip("."), description=sentence)


class _Once(argparse.Action):
    """A file is named once: of two, argparse would drop the first without a word."""

    def __call__(self, parser: Any, namespace: Any, value: Any, option: str | None = None) -> None:
        if self.dest in vars(namespace):
            parser.error(f"{option} stands twice, and names one file" + _SEVERAL.get(self.dest, ""))
        setattr(namespace, self.dest, value)


_SEVERAL = {"set:data.train_file": "; for several give --data '[{file: A, weight: 2}, {file: B, weight: 1}]'"}


def add_settings(parser: argparse.ArgumentParser, cls: type[StageConfig]) -> None:
    """One flag per setting. Only typed flags are in the parsed result, so a default never replaces a YAML value."""
    basic, advanced = parser.add_argument_group(BASIC), parser.add_argument_group(ADVANCED)
    for s in settings(cls):
        group = advanced if s.advanced else basic
        common: dict[str, Any] = {"dest": f"set:{s.path}", "default": argparse.SUPPRESS, "help": _help(s)}
        if s.type is bool:
            group.add_argument(f"--{s.flag}", action=argparse.BooleanOptionalAction, **common)
        else:
            group.add_argument(
                f"--{s.flag}", metavar=_metavar(s), action=_Once if s.kind == "file" else "store", **common
            )


def typed(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that were typed as flags: dotted path -> text as typed."""
    return {name.removeprefix("set:"): value for name, value in vars(args).items() if name.startswith("set:")}


def _metavar(s: Setting) -> str:
    if s.choices:
        return "|".join(s.choices) if len(s.choices) <= 4 else s.flag.upper().replace("-", "_")
    names = {"file": "FILE", "problems": "FILE", "folder": "DIR", "model": "NAME"}
    if s.takes_auto:
        return "N|auto"
    return names.get(s.kind) or ("N" if s.type is int else "X" if s.type is float else "TEXT")


def _help(s: Setting) -> str:
    text = s.help.replace("%", "%%").rstrip(".")
    if len(s.choices) > 4:
        text += f": {', '.join(s.choices)}"
    if s.required:
        return f"{text} (required)"
    return text if s.default in (None, "", ()) else f"{text} (default: {_plain(s.default)})"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
