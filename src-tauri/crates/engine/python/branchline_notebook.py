"""Runs a notebook as a job: `python -m branchline_notebook NOTEBOOK`.

The parameters are the member `kwargs` of the file that BRANCHLINE_ARGUMENTS_FILE names. They
become a cell after the one that is tagged `parameters`, or the first cell where none is, as
papermill does; papermill runs the notebook where it is installed, else nbclient does. The
executed copy is kept as an artifact of a run that the notebook's own `mlflow.start_run()`
takes over. Besides papermill or nbclient only the standard library, from Python 3.8 on.
"""

import json
import os
import re
import sys
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

MARK = "injected-parameters"


def tell(**said):
    with open(os.environ["BRANCHLINE_RESULT_FILE"], "w", encoding="utf-8") as file:
        json.dump(said, file)


def progress(**said):
    with open(os.environ["BRANCHLINE_PROGRESS_FILE"], "a", encoding="utf-8") as file:
        file.write(json.dumps(said) + "\n")


def ask(method, path, body=None, kind="application/json"):
    """A call of the tracking server."""
    request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"].rstrip("/") + path, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"])
    request.add_header("Content-Type", kind)
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    # What the machine calls a proxy has no part in a call to this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, data, timeout=60) as answer:
        return json.loads(answer.read() or b"{}")


def api(path, body):
    return ask("POST", "/api/2.0/mlflow/" + path, body)


def experiment():
    chosen, name = os.environ.get("MLFLOW_EXPERIMENT_ID"), os.environ.get("MLFLOW_EXPERIMENT_NAME")
    if chosen or not name:
        return chosen or "0"
    try:
        query = urllib.parse.urlencode({"experiment_name": name})
        return ask("GET", "/api/2.0/mlflow/experiments/get-by-name?" + query)["experiment"]["experiment_id"]
    except urllib.error.HTTPError:
        return api("experiments/create", {"name": name})["experiment_id"]


def begin(notebook, parameters):
    """A run with what the notebook is asked with; the notebook's own code goes on in it."""
    tags = {"mlflow.source.name": notebook, "mlflow.source.type": "NOTEBOOK"}
    tags.update(json.loads(os.environ.get("MLFLOW_RUN_CONTEXT") or "{}"))
    body = {
        "experiment_id": experiment(),
        "start_time": int(time.time() * 1000),
        "run_name": os.path.splitext(os.path.basename(notebook))[0],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
    run = api("runs/create", body)["run"]["info"]
    params = [{"key": key, "value": str(value)[:6000]} for key, value in parameters.items()]
    if params:
        api("runs/log-batch", {"run_id": run["run_id"], "params": params})
    return run


def keep(run, path, name):
    """The file as an artifact of the run; through the server where artifacts pass through it."""
    root = run["artifact_uri"]
    if root.startswith("mlflow-artifacts:"):
        place = urllib.parse.urlparse(root).path.strip("/") + "/" + name
        with open(path, "rb") as file:
            kind = "application/octet-stream"
            ask("PUT", "/api/2.0/mlflow-artifacts/artifacts/" + urllib.parse.quote(place), file.read(), kind)
    else:
        import mlflow

        mlflow.MlflowClient().log_artifact(run["run_id"], path)


def cell(parameters):
    """The cell that sets the parameters, as Python writes them."""
    lines = ["# Parameters"] + ["%s = %r" % (name, value) for name, value in parameters.items()]
    return {
        "cell_type": "code",
        "id": MARK,
        "metadata": {"tags": [MARK]},
        "execution_count": None,
        "outputs": [],
        "source": "\n".join(lines) + "\n",
    }


def inject(notebook, parameters):
    """The same notebook with its parameters set; a copy that was run before is set anew."""
    tagged = [set(each.get("metadata", {}).get("tags", [])) for each in notebook["cells"]]
    cells = [each for each, tags in zip(notebook["cells"], tagged) if MARK not in tags]
    if parameters:
        places = [i for i, each in enumerate(cells) if "parameters" in each.get("metadata", {}).get("tags", [])]
        cells.insert(places[0] + 1 if places else 0, cell(parameters))
    return dict(notebook, cells=cells)


def with_papermill(source, target, parameters):
    import papermill

    papermill.execute_notebook(
        source, target, parameters=parameters, progress_bar=False, cwd=os.getcwd(),
        request_save_on_cell_execute=True, stdout_file=sys.stdout, stderr_file=sys.stderr,
    )


def with_nbclient(source, target, parameters):
    import nbformat
    from nbclient import NotebookClient

    with open(source, encoding="utf-8") as file:
        text = json.dumps(inject(json.load(file), parameters))
    notebook = nbformat.reads(text, as_version=4)
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        for each in notebook.cells:
            each.pop("id", None)
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": os.getcwd()}})

    def done(cell, cell_index, **_):
        for output in cell.get("outputs", []):
            sys.stdout.write(output.get("text", "") if isinstance(output.get("text"), str) else "")
        sys.stdout.flush()
        progress(progress=(cell_index + 1) / len(notebook.cells), text="cell %d" % (cell_index + 1))

    client.on_cell_executed = done
    try:
        client.execute()
    finally:
        nbformat.write(notebook, target)


def execute(source, target, parameters):
    try:
        import papermill  # noqa: F401
    except ImportError:
        with_nbclient(source, target, parameters)
    else:
        with_papermill(source, target, parameters)


def what_failed(error):
    """The notebook's own exception, where it was that."""
    name = getattr(error, "ename", None)
    value = getattr(error, "evalue", None)
    if not name:
        return type(error).__name__, str(error), traceback.format_exc()
    lines = getattr(error, "traceback", None)
    text = "\n".join(lines) if isinstance(lines, (list, tuple)) else lines or traceback.format_exc()
    # The log keeps the colours; a traceback is read without.
    return name, value or "", re.sub(r"\x1b\[[0-9;]*m", "", text)


def main():
    source = sys.argv[1]
    with open(os.environ["BRANCHLINE_ARGUMENTS_FILE"], encoding="utf-8") as file:
        parameters = json.load(file)["kwargs"]
    name = os.path.basename(source)
    target = os.path.join(os.path.dirname(os.environ["BRANCHLINE_RESULT_FILE"]), name)
    run = begin(source, parameters)
    os.environ["MLFLOW_RUN_ID"] = run["run_id"]
    failed = None
    try:
        execute(source, target, parameters)
    except Exception as error:
        failed = what_failed(error)
    if os.path.exists(target):
        keep(run, target, name)
    status = "FAILED" if failed else "FINISHED"
    api("runs/update", {"run_id": run["run_id"], "status": status, "end_time": int(time.time() * 1000)})
    if failed:
        sys.stderr.write(failed[2] + "\n")
        tell(exception=failed[0], message=failed[1], traceback=failed[2])
        return 1
    tell(result={"run_id": run["run_id"], "notebook": name})
    return 0


if __name__ == "__main__":
    sys.exit(main())
