"""A batch that is learned from in parts teaches the same, and no part is larger than it may be."""

import random

import torch

from haloforge.train.micro_batches import TOKENS_AT_A_TIME, micro_batches


def padded(lengths: list[int]) -> dict[str, torch.Tensor]:
    """A right-padded batch in which every row holds its own number."""
    width = max(lengths)
    mask = torch.tensor([[1] * length + [0] * (width - length) for length in lengths])
    rows = torch.arange(len(lengths))[:, None]
    return {"input_ids": (rows + 1) * mask, "attention_mask": mask, "labels": rows - 100 * (1 - mask), "weights": rows}


def test_every_row_is_in_one_part_with_all_of_its_tokens() -> None:
    rng = random.Random(0)
    for _ in range(50):
        lengths = [rng.randrange(1, 2 * TOKENS_AT_A_TIME) for _ in range(rng.randrange(1, 20))]
        parts = micro_batches(padded(lengths))
        rows = [pair for part in parts for pair in zip(part["weights"], part["attention_mask"], strict=True)]
        found = {int(row): int(mask.sum()) for row, mask in rows}
        assert found == dict(enumerate(lengths))
        for part in parts:
            ids, mask, number = part["input_ids"], part["attention_mask"], part["weights"]
            assert len(ids) == 1 or ids.numel() <= TOKENS_AT_A_TIME
            assert ids.shape == mask.shape == part["labels"].shape
            assert ids.shape[1] == int(mask.sum(1).max()), "a part is as wide as its longest row"
            assert torch.equal(ids, (number + 1) * mask)


def test_short_rows_share_a_part() -> None:
    assert [len(part["labels"]) for part in micro_batches(padded([TOKENS_AT_A_TIME // 4] * 8))] == [4, 4]
