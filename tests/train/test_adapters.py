"""The settings of the adapter reach PEFT, and layers that do not exist are refused before anything starts."""

from dataclasses import replace
from pathlib import Path

import pytest
import training_samples
from peft import PeftConfig, get_peft_model
from tiny import save_tiny_adapter, tiny_model, tiny_tokenizer
from transformers import GPT2Config, MambaConfig, MambaForCausalLM

from haloforge.config import LoraSection, SftConfig, SftTraining
from haloforge.errors import ConfigError, ModelError
from haloforge.store import Report
from haloforge.train import refuse_unsupported
from haloforge.train.adapters import new_adapter
from haloforge.train.fitting import fit


def test_a_layer_that_is_not_there_is_refused_and_those_that_are_there_are_named(model: str, tmp_path: Path) -> None:
    unknown = LoraSection(target_modules=("q_proj", "query"))
    with pytest.raises(ConfigError, match=r"no linear layer 'query' .* it has down_proj, gate_proj, .*, v_proj$"):
        refuse_unsupported(model, SftTraining(), unknown)
    with pytest.raises(ConfigError, match="no linear layer 'lm_head'"):
        new_adapter(LoraSection(target_modules=("lm_head",)), tiny_model(tiny_tokenizer()))
    adapter = save_tiny_adapter(tmp_path / "adapter", model)
    refuse_unsupported(str(adapter), SftTraining(), unknown)  # an adapter is trained further as it is


def test_the_layers_of_gpt_2_which_are_of_another_class_can_be_named(tmp_path: Path) -> None:
    GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2).save_pretrained(tmp_path)
    refuse_unsupported(str(tmp_path), SftTraining(), LoraSection(target_modules=("c_attn", "c_proj")))


def test_mamba_is_adapted_where_its_kernels_take_an_adapter() -> None:
    model = MambaForCausalLM(MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=1, state_size=4))
    adapted = get_peft_model(model, new_adapter(LoraSection(), model))
    names = [name.split(".lora_A")[0] for name, _ in adapted.named_parameters() if ".lora_A" in name]
    changed = {name.rpartition(".")[2] for name in names}
    assert changed == {"in_proj", "x_proj", "dt_proj"}
    with pytest.raises(ConfigError, match="no linear layer 'out_proj' that an adapter could change"):
        new_adapter(LoraSection(target_modules=("out_proj",)), model)


def test_a_model_that_cannot_be_asked_about_its_layers_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "never-heard-of"}')
    with pytest.raises(ModelError, match="cannot be read"):
        refuse_unsupported(str(tmp_path), SftTraining(), LoraSection(target_modules=("c_attn",)))


@pytest.mark.parametrize("written", ["q_proj,v_proj", "q_proj v_proj", ["q_proj", "v_proj"]])
def test_layers_are_named_in_a_list_or_in_a_text(written: object) -> None:
    given = {"model.name": "m", "data.train_file": "f", "lora.target_modules": written}
    assert SftConfig.load(None, given).lora.target_modules == ("q_proj", "v_proj")


def test_all_linear_and_names_exclude_each_other() -> None:
    given = {"model.name": "m", "data.train_file": "f", "lora.target_modules": "all-linear q_proj"}
    with pytest.raises(ConfigError, match="all-linear or a list of names, not both"):
        SftConfig.load(None, given)


def test_an_adapter_is_made_as_the_settings_say(model: str, report: Report, tmp_path: Path) -> None:
    lora = LoraSection(r=4, alpha=8, target_modules=("q_proj", "down_proj"), use_rslora=True, use_dora=True)
    task = replace(training_samples.cycle(model, report, tmp_path, num_train_epochs=1), lora=lora)
    fit(task, training_samples.samples(), [], report)
    made = PeftConfig.from_pretrained(tmp_path / "final_model")
    assert set(made.target_modules) == {"q_proj", "down_proj"}
    assert (made.use_rslora, made.use_dora, made.r, made.lora_alpha) == (True, True, 4, 8)
