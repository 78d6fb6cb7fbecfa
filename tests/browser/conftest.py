"""JupyterLab in a real browser: Debian's Chromium, driven by Playwright. Nothing is downloaded for it."""

import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lambdist_lib.cloud import local_cloud

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
UNATTENDED = [
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
START_S = 60.0


@pytest.fixture(scope="session")
def browser():
    """Start Chromium without a window; skip without Chromium or Playwright."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine; `apt-get install chromium` has the browser tests run")
    if not importlib.util.find_spec("playwright"):
        pytest.skip("no Playwright in this environment; `make setup` installs it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=UNATTENDED)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab as `make lab` starts it, for a person without settings: its URL, token, and folder."""
    home, port, token = tmp_path_factory.mktemp("lab"), next(local_cloud.free_ports()), secrets.token_hex(8)
    notebooks, state = home / "notebooks", home / "state"
    notebooks.mkdir()
    folders = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = {
        **os.environ,
        "HOME": str(home),
        "LAMBDIST_STATE": str(state),
        **{f"JUPYTER_{name}": str(home / name.lower()) for name in folders},
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
             "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
             f"--ServerApp.root_dir={notebooks}", "--allow-root", "--expose-app-in-browser",
             "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        await_answer(f"{address}/api?token={token}", server, home / "lab.log")
        yield address, token, notebooks
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        local_cloud.stop(state)


def await_answer(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab does not start:\n{log.read_text()[-2000:]}")


@pytest.fixture
def opened(lab, browser):
    """`opened(path, chunks=4)`: a notebook's copy with these parameters, open in JupyterLab."""
    address, token, folder = lab
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(60_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))

    def copied(path: Path, **parameters: object):
        content = json.loads(path.read_text(encoding="utf-8"))
        [cell] = [one for one in content["cells"] if "parameters" in one["metadata"].get("tags", [])]
        changed = [*cell["source"], "\n", "\n".join(f"{k} = {v!r}" for k, v in parameters.items())]
        cell["source"] = "".join(changed)
        (folder / path.name).write_text(json.dumps(content), encoding="utf-8")
        page.goto(f"{address}/lab/tree/{path.name}?token={token}&reset")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        page.evaluate("""async () => {
            await jupyterapp.restored;
            const {context, sessionContext} = jupyterapp.shell.currentWidget;
            await context.ready; await sessionContext.ready; await sessionContext.session.kernel.info;
        }""")
        return page, folder / path.name

    yield copied
    page.close()
    assert faults == []
