"""One process or several (``torchrun``): who am I, and how do we agree. Needs torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn

from nebulift.errors import TrainingError

PATIENCE = timedelta(hours=24)  # while the first process measures a season of frames, the others wait for it


@dataclass(frozen=True, slots=True)
class Ranks:
    """One process among all that train together. Alone: rank 0 of 1."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    wanted: str = "auto"  # auto: a graphics card where there is one; cpu; cuda

    @property
    def is_first(self) -> bool:
        """The first one measures, writes and speaks."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        if self.wanted != "cpu" and torch.cuda.is_available():
            return torch.device("cuda", self.local_rank % torch.cuda.device_count())
        return torch.device("cpu")

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.world > 1:
            distributed.barrier()

    def share(self, batch: NDArray[np.intp]) -> NDArray[np.intp]:
        """The part of a batch that is mine; the parts together are the batch, each frame once."""
        return batch[self.rank :: self.world]

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of everybody's ``values`` (on the CPU), on every process."""
        if self.world == 1:
            return values
        there = values.to(self.device)  # graphics cards talk among themselves only
        distributed.all_reduce(there)
        return there.cpu()

    def even_out_buffers(self, network: nn.Module) -> None:
        """Give all processes the mean of what their batch normalisation has seen."""
        if self.world > 1:
            for buffer in network.buffers():
                if buffer.is_floating_point():
                    distributed.all_reduce(buffer)
                    buffer.div_(self.world)


@contextmanager
def process_group(device: str = "auto") -> Iterator[Ranks]:
    """The processes that ``torchrun`` started, or this one alone. Raises ``TrainingError`` for a torn environment."""
    check_device(device)
    if "RANK" not in os.environ:
        yield Ranks(wanted=device)
        return
    try:
        ranks = Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_RANK"]), device)
    except (KeyError, ValueError) as error:
        raise TrainingError(f"RANK is set but {error} is not: start several processes with torchrun") from error
    distributed.init_process_group("nccl" if ranks.device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield ranks
    finally:
        distributed.destroy_process_group()


def use_cores(ranks: Ranks | None = None) -> None:
    """Let torch use the cores it may, shared fairly among the processes of this machine.

    ``OMP_NUM_THREADS`` counts where a person set it; ``torchrun`` sets it to 1 on its own, which nobody asked for.
    """
    local_world = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if ranks and ranks.world > 1 else 1
    if local_world == 1 and "OMP_NUM_THREADS" in os.environ:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(max(1, cores // local_world))


def check_device(device: str) -> None:
    """Raises ``TrainingError`` when a graphics card is asked for and torch sees none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("device cuda: torch sees no graphics card here; say --device auto or cpu")


def precision_for(precision: str, device: torch.device) -> str:
    """``auto`` in words: half precision on a graphics card that has it, full on a processor."""
    if precision != "auto":
        return precision
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"
