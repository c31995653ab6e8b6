"""What Branchline offers to run in this folder, once it is opened as a project."""

from __future__ import annotations

import train


def train_enet_diabetes_model(alpha: float, l1_ratio: float) -> str:
    """Trains an elastic net on the diabetes data.

    alpha is the strength of the penalty; l1_ratio is 0 for ridge and 1 for lasso. The result
    is the id of the run.
    """
    return train.train_and_log(train.arguments([str(alpha), str(l1_ratio)]))
