"""What a machine goes through before it works: versions, files, images, and what its workers say.

Whoever does not fit is left out by name, and stops nobody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from batchcls.backends.fitness import UnfitError, other_versions, sample, versions
from batchcls.backends.likeness import Likeness
from batchcls.backends.node import Node
from batchcls.backends.parcels import libraries, parcels, with_full_paths
from batchcls.errors import BatchclsError, RefusedError, SetupError, raised_elsewhere
from batchcls.images import ImageRef
from batchcls.messages import Event, MachineLeftOut, WorkerReady, WorkerRefused
from batchcls.results.echoes import Echo
from batchcls.wire import agents
from batchcls.wire.start import StartMessage


class Admission:
    """What all machines of a run must have in common.

    Args:
        start: of the run's workers.
        timeout_s: how long an image may stay in one stage.
        known: the echo that machines must have; None = that of the first.

    Attributes:
        images: the message that has an agent look for some; None before these are known.
        left_out: machines that did not fit.

    Raises:
        BatchclsError: a file of the job cannot be read.
    """

    def __init__(self, start: StartMessage, timeout_s: float, known: Echo | None) -> None:
        self._parcels = parcels(start.job, start.first_model)
        self._versions = versions()
        self._open = agents.message(
            "open",
            start=replace(start, job=with_full_paths(start.job)).to_json(),
            timeout=timeout_s,
            parcels=[asdict(parcel) for parcel in self._parcels],
            libraries=libraries(start.job),
        )
        self._likeness = Likeness(known, mixed=start.job.mixed_processors)
        self.images: bytes | None = None
        self.left_out: list[MachineLeftOut] = []
        self._refusals: list[WorkerRefused] = []

    @property
    def described(self) -> bool:
        """A worker has loaded the model, fits, and was told of."""
        return self._likeness.described

    def nobody(self, trouble: str) -> BatchclsError:
        """Why no machine works: what all workers refused, what each machine lacks, or nothing.

        Args:
            trouble: what kept agents from coming; "" if nothing is known.
        """
        if self._refusals and len(self._refusals) == len(self.left_out):
            return raised_elsewhere(self._refusals[0].error, self._refusals[0].message)
        if not self.left_out:
            return SetupError(
                f"no machine came{trouble and f': {trouble}'}\nhint: try what `--cluster` names "
                "with a plain command, for example `srun --ntasks-per-node=1 hostname`"
            )
        told = "".join(f"\n  {event.name}: {event.reason}" for event in self.left_out)
        return RefusedError(f"no machine can take part in this run:{told}")

    def look_for(self, images: Sequence[ImageRef]) -> bytes:
        """Have machines look for these images."""
        self.images = agents.message("images", images=sample(images))
        return self.images

    def greet(self, node: Node, head: Mapping[str, Any]) -> bytes:
        """The answer to an agent's hello.

        Raises:
            UnfitError: it has other versions.
        """
        node.name = agents.text(head, "host") or f"machine {node.number}"
        theirs = head.get("versions")
        if why := other_versions(self._versions, theirs if isinstance(theirs, dict) else {}):
            raise UnfitError(f"{why}; install the same versions on all machines")
        return self._open + (self.images or b"")

    def piece(self, head: Mapping[str, Any]) -> bytes:
        """The piece of a file that a machine lacks.

        Raises:
            ProtocolError: there is no such file.
            UnfitError: it cannot be read here any more.
        """
        parcel = self._parcels[agents.number(head, "parcel", len(self._parcels) - 1)]
        file = agents.number(head, "file", len(parcel.files) - 1)
        start = agents.number(head, "start", parcel.files[file][1])
        try:
            return agents.message("piece", parcel.piece(file, start))
        except OSError as error:
            raise UnfitError(f"cannot read {parcel.path}: {error.strerror}") from error

    def admitted(self, node: Node, event: Event) -> list[Event]:
        """What a worker says of itself, as the run may hear it now.

        Raises:
            UnfitError: its lines would be others, or it cannot do this job.
        """
        match event:
            case WorkerReady() if not node.seen:
                node.held.append(event)
                return []
            case WorkerReady(worker, description):
                if why := self._likeness.objection(node.number, description):
                    raise UnfitError(why)
                event = WorkerReady(worker, self._likeness.told(description))
            case WorkerRefused(error=error, message=message) if error != "UndecidedError":
                self._refusals.append(event)
                raise UnfitError(message)
        return [event]
