"""The stages of a pipeline: each reads what the one before wrote."""

from haloforge.settings import values
from haloforge.ui import pipeline


def chain() -> list[dict[str, object]]:
    configs = pipeline.of_choices("starter-easy", "python", "smollm2-135m", "models/p", pipeline.SMALL).configs()
    return [{"stage": config.stage, **values(config)} for config in configs]


def test_the_stages_come_in_their_order() -> None:
    stages = ["data-prepare", "data-prepare", "benchmark", "sft", "raft", "benchmark"]
    assert [config["stage"] for config in chain()] == stages


def test_each_stage_reads_what_the_one_before_wrote() -> None:
    train, test, before, sft, raft, after = chain()
    assert sft["data.train_file"] == raft["prompts"] == train["output"]
    assert before["prompts"] == after["prompts"] == test["output"]
    assert raft["sft_checkpoint"] == f"{sft['output_dir']}/final_model"
    assert after["model"] == raft["output_dir"]


def test_what_judges_is_never_trained_on() -> None:
    train, test, *_ = chain()
    assert (train["split"], train["purpose"]) == ("train", "training")
    assert (test["split"], test["purpose"]) == ("test", "benchmark")


def test_before_and_after_are_measured_alike() -> None:
    _, _, before, _, _, after = chain()
    differing = {"model", "output"}
    alike = [{k: v for k, v in config.items() if k not in differing} for config in (before, after)]
    assert alike[0] == alike[1]


def test_only_datasets_with_both_splits_are_offered() -> None:
    assert "starter-easy" in pipeline.datasets() and "humaneval" not in pipeline.datasets()
