"""Who may use the page: a token in the state folder, demanded when the page listens beyond this machine.

The token is made at the first start and read by its owner only. From it follow the cookie that a browser keeps and the
mark that every form carries, so that neither gives the token away.
"""

import hashlib
import hmac
import ipaddress
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from nebulift.errors import NebuliftError

TOKEN_NAME = "web-token"  # noqa: S105 - a file's name
SHORTEST_TOKEN = 12  # for people who write their own
LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})


@dataclass(frozen=True, slots=True)
class Access:
    """``token`` opens the page where ``is_demanded``; ``names`` are the host names that this machine answers to."""

    token: str
    is_demanded: bool
    names: frozenset[str]

    @property
    def cookie(self) -> str:
        """What a browser keeps after the token was given."""
        return self._derived("cookie")

    @property
    def form_mark(self) -> str:
        """What every form carries: a page of somebody else's cannot know it."""
        return self._derived("form")

    def is_token(self, given: str) -> bool:
        return _same(given.strip(), self.token)

    def is_cookie(self, given: str) -> bool:
        return _same(given, self.cookie)

    def is_form_mark(self, given: str) -> bool:
        return _same(given, self.form_mark)

    def answers_to(self, host_header: str) -> bool:
        """Whether a Host header names this machine: any address does, of names only its own.

        A foreign name that was made to point here (DNS rebinding) is no address and is turned away.
        """
        host = host_header.rsplit(":", 1)[0] if not host_header.endswith("]") else host_header
        host = host.casefold().rstrip(".")
        return is_address(host.removeprefix("[").removesuffix("]")) or host in self.names

    def _derived(self, purpose: str) -> str:
        return hmac.new(self.token.encode(), f"nebulift {purpose}".encode(), hashlib.sha256).hexdigest()


def access_for(state: Path, host: str) -> Access:
    """Who may use a page that listens on ``host``, with the token of the state folder. Raises ``NebuliftError``."""
    return Access(_token(state), not is_loopback(host), LOOPBACK_NAMES | _own_names())


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    host = host.removeprefix("[").removesuffix("]")
    if not is_address(host):
        return host.casefold() in LOOPBACK_NAMES
    return ipaddress.ip_address(host).is_loopback


def is_address(host: str) -> bool:
    """Whether this is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _own_names() -> frozenset[str]:
    name = socket.gethostname().casefold()
    short = name.split(".")[0]
    return frozenset({name, short, f"{short}.local"})


def _token(state: Path) -> str:
    path = state / TOKEN_NAME
    try:
        state.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            token = path.read_text(encoding="utf-8").strip()
        else:
            token = secrets.token_urlsafe(24)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{token}\n")
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "it is no text"
        raise NebuliftError(f"{path}: the page's token cannot be read or made ({cause}); check permissions") from error
    if len(token) < SHORTEST_TOKEN:
        raise NebuliftError(
            f"{path}: the token is shorter than {SHORTEST_TOKEN} letters; delete the file for a new one"
        )
    return token


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
