"""Style sheet, script and icon: each has an address that changes with its content, so that a browser may keep it."""

import functools
import hashlib
from importlib.resources import files

TYPES = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}


@functools.cache
def content_of(name: str) -> bytes:
    """The bytes of one of the files of ``TYPES``."""
    return (files(__package__) / "static" / name).read_bytes()


@functools.cache
def version_of(name: str) -> str:
    """The beginning of its SHA-256."""
    return hashlib.sha256(content_of(name)).hexdigest()[:12]


def address_of(name: str) -> str:
    """Where a page finds it. Asking for it anew before each page would hold up every frame (50 ms in a browser)."""
    return f"/static/{name}?{version_of(name)}"
