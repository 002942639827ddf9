"""What a page sends as a file: the samples that a filter selects, as JSON Lines, read and sent a page at a time."""

from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from haloforge.records import dumps
from haloforge.store import Store, StoredSample
from haloforge.ui.widgets.samples import EXPORT, filters


def routes(root: Path | None) -> list[Route]:
    """The routes beside Gradio's own, over the store in `root`."""

    async def samples(request: Request) -> Response:
        if not may_read(request):
            return PlainTextResponse("Log in first.", 401)
        asked = dict(request.query_params)
        with Store(root) as store:
            run = store.find_run(asked.get("run", ""))
        if run is None:
            return PlainTextResponse(f"There is no run {asked.get('run', '')!r}.", 404)
        headers = {"Content-Disposition": f'attachment; filename="{run.id}.jsonl"'}
        return StreamingResponse(lines(root, run.id, asked), media_type="application/jsonl", headers=headers)

    return [Route(f"/{EXPORT}", samples)]


def lines(root: Path | None, run_id: str, asked: dict[str, str]) -> Iterator[str]:
    """A line per sample that the filter of an address selects, newest first."""
    after: int | None = None
    while True:
        with Store(root) as store:  # a page each: the next one may be read in another thread
            page = store.sample_page(run_id, after=after, **filters(asked))
        yield "".join(f"{dumps(_row(judged))}\n" for judged in page.samples)
        if page.older is None:
            return
        after = page.older


def _row(judged: StoredSample) -> dict[str, object]:
    """As `halo-forge verify` writes it, with where the sample stands in its run."""
    sample, verdict = judged.sample, judged.verdict
    return {
        "task_id": sample.task_id,
        "completion": sample.text,
        "solution": sample.code,
        "run": judged.run,
        "cycle": judged.cycle,
        "purpose": judged.purpose,
        "index": sample.index,
        "finish_reason": sample.finish_reason,
        "tokens": sample.completion_tokens,
        "kept": judged.kept,
        "reason": judged.reason,
        **({} if verdict is None else {"passed": verdict.passed, **verdict.to_json()}),
    }


def may_read(request: Request) -> bool:
    """Whether the page itself would be shown: Gradio guards its own routes only."""
    app = request.app
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(app.tokens.get(request.cookies.get(name)) is not None for name in names)
