"""The trainer's loss on real (tiny) models: equal to TRL's own, and only where something is learned."""

from array import array
from pathlib import Path
from typing import Any

import pytest
import torch
import training_samples
from datasets import Dataset
from peft import LoraConfig
from tiny import tiny_model, tiny_tokenizer
from trl import SFTConfig, SFTTrainer

from haloforge.config import Loss
from haloforge.train import IGNORED, TrainSample, advantages, micro_batches, scoring
from haloforge.train.examples import Example, Rows
from haloforge.train.optimizing import dataset_of
from haloforge.train.scoring import score
from haloforge.train.trainer import Collator, ForgeTrainer


def make_trainer(folder: Path, loss: Loss = "raft", parent: bool = False, **lora: Any) -> Any:
    tokenizer = tiny_tokenizer()
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
    common: dict[str, Any] = {
        "model": tiny_model(tokenizer),
        "args": arguments,
        "train_dataset": Dataset.from_list([dict(s.to_row()) for s in training_samples.samples()]),
        "processing_class": tokenizer,
        "data_collator": Collator(pad_token_id=tokenizer.pad_token_id),
        "peft_config": LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False, **lora),
    }
    return SFTTrainer(**common) if parent else ForgeTrainer(**common, loss=loss)


def batch_of(samples: list[TrainSample]) -> dict[str, torch.Tensor]:
    return Collator(pad_token_id=0)([dict(sample.to_row()) for sample in samples])


