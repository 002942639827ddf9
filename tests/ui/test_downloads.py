"""Samples as a file: only for whoever may see the page."""

from typing import Any

from seeded import add_samples, make_run
from starlette.applications import Starlette
from starlette.testclient import TestClient

from haloforge.store import Store
from haloforge.ui import downloads


def client(store: Store, auth: Any = None) -> TestClient:
    """The routes in an app that knows logins as Gradio's does."""
    app: Any = Starlette(routes=downloads.routes(store.root))
    app.auth, app.cookie_id, app.tokens = auth, "x", {"secret": "ada"}
    return TestClient(app)


def test_the_samples_of_a_run_are_sent_as_a_file(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed", "timeout"])
    answer = client(store).get("/samples.jsonl", params={"run": run.id, "status": "passed"})
    assert (
        answer.status_code == 200 and answer.text.count("\n") == 1 and run.id in answer.headers["content-disposition"]
    )
    assert client(store).get("/samples.jsonl?run=gone").status_code == 404


def test_where_there_is_a_login_nothing_is_sent_without_it(store: Store) -> None:
    address = f"/samples.jsonl?run={make_run(store).id}"
    assert client(store, {"ada": "pw"}).get(address).status_code == 401
    asking = client(store, {"ada": "pw"})
    asking.cookies.set("access-token-x", "secret")
    assert asking.get(address).status_code == 200
