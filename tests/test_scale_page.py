"""The recipes of docs/scale.md are what shells and YAML readers take, and their commands are ours."""

import re
import shlex
import subprocess

import yaml
from places import ROOT

from haloforge.cli.parser import build

PAGE = (ROOT / "docs" / "scale.md").read_text()


def block(language: str, starts: str) -> str:
    return next(text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.S) if text.startswith(starts))


def parses(command: str) -> bool:
    return bool(build().parse_args(shlex.split(command)[1:]).do)


def test_the_slurm_script_is_one_and_runs_our_command_on_the_cluster() -> None:
    script = block("bash", "#!/bin/bash\n#SBATCH")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    command = script.partition("-- \\\n")[2].strip()
    assert parses(command)
    assert '--verifier-cluster "$head:6379"' in command
    assert "RAY_AUTH_MODE=token" in script


def test_the_kubernetes_resource_is_yaml_and_runs_our_command_on_the_cluster() -> None:
    job = yaml.safe_load(block("yaml", "apiVersion"))
    assert parses(job["spec"]["entrypoint"])
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert f"ray=={cluster['rayVersion']}" in (ROOT / "constraints.txt").read_text()
    (group,) = cluster["workerGroupSpecs"]
    assert group["template"] == cluster["headGroupSpec"]["template"]


def test_every_command_on_the_page_exists() -> None:
    commands = re.findall(r"`(halo-forge doctor[^`]+)`", PAGE)
    assert commands
    assert all(map(parses, commands))
