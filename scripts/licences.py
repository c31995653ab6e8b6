"""Checks the licence of every crate and npm package that ships, and that no banned crate is built.

Reads `cargo metadata` and `ui/package-lock.json`; needs no network. `deny.toml`
holds the same lists for cargo-deny, which the public workflow runs with the
database of advisories. This script reads its lists from there.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Returns whether an SPDX expression can be satisfied with allowed licences only."""
    tokens = re.findall(r"\(|\)|AND|OR|WITH|[A-Za-z0-9.+-]+", expression.replace("/", " OR "))
    position = 0

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def peek() -> str | None:
        return tokens[position] if position < len(tokens) else None

    def term() -> bool:
        token = take()
        if token == "(":
            value = alternatives()
            take()
            return value
        if peek() == "WITH":
            take()
            return f"{token} WITH {take()}" in allowed
        return token in allowed

    def requirements() -> bool:
        value = term()
        while peek() == "AND":
            take()
            value &= term()
        return value

    def alternatives() -> bool:
        value = requirements()
        while peek() == "OR":
            take()
            value |= requirements()
        return value

    return alternatives()


def crate_problems(rules: dict) -> list[str]:
    """Returns what is wrong with the crates that cargo would build."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    allowed = set(rules["licenses"]["allow"])
    banned = {entry["crate"]: entry["reason"] for entry in rules["bans"]["deny"]}
    problems = []
    for package in metadata["packages"]:
        name = f"{package['name']} {package['version']}"
        if package["name"] in banned:
            problems.append(f"{name} is banned: {banned[package['name']]}")
        if package["source"] and not package["source"].startswith("registry+"):
            problems.append(f"{name} does not come from the registry")
        if not is_allowed(package["license"] or "none", allowed):
            problems.append(f"{name} has the licence {package['license']}")
    return problems


def npm_problems(rules: dict) -> list[str]:
    """Returns what is wrong with the npm packages that end up in the UI."""
    lock = json.loads((ROOT / "ui/package-lock.json").read_text())
    allowed = set(rules["licenses"]["allow"]) | {"OFL-1.1"}
    problems = []
    for path, package in lock["packages"].items():
        if not path or package.get("dev") or package.get("link"):
            continue
        licence = package.get("license", "none")
        if not is_allowed(licence, allowed):
            problems.append(f"{path.removeprefix('node_modules/')} has the licence {licence}")
    return problems


def main() -> int:
    """Prints every problem; the exit code says whether there was one."""
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    problems = crate_problems(rules) + npm_problems(rules)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
