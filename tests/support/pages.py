"""Read an HTML page as a browser does: its elements, its outline, and what it would fetch."""

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "input", "link", "base", "source"}
URLS = {"src", "href", "srcset", "poster", "data", "action", "formaction", "background", "cite", "ping"}


class Page(HTMLParser):
    """elements: (tag, attributes) in order; texts: the text of an element, by its place in `elements`."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.open, self.complaints = [], {}, [], []
        self.feed(html)
        self.close()
        self.complaints += [f"<{self.elements[place][0]}> is not closed" for place in self.open]

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_endtag(self, tag):
        if not self.open or self.elements[self.open[-1]][0] != tag:
            self.complaints.append(f"</{tag}> closes nothing")
        else:
            self.open.pop()

    def handle_data(self, data):
        for place in self.open:
            self.texts[place] = self.texts.get(place, "") + data

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]

    def text(self, tag):
        """Return the text of every such element, with single spaces."""
        found = [place for place, (name, _) in enumerate(self.elements) if name == tag]
        return [" ".join(self.texts.get(place, "").split()) for place in found]

    def alt_texts(self):
        """Return the alt text of every figure: images, and drawings for a wide page."""
        return [
            one.get("alt") or one.get("aria-label", "")
            for tag, one in self.elements
            if tag == "img" or (tag == "svg" and one.get("class") == "wide")
        ]

    def forbidden_scripts(self):
        """Return the scripts that the page's security policy does not allow by their hash."""
        [policy] = [one["content"] for one in self.all("meta") if "http-equiv" in one]
        scripts = [place for place, (tag, _) in enumerate(self.elements) if tag == "script"]
        texts = [self.texts.get(place, "") for place in scripts]
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        return [
            text[:80] for text, digest in zip(texts, digests, strict=True)
            if f"script-src 'sha256-{digest}'" not in policy
        ]  # fmt: skip

    def asked_for(self):
        """Return all that a browser would fetch, and what it would run beside the page's own script."""
        inside = {"data:image/png", "#"}
        urls = [
            value for _, one in self.elements for name, value in one.items()
            if name in URLS and not any((value or "").startswith(start) for start in inside)
        ]  # fmt: skip
        styles = [*self.text("style"), *(one.get("style", "") for _, one in self.elements)]
        fetched = re.findall(r"url\([^)]*\)|@import[^;]*|https?://\S+", " ".join(styles))
        active = [tag for tag, _ in self.elements if tag in ("iframe", "object", "embed", "link", "base")]
        active += self.forbidden_scripts()
        handlers = [name for _, one in self.elements for name in one if name.startswith("on")]
        return urls + fetched + active + handlers

    def unreadable(self):
        """Return what makes the page inaccessible without eyes or mouse."""
        found = list(self.complaints)
        ids = [one["id"] for _, one in self.elements if "id" in one]
        found += [f"id {one} is there twice" for one in set(ids) if ids.count(one) > 1]
        targets = {one["href"][1:] for one in self.all("a")} | {
            one[name]
            for _, one in self.elements
            for name in ("aria-labelledby", "aria-describedby")
            if name in one
        }
        found += [f"nothing has the id {one}" for one in targets - set(ids)]
        found += ["an image without words" for text in self.alt_texts() if len(text) < 20]
        found += [
            "a header cell without scope" for one in self.all("th") if one.get("scope") not in ("row", "col")
        ]
        if len(self.all("table")) != len(self.all("caption")):
            found.append("a table without a caption")
        if [len(self.all(tag)) for tag in ("main", "header", "footer", "nav", "h1")] != [1] * 5:
            found.append("its landmarks are not one of each")
        levels = [int(tag[1]) for tag, _ in self.elements if re.fullmatch("h[1-6]", tag)]
        if any(later - earlier > 1 for earlier, later in itertools.pairwise(levels)):
            found.append("a heading is skipped")
        if not self.all("html")[0].get("lang"):
            found.append("no language")
        first = next(one for tag, one in self.elements if tag == "a")
        if "skip" not in first.get("class", "") or first["href"] != "#findings":
            found.append("the first link does not skip to the findings")
        scrolling = [one for one in self.all("div") if "scroll" in one.get("class", "")]
        found += [
            "a box that scrolls cannot be reached by keys" for one in scrolling if one.get("tabindex") != "0"
        ]
        return found
