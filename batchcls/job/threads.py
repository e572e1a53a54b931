"""What one worker gets of the machine: threads, streams, infer requests."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threads:
    """How a worker's compiled models use the machine. Never changes answers.

    Attributes:
        nthreads: inference threads of the CPU device; 0 = OpenVINO decides.
        nstreams: streams per device, "2" or "CPU:2,GPU:1"; "" = the hint decides.
        pin: let the CPU device pin its threads to cores. Off wherever several processes share a
            machine: every one of them would pin to the same cores.
        nireq: infer requests per device; 0 = what the compiled model says is optimal.
        batch_size: images in one infer request.
    """

    nthreads: int = 0
    nstreams: str = ""
    pin: bool = False
    nireq: int = 0
    batch_size: int = 1
