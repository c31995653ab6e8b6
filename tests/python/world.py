"""A server where people may see and change different things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from stack import OWNER, PLAIN, Person, person

MLFLOW = "/api/2.0/mlflow"


class World:
    """A server where Ada sees one experiment and one model, and not the others."""

    def __init__(self, url: str, data_dir: Path) -> None:
        self.url, self.data_dir = url, data_dir
        self.owner = person(url, *OWNER)
        self.owner.ok("POST", "/users/", {"email": PLAIN[0], "password": PLAIN[1]})
        self.ada = person(url, *PLAIN)
        self.secret = self.make("secret")
        self.shared = self.make("shared")
        self.give("experiment", self.shared["experiment"], "READ")
        self.give("registered_model", "shared", "READ")

    def give(self, kind: str, thing: str, permission: str, email: str = PLAIN[0]) -> None:
        body = {"email": email, "resource_type": kind, "resource_id": thing, "permission": permission}
        self.owner.ok("PUT", "/permissions", body)

    def mlflow(self, who: Person, method: str, path: str, body: Any = None) -> requests.Response:
        key = "params" if method == "GET" else "json"
        return who.call(method, MLFLOW + path, **{key: body or {}})

    def must(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.mlflow(self.owner, method, path, body)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    def make(self, name: str) -> dict[str, str]:
        experiment = self.must("POST", "/experiments/create", {"name": name})["experiment_id"]
        body = {"experiment_id": experiment, "start_time": 1, "run_name": f"{name}-run"}
        run = self.must("POST", "/runs/create", body)["run"]["info"]["run_id"]
        metric = {"run_id": run, "key": "loss", "value": 1.0, "timestamp": 1, "step": 0}
        self.must("POST", "/runs/log-metric", metric)
        dataset = {"name": f"{name}-data", "digest": "d", "source_type": "local", "source": "{}"}
        self.must("POST", "/runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset}]})
        model = self.must("POST", "/logged-models", {"experiment_id": experiment, "name": f"{name}-logged"})
        self.must("POST", "/registered-models/create", {"name": name})
        version = {"name": name, "source": f"mlflow-artifacts:/{experiment}/{run}/artifacts/model", "run_id": run}
        self.must("POST", "/model-versions/create", version)
        path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/a.txt"
        assert self.owner.call("PUT", path, data=b"words").status_code == 200
        return {
            "name": name,
            "experiment": experiment,
            "run": run,
            "model": model["model"]["info"]["model_id"],
            "file": path,
        }


def denied(answer: requests.Response) -> bool:
    if answer.status_code != 403:
        raise AssertionError(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}")
    return answer.json().get("error_code", answer.json().get("code")) == "PERMISSION_DENIED"
