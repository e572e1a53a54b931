"""``python -m batchcls``: the same as the ``batchcls`` command."""

import sys

from batchcls.cli.main import main

sys.exit(main())
