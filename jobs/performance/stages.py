"""One core's processor time per image for read, decode, preprocess and infer, nothing around them.

    echo '{"root": …, "paths": […], "job": {…}}' | python stages.py

What a worker takes beyond this is its own. Prints a line of JSON each time it reads a line:
microseconds of the process's processor time per image, inference by plain blocking calls with one
thread; and first of all the size of the compiled model.
"""

import json
import os
import sys
import time

from batchcls.decode.limits import apply as apply_decoder_limits


def main() -> None:
    """Entry point."""
    apply_decoder_limits()
    from batchcls.decode.decode import decode_picture
    from batchcls.decode.opencv import load as load_opencv
    from batchcls.decode.policy import DecodePolicy
    from batchcls.job import Job
    from batchcls.model.classifier import Classifier
    from batchcls.model.threads import Threads
    from batchcls.sources import DEFAULT_MAX_BYTES, read_image

    load_opencv().setNumThreads(1)
    order = json.loads(sys.stdin.readline())
    job = Job.from_dict(order["job"])
    classifier = Classifier.open(job, Threads(1, "1", False, 1, 1))
    request = classifier.rings[0]._requests[0]
    policy = DecodePolicy(reduced=job.decode == "reduced")
    at_least = policy.at_least(classifier.needs)
    compiled = request.get_compiled_model()
    print(json.dumps({"weights": compiled.export_model().getbuffer().nbytes}), flush=True)
    paths = order["paths"]

    def seconds(stage: int) -> float:
        """Do the stages up to this one for every image."""
        begun = time.process_time()
        for path in paths:
            data = read_image(order["root"], path, DEFAULT_MAX_BYTES)
            if stage == 0:
                continue
            pixels = decode_picture(data, policy, at_least)
            if stage > 1:
                classifier.prepare(pixels)
        return time.process_time() - begun

    def inferring() -> float:
        begun = time.process_time()
        for _ in paths:
            request.infer()
        return time.process_time() - begun

    while sys.stdin.readline():
        upto = [seconds(stage) for stage in range(3)]
        each = [upto[0], upto[1] - upto[0], upto[2] - upto[1], inferring()]
        names = ("read", "decode", "preprocess", "infer")
        found = {name: 1e6 * took / len(paths) for name, took in zip(names, each, strict=True)}
        print(json.dumps(found), flush=True)
    sys.stdout.flush()
    os._exit(0)  # native runtimes tear down slowly


if __name__ == "__main__":
    main()
