"""What stands before every request: the right host, the right origin, the token; and the headers of every answer."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nebulift_daemon.web.access import Access

COOKIE = "nebulift"
YEAR_S = 365 * 24 * 3600
OPEN_PATHS = frozenset({"/login", "/healthz", "/static/style.css", "/static/icon.svg"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    # the origin of our own forms must be sent, and nothing to anybody else
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """ASGI middleware; nothing reaches the application that it does not let through."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._turned_away(Request(scope))
        await (answer or self._app)(scope, receive, send_with_headers)

    def _turned_away(self, request: Request) -> Response | None:
        """The answer to a request that may not go on; ``None`` for one that may."""
        headers = request.headers
        if not self._access.answers_to(headers.get("host", "")):
            return PlainTextResponse("This is not the machine that you asked for; use its address instead.\n", 421)
        if request.method not in SAFE_METHODS and not is_own_page(headers):
            return PlainTextResponse("This form came from another page; open the review page and decide there.\n", 403)
        if not self._access.is_demanded or request.url.path in OPEN_PATHS:
            return None
        return self._without_token(request)

    def _without_token(self, request: Request) -> Response | None:
        if self._access.is_token(request.query_params.get("token", "")) and request.method == "GET":
            return with_cookie(RedirectResponse(request.url.path, 303), self._access)
        if self._has_token(request):
            return None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        return PlainTextResponse("The token is missing.\n", 401)

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.casefold() == "bearer" and self._access.is_token(given):
            return True
        return self._access.is_cookie(request.cookies.get(COOKIE, ""))


def is_own_page(headers: Headers) -> bool:
    """Whether a request that changes something comes from a page of this server.

    Browsers say where a form comes from and scripts of other pages cannot forge it; a program that says nothing passes
    here and still needs the mark of the form.
    """
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.casefold() == headers.get("host", "").casefold()
    return headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}


def with_cookie(answer: Response, access: Access) -> Response:
    """The answer, with the cookie that stands for the token."""
    answer.set_cookie(COOKIE, access.cookie, max_age=YEAR_S, httponly=True, samesite="lax")
    return answer
