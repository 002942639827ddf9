"""How many threads arithmetic may use: no more than this process is given cores."""

import torch

from haloforge.cores import usable_cores


def limit_threads() -> None:
    """Use at most the cores that this process may run on; never more threads than PyTorch has been set to.

    PyTorch counts the cores of the machine. In a container that is given two of sixty-four it would start sixty-four
    threads, which wait for each other most of the time.
    """
    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))
