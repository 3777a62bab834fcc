"""The address of every page, from the routes of the application.

Owns how a route gets its parameters: a new page is met by every test that asks here,
and one whose parameters have no value fails with a sentence.
"""

from collections.abc import Iterable, Mapping

from werkzeug.routing import Map, Rule

Situation = Mapping[str, str]
"""Values for the parameters of routes that belong together."""


def page_addresses(url_map: Map, situations: Iterable[Situation]) -> list[str]:
    """Return the address of each page in each situation that has its parameters.

    Raises:
        AssertionError: no situation has all parameters of a page.
    """
    known = list(situations)
    adapter = url_map.bind("localhost")
    found: list[str] = []
    for rule in filter(_is_page, url_map.iter_rules()):
        fitting = [s for s in known if rule.arguments <= s.keys()]
        assert fitting, (
            f"the page {rule.rule} has the parameters {sorted(rule.arguments)}, and "
            f"no situation has a value for each; add one where page_addresses is called"
        )
        found += [
            adapter.build(rule.endpoint, {n: s[n] for n in rule.arguments})
            for s in fitting
        ]
    return list(dict.fromkeys(found))


def _is_page(rule: Rule) -> bool:
    # A last part with a dot is a file to download.
    is_file = "." in rule.rule.rpartition("/")[2] or rule.endpoint == "pages.static"
    reads = "GET" in (rule.methods or ())
    return rule.endpoint.startswith("pages.") and reads and not is_file
