"""Runs one function of a project as a job: `python -m branchline_task FILE FUNCTION`.

The arguments are the member `kwargs` of the file that BRANCHLINE_ARGUMENTS_FILE names. What
the function returns, or raises, goes into the file that BRANCHLINE_RESULT_FILE names. Only
the standard library, from Python 3.8 on.
"""

import asyncio
import importlib.util
import inspect
import json
import os
import sys
import traceback


def tell(**said):
    with open(os.environ["BRANCHLINE_RESULT_FILE"], "w", encoding="utf-8") as file:
        json.dump(said, file, allow_nan=False)


def load(path):
    """The file as a module of its own name, and its folder beside the project's as places
    to import from, as when Python runs it."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run(path, function):
    with open(os.environ["BRANCHLINE_ARGUMENTS_FILE"], encoding="utf-8") as file:
        arguments = json.load(file)
    result = getattr(load(path), function)(**arguments["kwargs"])
    return asyncio.run(wait(result)) if inspect.isawaitable(result) else result


async def wait(result):
    return await result


def main():
    path, function = sys.argv[1:3]
    try:
        result = run(path, function)
    except Exception as error:
        text = traceback.format_exc()
        sys.stderr.write(text)
        tell(exception=type(error).__name__, message=str(error), traceback=text)
        return 1
    try:
        tell(result=result)
    except (TypeError, ValueError, RecursionError) as error:
        message = "%s returned what JSON has no word for, a %s: %s." % (function, type(result).__name__, error)
        sys.stderr.write(message + "\n")
        tell(exception="ResultNotJson", message=message)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
