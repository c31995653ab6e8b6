"""What a client of any release is refused; imported by programs of earlier MLflows, too."""

from __future__ import annotations

from mlflow.exceptions import MlflowException


def refused(code: str, call, *arguments) -> None:
    """Calls, and sees the call refused with this code."""
    try:
        call(*arguments)
    except MlflowException as refusal:
        assert refusal.error_code == code, refusal
    else:
        raise AssertionError(f"{call.__name__}{arguments} was not refused")
