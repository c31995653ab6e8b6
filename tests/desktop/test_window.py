"""The real window: signs in by itself, shows live data, remembers, and ends cleanly."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
import requests
from desktop import App, Desktop, answers, serve, until
from mlflow import MlflowClient
from selenium.webdriver import ActionChains, Remote
from selenium.webdriver.remote.webelement import WebElement

# Two frames after a change, the screen shows what the DOM says.
SETTLE = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
SESSION = """const done = arguments[0]
fetch('/api/v1/session').then(async (a) => done([a.status, a.ok ? await a.json() : null]))"""


def element(driver: Remote, selector: str) -> WebElement:
    """Waits for an element that is shown."""
    return until(selector, lambda: next((e for e in driver.find_elements("css selector", selector) if e.is_displayed()), None))


def go(driver: Remote, route: str) -> None:
    """Follows a link inside the page, once the page is ready to notice it."""
    element(driver, "main [data-testid]")
    driver.execute_script(f"location.hash = '#{route}'")


def words(driver: Remote) -> str:
    """What the page says. Not the driver's own `text`: it leaves out what it takes for cut off."""
    return driver.execute_script("return document.body.innerText")


def x_range(chart: WebElement) -> tuple[float, float]:
    """From where to where the chart shows its x axis; both ends at one moment."""
    low, high = chart.parent.execute_script("const {xMin, xMax} = arguments[0].dataset; return [xMin, xMax]", chart)
    return float(low), float(high)


def signed_in(driver: Remote) -> bool:
    status, _ = driver.execute_async_script(SESSION)
    return status == 200


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch):
    """The real MLflow client for a running app."""

    def connect(app: App) -> MlflowClient:
        instance = app.instance()
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", instance["secret"])
        return MlflowClient(instance["url"], instance["url"])

    return connect


def test_the_window_signs_in_by_itself_and_leaves_no_secret(app: App) -> None:
    driver = app.drive()
    url = app.instance()["url"]
    element(driver, "nav, main")
    assert signed_in(driver), app.output()
    assert driver.current_url.startswith(f"{url}/")
    assert "secret" not in driver.current_url
    assert not driver.find_elements("css selector", "[data-testid=signin]")
    # Another program on this machine is not signed in with it.
    assert requests.get(f"{url}/api/v1/session", timeout=10).status_code == 401

    driver.refresh()
    element(driver, "nav, main")
    assert signed_in(driver), "a reload signs in again"
    app.terminate()


def test_only_the_windows_own_page_reaches_the_shell(app: App) -> None:
    driver = app.drive()
    element(driver, "nav, main")
    inside_a_frame = """const done = arguments[0]
      const frame = document.createElement('iframe')
      frame.sandbox = 'allow-scripts'
      frame.srcdoc = `<script>parent.postMessage('__TAURI_INTERNALS__' in window, '*')<` + `/script>`
      addEventListener('message', (m) => done(m.data), { once: true })
      setTimeout(() => done('the page forbids such a frame'), 3000)
      document.body.append(frame)"""
    assert driver.execute_async_script(inside_a_frame) is not True
    refused = """const done = arguments[0]
      const call = (name, args) => window.__TAURI_INTERNALS__.invoke(name, args).then(() => 'allowed', (e) => `refused: ${e}`)
      Promise.all([
        call('save_artifact', { url: 'http://127.0.0.1:1/secret', name: 'x' }),
        call('open_external', { url: 'file:///etc/passwd' }),
        call('reveal_path', { path: '/etc/passwd' }),
        call('plugin:dialog|open', { options: {} }),
        call('plugin:opener|open_url', { url: 'https://example.org' }),
      ]).then(done)"""
    answers_ = driver.execute_async_script(refused)
    assert [answer.split(":")[0] for answer in answers_] == ["refused"] * 5, answers_
    app.terminate()


