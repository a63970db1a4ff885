"""The owner in a browser, as far as HTTP goes: signed in, reading pages, sending their forms."""

from html.parser import HTMLParser

import httpx

import running
from vault import Organization, some_machine

Fields = list[tuple[str, str]]


class Forms(HTMLParser):
    """The forms of a page, by action, with the fields as a browser would send them untouched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: dict[str, Fields] = {}
        self.open: Fields | None = None
        self.select: str | None = None
        self.options: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        a = dict(attributes)
        if tag == "form":
            self.open = []
            # Where two forms lead to the same place, as the two ways to sign out do, the first one will do.
            self.forms.setdefault(a.get("action") or "", self.open)
        elif self.open is None:
            return
        elif tag == "input" and a.get("name") and "disabled" not in a:
            if a.get("type") not in ("checkbox", "radio") or "checked" in a:
                self.open.append((a["name"] or "", a.get("value") or ""))
        elif tag == "select":
            self.select, self.options = a.get("name"), []
        elif tag == "option":
            self.options.append((a.get("value") or "", "selected" in a))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "select" and self.open is not None and self.select and self.options:
            chosen = next((value for value, selected in self.options if selected), self.options[0][0])
            self.open.append((self.select, chosen))
            self.select = None


class Person:
    def __init__(self, organization: Organization) -> None:
        """Signs the owner in by the one-time link."""
        headers = {"accept": "text/html", "sec-fetch-site": "same-origin"}
        self.http = httpx.Client(base_url=running.url(), headers=headers, transport=some_machine(), timeout=20)
        page = self.http.get(organization.sign_in_url)
        ((action, fields),) = Forms(page.text).forms.items()
        answer = self.http.post(action, data=dict(fields))
        assert answer.status_code == 303, f"not signed in: {answer.status_code}"

    def form(self, path: str, action: str) -> Fields:
        page = self.http.get(path)
        assert page.status_code == 200, f"{path}: {page.status_code}"
        return next(fields for at, fields in Forms(page.text).forms.items() if at.endswith(action))

    def send(self, path: str, fields: Fields) -> httpx.Response:
        body = httpx.QueryParams(fields)
        return self.http.post(path, content=str(body), headers={"content-type": "application/x-www-form-urlencoded"})

    def approve(self, path: str, **changes: str) -> httpx.Response:
        """Approves a request on its page, with some fields changed."""
        fields = [(name, changes.get(name, value)) for name, value in self.form(path, "/approve")]
        return self.send(f"{path}/approve", fields)
