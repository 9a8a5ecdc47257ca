"""A report in Markdown as one HTML file with its pictures inside: no script, no network, nothing beside it."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1a1c20}"
    "table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}"
    "td,th{border-bottom:1px solid #d5d8de;padding:.25rem .7rem;text-align:left}"
    "td+td{white-space:nowrap}.wide{overflow-x:auto}"
    "th{background:#f1f3f6}h1{margin-top:2.5rem}h2{margin-top:1.6rem}figure{display:inline-block;margin:.3rem}"
    "img{max-width:100%;width:30rem}figcaption{color:#5b6270;font-size:.9em;margin:0 0 1rem .6rem}"
    "@media(max-width:40rem){body{margin:1rem auto;padding:0 .7rem;font-size:14px}td,th{padding:.2rem .45rem}}"
    "@media(prefers-color-scheme:dark){body{background:#14161a;color:#dfe3ea}th{background:#22262d}"
    "td,th{border-color:#353b45}figcaption{color:#98a1ae}img{filter:invert(.88) hue-rotate(180deg)}}"
)

CAPTIONS = {
    "roc": "Contaminated frames caught, by clean frames turned away",
    "precision_recall": "How pure what is turned away is, by how much of it is caught",
    "reliability": "How many frames are clean, by the probability stated",
    "risk_coverage": "Wrong decisions, by the share of frames decided",
    "severity": "Not accepted as clean, by severity",
}


def as_html(markdown: str, title: str, pictures: Sequence[Path] = ()) -> str:
    """The page. Of Markdown it knows what our reports use: headings, tables, lists, paragraphs."""
    body = "\n".join(_blocks(markdown))
    of_several = len({path.parent for path in pictures}) > 1
    figures = "\n".join(["<h2>Curves</h2>"] * bool(pictures) + [_figure(path, of_several) for path in pictures])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body>\n{body}\n{figures}\n</body></html>\n"
    )


def _blocks(markdown: str) -> list[str]:
    found: list[str] = []
    open_block = ""
    for line in markdown.splitlines():
        kind = "table" if line.startswith("|") else "ul" if line.startswith("- ") else ""
        if kind != open_block:
            found += [_end(open_block)] if open_block else []
            found += ['<div class="wide"><table>' if kind == "table" else f"<{kind}>"] if kind else []
        found += _line(line, is_first=kind == "table" and open_block != "table")
        open_block = kind
    return [*found, _end(open_block)] if open_block else found


def _end(block: str) -> str:
    """A wide table is moved sideways by itself on a narrow screen, and not the page."""
    return "</table></div>" if block == "table" else f"</{block}>"


def _line(line: str, *, is_first: bool) -> list[str]:
    text = html.escape(line)
    if line.startswith("|"):
        cells = [cell.strip() for cell in text.strip("|").split(" | ")]
        if all(set(cell) <= {"-"} and cell for cell in cells):
            return []
        tag = "th" if is_first else "td"
        return ["<tr>" + "".join(f"<{tag}>{cell.strip('| ')}</{tag}>" for cell in cells) + "</tr>"]
    if line.startswith("- "):
        return [f"<li>{text[2:]}</li>"]
    if line.startswith("#"):
        level = len(line) - len(line.lstrip("#"))
        return [f"<h{level}>{text.lstrip('# ')}</h{level}>"]
    return [f"<p>{text}</p>"] if text else []


def _figure(path: Path, of_several: bool) -> str:
    """A picture with its caption; ``of_several``: there are those of other sets beside it."""
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    caption = CAPTIONS.get(path.stem, path.stem.replace("_", " "))
    name = html.escape(f"{path.parent.name}: {caption}" if of_several else caption)
    return f'<figure><img alt="{name}" src="data:image/png;base64,{content}"><figcaption>{name}</figcaption></figure>'
