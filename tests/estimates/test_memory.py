"""Whether a plan fits is computed from the model's config alone."""

import json
import sys
from pathlib import Path

import pytest
from tiny import save_tiny_model
from transformers import GPT2Config

from haloforge.config import LoraSection, RaftTraining
from haloforge.errors import ConfigError
from haloforge.estimates import Device, ModelShape, Span, check_fits, peak_line, sampling_need, shape_of, training_need

QWEN_7B = {
    "model_type": "qwen2",
    "architectures": ["Qwen2ForCausalLM"],
    "vocab_size": 152064,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "tie_word_embeddings": False,
}
LAPTOP = Device("this machine", 16 * 2**30, 4)
GPU_24 = Device("the GPU", 24 * 2**30, 2)


@pytest.fixture
def seven_b(tmp_path: Path) -> Path:
    """The config of a model of 7 billion parameters, without its weights."""
    (tmp_path / "config.json").write_text(json.dumps(QWEN_7B))
    return tmp_path


def test_the_numbers_of_a_model_are_counted_without_its_weights(seven_b: Path) -> None:
    shape = shape_of(str(seven_b))
    assert shape is not None and shape.parameters == 7_615_616_512
    assert 16 * shape.linear_inputs_and_outputs == 40_370_176  # a LoRA adapter of rank 16, as PEFT counts it


def test_seven_billion_parameters_are_refused_on_a_laptop_in_one_sentence(seven_b: Path) -> None:
    shape = shape_of(str(seven_b))
    assert shape is not None
    with pytest.raises(ConfigError, match=r"needs at least .* GiB while sampling .*machine has 16.0 GiB: take"):
        check_fits([sampling_need(shape, LAPTOP, Span(64, 1024), 100)], LAPTOP)


def test_the_same_model_fits_a_gpu_of_24_gib(seven_b: Path) -> None:
    shape = shape_of(str(seven_b))
    assert shape is not None
    training = training_need(shape, GPU_24, RaftTraining(), LoraSection(), Span(64, 1024))
    check_fits([training, sampling_need(shape, GPU_24, Span(64, 1024), 3200)], GPU_24)
    assert dict(training.parts)["weights"] == 2 * shape.parameters


def test_a_larger_batch_needs_more_memory_on_a_gpu_and_no_more_than_its_part_on_a_cpu() -> None:
    shape = shape_of("smollm2-135m")
    assert shape is not None

    def need(device: Device, batch: int) -> int:
        return training_need(shape, device, RaftTraining(batch_size=batch), LoraSection(), Span(64, 200)).total

    assert need(GPU_24, 8) > need(GPU_24, 2)
    assert need(LAPTOP, 8) == need(LAPTOP, 2)


def test_a_plan_that_takes_nearly_all_is_cautioned() -> None:
    shape = shape_of("smollm2-135m")
    assert shape is not None
    need = sampling_need(shape, LAPTOP, Span(64, 200), 96)
    tight = Device("this machine", int(need.total * 1.05), 4)
    assert peak_line([need], tight).endswith("that is nearly all of it")
    assert "nearly" not in peak_line([need], LAPTOP)


def test_a_plan_that_fits_only_while_its_rows_are_short_is_cautioned_and_not_refused() -> None:
    shape = shape_of("smollm2-135m")
    assert shape is not None
    need = training_need(shape, LAPTOP, RaftTraining(), LoraSection(), Span(40, 1000))
    tight = Device("this machine", int(need.total * 0.9), 4)
    assert need.certain < tight.total
    check_fits([need], tight)
    assert "if the longest rows need as much as that" in peak_line([need], tight)
    with pytest.raises(ConfigError, match="leave out the longest rows or take a smaller model"):
        check_fits([need], Device("this machine", need.certain - 1, 4))


def test_a_model_that_was_counted_before_is_not_counted_again(
    seven_b: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    counted = shape_of(str(seven_b))
    monkeypatch.setitem(sys.modules, "transformers", None)  # so that loading it fails
    assert counted is not None and shape_of(str(seven_b)) == counted


def test_a_kept_count_that_is_damaged_is_made_again(
    seven_b: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    counted = shape_of(str(seven_b))
    [kept] = (tmp_path / "cache").rglob("*.json")
    kept.write_text('{"parameters": 1')
    assert counted is not None and shape_of(str(seven_b)) == counted


def test_another_config_in_the_same_folder_has_a_shape_of_its_own(seven_b: Path) -> None:
    before = shape_of(str(seven_b))
    (seven_b / "config.json").write_text(json.dumps(QWEN_7B | {"num_hidden_layers": 14}))
    after = shape_of(str(seven_b))
    assert before is not None and after is not None and after.parameters < before.parameters


def test_a_model_that_is_not_on_this_machine_has_no_shape() -> None:
    assert shape_of("nobody/never-heard-of-it") is None


def test_a_model_of_a_few_thousand_parameters_has_a_shape(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model")
    shape = shape_of(str(folder))
    assert shape is not None and shape.parameters > 0 and shape.saved_per_token > 0


@pytest.mark.parametrize("config", ["{not json", "", "[]", '{"model_type": "never"}'])
def test_a_config_that_cannot_be_read_has_no_shape(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    assert shape_of(str(tmp_path)) is None


def test_gpt_2_whose_layers_are_of_another_class_has_a_shape(tmp_path: Path) -> None:
    sizes = {"vocab_size": 64, "n_embd": 16, "n_layer": 3, "n_head": 2, "pad_token_id": 0}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2", **sizes}))
    shape = shape_of(str(tmp_path))
    assert shape is not None
    assert shape.linear_inputs_and_outputs == 3 * (16 + 48 + 16 + 16 + 16 + 64 + 64 + 16)


def test_a_model_whose_config_counts_layers_by_another_name_keeps_activations_of_every_layer(tmp_path: Path) -> None:
    """GPT-2 calls them n_layer, and its linear layers are of a class of their own."""

    def shape(layers: int) -> ModelShape:
        folder = tmp_path / str(layers)
        GPT2Config(n_layer=layers, n_embd=64, n_head=4, vocab_size=512).save_pretrained(folder)
        found = shape_of(str(folder))
        assert found is not None
        return found

    six, twelve = shape(6), shape(12)
    assert twelve.linear_inputs_and_outputs == 12 * (64 + 192 + 64 + 64 + 64 + 256 + 256 + 64)
    assert twelve.saved_per_token > 1.8 * six.saved_per_token > 0
