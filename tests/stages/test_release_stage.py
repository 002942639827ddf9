"""A release holds what others need of a checkpoint: files for their tools, and its card."""

from pathlib import Path

import pytest
from tiny import save_tiny_model

from haloforge.config import ReleaseConfig
from haloforge.errors import ConfigError
from haloforge.stages import release
from haloforge.store import Report, Store


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the tiny model."""
    return str(save_tiny_model(tmp_path_factory.mktemp("models") / "tiny"))


def run(store: Store, config: ReleaseConfig) -> Report:
    report = Report(store, store.create_run("release", config.to_json()).id)
    release.run(config, report)
    return report


def test_files_and_card_stand_in_the_folder_and_among_the_artifacts(model: str, store: Store, tmp_path: Path) -> None:
    config = ReleaseConfig(model=model, output=str(tmp_path / "out"))
    assert f"card      {tmp_path}/out/README.md" in release.dry_run(config)
    report = run(store, config)
    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()
    assert "Not evaluated" in (tmp_path / "out" / "README.md").read_text()
    assert [e.data["name"] for e in store.events(report.run_id, kind="artifact")] == ["merged", "card"]
    with pytest.raises(ConfigError, match=r"model is there already; give another --output, or --overwrite"):
        release.dry_run(config)
    assert release.dry_run(config.model_copy(update={"overwrite": True}))


def test_what_a_killed_process_left_half_done_is_made_anew(model: str, store: Store, tmp_path: Path) -> None:
    config = ReleaseConfig(model=model, output=str(tmp_path / "out"), card=False)
    report = Report(store, store.create_run("release", config.to_json()).id)
    store.begin_phase(report.run_id, 0, "export")
    (tmp_path / "out" / "model").mkdir(parents=True)
    release.run(config, report)
    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()
