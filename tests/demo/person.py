"""Alice in her browser: headless Chromium, driven by Playwright."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

import vault
from told import hold

ORGANIZATION = os.environ["LATCHKEY_ORGANIZATION"]
SAMPLE_APP = os.environ["LATCHKEY_SAMPLE_APP_URL"]


@contextmanager
def a_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or "/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-quic"],
        )
        yield chromium
        chromium.close()


def a_page(browser: Browser) -> Page:
    context: BrowserContext = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    return context.new_page()


def who(page: Page) -> dict:
    """Whom the vault takes this browser for."""
    return page.request.get(f"{vault.URL}/session").json()


def follow_link(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Continue as").click()
    page.wait_for_url(f"{vault.URL}/inbox")


def opened_again(browser: Browser, link: str) -> str:
    """What a link says that was used before."""
    page = a_page(browser)
    answer = page.goto(link)
    told = f"{answer.status if answer else '-'} {page.get_by_role('heading', level=1).inner_text()}"
    page.context.close()
    return told


def sign_out(page: Page) -> None:
    page.goto(f"{vault.URL}/account")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")


def sign_in_by_sso(page: Page) -> str:
    """Signs in at the organization's OpenID provider; gives the provider's origin."""
    page.goto(f"{vault.URL}/sign-in")
    page.get_by_label("Organization").fill(ORGANIZATION)
    page.get_by_role("button", name="Continue with single sign-on").click()
    alice = page.get_by_role("button", name=os.environ["LATCHKEY_OWNER_EMAIL"])
    alice.wait_for()
    origin = page.evaluate("location.origin")
    alice.click()
    page.wait_for_url(f"{vault.URL}/inbox")
    return origin


def open_inbox(page: Page) -> None:
    """Opens the inbox, waits until it is told of news, and leaves a mark that a reload would wipe away."""
    page.goto(f"{vault.URL}/inbox")
    expect(page.locator("[data-live-state]")).to_have_text("Updates by itself")
    page.evaluate("window.sameDocument = true")


def see_request(page: Page, app: str) -> None:
    """Waits until the app's request shows up by itself."""
    page.get_by_role("heading", name=app).wait_for()
    hold(page.evaluate("window.sameDocument === true"), "the inbox was loaded again to show the request")


def decide(page: Page, app: str, changes: dict[str, str], untick: tuple[str, ...] = ()) -> None:
    """Opens the app's request from the inbox, fills in narrower values, and approves."""
    page.get_by_role("link", name=f"Decide about {app}").first.click()
    approve(page, changes, untick)
    page.wait_for_url("**/inbox**")


def approve(page: Page, changes: dict[str, str], untick: tuple[str, ...] = ()) -> None:
    page.get_by_role("heading", name="asks for access").wait_for()
    for name, value in changes.items():
        page.locator(f"input[name='{name}']").fill(value)
    for model in untick:
        page.get_by_role("checkbox", name=model, exact=True).uncheck()
    page.get_by_role("button", name="Approve").click()


def connect_sample_app(page: Page, changes: dict[str, str]) -> list[str]:
    """From the sample app to the consent page and back; gives what the app says was granted, provider by provider."""
    page.goto(SAMPLE_APP)
    page.get_by_role("button", name="Connect your vault").click()
    page.wait_for_url("**/requests/*")
    approve(page, changes)
    page.wait_for_url(f"{SAMPLE_APP}/")
    expect(page.get_by_role("status")).to_contain_text("Connected")
    return [" ".join(row.inner_text().split()) for row in page.locator("#granted tbody tr").all()]


def use_sample_app(page: Page) -> tuple[str, str, str]:
    """Writes a recipe with one provider and checks it with the other."""
    page.get_by_role("button", name="Write it").click()
    expect(page.locator("#remaining")).to_contain_text("left")
    recipe, left = page.locator("#recipe").inner_text(), page.locator("#remaining").inner_text()
    page.get_by_role("button", name="Look the recipe over").click()
    expect(page.locator("#allergens")).not_to_be_empty()
    expect(page.locator("#allergens.writing")).to_have_count(0)
    return recipe, page.locator("#allergens").inner_text(), left


def total_on_usage_page(page: Page) -> str:
    page.goto(f"{vault.URL}/usage")
    return page.locator(".tile-value data").first.get_attribute("value") or ""
