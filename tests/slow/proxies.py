"""A proxy before a server, which from some request on answers for it with something else."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy:
    """Passes requests on to ``upstream`` until ``answer`` is set; then that is every answer."""

    def __init__(self, upstream: str) -> None:
        self.answer: bytes | None = None
        self.answer_after = -1  # requests after which ``answer`` takes over, if it is set
        self.lost = ""  # the end of the path whose next answer does not arrive
        proxy, turn = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def _handle(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with turn:
                    proxy.answer_after -= 1
                    is_ours = proxy.answer is not None and proxy.answer_after < 0
                if is_ours:
                    self._reply(200, "text/html", proxy.answer or b"")
                    return
                status, kind, body = self._upstream(content)
                if proxy.lost and self.path.endswith(proxy.lost):
                    proxy.lost = ""
                    return  # the connection closes without an answer
                self._reply(status, kind, body)

            def _upstream(self, content: bytes) -> tuple[int, str, bytes]:
                kept = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                request = urllib.request.Request(
                    upstream + self.path, content or None, kept, method=self.command
                )
                try:
                    with urllib.request.urlopen(request, timeout=60) as found:
                        return found.status, found.headers["Content-Type"] or "", found.read()
                except urllib.error.HTTPError as error:
                    return error.code, error.headers["Content-Type"] or "", error.read()

            def _reply(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._handle)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
