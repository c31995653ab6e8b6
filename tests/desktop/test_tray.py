"""The icon in the tray, and what the desktop tells while nobody looks at the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desktop import App, Desktop, answers, until
from panel import Panel, Told
from selenium.webdriver import Remote


@pytest.fixture
def new_panel(desktop: Desktop) -> Iterator[Callable[[], Panel]]:
    """Starts what shows icons and notifications."""
    started: list[Panel] = []

    def start() -> Panel:
        started.append(Panel(desktop.environment["DBUS_SESSION_BUS_ADDRESS"]))
        return started[-1]

    yield start
    for panel in started:
        panel.close()


def hidden(app: App) -> bool:
    return not app.desktop.windows("Branchline")


def close(app: App) -> None:
    """Closes the window, which leaves the app in the tray."""
    app.desktop.close_window(app.window())
    until("the window to be hidden", lambda: hidden(app))
    assert answers(f"{app.instance()['url']}/health")


def test_closing_leaves_the_icon_which_brings_the_window_back(app: App, new_panel) -> None:
    desktop, panel = app.desktop, new_panel()
    app.start()
    window = app.window()
    assert panel.property("Title") == "Branchline"
    assert panel.property("Id").endswith("branchline"), "the same after every start"
    icon = Path(panel.property("IconName"))
    assert icon.parent == app.data_dir and icon.read_bytes().startswith(b"\x89PNG")
    assert list(panel.menu()) == ["Open Branchline", "Quit"]

    desktop.run("xdotool", "windowsize", "--sync", window, "1080", "720")
    desktop.run("xdotool", "windowmove", "--sync", window, "300", "180")
    place = until("the window's move", lambda: (g := desktop.geometry(window))[2:] == (1080, 720) and g)
    for _ in range(2):
        close(app)
        panel.pick("Open Branchline")
        assert app.window() == window
        until("the window where it was", lambda: desktop.geometry(window) == place)
        until("the window in front", lambda: desktop.run("xdotool", "getactivewindow").strip() == window)

    close(app)
    panel.pick("Quit")
    app.ended()
    assert app.process and app.process.returncode == 0, app.output()
    assert not icon.exists()
    app.start()
    again = app.window()
    until("the place before it was hidden", lambda: desktop.geometry(again) == place)
    app.terminate()


def test_a_tray_that_comes_later_is_used_and_one_that_went_is_not(app: App, new_panel) -> None:
    app.start()
    app.window()
    panel = new_panel()
    panel.item()
    close(app)
    panel.pick("Open Branchline")
    app.window()
    panel.close()
    app.quit()
    assert app.process and app.process.returncode == 0, app.output()


def test_quitting_from_the_tray_asks_what_becomes_of_jobs(app: App, new_panel, tmp_path: Path) -> None:
    done = tmp_path / "done"
    panel = new_panel()
    app.start()
    app.window()
    task_id = app.start_job("sh", "-c", f"while [ ! -e {done} ]; do sleep 0.05; done")
    close(app)
    panel.pick("Quit")
    app.answer_what_becomes_of_jobs("Escape")
    assert hidden(app) and app.job_status(task_id) == "STARTED"
    panel.pick("Quit")
    app.answer_what_becomes_of_jobs("Return")
    # Who opens the window wants the app to stay, also after the job's end.
    panel.pick("Open Branchline")
    app.window()
    done.touch()
    until("the job's end", lambda: app.job_status(task_id) == "SUCCESS")
    close(app)
    panel.pick("Quit")
    app.ended()


def follows_notifications(driver: Remote) -> bool:
    """Whether the page is live and has read what was told before."""
    live = driver.find_elements("css selector", "[data-testid=status-live][data-state=open]")
    read = "return performance.getEntriesByType('resource').some(({name}) => name.includes('/api/v1/notifications'))"
    return bool(live) and driver.execute_script(read)


def told(panel: Panel, title: str) -> Told:
    """Waits for a notification with this title."""
    return until(f"`{title}`", lambda: next((one for one in panel.told if one.title == title), None))


def test_a_hidden_window_tells_by_the_desktop_and_opens_what_was_told(app: App, new_panel) -> None:
    panel = new_panel()
    driver = app.drive()
    until("the page to be live", lambda: follows_notifications(driver))
    app.call("POST", "/rules", {"on": ["job.failed"]})
    close(app)
    # A page that loads shows no window that the person closed.
    driver.refresh()
    until("the page to be live again", lambda: follows_notifications(driver))
    assert hidden(app)
    task_id = app.queue("false")
    one = told(panel, "Job false failed")
    assert one.body == "ExitCode: It ended with exit code 1."
    assert one.hints["desktop-entry"] == "Branchline"
    panel.choose(one)
    app.window()
    until("what was told", lambda: f"job={task_id}" in driver.current_url)
    app.terminate()


def test_what_is_told_is_text_to_every_desktop(app: App, new_panel) -> None:
    panel = new_panel()
    driver = app.drive()
    until("the page to be ready", lambda: driver.find_elements("css selector", "main [data-testid]"))
    notify = "void window.__TAURI_INTERNALS__.invoke('notify', { title: arguments[0], body: '1 < 2 & <b>3</b>' })"
    driver.execute_script(notify, "<with markup>")
    assert told(panel, "<with markup>").body == "1 &lt; 2 &amp; &lt;b&gt;3&lt;/b&gt;"
    panel.capabilities = ["body"]
    driver.execute_script(notify, "without")
    assert told(panel, "without").body == "1 < 2 & <b>3</b>"
    app.terminate()
