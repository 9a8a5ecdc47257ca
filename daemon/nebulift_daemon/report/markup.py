"""HTML and SVG put together so that text from outside can never become markup: every child and value is escaped."""

import html
from collections.abc import Iterable

VOID = {"br", "img", "meta", "link", "hr", "input"}  # elements without content


class Markup(str):
    """Text that is markup already and is not escaped again; only this module makes it."""

    __slots__ = ()

    def __html__(self) -> str:
        """Template engines take it as it stands."""
        return str(self)


def element(tag: str, /, *children: str | float | None, **attributes: str | float | None) -> Markup:
    """``<tag attributes>children</tag>``; a child that is no ``Markup`` is text and is escaped, ``None`` is nothing.

    ``class_`` is the attribute class, underscores become dashes; an attribute that is ``None`` is left out.
    """
    given = "".join(
        f' {_attribute_name(key)}="{html.escape(str(value))}"' for key, value in attributes.items() if value is not None
    )
    if tag in VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{joined(children)}</{tag}>")


def joined(children: Iterable[str | float | None]) -> Markup:
    """The children one after the other, what is text among them escaped."""
    return Markup("".join(_as_markup(child) for child in children))


def verbatim(text: str) -> Markup:
    """Our own CSS or document type, as it stands; never anything that came from a file or a header."""
    return Markup(text)


def _as_markup(child: str | float | None) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    return html.escape(_visible(child)) if isinstance(child, str) else f"{child:g}"


def _visible(text: str) -> str:
    """Text without what no document may hold: control characters, halves of surrogate pairs."""
    return "".join(sign if sign.isprintable() or sign == " " else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _attribute_name(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key not in SVG_NAMES else SVG_NAMES[key]


# attributes of SVG whose names are spelled with capitals
SVG_NAMES = {"view_box": "viewBox", "preserve_aspect_ratio": "preserveAspectRatio"}