def test_points_arrive_while_the_run_is_open_and_the_zoom_stays(app: App, client) -> None:
    driver = app.drive()
    mlflow = client(app)
    experiment = mlflow.create_experiment("live")
    run = mlflow.create_run(experiment, run_name="slow-otter").info.run_id
    for step in range(40):
        mlflow.log_metric(run, "loss", 1 / (step + 1), step=step)

    go(driver, f"/experiments/{experiment}/runs/{run}/charts")
    driver.execute_script("window.sameDocument = true")
    chart = element(driver, "[data-testid=metric-chart][data-key=loss]")
    until("40 points", lambda: chart.get_attribute("data-points") == "40")
    driver.execute_async_script(SETTLE)

    plot = chart.find_element("css selector", ".u-over")
    width = plot.size["width"]
    drag = ActionChains(driver, duration=100).move_to_element_with_offset(plot, -int(width * 0.3), 0).click_and_hold()
    drag.move_to_element_with_offset(plot, 0, 0).move_to_element_with_offset(plot, int(width * 0.2), 0).release().perform()
    until("the zoom", lambda: chart.get_attribute("data-zoomed") == "true")
    zoom = until("the zoomed range", lambda: (r := x_range(chart)) != (0, 39) and r)
    assert 0 < zoom[0] < zoom[1] < 39, zoom

    for step in range(40, 60):
        mlflow.log_metric(run, "loss", 1 / (step + 1), step=step)
    until("the new points", lambda: chart.get_attribute("data-points") == "60")
    assert chart.get_attribute("data-last-step") == "59"
    assert x_range(chart) == zoom
    assert driver.execute_script("return window.sameDocument === true && performance.getEntriesByType('navigation').length === 1")
    driver.execute_async_script(SETTLE)

    mlflow.set_terminated(run, "FINISHED")
    status = element(driver, "[data-testid=run-status]")
    until("the end of the run", lambda: "finished" in str(status.get_property("innerText")).lower())
    app.terminate()


def test_everything_is_there_after_a_restart(app: App, client) -> None:
    desktop = app.desktop
    app.start()
    mlflow = client(app)
    run = mlflow.create_run("0", run_name="kept").info.run_id
    mlflow.log_batch(run, params=[], metrics=[], tags=[])
    mlflow.log_param(run, "rate", "0.1")
    window = app.window()
    place = (160, 120, 1080, 720)
    desktop.run("xdotool", "windowsize", "--sync", window, "1080", "720")
    desktop.run("xdotool", "windowmove", "--sync", window, "160", "120")
    moved = until("the window's move", lambda: (g := desktop.geometry(window))[2:] == place[2:] and g)
    app.quit()
    assert app.process and app.process.returncode == 0, app.output()
    assert not (app.data_dir / "branchline.db-wal").exists() or (app.data_dir / "branchline.db-wal").stat().st_size == 0

    driver = app.drive()
    restored = app.window()
    until("size and place as before", lambda: desktop.geometry(restored) == moved)
    go(driver, f"/experiments/0/runs/{run}")
    until("the run", lambda: "kept" in words(driver))
    assert client(app).get_run(run).data.params == {"rate": "0.1"}

    # The same again, for an end that no window announces.
    desktop.run("xdotool", "windowsize", "--sync", restored, "1000", "660")
    until("the new size", lambda: desktop.geometry(restored)[2:] == (1000, 660))
    app.terminate()
    app.start()
    again = app.window()
    until("the size before the signal", lambda: desktop.geometry(again)[2:] == (1000, 660))
    app.terminate()


def test_a_second_start_focuses_the_first(app: App) -> None:
    desktop = app.desktop
    app.start()
    window = app.window()
    desktop.run("xdotool", "windowminimize", "--sync", window)
    until("the window to be minimised", lambda: not desktop.windows("Branchline"))
    second = App(desktop, app.home)
    assert second.start().wait(30) == 0
    until("the one window to be back", lambda: desktop.windows("Branchline") == [window])
    until("the one window in front", lambda: desktop.run("xdotool", "getactivewindow").strip() == window)
    app.terminate()


