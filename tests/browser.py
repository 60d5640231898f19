"""A page opened in headless Chromium, and what happened there: figures drawn, console errors, requests made.

The browser is driven over its debugging pipe (two inherited file descriptors), so that nothing but Chromium is needed.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--mute-audio", "--remote-debugging-pipe",
)  # fmt: skip

_INVENTORY = """(async () => {
  const until = performance.now() + 20000;
  while (document.documentElement.dataset.charts !== "drawn" && performance.now() < until)
    await new Promise(done => setTimeout(done, 50));
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  const charts = [...document.querySelectorAll(".chart")];
  while (charts.some(box => !box.querySelector("svg.main-svg")) && performance.now() < until)
    await new Promise(done => setTimeout(done, 50));
  const marks = ".scatterlayer .js-line, .scatterlayer .point, .barlayer .point path, .heatmaplayer image, .hm image";
  return {
    title: document.title,
    charts: charts.map(box => ({
      id: box.id,
      width: box.querySelector("svg.main-svg")?.getBoundingClientRect().width ?? 0,
      height: box.querySelector("svg.main-svg")?.getBoundingClientRect().height ?? 0,
      marks: box.querySelectorAll(marks).length,
    })),
    images: [...document.images].map(image => ({alt: image.alt, width: image.naturalWidth})),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
})()"""


@dataclass
class Visit:
    """What happened to a page.

    Attributes:
        title: the document's title.
        charts: ``id``, ``width``, ``height`` and the number of drawn ``marks`` of every chart.
        images: ``alt`` and natural ``width`` of every picture.
        overflow: pixels by which the page is wider than its window.
        errors: console errors and uncaught exceptions.
        requests: every address that was asked for, the page's own included.
        screenshot: PNG bytes of the whole page, where asked for.
    """

    title: str = ""
    charts: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    overflow: int = 0
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    screenshot: bytes = b""


def visit(
    chromium: str, page: Path, *, dark: bool = False, width: int = 1400, screenshot: bool = False, ask: str = ""
) -> Visit:
    """Opens a page and everything that is folded in it, and waits until its charts are drawn.

    Args:
        chromium: the browser's program.
        page: an HTML file.
        dark: whether the reader prefers a dark page.
        width: of the window, in pixels.
        screenshot: whether to take one.
        ask: a JavaScript expression to evaluate instead of the inventory; its value ends up in ``Visit.charts``.
    """
    with _browser(chromium) as browser:
        session = browser.open_tab()
        media = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        browser.send("Emulation.setEmulatedMedia", session, features=media)
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.send("Emulation.setDeviceMetricsOverride", session, **metrics)
        for domain in ("Runtime", "Log", "Network", "Page"):
            browser.send(f"{domain}.enable", session)
        browser.send("Page.navigate", session, url=page.resolve().as_uri())
        browser.wait_for("Page.loadEventFired")
        found = browser.evaluate(session, _INVENTORY)
        report = Visit(**found)
        if ask:
            report.charts = browser.evaluate(session, ask)
        if screenshot:
            answer = browser.send("Page.captureScreenshot", session, captureBeyondViewport=True, format="png")
            report.screenshot = base64.b64decode(answer["data"])
        report.errors = list(browser.errors())
        report.requests = [event["params"]["request"]["url"] for event in browser.of("Network.requestWillBeSent")]
    return report


def check_page(chromium: str, page: Path) -> Visit:
    """Asserts that a report drew everything it has, complained about nothing and asked nobody for anything.

    Args:
        chromium: the browser's program.
        page: a report.html.
    """
    seen = visit(chromium, page)
    assert not seen.errors, seen.errors
    assert seen.charts, "no chart in the page"
    for chart in seen.charts:
        drawn = chart["marks"] > 0 and chart["width"] > 200 and chart["height"] > 100
        assert drawn, f"not drawn: {chart}"
    for image in seen.images:
        assert image["width"] > 0, f"not shown: {image}"
    foreign = [
        url for url in seen.requests if not url.startswith(("data:", "blob:")) and url != page.resolve().as_uri()
    ]
    assert not foreign, f"the page asked for {foreign}"
    assert seen.overflow <= 0, f"the page is {seen.overflow} px wider than its window"
    return seen


class _Browser:
    """A running Chromium and the two ends of its debugging pipe."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._rest = b""
        self._next = 0
        self._events: list[dict[str, Any]] = []

    def send(self, method: str, session: str = "", **params: Any) -> Any:
        self._next += 1
        message = {"id": self._next, "method": method, "params": params} | ({"sessionId": session} if session else {})
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._writing, data) :]
        while True:
            answer = self._receive()
            if answer.get("id") == self._next:
                assert "error" not in answer, f"{method}: {answer.get('error')}"
                return answer["result"]

    def open_tab(self) -> str:
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session: str = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return session

    def evaluate(self, session: str, expression: str) -> Any:
        answer = self.send("Runtime.evaluate", session, expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, method: str) -> None:
        while not any(True for _ in self.of(method)):
            self._receive()

    def of(self, method: str) -> Iterator[dict[str, Any]]:
        return (event for event in self._events if event["method"] == method)

    def errors(self) -> Iterator[str]:
        for event in self.of("Runtime.exceptionThrown"):
            yield json.dumps(event["params"]["exceptionDetails"])
        for event in self.of("Runtime.consoleAPICalled"):
            if event["params"]["type"] in ("error", "assert"):
                yield json.dumps(event["params"]["args"])
        for event in self.of("Log.entryAdded"):
            if event["params"]["entry"]["level"] == "error":
                yield json.dumps(event["params"]["entry"])

    def _receive(self, limit: float = 60.0) -> dict[str, Any]:
        until = time.monotonic() + limit
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reading], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"Chromium said nothing for {limit:.0f} s"
            data = os.read(self._reading, 1 << 20)
            assert data, "Chromium went away"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self._events.append(message)
        return message


@contextmanager
def _browser(chromium: str) -> Iterator[_Browser]:
    to_child, writing = os.pipe()
    reading, from_child = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The pipe has to arrive as descriptors 3 and 4; a shell puts them there without code between fork and exec.
        line = f'exec "$0" "$@" 3<&{to_child} 4>&{from_child}'
        process = subprocess.Popen(
            ["/bin/bash", "-c", line, chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_child, from_child), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        try:
            yield _Browser(reading, writing)
        finally:
            os.close(writing)  # Chromium ends when its pipe does
            os.close(reading)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
