"""One core's processor time per image for read, decode, preprocess and infer, nothing around them.

    echo '{"root": …, "paths": […], "job": {…}}' | python stages.py

What a worker takes beyond this is its own. Prints a line of JSON each time it reads a line:
microseconds of processor time per image, inference by plain blocking calls with one thread; and
first of all the size of the compiled model. The stages come in turn for each image, as they do in a
worker: one stage alone in a loop finds everything in the caches that inference empties.
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
    from batchcls.images import Folder, ImageRef
    from batchcls.job.job import Job
    from batchcls.job.threads import Threads
    from batchcls.model.infer.classifier import Classifier
    from batchcls.sources.files import Files

    load_opencv().setNumThreads(1)
    order = json.loads(sys.stdin.readline())
    job = Job.from_dict(order["job"])
    classifier = Classifier.open(job, Threads(1, "1", False, 1, 1))
    request = classifier.rings[0]._requests[0]
    policy = DecodePolicy(reduced=job.decode == "reduced")
    at_least = policy.at_least(classifier.needs)
    compiled = request.get_compiled_model()
    print(json.dumps({"weights": compiled.export_model().getbuffer().nbytes}), flush=True)
    source, place = Files(), Folder(order["root"])
    images = [ImageRef(n, path, place) for n, path in enumerate(order["paths"])]

    clock = time.process_time
    while sys.stdin.readline():
        found = dict.fromkeys(("read", "decode", "preprocess", "infer"), 0.0)
        for image in images:
            begun = clock()
            data = source.read(image)
            read = clock()
            picture = decode_picture(data, policy, at_least)
            decoded = clock()
            classifier.prepare(picture)
            prepared = clock()
            request.infer()
            inferred = clock()
            found["read"] += read - begun
            found["decode"] += decoded - read
            found["preprocess"] += prepared - decoded
            found["infer"] += inferred - prepared
        print(json.dumps({k: 1e6 * v / len(images) for k, v in found.items()}), flush=True)
    sys.stdout.flush()
    os._exit(0)  # native runtimes tear down slowly


if __name__ == "__main__":
    main()
