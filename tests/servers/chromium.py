"""Debian's headless Chromium in a box, told over its DevTools protocol what to do.

The protocol comes through two pipes, each message ending in NUL: https://chromedevtools.github.io/devtools-protocol/
"""

import json
import os
from base64 import b64decode
from select import select
from types import TracebackType
from typing import Any, Self

from tests.servers.box import Box
from tests.servers.process import DEADLINE, BoxError

PACKAGE = "chromium-headless-shell"
_DIRECTORY = "/run/chromium"
_COMMANDS, _ANSWERS = f"{_DIRECTORY}/commands", f"{_DIRECTORY}/answers"
_START = f'exec "$@" 3<{_COMMANDS} 4>{_ANSWERS}'  # the two descriptors that it takes pipes to be
_BROWSER = [
    PACKAGE,
    "--remote-debugging-pipe",
    "--no-sandbox",  # root in a box, which is one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    f"--user-data-dir={_DIRECTORY}/profile",
]
HEIGHT = 800  # of a window

Message = dict[str, Any]


class Browser:
    """`with Browser(box) as browser:` — one window after the other."""

    def __init__(self, box: Box) -> None:
        box.make_directory(_DIRECTORY)
        box.run(["mkfifo", _COMMANDS, _ANSWERS])
        self._box = box
        self._received = bytearray()
        self._number = 0
        self.events: list[Message] = []  # of all windows, as they came

    def __enter__(self) -> Self:
        # Open to both sides, or opening would wait for the other end; what does not come is told by the deadline.
        self._commands, self._answers = (os.open(self._box.path(name), os.O_RDWR) for name in (_COMMANDS, _ANSWERS))
        self._process = self._box.start(["sh", "-c", _START, "sh", *_BROWSER])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.stop()
        os.close(self._commands)
        os.close(self._answers)
        self._box.run(["rm", "-r", _DIRECTORY])

    def open(self, url: str, *, width: int, dark: bool = False) -> "Window":
        """Show a page in a new window, `width` pixels wide, and wait until all of it is there."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        window = Window(self, session)
        for domain in ("Page", "Network", "Log", "Runtime"):
            window.call(f"{domain}.enable")
        window.call("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        window.call("Emulation.setEmulatedMedia", features=[scheme])
        window.call("Page.navigate", url=url)
        window.wait_for("Page.loadEventFired")
        return window

    def call(self, method: str, session: str = "", /, **parameters: object) -> Message:
        """Have a command done and give its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._commands, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while (answer := self.receive()).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            raise BoxError(f"{method}: {answer['error']['message']}")
        result: Message = answer["result"]
        return result

    def receive(self) -> Message:
        """Give the next message."""
        while (end := self._received.find(b"\0")) < 0:
            if not select([self._answers], [], [], DEADLINE)[0]:
                raise BoxError(f"{PACKAGE}: expected a message within {DEADLINE} s: {self._process.output}")
            self._received += os.read(self._answers, 1 << 20)
        message: Message = json.loads(self._received[:end])
        del self._received[: end + 1]
        return message


class Window:
    """A page on the screen, and what it took to show it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **parameters: object) -> Message:
        """Have a command done in this window and give its result."""
        return self._browser.call(method, self._session, **parameters)

    def wait_for(self, event: str) -> None:
        """Return when that has happened."""
        while not self._all(event):
            self._browser.events.append(self._browser.receive())

    def evaluate(self, expression: str) -> Any:
        """Give the value of an expression in JavaScript, which the page itself need not be allowed to use."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BoxError(f"{expression}: {answer['exceptionDetails']['exception']['description']}")
        return answer["result"].get("value")

    def screenshot(self, **clip: float) -> bytes:
        """Give a PNG of the whole page, or of what is within x, y, width and height."""
        area = {"clip": clip | {"scale": 1}} if clip else {}
        return b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True, **area)["data"])

    def requests(self) -> list[str]:
        """Give the addresses that were asked for, in their order; those that a policy forbade were not."""
        forbidden = {each["requestId"] for each in self._all("Network.loadingFailed") if "blockedReason" in each}
        sent = self._all("Network.requestWillBeSent")
        return [each["request"]["url"] for each in sent if each["requestId"] not in forbidden]

    def complaints(self) -> list[str]:
        """Give what the browser found wrong: what a policy forbade, what could not be had."""
        return [each["entry"]["text"] for each in self._all("Log.entryAdded")]

    def heard(self) -> list[tuple[str, str]]:
        """Give the role and the name of all that somebody hears who does not see."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(each["role"]["value"], each.get("name", {}).get("value", "")) for each in nodes if not each["ignored"]]

    def _all(self, event: str) -> list[Message]:
        return [
            each["params"]
            for each in self._browser.events
            if each.get("sessionId") == self._session and each.get("method") == event
        ]
