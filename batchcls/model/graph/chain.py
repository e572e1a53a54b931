"""How a chain of operations is followed through a model's graph."""

from typing import Any


def only_target(node: Any) -> Any:
    """What takes a node's output as its first input, if nothing else takes it; else None."""
    targets = list(node.output(0).get_target_inputs())
    return targets[0].get_node() if len(targets) == 1 and targets[0].get_index() == 0 else None
