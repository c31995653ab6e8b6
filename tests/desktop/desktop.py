"""A display of its own, and the real app on it; nothing here knows pytest."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import requests
from harness import ROOT, binary, clean_environment, free_port, read_line
from selenium import webdriver
from selenium.webdriver.common.options import ArgOptions

SECONDS = 90
T = TypeVar("T")


def desktop_binary() -> Path:
    """The `branchline-desktop` binary under test."""
    path = Path(os.environ.get("BRANCHLINE_DESKTOP_BIN") or ROOT / "target/debug/branchline-desktop")
    if not path.exists():
        raise RuntimeError(f"{path} is missing: run `cargo build --workspace` first")
    return path


def until(what: str, attempt: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """Asks again until there is an answer that is not None or False."""
    deadline = time.monotonic() + seconds
    while True:
        answer = attempt()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)


class Desktop:
    """A virtual display with a window manager and a session bus."""

    def __init__(self) -> None:
        read, write = os.pipe()
        # -noreset: a display that starts anew when its last client goes refuses who comes meanwhile.
        self.server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-noreset", "-nolisten", "tcp"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as numbers:
            self.display = f":{numbers.readline().strip()}"
        self.environment = clean_environment(DISPLAY=self.display, LANG="C.UTF-8")
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = read_line(self.bus, 10).strip()
        self.manager = subprocess.Popen(["openbox"], env=self.environment, stderr=subprocess.DEVNULL)
        until("the window manager's start", lambda: "window id" in self.run("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"))

    def run(self, *command: str) -> str:
        """What a program on this display prints; '' when it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""

    def windows(self, title: str, pid: int | None = None) -> list[str]:
        """The visible windows with exactly this title."""
        only = ["--pid", str(pid), "--all"] if pid else []
        found = self.run("xdotool", "search", "--onlyvisible", *only, "--name", f"^{re.escape(title)}$")
        return found.split()

    def window(self, title: str, pid: int | None = None) -> str:
        """Waits for a visible window with this title."""
        return until(f"a window `{title}`", lambda: self.windows(title, pid) or None)[-1]

    def geometry(self, window: str) -> tuple[int, int, int, int]:
        """Place and size of a window's content."""
        text = self.run("xdotool", "getwindowgeometry", "--shell", window)
        values = dict(line.split("=") for line in text.split())
        return int(values["X"]), int(values["Y"]), int(values["WIDTH"]), int(values["HEIGHT"])

    def close_window(self, window: str) -> None:
        """Closes a window as its close button or a taskbar does: the window manager is asked to.

        Not by Alt+F4: a display's first synthetic key makes the window manager grab its keys anew,
        and a key that falls between is nobody's.
        """
        done = subprocess.run(["wmctrl", "-i", "-c", window], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def close(self) -> None:
        for process in (self.manager, self.bus, self.server):
            process.terminate()
            process.wait(10)


@dataclass
class App:
    """The app with a home of its own; started plainly, or driven through WebDriver."""

    desktop: Desktop
    home: Path
    port: int = 0
    executable: Path = field(default_factory=desktop_binary)
    process: subprocess.Popen[bytes] | None = None
    driver: webdriver.Remote | None = None

    @property
    def data_dir(self) -> Path:
        return self.home / "data"

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "share"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "BRANCHLINE_DATA_DIR": str(self.data_dir),
            "BRANCHLINE_PORT": str(self.port),
        }
        return self.desktop.environment | own

    def start(self) -> subprocess.Popen[bytes]:
        """Starts the app as a person does."""
        self.home.mkdir(exist_ok=True)
        with (self.home / "output.txt").open("ab") as output:
            self.process = subprocess.Popen([self.executable], env=self.environment, stdout=output, stderr=output)
        return self.process

    def drive(self) -> webdriver.Remote:
        """Starts the app through WebKit's own WebDriver."""
        self.home.mkdir(exist_ok=True)
        port = free_port()
        environment = self.environment | {"TAURI_WEBVIEW_AUTOMATION": "true"}
        with (self.home / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [str(shutil.which("WebKitWebDriver")), f"--port={port}", "--host=127.0.0.1"],
                env=environment,
                stdout=output,
                stderr=output,
            )
        address = f"http://127.0.0.1:{port}"
        until("the driver's start", lambda: answers(f"{address}/status"))
        options = ArgOptions()
        options.set_capability("browserName", "wry")
        options.set_capability("webkitgtk:browserOptions", {"binary": str(self.executable), "args": []})
        self.driver = webdriver.Remote(address, options=options)
        self.driver.set_script_timeout(SECONDS)
        return self.driver

    def output(self) -> str:
        path = self.home / "output.txt"
        return path.read_text(errors="replace") if path.exists() else ""

    def instance(self) -> dict:
        """What `instance.json` says once a server is running."""
        return until("the server's start", self.instance_now)

    def instance_now(self) -> dict | None:
        try:
            return json.loads((self.data_dir / "instance.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        """Asks the app's own API."""
        instance = self.instance()
        signed_in = {"Authorization": f"Bearer {instance['secret']}"}
        answer = requests.request(method, f"{instance['url']}/api/v1{path}", json=body, headers=signed_in, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def queue(self, *command: str) -> str:
        """Queues a job."""
        return self.call("POST", "/jobs", {"command": command})["task_id"]

    def start_job(self, *command: str) -> str:
        """Queues a job and waits until it runs."""
        task_id = self.queue(*command)
        until("the job's start", lambda: self.job_status(task_id) == "STARTED")
        return task_id

    def job_status(self, task_id: str) -> str:
        return self.call("GET", f"/jobs/{task_id}")["status"]

    def answer_what_becomes_of_jobs(self, *keys: str) -> None:
        """Answers by keyboard what quitting asks while jobs run."""
        dialog = self.desktop.window("Jobs are running")
        self.desktop.run("xdotool", "windowfocus", "--sync", dialog)
        self.desktop.run("xdotool", "key", *keys)
        until("the dialog's end", lambda: not self.desktop.windows("Jobs are running"))

    def window(self) -> str:
        """The app's window, once it is there."""
        return self.desktop.window("Branchline")

    def quit(self) -> None:
        """Closes the window as its close button does and waits until the data folder is free."""
        self.desktop.close_window(self.window())
        self.ended()

    def terminate(self) -> None:
        """Asks the process to end, as the system does at logout."""
        os.kill(self.instance()["pid"], signal.SIGTERM)
        self.ended()

    def ended(self) -> None:
        try:
            until("the app's end", lambda: self.instance_now() is None)
        except TimeoutError as error:
            # What tells a request that was never heard from an end that hangs.
            error.add_note(f"windows: {self.desktop.windows('Branchline')}; the app said:\n{self.output()}")
            raise
        self.end_driver()

    def end_driver(self) -> None:
        """Ends what is left of the driver, or of an app that was started plainly."""
        if self.driver:
            # The window it drove has gone, so the driver has nothing to close.
            self.driver = None
            assert self.process
            self.process.terminate()
        if self.process:
            self.process.wait(SECONDS)

    def discard(self) -> None:
        """Ends whatever a failed test left."""
        instance = self.instance_now()
        if instance:
            try:
                os.kill(instance["pid"], signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


def answers(url: str) -> bool:
    """Whether something answers there."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def serve(app: App) -> subprocess.Popen[bytes]:
    """Starts the headless server on the app's data folder."""
    app.home.mkdir(exist_ok=True)
    return subprocess.Popen([binary(), "serve"], env=app.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
