"""Which numbers a training computes in, on devices that are not here; and that float16 with a scaler learns."""

from pathlib import Path
from typing import Any

import pytest
import torch
import training_samples
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from tiny import tiny_model, tiny_tokenizer
from trl import SFTConfig

from haloforge.config import RaftTraining, SftTraining
from haloforge.train.optimizing import trainer_arguments
from haloforge.train.precision import Device, Precision, precision
from haloforge.train.trainer import Collator, ForgeTrainer

AMPERE = Device(has_gpu=True, has_bf16=True)
TURING = Device(has_gpu=True, has_bf16=False)
CPU = Device(has_gpu=False, has_bf16=False)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (AMPERE, Precision("bfloat16", has_scaler=False)),
        (TURING, Precision("float16", has_scaler=True)),
        (CPU, Precision("float32", has_scaler=False)),
    ],
)
def test_each_device_trains_in_the_smallest_numbers_that_it_computes_natively(
    device: Device, expected: Precision
) -> None:
    assert precision(SftTraining(), device) == precision(RaftTraining(), device) == expected


@pytest.mark.parametrize("device", [AMPERE, TURING, CPU])
def test_bf16_false_is_float32_everywhere(device: Device) -> None:
    assert precision(SftTraining(bf16=False), device) == Precision("float32", has_scaler=False)


def test_the_machine_is_asked_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert Device.of_this_machine() == TURING, "emulated bfloat16 is none"


def test_float16_and_8_bit_adam_are_asked_of_the_trainer(model: str, report: Any, tmp_path: Path) -> None:
    task = training_samples.cycle(model, report, tmp_path, optimizer="adamw_8bit")
    arguments = trainer_arguments(
        task, 24, numbers=Precision("float16", has_scaler=True), has_gpu=False, evaluates=False
    )
    assert (arguments.fp16, arguments.bf16, arguments.optim) == (True, False, "adamw_bnb_8bit")


def trainer_on(base: torch.dtype, adapter: torch.dtype, folder: Path) -> Any:
    """A trainer whose PeftModel has a base and an adapter of these types, as a base in 4 bits would have them."""
    tokenizer = tiny_tokenizer()
    lora = LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = get_peft_model(tiny_model(tokenizer), lora).to(base)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(adapter)
    arguments = SFTConfig(
        output_dir=str(folder),
        use_cpu=True,
        bf16=False,
        activation_checkpointing=False,
        remove_unused_columns=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        report_to="none",
    )
    return ForgeTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list([dict(s.to_row()) for s in training_samples.samples()]),
        processing_class=tokenizer,
        data_collator=Collator(pad_token_id=tokenizer.pad_token_id),
        loss="raft",
    )


def test_an_adapter_is_kept_in_float32_beside_a_smaller_base(tmp_path: Path) -> None:
    trainer = trainer_on(torch.float16, torch.bfloat16, tmp_path)
    types = {p.requires_grad: p.dtype for p in trainer.model.parameters()}
    assert types == {True: torch.float32, False: torch.float16}


def test_a_scaled_step_in_float16_follows_the_gradient_of_float32(tmp_path: Path) -> None:
    """What the Trainer does on a GPU without bfloat16, with the CPU's autocast and scaler."""
    batch = Collator(pad_token_id=0)([dict(s.to_row()) for s in training_samples.samples()])
    half, whole = trainer_on(torch.float16, torch.float32, tmp_path), trainer_on(torch.float32, torch.float32, tmp_path)
    expected = whole.compute_loss(whole.model, dict(batch))
    expected.backward()
    trained = [p for p in half.model.parameters() if p.requires_grad]
    optimizer, scaler = torch.optim.AdamW(trained), torch.amp.GradScaler("cpu", init_scale=2.0**16)
    with torch.autocast("cpu", dtype=torch.float16):
        loss = half.compute_loss(half.model, dict(batch))
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-3)
    reference = [p.grad for p in whole.model.parameters() if p.requires_grad]
    found, wanted = (torch.cat([g.flatten() for g in grads]) for grads in ([p.grad for p in trained], reference))
    assert torch.nn.functional.cosine_similarity(found, wanted, dim=0) > 0.999
    before = [p.clone() for p in trained]
    scaler.step(optimizer)
    assert any(not torch.equal(a, b) for a, b in zip(before, trained, strict=True))


def test_steps_that_overflowed_are_counted(tmp_path: Path) -> None:
    trainer = trainer_on(torch.float16, torch.float32, tmp_path)
    assert trainer.overflowed_steps() == 0, "there is no scaler"
    trainer.accelerator.scaler = scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    for gradient in (torch.inf, torch.nan, 1.0):
        scaler.scale(parameter.sum()).backward()
        parameter.grad = torch.full((1,), gradient)
        scaler.step(optimizer)
        scaler.update()
    assert trainer.overflowed_steps() == 2
    assert 0 < parameter < 1, "only the last step counted"
