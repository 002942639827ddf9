"""Verification as a reward function: what TRL gives, what it gets."""

import pytest
from tiny import tiny_model, tiny_tokenizer

from haloforge.errors import VerifierError
from haloforge.records import Problem, Tests
from haloforge.verify import VerifySettings, reward_function

ADD = Problem(
    "add",
    "Write a Python function add(a, b).",
    tests=Tests("asserts", code=("assert add(1, 2) == 3", "assert add(2, 2) == 4")),
    entry_point="add",
)
MOCKED = Problem(
    "mocked",
    "Write add.",
    tests=Tests(
        "pytest",
        code=("from unittest import mock\nimport solution\n@mock.patch('math.pi', 3)\ndef test(): solution.add(1, 2)",),
    ),
)
BROKEN = Problem("broken", "Write f.", tests=Tests("asserts", code=("assert f(1 == 1",)))
PROBLEMS = [ADD, MOCKED, BROKEN]
RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"
WRONG = RIGHT.replace("+", "*")


@pytest.fixture(scope="module")
def reward():
    return reward_function(PROBLEMS, VerifySettings(workers=1, time_limit_s=2.0))


def test_plain_and_conversational_completions_are_judged_alike(reward):
    plain = [RIGHT, WRONG, "I do not know.", "```python\ndef add(a, b) return\n```"]
    chats = [[{"role": "assistant", "content": text}] for text in plain]
    parts = [[{"role": "assistant", "content": [{"type": "text", "text": text}]}] for text in plain]
    for completions in (plain, chats, parts):
        assert reward(prompts=["?"] * 4, completions=completions, task_id=["add"] * 4) == [1.0, 0.7, 0.0, 0.0]


def test_what_is_no_judgement_of_the_completion_is_none(reward):
    assert reward(prompts=["?"] * 2, completions=[RIGHT] * 2, task_id=["broken", "mocked"]) == [None, None]


def test_a_pass_that_could_be_forged_counts_where_that_is_asked_for():
    keeping = reward_function(PROBLEMS, VerifySettings(workers=1), keep_forgeable=True)
    assert keeping(prompts=["?"], completions=[RIGHT], task_id=["mocked"]) == [1.0]


def test_binary_rewards(reward):
    binary = reward_function(PROBLEMS, VerifySettings(workers=1, reward="binary"))
    assert binary(prompts=["?"] * 2, completions=[RIGHT, WRONG], task_id=["add"] * 2) == [1.0, 0.0]


def test_an_empty_chat_has_no_code(reward):
    assert reward(
        prompts=["?"] * 2, completions=[[], [{"role": "assistant", "content": None}]], task_id=["add"] * 2
    ) == [
        0.0,
        0.0,
    ]


def test_an_unknown_task_is_one_sentence(reward):
    with pytest.raises(VerifierError, match="no problem is called 'sub'"):
        reward(prompts=["?"], completions=[RIGHT], task_id=["sub"])


def test_problems_that_cannot_be_judged_are_refused_at_once():
    with pytest.raises(VerifierError, match="python"):
        reward_function([Problem("f", "Write f.", language="cobol")])


@pytest.mark.filterwarnings("ignore:.* is deprecated and will be removed in v6:FutureWarning")  # what TRL calls
@pytest.mark.parametrize("conversational", [False, True])
def test_grpo_takes_a_step_with_it(tmp_path, reward, conversational):
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    tokenizer = tiny_tokenizer()
    prompt = [{"role": "user", "content": ADD.prompt}] if conversational else ADD.prompt
    arguments = GRPOConfig(
        output_dir=str(tmp_path),
        use_cpu=True,
        bf16=False,
        report_to="none",
        max_steps=1,
        num_generations=2,
        per_device_train_batch_size=2,
        max_completion_length=8,
        save_strategy="no",
    )
    trainer = GRPOTrainer(
        model=tiny_model(tokenizer),
        reward_funcs=reward,
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": prompt, "task_id": "add"}] * 2),
        processing_class=tokenizer,
    )
    trainer.train()
    logged = {key: value for row in trainer.state.log_history for key, value in row.items()}
    assert 0.0 <= logged["rewards/verified/mean"] <= 1.0
