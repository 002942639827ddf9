"""`completion`: a script for bash, zsh or fish that knows every command and flag; it is generated from the parser."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from haloforge.cli.flags import Parser, add_command


@dataclass(frozen=True)
class _Flag:
    """One option as it is typed; `values` are the words that may follow, `takes_value` whether something must."""

    names: tuple[str, ...]
    values: tuple[str, ...]
    takes_value: bool
    help: str


@dataclass(frozen=True)
class _Command:
    """A command by its words ("data prepare"), what can follow it, and its flags."""

    path: str
    commands: tuple[tuple[str, str], ...]
    flags: tuple[_Flag, ...]


def add_completion(groups: "argparse._SubParsersAction[Parser]", top: argparse.ArgumentParser) -> None:
    """The command `completion`."""
    about = "print a script that completes commands and flags: source <(halo-forge completion bash)"
    parser = add_command(groups, "completion", about)
    parser.add_argument("shell", choices=["bash", "zsh", "fish"], help="bash, zsh or fish")
    parser.set_defaults(do=lambda args: _print(top, args.shell))


def _print(top: argparse.ArgumentParser, shell: str) -> int:
    print(script(top, shell))
    return 0


def script(top: argparse.ArgumentParser, shell: str) -> str:
    """The whole script."""
    commands = [*_walk(top, "")]
    if shell == "fish":
        return _fish(commands)
    as_bash = "autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return as_bash + _bash(commands)


def _walk(parser: argparse.ArgumentParser, path: str) -> Iterator[_Command]:
    below: dict[str, argparse.ArgumentParser] = {}
    helps: dict[str, str] = {}
    flags = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = action.choices
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        elif action.option_strings:
            names = tuple(name for name in action.option_strings if name.startswith("--"))
            flags.append(_Flag(names, _values(action), action.nargs != 0, (action.help or "").replace("%%", "%")))
    yield _Command(path, tuple((name, helps.get(name, "")) for name in below), tuple(flags))
    for name, child in below.items():
        yield from _walk(child, f"{path} {name}".strip())


def _values(action: argparse.Action) -> tuple[str, ...]:
    if action.choices is not None:
        return tuple(map(str, action.choices))
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    return tuple(word for word in metavar.split("|") if word.islower()) if "|" in metavar else ()


def _bash(commands: list[_Command]) -> str:
    paths = "|".join(f'"{command.path}"' for command in commands if command.path)
    values, words = [], []
    for command in commands:
        for flag in command.flags:
            if flag.takes_value:
                places = "|".join(f'"{command.path} {name}"' for name in flag.names)
                values.append(
                    f'        {places}) COMPREPLY=($(compgen -W "{" ".join(flag.values)}" -- "$cur")); return;;'
                )
        known = [name for name, _ in command.commands] + [name for flag in command.flags for name in flag.names]
        words.append(f'        "{command.path}") words="{" ".join(known)}";;')
    return "\n".join(
        [
            "_halo_forge() {",
            '    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" path="" words="" i',
            "    for ((i = 1; i < COMP_CWORD; i++)); do",
            '        case "${path:+$path }${COMP_WORDS[i]}" in',
            f'        {paths}) path="${{path:+$path }}${{COMP_WORDS[i]}}";;',
            "        esac",
            "    done",
            '    case "$path $prev" in',
            *values,
            "    esac",
            '    case "$path" in',
            *words,
            "    esac",
            '    COMPREPLY=($(compgen -W "$words" -- "$cur"))',
            "}",
            "complete -o default -F _halo_forge halo-forge",
        ]
    )


def _fish(commands: list[_Command]) -> str:
    paths = " ".join(f"'{command.path}'" for command in commands if command.path)
    lines = [
        "function __halo_forge_path",
        "    set -l path ''",
        "    for word in (commandline -opc)[2..-1]",
        '        switch (string trim -- "$path $word")',
        f"            case {paths}",
        '                set path (string trim -- "$path $word")',
        "        end",
        "    end",
        "    echo $path",
        "end",
    ]
    for command in commands:
        here = f"complete -c halo-forge -n 'test (__halo_forge_path) = \"{command.path}\"'"
        lines += [f"{here} -f -a {name} -d {_quoted(text)}" for name, text in command.commands]
        for flag in command.flags:
            names = " ".join(f"-l {name.removeprefix('--')}" for name in flag.names)
            value = f" -r -a '{' '.join(flag.values)}'" if flag.values else " -r" if flag.takes_value else ""
            lines.append(f"{here} {names}{value} -d {_quoted(flag.help)}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
