def api(method, path, body=None):
    """Calls the own API: api("GET", "/jobs"). Answers its JSON; raises what it refuses."""
    import json, os, urllib.error, urllib.request

    url = os.environ["BRANCHLINE_URL"].rstrip("/") + "/api/v1" + path
    request = urllib.request.Request(url, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["BRANCHLINE_TOKEN"])
    request.add_header("Content-Type", "application/json")
    # What the machine calls a proxy has no part in a call to this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, None if body is None else json.dumps(body).encode(), timeout=320) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        raise RuntimeError("%s %s: %s" % (method, path, error.read().decode("utf-8", "replace"))) from None
    return json.loads(text) if text else None


def begin(names, words=None):
    import os, sys

    sys.path.insert(0, os.getcwd())
    try:
        import mlflow

        names["mlflow"] = mlflow
    except ImportError:
        mlflow = None
    names["api"] = api
    if words:
        given = dict(names, __name__="__main__")
        if words[0] == "-c":
            sys.argv = ["-c"] + words[2:]
            return exec(words[1], given)
        import runpy

        sys.argv = words
        return runpy.run_path(words[0], given, "__main__")
    banner = "Tracking at %s. `api(\"GET\", \"/jobs\")` calls the API%s." % (
        os.environ["MLFLOW_TRACKING_URI"], "; `mlflow` is imported" if mlflow else "; there is no mlflow here"
    )
    names = {name: value for name, value in names.items() if name in ("api", "mlflow")}
    try:
        import IPython
        from traitlets.config import Config

        config = Config()
        config.TerminalInteractiveShell.banner1 = banner + "\n"
        IPython.start_ipython(argv=[], user_ns=names, config=config)
    except ImportError:
        import code

        code.interact(banner=banner, local=names, exitmsg="")
