"""The review page on a loopback port, for tests: a real server, asked through real sockets."""

import http.client
import re
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

from nebulift_daemon.web.access import Access, access_for
from nebulift_daemon.web.app import make_app
from nebulift_daemon.web.server import _listening, server_of


@dataclass
class Reply:
    status: int
    headers: dict
    content: bytes

    @property
    def text(self):
        return self.content.decode()


@dataclass
class Served:
    """A page that runs in a thread of this process."""

    output: object
    state: object
    host: str = "127.0.0.1"  # as which it believes to listen
    access: Access = field(init=False)
    port: int = field(init=False)

    def __enter__(self):
        self.access = access_for(self.state, self.host)
        self._socket = _listening("127.0.0.1", 0)
        self.port = self._socket.getsockname()[1]
        app = make_app(self.output, self.state, self.access)
        self.site = app.state.site
        self._server = server_of(app)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, *, headers=None, form=None):
        """One request; what ``headers`` name replaces what a browser would send."""
        sent = {"Host": f"127.0.0.1:{self.port}", "Accept": "text/html"} | (headers or {})
        body = None
        if form is not None:
            body = urlencode(form)
            sent = {"Origin": self.address, "Content-Type": "application/x-www-form-urlencoded"} | sent
        return self.send(method, path, body, sent)

    def send(self, method, path, body, headers):
        """One request with these headers and no others."""
        sent = {"Host": f"127.0.0.1:{self.port}"} | headers
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {name: text for name, text in sent.items() if text is not None})
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask("GET", path, headers=headers)

    def decide(self, frame_id, decision, **fields):
        """As the page's buttons do."""
        form = {"mark": self.access.form_mark, "decision": decision} | fields
        return self.ask("POST", f"/frame/{frame_id}/decide", form=form)

    def undo(self, **fields):
        return self.ask("POST", "/undo", form={"mark": self.access.form_mark} | fields)


def visible(page):
    """The words of a page, without its markup."""
    text = re.sub(r"<(script|style|title)[^>]*>.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())
