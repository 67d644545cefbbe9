"""A real browser for tests of pages: Chromium without a window, spoken to in its own protocol (CDP)."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = "no Chromium here: sudo apt-get install -y chromium"
_SECONDS = 15.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-port=0",
)


def chromium() -> str | None:
    """The browser's program; None where it is not installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One browser with one page. What the page logs and what it fails with is kept in `errors`."""

    def __init__(self, program: str, folder: Path) -> None:
        self._folder = folder
        self._runner = asyncio.Runner()
        self.errors: list[str] = []
        self.requested: list[str] = []
        self._process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0
        self._session: str | None = None

    def __enter__(self) -> Self:
        try:
            self._runner.run(self._connect())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        if hasattr(self, "_client"):
            self._runner.run(self._client.close())
        self._runner.close()

    async def _connect(self) -> None:
        told, until = self._folder / "DevToolsActivePort", time.monotonic() + _SECONDS
        while not (told.exists() and "\n" in told.read_text()):
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError(f"Chromium did not start within {_SECONDS:g} s")
            await asyncio.sleep(0.05)
        port, path = told.read_text().split("\n")[:2]
        self._client = aiohttp.ClientSession()
        self._socket = await self._client.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0)
        target = await self._send("Target.createTarget", url="about:blank")
        attached = await self._send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._send(f"{domain}.enable")

    async def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        async with asyncio.timeout(_SECONDS):
            while True:
                told = json.loads((await self._socket.receive()).data)
                if told.get("id") == self._number:
                    if "error" in told:
                        raise RuntimeError(f"{method}: {told['error']}")
                    result: dict[str, Any] = told["result"]
                    return result
                self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        match told.get("method"), told.get("params", {}):
            case "Runtime.exceptionThrown", details:
                self.errors.append(str(details["exceptionDetails"].get("exception", details)))
            case "Runtime.consoleAPICalled", {"type": "error" | "warning", "args": args}:
                self.errors.append(str(args))
            case "Log.entryAdded", {"entry": {"level": "error" | "warning"} as entry}:
                self.errors.append(f"{entry.get('text')} {entry.get('url', '')}")
            case "Network.requestWillBeSent", {"request": {"url": url}}:
                self.requested.append(url)
            case "Page.javascriptDialogOpening", _:
                self._accept = asyncio.get_running_loop().create_task(self._answer_dialog())

    async def _answer_dialog(self) -> None:
        message = {"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
        await self._socket.send_json({**message, "sessionId": self._session})

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return self._runner.run(self._send(method, **parameters))

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is there."""
        self.run("window.left = true")
        self.call("Page.navigate", url=url)
        self.until("!window.left && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        told = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def until(self, script: str, seconds: float = 5.0) -> Any:
        """The first value of an expression that counts as true. Raises AssertionError after so many seconds."""
        end = time.monotonic() + seconds
        while (value := self.run(script)) in (None, False, 0, ""):
            assert time.monotonic() < end, f"not within {seconds:g} s: {script}"
            time.sleep(0.03)
        return value

    def look(self, width: int = 1280, height: int = 900, *, dark: bool = False) -> None:
        """Be a window of this size, on a screen that is light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """What can be seen, as a PNG; or the whole page."""
        told = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))
