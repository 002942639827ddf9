"""What a finished release shows: the card as text, the files, and how to load them."""

from pathlib import Path

import pytest
from seeded import RAFT, make_run
from tiny import save_tiny_model

from haloforge.config import ReleaseConfig
from haloforge.records import Run
from haloforge.store import Store
from haloforge.ui.widgets import released, run_detail


def release(store: Store, folder: Path, **settings: str) -> Run:
    """A finished release whose files are there."""
    model = folder / "out" / "model"
    model.mkdir(parents=True, exist_ok=True)
    (folder / "out" / "README.md").write_text("# tiny\n<script>alert(1)</script>\n")
    if settings.get("format") == "gguf":
        (model / "model-F16.gguf").write_bytes(b"x" * 2500)
        (model / "Modelfile").write_text("FROM ./model-F16.gguf")
    config = ReleaseConfig.parse({"model": "tiny", "output": "out", **settings})
    return make_run(store, config, "done", cwd=str(folder))


def test_the_card_stands_on_the_page_as_text(store: Store, tmp_path: Path) -> None:
    run = release(store, tmp_path)
    page = run_detail.render(store, {"tab": "runs", "run": run.id})
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "<script>" not in page


@pytest.mark.parametrize(
    ("kind", "ways"),
    [
        ("gguf", ("ollama create out -f ", "llama-server -m ", "2.5 kB")),
        ("merged", ("AutoModelForCausalLM.from_pretrained(",)),
        ("adapter", ("AutoPeftModelForCausalLM.from_pretrained(",)),
    ],
)
def test_each_kind_of_files_says_what_loads_it(store: Store, tmp_path: Path, kind: str, ways: tuple[str, ...]) -> None:
    page = str(released.render(store, release(store, tmp_path, format=kind)))
    assert all(way in page for way in ways) and "data-copy" in page


def test_a_folder_that_is_gone_is_said_to_be_gone(store: Store, tmp_path: Path) -> None:
    run = make_run(store, ReleaseConfig.parse({"model": "tiny"}), "done", cwd=str(tmp_path))
    assert "any more" in str(released.render(store, run))


def test_only_a_release_shows_one(store: Store) -> None:
    assert released.render(store, make_run(store, RAFT, "done")) is None


def test_the_card_of_a_checkpoint_is_found_by_any_of_its_names(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_tiny_model(tmp_path / "tiny")
    run = release(store, tmp_path)
    for name in ("tiny", str(tmp_path / "tiny")):
        found = released.card_run(store, name)
        assert found and found.id == run.id
    assert released.card_run(store, "smollm2-135m") is None
