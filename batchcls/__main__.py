"""``python -m batchcls``, and the ``batchcls`` command."""

import gc
import sys


def main() -> int:
    """Run the command line.

    Returns:
        The exit code.
    """
    # Nothing of what is imported is garbage; to look for some takes a tenth of the imports' time.
    gc.set_threshold(50_000)
    from batchcls.cli.main import main as command

    code = command()
    # Nor is it worth while when all of it ends: 16 ms.
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