def gradients(trainer: Any, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    trainer.model.zero_grad()
    trainer.compute_loss(trainer.model, dict(batch)).backward()
    return {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}


def current_log_probs(trainer: Any, samples: list[TrainSample]) -> list[TrainSample]:
    """The samples as the trainer's model itself would have scored them."""
    batch = batch_of(samples)
    scored = score(trainer.model, {k: batch[k] for k in ("input_ids", "attention_mask", "labels")})
    known = [row[mask].tolist() for row, mask in zip(scored.log_probs, scored.is_learned, strict=True)]
    return [
        TrainSample(s.task_id, s.prompt_ids, s.token_ids, tuple(found), s.weight)
        for s, found in zip(samples, known, strict=True)
    ]


def test_raft_equals_trls_own_loss_and_gradient(tmp_path: Path) -> None:
    ours, theirs = make_trainer(tmp_path), make_trainer(tmp_path, parent=True)
    batch = batch_of(training_samples.samples())
    plain = {k: batch[k] for k in ("input_ids", "attention_mask", "labels")}
    expected = theirs.compute_loss(theirs.model, dict(plain))
    assert ours.compute_loss(ours.model, dict(batch)).item() == pytest.approx(expected.item(), abs=1e-6)
    assert ours.compute_loss(ours.model, dict(plain)).item() == pytest.approx(expected.item(), abs=1e-6)
    reference = gradients(theirs, plain)
    for name, found in gradients(ours, batch).items():
        assert torch.allclose(found, reference[name], atol=1e-6), name


def test_the_small_head_scores_as_trls_fused_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_trainer(tmp_path)
    batch = batch_of(training_samples.samples())
    inputs = {k: batch[k] for k in ("input_ids", "attention_mask", "labels")}
    small = score(trainer.model, inputs)
    monkeypatch.setattr(scoring, "LARGEST_LOGITS", 0)
    fused = score(trainer.model, inputs)
    assert torch.equal(small.is_learned, fused.is_learned)
    assert torch.equal(small.is_top, fused.is_top.bool())
    assert torch.allclose(small.log_probs, fused.log_probs, atol=1e-5)
    assert torch.allclose(small.entropy, fused.entropy, atol=1e-5)


def test_raft_plus_plus_begins_with_rafts_gradient(tmp_path: Path) -> None:
    plain, ratio = make_trainer(tmp_path), make_trainer(tmp_path, loss="raft++")
    batch = batch_of(current_log_probs(plain, training_samples.samples()))
    expected = gradients(plain, batch)
    for name, found in gradients(ratio, batch).items():
        assert torch.allclose(found, expected[name], atol=1e-6), name


def test_where_every_token_is_clipped_nothing_is_learned(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, loss="raft++")
    unlikely = [
        TrainSample(s.task_id, s.prompt_ids, s.token_ids, tuple(p - 1 for p in s.logprobs))
        for s in current_log_probs(trainer, training_samples.samples())
    ]
    assert not any(found.any() for found in gradients(trainer, batch_of(unlikely)).values())


def test_problems_with_equal_rewards_teach_nothing_under_reinforce_rej(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, loss="reinforce_rej")
    samples = training_samples.samples()
    centred = advantages([s.task_id for s in samples], [1.0] * len(samples))
    weighted = [
        TrainSample(s.task_id, s.prompt_ids, s.token_ids, s.logprobs, weight)
        for s, weight in zip(samples, centred, strict=True)
    ]
    assert not any(found.any() for found in gradients(trainer, batch_of(weighted)).values())


def test_the_loss_is_that_of_the_sampled_tokens_and_no_others(tmp_path: Path) -> None:
    """Against a plain forward pass per sample, without padding, TRL or a collator: prompt out, end token in."""
    trainer = make_trainer(tmp_path)
    samples = training_samples.samples(6)
    found = gradients(trainer, batch_of(samples))
    loss = trainer.compute_loss(trainer.model, dict(batch_of(samples)))
    trainer.model.zero_grad()
    total, count = torch.zeros(()), 0
    for sample in samples:
        ids = torch.tensor([[*sample.prompt_ids, *sample.token_ids]])
        predicted = trainer.model(input_ids=ids).logits[0].log_softmax(-1)
        for place in range(len(sample.prompt_ids), ids.shape[1]):
            total, count = total - predicted[place - 1, ids[0, place]], count + 1
    assert all(sample.token_ids[-1] == training_samples.END for sample in samples)
    assert loss.item() == pytest.approx((total / count).item(), abs=1e-5)
    (total / count).backward()  # type: ignore[no-untyped-call]
    for name, parameter in trainer.model.named_parameters():
        if parameter.requires_grad:
            assert torch.allclose(found[name], parameter.grad, atol=1e-6), name


def test_padding_changes_neither_loss_nor_gradient(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    short, long = training_samples.samples(2), training_samples.samples(8)
    alone = batch_of(short)
    width = batch_of(long)["input_ids"].shape[1] + 5
    padded = dict(alone)
    for name, value in (("input_ids", 0), ("labels", IGNORED), ("attention_mask", 0), ("old_log_probs", 0.0)):
        padded[name] = torch.nn.functional.pad(alone[name], (0, width - alone[name].shape[1]), value=value)
    expected = gradients(trainer, alone)
    for name, found in gradients(trainer, padded).items():
        assert torch.allclose(found, expected[name], atol=1e-6), name


def test_the_names_of_trl_that_we_rest_on_are_there(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    batch = batch_of(training_samples.samples(2))
    output = trainer.model(input_ids=batch["input_ids"], labels=batch["labels"], fused_lm_head=True)
    assert output.log_probs.shape == output.label_mask.shape == output.is_top1.shape == output.entropy.shape
    assert {"_send_telemetry", "create_model_card", "_save"} <= set(dir(SFTTrainer))
    assert trainer._metrics.keys() == {"train", "eval"}


def test_a_training_step_holds_one_copy_of_its_logits(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    batch = batch_of(training_samples.samples())
    columns = int((batch["labels"][:, 1:] != IGNORED).any(0).sum())
    size = len(batch["labels"]) * columns * trainer.model.config.vocab_size * 4
    with torch.profiler.profile(profile_memory=True) as profile:
        trainer.compute_loss(trainer.model, dict(batch)).backward()
    allocated = [event.nbytes() for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    assert [nbytes for nbytes in allocated if nbytes >= size] == [size]


@pytest.mark.parametrize("loss", ["raft", "raft++"])
def test_a_batch_in_parts_gives_the_loss_and_the_gradient_of_the_whole(
    loss: Loss, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(tmp_path, loss)
    batch = batch_of(current_log_probs(trainer, training_samples.samples()))
    count = int((batch["labels"] != IGNORED).sum())

    def step(tokens_at_a_time: int) -> tuple[float, dict[str, torch.Tensor]]:
        monkeypatch.setattr(micro_batches, "TOKENS_AT_A_TIME", tokens_at_a_time)
        trainer.model.zero_grad()
        found = trainer.training_step(trainer.model, dict(batch), count).item()
        return found, {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}

    whole, expected = step(10**9)
    parts, found = step(40)
    assert parts == pytest.approx(whole, abs=1e-6)
    assert expected.keys() == found.keys()
    assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in expected)


def test_rows_are_made_when_they_are_read_and_kept_in_twelve_bytes_a_token() -> None:
    samples = [
        TrainSample(f"t{i}", array("i", range(i % 50 + 1)), array("i", [i] * 300), array("f", [-i / 7] * 300), i / 3)
        for i in range(2_500)
    ]
    rows = Rows(samples)
    assert len(rows) == 2_500 and rows[7] == samples[7].to_row() and list(rows[1:3]) == [rows[1], rows[2]]
    dataset = dataset_of(rows)
    assert [dataset[i] for i in (0, 999, 1_000, 2_499)] == [rows[i] for i in (0, 999, 1_000, 2_499)]
    tokens = sum(len(row["input_ids"]) for row in rows)
    assert dataset.data.nbytes < 13 * tokens
    assert dataset_of(Rows([Example((1, 2), (IGNORED, 2))]))[0] == {"input_ids": [1, 2], "labels": [IGNORED, 2]}
