"""The measurement, a process of its own: its memory is gone when a run starts, and it changes nothing in that one.

    python -m haloforge.estimates.measure FOLDER '{"sampling": {}, "training": {"settings": {...}, "lora": {...}}}'

prints the rates of each kind that was asked for, by the clock and in CPU time, as one line of JSON; null stands for
what cannot be measured for this model.
"""

import json
import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from haloforge.children import collect_rarely


def main() -> None:
    """Measure what the command line asks for."""
    collect_rarely()
    warnings.simplefilter("ignore")
    folder, asked = sys.argv[1:]
    found = measured(folder, json.loads(asked))
    print(json.dumps(found), flush=True)


def measured(folder: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The asked rates of the model in a folder, as plain values by their kind."""
    import torch
    from transformers import AutoConfig

    from haloforge.models import limit_threads

    limit_threads()
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found: dict[str, Any] = {}
    if "sampling" in asked:
        from haloforge.estimates.probe_sampling import measure_sampling

        sampling = measure_sampling(config, device)
        found["sampling"] = sampling and asdict(sampling)
    if "training" in asked:
        from haloforge.config import LoraSection, RaftTraining
        from haloforge.estimates.probe_training import measure_training
        from haloforge.models import load_tokenizer

        settings, lora = RaftTraining(**asked["training"]["settings"]), LoraSection(**asked["training"]["lora"])
        found["training"] = asdict(measure_training(config, device, load_tokenizer(folder), settings, lora))
    return found


if __name__ == "__main__":
    main()
