"""TensorBoard as `make tensorboard` starts it, in a process of its own.

In the process of the tests, its reading threads would still run when Python ends, and abort it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPT = [
    sys.executable,
    str(Path(__file__).parent.parent / "scripts" / "serve_tensorboard.py"),
]

LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks this machine, whatever proxy the environment names."""


@contextmanager
def tensorboard(logdir: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """The server's process and its URL, without a slash at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [*SCRIPT, "--logdir", str(logdir), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 60
            while not _answers(url):
                assert process.poll() is None, "TensorBoard ended"
                assert time.monotonic() < deadline, "TensorBoard does not answer"
                time.sleep(0.1)
            yield process, url
        finally:
            process.terminate()


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    """The JSON that a GET answers, or a POST of `body`."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with LOCAL.open(request, timeout=30) as answer:
        return json.load(answer)


def _answers(url: str) -> bool:
    try:
        ask(f"{url}/data/plugins_listing")
    except OSError:
        return False
    return True
