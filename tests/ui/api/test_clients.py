"""Programs at a running studio: `gradio_client` and an MCP client start a tiny run, follow it, compare, stop one."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from places import ROOT
from studio import App
from worlds import raft_config

from haloforge.config import AppConfig
from haloforge.store import Store
from haloforge.ui.mcp_server import Guard

LOGIN = ("me", "a:secret")


def has_mcp() -> bool:
    try:
        import mcp  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.fixture(scope="module")
def app(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A studio with a login, beside a tiny model."""
    folder = tmp_path_factory.mktemp("served")
    running = App(folder, {"mcp": has_mcp(), "auth": ":".join(LOGIN)}, TAUGHT=str(taught)).start()
    yield running
    running.stop()


def small_raft(app: App, name: str, cycles: int) -> str:
    """A RAFT run of seconds, as YAML."""
    model, folder = Path(app.environment["TAUGHT"]), app.folder / name
    return raft_config(model, folder, **{"raft.num_cycles": cycles}).to_yaml()


@pytest.fixture
def client(app: App) -> Client:
    """As a program connects."""
    return Client(app.url, auth=LOGIN, verbose=False, analytics_enabled=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_example_of_the_readme_starts_a_run_and_compares_its_cycles(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (app.folder / "configs").mkdir()
    (app.folder / "configs" / "raft-tiny.yaml").write_text(small_raft(app, "one", 1))
    example = (ROOT / "README.md").read_text().split("<!-- readme-api")[1].split("```python\n")[1].split("```")[0]
    address = 'Client("http://127.0.0.1:7860")'
    assert address in example
    monkeypatch.chdir(app.folder)
    names: dict[str, Any] = {"client": client}
    exec(example.replace(address, "client"), names)
    assert "p = " in capsys.readouterr().out

    run = names["run"]
    shown = client.predict(run, api_name="/show_run")
    assert shown["run"]["status"] == "done" and [cycle["cycle"] for cycle in shown["cycles"]] == [0, 1]
    kinds = {event["kind"] for event in client.predict(run, api_name="/list_events")}
    assert {"progress", "metric", "artifact"} <= kinds
    assert client.predict(run, purpose="train", api_name="/list_samples")["total"] >= 4


def test_a_run_is_started_and_stopped(app: App, client: Client) -> None:
    run = client.predict("raft", {}, small_raft(app, "two", 3), "later", api_name="/start_run")
    assert (run["status"], run["name"]) == ("queued", "later")
    client.predict(run["id"], "kill", api_name="/stop_run")
    assert client.predict(run["id"], api_name="/show_run")["run"]["status"] == "stopped"


def test_a_refusal_is_one_sentence_for_the_caller(client: Client) -> None:
    with pytest.raises(AppError, match="is not the id of a run"):
        client.predict("nothing", api_name="/show_run")


def test_without_the_login_nothing_is_served(app: App) -> None:
    for path in ("gradio_api/info", "gradio_api/mcp/schema", "gradio_api/mcp", "gradio_api/mcp/sse"):
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(f"{app.url}/{path}", timeout=20)
        assert refused.value.code == 401


async def asked(app: App, *calls: tuple[str, dict[str, Any]]) -> tuple[dict[str, Any], list[Any]]:
    """The tools by name, and what the calls answered, through the client of the package mcp."""
    import httpx
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    address = f"{app.url}/gradio_api/mcp/"
    async with (
        httpx.AsyncClient(auth=httpx.BasicAuth(*LOGIN)) as http,
        streamable_http_client(address, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        return tools, [await session.call_tool(name, arguments) for name, arguments in calls]


@pytest.mark.skipif(not has_mcp(), reason="the package mcp is not installed")
def test_mcp_tools_say_which_of_them_only_read(app: App) -> None:
    tools, _ = asyncio.run(asked(app))
    assert tools["list_runs"].annotations.readOnlyHint and not tools["start_run"].annotations.readOnlyHint
    assert [name for name, tool in tools.items() if tool.annotations.destructiveHint] == ["delete_run"]
    assert "settings" in tools["start_run"].inputSchema["properties"]


@pytest.mark.skipif(not has_mcp(), reason="the package mcp is not installed")
def test_an_mcp_client_starts_a_run_looks_at_it_and_stops_it(app: App) -> None:
    text = small_raft(app, "three", 2)
    wanted = {"stage": "raft", "config_yaml": text, "settings": {"raft.num_cycles": 1}, "name": "by mcp"}
    _, [started] = asyncio.run(asked(app, ("start_run", wanted)))
    run = json.loads(started.content[0].text)["id"]
    calls = [("show_run", {"run_id": run}), ("stop_run", {"run_id": run, "how": "kill"}), ("show_run", {"run_id": ""})]
    _, answers = asyncio.run(asked(app, *calls))
    assert json.loads(answers[0].content[0].text)["run"]["name"] == "by mcp"
    assert not answers[1].isError and answers[2].isError
    with Store(app.runs) as store:
        assert store.run(run).status == "stopped"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:7860"}, 200),
        ({"host": "localhost:7860", "origin": "http://localhost:7860"}, 200),
        ({"host": "rebound.example"}, 403),
        ({"host": "127.0.0.1:7860", "origin": "https://elsewhere.example"}, 403),
    ],
)
def test_a_page_of_another_site_does_not_reach_the_tools(headers: dict[str, str], status: int) -> None:
    answered: list[int] = []

    async def app_behind(_scope: Any, _receive: Any, _send: Any) -> None:
        answered.append(200)

    async def send(message: dict[str, Any]) -> None:
        answered.extend([message["status"]] if "status" in message else [])

    scope = {
        "type": "http",
        "path": "/gradio_api/mcp",
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }
    asyncio.run(Guard(app_behind, AppConfig())(scope, None, send))
    assert answered == [status]
