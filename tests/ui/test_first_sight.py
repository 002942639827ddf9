"""What the HTML itself shows, before anything is loaded: the page of whoever may see it."""

from typing import Any

import gradio as gr
from seeded import make_run
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from haloforge.store import Store
from haloforge.ui import studio
from haloforge.ui.first_sight import FirstSight

HTML = "<html><head><title>t</title></head><body><gradio-app></gradio-app></body></html>"


def client(store: Store, auth: Any = None) -> TestClient:
    """A page like Gradio's, behind the middleware, in an app that knows logins as Gradio's does."""
    route = Route("/", lambda _request: HTMLResponse(HTML))
    app: Any = Starlette(routes=[route], middleware=[Middleware(FirstSight, root=store.root)])
    app.auth, app.cookie_id, app.tokens = auth, "x", {"secret": "ada"}
    return TestClient(app)


def test_the_html_shows_the_runs_before_anything_is_loaded(store: Store) -> None:
    run = make_run(store, status="done", name="night <run>")
    page = client(store).get("/", params={"tab": "runs"}).text
    assert "night &lt;run&gt;" in page and f"run={run.id}" in page
    assert page.index("haloBus") < page.index("</head>") < page.index('id="first"') < page.index("<gradio-app")


def test_it_is_sent_compressed(store: Store) -> None:
    answer = client(store).get("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip" and "halo-forge" in answer.text


def test_a_store_that_cannot_be_read_does_not_take_the_page_away(store: Store) -> None:
    asking = client(store)
    store.close()
    (store.root / "haloforge.db").write_bytes(b"no database" * 100)
    answer = asking.get("/?tab=runs")
    assert answer.status_code == 200 and "<gradio-app" in answer.text


def test_a_tab_of_forms_shows_its_frame(store: Store) -> None:
    page = client(store).get("/?tab=sft").text
    assert 'aria-current="page"' in page and "first-list" not in page.partition("</style>")[2]


def test_where_there_is_a_login_nothing_is_shown_without_it(store: Store) -> None:
    make_run(store, name="secret run")
    asking = client(store, {"ada": "pw"})
    assert "secret run" not in asking.get("/").text
    asking.cookies.set("access-token-x", "secret")
    assert "secret run" in asking.get("/").text


def test_browsers_are_not_sent_the_endpoints_nor_told_of_progress_on_every_output(store: Store) -> None:
    demo = studio.build(store.root)
    assert isinstance(demo, gr.Blocks)
    config: Any = demo.get_config_file()
    sent = set(config["page"][""]["dependencies"])
    served = [d for d in config["dependencies"] if d["api_name"] == "list_runs"]
    assert served and served[0]["id"] not in sent
    quiet = [d for d in config["dependencies"] if d["id"] in sent and d["show_progress"] == "hidden"]
    assert quiet and all(len(d["show_progress_on"]) == 1 for d in quiet)
