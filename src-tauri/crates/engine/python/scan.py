"""Reads what a project's files offer, without importing any of them.

Run with the project's Python as `python -I -c <this>`; the question comes as JSON on stdin
and the answer goes as JSON to stdout. Only the standard library, from Python 3.8 on.
"""

import ast
import importlib.util
import json
import sys
import sysconfig

PACKAGES = ("mlflow", "sklearn", "jupyterlab", "jupyter_server", "papermill", "nbclient", "ipykernel", "IPython", "pandas", "matplotlib")
SIMPLE = {"int": "int", "float": "float", "str": "str", "bool": "bool", "Path": "str", "PathLike": "str"}
LISTS = {"list", "List", "Sequence", "Iterable", "tuple", "Tuple", "set", "Set"}
DICTS = {"dict", "Dict", "Mapping", "MutableMapping"}
NOTHING = object()


def last_name(node):
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return None


def literal(node):
    """What an expression says, if it is a plain value that JSON has a word for."""
    try:
        value = ast.literal_eval(node)
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return NOTHING
    return value


def inner(node):
    """The parts of `X[a, b]`."""
    part = node.slice
    if isinstance(part, getattr(ast, "Index", ())):
        part = part.value
    return part.elts if isinstance(part, ast.Tuple) else [part]


def unquoted(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return node
    return node


def is_none(node):
    return isinstance(node, ast.Constant) and node.value is None


def union(parts):
    real = [part for part in parts if not is_none(unquoted(part))]
    kind = kind_of(real[0]) if len(real) == 1 else {"kind": "json"}
    return dict(kind, optional=kind.get("optional", False) or len(real) < len(parts))


def kind_of(node):
    node = unquoted(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        parts, stack = [], [node]
        while stack:
            top = stack.pop()
            if isinstance(top, ast.BinOp) and isinstance(top.op, ast.BitOr):
                stack += [top.left, top.right]
            else:
                parts.append(top)
        return union(parts)
    if isinstance(node, ast.Subscript):
        name, parts = last_name(node.value), inner(node)
        if name == "Optional":
            return dict(kind_of(parts[0]), optional=True)
        if name == "Union":
            return union(parts)
        if name in ("Annotated", "Final", "Required", "NotRequired"):
            return kind_of(parts[0])
        if name == "Literal":
            choices = [literal(part) for part in parts]
            if NOTHING in choices:
                return {"kind": "json"}
            return {"kind": "choice", "choices": [c for c in choices if c is not None], "optional": None in choices}
        if name in LISTS:
            return {"kind": "list"}
        if name in DICTS:
            return {"kind": "dict"}
        return {"kind": "json"}
    name = last_name(node)
    if name in SIMPLE:
        return {"kind": SIMPLE[name]}
    if name in LISTS:
        return {"kind": "list"}
    if name in DICTS:
        return {"kind": "dict"}
    return {"kind": "json"}


def source_of(node):
    unparse = getattr(ast, "unparse", None)
    return unparse(node) if unparse else ""


def parameter(argument, default):
    found = {"name": argument.arg, "annotation": source_of(argument.annotation), "required": default is None}
    found.update(kind_of(argument.annotation))
    if default is not None:
        value = literal(default)
        if value is NOTHING:
            found["default_text"] = source_of(default)
        else:
            found["default"] = json.dumps(value)
            if value is None:
                found["optional"] = True
    return found


def parameters(arguments):
    plain = getattr(arguments, "posonlyargs", []) + arguments.args
    missing = len(plain) - len(arguments.defaults)
    pairs = [(argument, None if i < missing else arguments.defaults[i - missing]) for i, argument in enumerate(plain)]
    pairs += list(zip(arguments.kwonlyargs, arguments.kw_defaults))
    # Of what cannot be given by name no form can be made.
    if getattr(arguments, "posonlyargs", []) or any(argument.annotation is None for argument, _ in pairs):
        return None
    return [parameter(argument, default) for argument, default in pairs]


def functions(text, name):
    found = []
    for node in ast.parse(text, name).body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.name.startswith("_"):
            continue
        taken = parameters(node.args)
        if taken is not None:
            found.append({"name": node.name, "line": node.lineno, "doc": ast.get_docstring(node) or "", "parameters": taken})
    return found


def read(file):
    try:
        with open(file["path"], "rb") as opened:
            return {"file": file["name"], "functions": functions(opened.read(), file["name"])}
    except SyntaxError as error:
        return {"file": file["name"], "line": error.lineno, "problem": "%s: %s" % (type(error).__name__, error.msg)}
    except (OSError, ValueError, RecursionError) as error:
        return {"file": file["name"], "problem": "%s: %s" % (type(error).__name__, error)}


def has(package):
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


question = json.load(sys.stdin)
answer = {
    "version": "%d.%d.%d" % sys.version_info[:3],
    "packages": [package for package in PACKAGES if has(package)],
    "site_packages": sysconfig.get_paths()["purelib"],
    "files": [read(file) for file in question["files"]],
}
json.dump(answer, sys.stdout)
