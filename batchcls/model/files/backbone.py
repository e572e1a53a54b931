"""Names the features of a model, so that rows kept from one run are known again in another."""

import hashlib


def backbone(model: str, tensor: str, score_output: str | None) -> str:
    """The same text for the same features.

    Args:
        model: `find.model_hash` of it.
        tensor: `features.Features.name`.
        score_output: as the job names it; another output may lie behind another layer.
    """
    return hashlib.sha256(f"{model}\n{tensor}\n{score_output or ''}".encode()).hexdigest()
