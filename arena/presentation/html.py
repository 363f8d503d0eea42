"""HTML fragments and whole plain pages, made by Jinja2 with every value escaped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from arena.presentation.details import EntryView, QueueView, RulesView
from arena.presentation.sections import BannerView, SectionView
from arena.presentation.sheets import TableView
from arena.presentation.views import LeaderboardView
from arena.presentation.wording import Words


@cache
def environment() -> Environment:
    """Return the templates' environment: autoescape for every file, undefined names are errors."""
    return Environment(
        loader=PackageLoader("arena.presentation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def header_html(view: LeaderboardView) -> str:
    """Return the title and the one line of facts."""
    return _macro("table.html.j2", "header")(view)


def leaderboard_html(view: LeaderboardView, words: Words) -> str:
    """Return the table with its legend and sentences, or the empty state."""
    return _macro("table.html.j2", "leaderboard")(view, words)


def entry_html(view: EntryView, words: Words, sections: Sequence[SectionView] = ()) -> str:
    """Return an algorithm's page; `sections` are the parts of its scorecard."""
    return _macro("details.html.j2", "entry")(view, words, sections)


def entry_head_html(view: EntryView, words: Words) -> str:
    """Return an algorithm's name and where it stands: the answer, before everything else."""
    return _macro("details.html.j2", "standing")(view, words)


def entry_foot_html(view: EntryView, words: Words) -> str:
    """Return an algorithm's fact sheet, what held it in, and its history."""
    return _macro("details.html.j2", "sheet")(view, words)


def sections_html(sections: Sequence[SectionView], words: Words) -> str:
    """Return parts of a closed phase's page one after the other, with links to each."""
    return _macro("sheets.html.j2", "sections")(sections, words)


def banner_html(view: BannerView) -> str:
    """Return a verdict with what it is read with."""
    return _macro("sheets.html.j2", "banner")(view)


def picture_title_html(title: str) -> str:
    """Return the title of a picture."""
    return str(Markup('<h2 class="ar-chart-title">{}</h2>').format(title))


def numbered_html(title: str, names: Sequence[str]) -> str:
    """Return a numbered list, such as the key of a matrix."""
    items = Markup("").join(Markup("<li><bdi>{}</bdi></li>").format(name) for name in names)
    listed = Markup('<section class="ar-sheet"><h3>{}</h3><ol class="ar-key-list">{}</ol></section>')
    return str(listed.format(title, items))


def picture_note_html(note: str, files: Sequence[tuple[str, str]]) -> str:
    """Return how a picture is read, and the files of its numbers, each a text and an address of this site."""
    anchors = Markup(" ").join(
        Markup('<a href="{}" target="_self" download><bdi>{}</bdi></a>').format(address, label)
        for label, address in files
    )
    return str(Markup('<p class="ar-note">{}</p><p class="ar-file">{}</p>').format(note, anchors))


def sheet_html(view: TableView, words: Words) -> str:
    """Return a table with how it is read and where its file is, or why there is none."""
    return _macro("sheets.html.j2", "sheet")(view, words)


def queue_html(view: QueueView, words: Words) -> str:
    """Return the live queue."""
    return _macro("details.html.j2", "queue")(view, words)


def rules_page_html(view: RulesView, words: Words) -> str:
    """Return the rules."""
    return _macro("details.html.j2", "rules")(view, words)


def empty_html(title: str, next_step: str = "") -> str:
    """Return an empty state: what is so, and what to do."""
    return str(Markup('<div class="ar-empty"><p><strong>{}</strong></p><p>{}</p></div>').format(title, next_step))


def title_html(title: str) -> str:
    """Return a page's title."""
    return str(Markup('<header class="ar-head"><h1>{}</h1></header>').format(title))


def note_html(note: str) -> str:
    """Return a quiet line under something."""
    return str(Markup('<p class="ar-note">{}</p>').format(note))


def links_html(links: list[tuple[str, str]]) -> str:
    """Return a line of links, each a text and an address of this site."""
    anchors = Markup("").join(
        Markup('<a href="{}" target="_self">{}</a>').format(address, label) for label, address in links
    )
    return str(Markup('<p class="ar-footer">{}</p>').format(anchors))


def page_html(**context: object) -> str:
    """Return a whole plain page."""
    return environment().get_template("lite.html.j2").render(**context)


def _macro(template: str, name: str) -> Callable[..., str]:
    module = environment().get_template(template).module
    macro: Callable[..., str] = getattr(module, name)
    return macro
