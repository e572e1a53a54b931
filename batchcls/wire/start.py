"""The first message to a worker: the job, and the worker's share of the machine."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from batchcls.job.job import Job
from batchcls.job.threads import Threads

if TYPE_CHECKING:
    from batchcls.job.fast_plan import FastPlan


@dataclass(frozen=True, slots=True)
class StartMessage:
    """What a worker needs to load the model and to build its pipeline.

    Attributes:
        decode_threads: threads that read, decode and preprocess; 0 = between inferences.
        alternate: preparing and inferring share one core, so they take turns on it.
        guess: the preprocessing to take where the model says none, by name; "" = the most usual;
            None = ask by an `UndecidedError`.
        fast: which images have a cheap look first; None = none.
        first_model: path of the model of that look, where it is another; "" = the job's own.
        workers: of this machine, which all ask the same servers for images.
    """

    job: Job
    threads: Threads
    decode_threads: int = 0
    alternate: bool = False
    guess: str | None = ""
    fast: "FastPlan | None" = None
    first_model: str = ""
    workers: int = 1

    def looking(self, plan: "FastPlan | None", directory: Path) -> Self:
        """The same with a plan, whose own model lies in this directory if it has one."""
        job = replace(self.job, decode="reduced") if plan and plan.reduced else self.job
        model = str(plan.model_in(directory)) if plan is not None and plan.model else ""
        return replace(self, job=job, fast=plan, first_model=model)

    def to_json(self) -> dict[str, Any]:
        """As JSON data; `from_json` reads it back."""
        return {
            "job": self.job.as_dict(),
            "threads": asdict(self.threads),
            "decode_threads": self.decode_threads,
            "alternate": self.alternate,
            "guess": self.guess,
            "fast": self.fast and self.fast.as_dict(),
            "first_model": self.first_model,
            "workers": self.workers,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `to_json` back; whatever else is there is another part of the message."""
        fast = None
        if data["fast"]:
            from batchcls.job.fast_plan import FastPlan  # few runs have one

            fast = FastPlan.from_dict(data["fast"])
        return cls(
            job=Job.from_dict(data["job"]),
            threads=Threads(**data["threads"]),
            decode_threads=data["decode_threads"],
            alternate=data["alternate"],
            guess=data["guess"],
            fast=fast,
            first_model=data["first_model"],
            workers=data["workers"],
        )
