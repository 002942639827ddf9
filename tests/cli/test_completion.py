"""The completion scripts know the commands and flags that there are; bash itself is asked."""

import shutil
import subprocess

import pytest

from haloforge.cli import main
from haloforge.cli.completion import script
from haloforge.cli.parser import build


def completed(*words: str, shell: str = "bash") -> list[str]:
    """What the shell offers when TAB is pressed after these words, the last of which is not finished."""
    typed = " ".join(f"'{word}'" for word in ("halo-forge", *words))
    asked = f"COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _halo_forge; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(
        [shell, "-c", f"{script(build(), shell)}\n{asked}"], capture_output=True, text=True, check=True
    )
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("be",), ["benchmark"]),
        (("data", "pre"), ["prepare"]),
        (("raft", "train", "--cyc"), ["--cycles"]),
        (("benchmark", "run", "--model", "x", "--backend", "an"), ["anthropic"]),
        (("sft", "train", "--config", "any"), []),
        (("completion",), ["completion"]),
    ],
)
def test_bash_completes(words: tuple[str, ...], offered: list[str]) -> None:
    assert completed(*words) == offered


def test_every_flag_of_a_command_is_offered() -> None:
    assert {"--model", "--host", "--port", "--api-key-env", "--help"} <= set(completed("serve", "--"))


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_read_their_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", "-c", script(build(), shell)], check=True)


def test_the_command_prints_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish"]) == 0
    assert "complete -c halo-forge" in capsys.readouterr().out
