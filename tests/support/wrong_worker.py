"""The real worker, where VCPU is a wrong device; see `wrong_core`."""

import tests.support.wrong_core  # noqa: F401 - before the model side is imported
from batchcls.worker import night_check
from batchcls.worker.__main__ import main

# The tests' pictures are so small that the reference takes as long as all the rest.
night_check.SHARE = 1.0

if __name__ == "__main__":
    main()