def test_another_data_folder_is_another_app(app: App, tmp_path: Path) -> None:
    app.start()
    app.window()
    other = App(app.desktop, tmp_path / "other")
    try:
        other.start()
        assert other.instance()["url"] != app.instance()["url"]
        until("two windows", lambda: len(app.desktop.windows("Branchline")) == 2)
        other.terminate()
    finally:
        other.discard()
    app.terminate()


def test_the_window_is_the_guest_of_a_headless_server(app: App) -> None:
    server = serve(app)
    try:
        instance = app.instance()
        driver = app.drive()
        element(driver, "nav, main")
        assert driver.current_url.startswith(instance["url"])
        assert signed_in(driver), app.output()
        app.desktop.close_window(app.window())
        until("the window's end", lambda: not app.desktop.windows("Branchline"))
        assert answers(f"{instance['url']}/health"), "the server outlives its guest"
        app.end_driver()
    finally:
        server.terminate()
        assert server.wait(30) == 0


@pytest.mark.parametrize(("key", "code"), [("Return", None), ("Escape", 4)])
def test_a_taken_port_is_the_persons_choice(app: App, key: str, code: int | None) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        app.port = holder.getsockname()[1]
        process = app.start()
        dialog = app.desktop.window("The port is taken")
        app.desktop.run("xdotool", "windowfocus", "--sync", dialog)
        app.desktop.run("xdotool", "key", key)
        if code is not None:
            assert process.wait(30) == code
            return
        app.window()
        assert not app.instance()["url"].endswith(f":{app.port}")
        app.terminate()


def test_without_a_display_it_says_what_to_do(app: App, desktop: Desktop) -> None:
    app.home.mkdir()
    for display in ({}, {"DISPLAY": ":4095"}):
        environment = {key: value for key, value in app.environment.items() if key != "DISPLAY"} | display
        done = subprocess.run([app.executable], env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert "display" in done.stderr and "branchline serve" in done.stderr
        assert "panicked" not in done.stderr


def test_q27_quitting_with_a_job_asks_and_later_runs_it_after_the_next_start(app: App, tmp_path: Path) -> None:
    done = tmp_path / "done"
    app.start()
    app.window()
    task_id = app.start_job("sh", "-c", f"while [ ! -e {done} ]; do sleep 0.05; done")
    app.desktop.close_window(app.window())
    app.answer_what_becomes_of_jobs("Escape")
    assert app.desktop.windows("Branchline"), "the window stays"
    assert app.job_status(task_id) == "STARTED"
    app.desktop.close_window(app.window())
    app.answer_what_becomes_of_jobs("Tab", "Return")
    app.ended()
    done.touch()
    app.start()
    until("the job's end", lambda: app.job_status(task_id) == "SUCCESS")
    app.quit()


def test_q27_quitting_waits_for_a_job_unless_the_window_is_wanted_back(app: App, tmp_path: Path) -> None:
    done = tmp_path / "done"
    app.start()
    window = app.window()
    task_id = app.start_job("sh", "-c", f"while [ ! -e {done} ]; do sleep 0.05; done")
    app.desktop.close_window(app.window())
    app.answer_what_becomes_of_jobs("Return")
    until("the window to be hidden", lambda: not app.desktop.windows("Branchline"))
    assert app.job_status(task_id) == "STARTED"
    # A second start brings it back, and jobs start again.
    assert App(app.desktop, app.home).start().wait(30) == 0
    until("the window to be back", lambda: app.desktop.windows("Branchline") == [window])
    other = app.start_job("sleep", "0.1")
    until("another job's end", lambda: app.job_status(other) == "SUCCESS")
    app.desktop.close_window(app.window())
    app.answer_what_becomes_of_jobs("Return")
    done.touch()
    app.ended()
    assert app.process and app.process.returncode == 0, app.output()
