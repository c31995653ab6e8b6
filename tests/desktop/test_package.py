"""The packages: what is inside, and that an unpacked one starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from desktop import App, Desktop
from harness import ROOT

FILES = {
    "/usr/bin/branchline",
    "/usr/bin/branchline-desktop",
    "/usr/share/applications/Branchline.desktop",
    "/usr/share/icons/hicolor/32x32/apps/branchline-desktop.png",
    "/usr/share/icons/hicolor/128x128/apps/branchline-desktop.png",
    "/usr/share/icons/hicolor/scalable/apps/branchline-desktop.svg",
    "/usr/share/doc/branchline/copyright",
}


def package(kind: str) -> Path:
    """The package of this kind that `scripts/package debug` has made."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    found = list((target / "debug/bundle" / kind).glob(f"*.{kind}"))
    assert len(found) == 1, f"one .{kind} is expected, run `scripts/package debug` first: {found}"
    return found[0]


def output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .deb, installed by dpkg under a root of its own."""
    root = tmp_path_factory.mktemp("root")
    admin = root / "var/lib/dpkg"
    for folder in ("info", "updates", "triggers"):
        (admin / folder).mkdir(parents=True)
    (admin / "status").touch()
    # What it depends on is installed in this system, which the fresh root does not know.
    output("dpkg", "--root", root, "--force-depends", "--force-not-root", "--install", package("deb"))
    return root


def test_the_deb_holds_both_programs_the_icon_and_the_menu_entry(installed: Path) -> None:
    assert {file for file in FILES if not (installed / file[1:]).is_file()} == set()
    control = output("dpkg-deb", "--field", package("deb"))
    assert "libwebkit2gtk-4.1-0" in control
    # The icon in the tray, which the app can do without.
    assert "Recommends: libayatana-appindicator3-1" in control
    entry = (installed / "usr/share/applications/Branchline.desktop").read_text()
    assert "Exec=branchline-desktop" in entry and "Icon=branchline-desktop" in entry


def test_the_rpm_holds_the_same() -> None:
    listed = set(output("rpm", "-qpl", package("rpm")).split())
    assert FILES - listed == set()


def test_the_installed_command_line_answers_without_webkit(installed: Path) -> None:
    program = installed / "usr/bin/branchline"
    assert "branchline" in output(program, "--version")
    assert "webkit" not in output("ldd", program).lower()


def test_the_installed_app_opens_its_window(installed: Path, desktop: Desktop, tmp_path: Path) -> None:
    app = App(desktop, tmp_path / "home", executable=installed / "usr/bin/branchline-desktop")
    try:
        driver = app.drive()
        title = "return document.querySelector('nav, main') !== null && document.title"
        assert "Branchline" in driver.execute_async_script(
            f"const done = arguments[0]; const look = () => {{ const t = (() => {{ {title} }})(); t ? done(t) : requestAnimationFrame(look) }}; look()"
        )
        app.terminate()
    finally:
        app.discard()
