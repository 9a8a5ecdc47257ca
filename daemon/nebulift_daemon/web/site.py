"""``Site``: what every request needs, put together once."""

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from nebulift_daemon.report.words import KIND_WORDS, counted, evening, kind_words
from nebulift_daemon.web.access import Access
from nebulift_daemon.web.desk import Desk
from nebulift_daemon.web.previews import Previews
from nebulift_daemon.web.review_progress import ReviewProgress
from nebulift_daemon.web.session_strip import SessionValues
from nebulift_daemon.web.static_files import address_of

LIST_NAMES = {
    "queue": "To decide",
    "contaminated": "Contaminated",
    "clean": "Clean",
    "decided": "Decided",
    "all": "All",
}


@dataclass(frozen=True, slots=True)
class Site:
    """The desk, the pictures, the templates, and who may use them."""

    desk: Desk
    previews: Previews
    access: Access
    templates: jinja2.Environment
    values: SessionValues = field(default_factory=SessionValues)
    reviews: ReviewProgress = field(default_factory=ReviewProgress)

    def page(self, name: str, status: int = 200, **facts: Any) -> HTMLResponse:
        """A template as an answer."""
        return HTMLResponse(self.templates.get_template(name).render(mark=self.access.form_mark, **facts), status)


def site_for(output: Path, state: Path, access: Access) -> Site:
    """The site of an output folder and the state folder that belongs to it."""
    templates = files(__package__) / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (templates / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        list_names=LIST_NAMES,
        kinds={kind.value: words for kind, words in KIND_WORDS.items() if kind != "unreadable"},
        static=address_of,
    )
    environment.filters.update(kind_words=kind_words, counted=counted, evening=evening)
    return Site(Desk(output, state), Previews(state), access, environment)


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site = request.app.state.site
    assert isinstance(site, Site)
    return site
