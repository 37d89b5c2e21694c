"""Starts `rnnx ui` and opens its pages in a browser."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selenium.webdriver.common.by import By


def free_port() -> int:
    """A free port of the loopback."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextmanager
def running_ui(*words: str) -> Iterator[str]:
    """Run `rnnx ui WORDS` in the working folder; the address that it prints."""
    port = free_port()
    command = [sys.executable, "-m", "rnnx", "ui", *words, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        # The address is printed when the server answers, below what the server says as it starts.
        said = next((line for line in server.stdout if "Ctrl-C stops it" in line), "")
        address = re.match(r"http://\S+", said)
        assert address, said
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30)
        yield address[0]
        server.terminate()
        server.wait()
    # Its workers have gone with it.
    for _ in range(40):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.25)
    raise AssertionError("the server outlived rnnx ui")


def open_page(browser: Any, address: str, *texts: str) -> str:
    """Open an address and wait until the page holds all of ``texts``; the text of the page."""
    browser.get("about:blank")
    browser.get(address)
    for text in texts:
        browser.find_element(By.XPATH, f"//*[contains(text(), '{text}')]")
    return str(browser.find_element(By.TAG_NAME, "body").text)
