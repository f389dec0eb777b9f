"""The two pictures of the README: the example store, and its views in the sandbox.

``make screenshots`` runs it; it needs Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from example_store import create_app
from example_store.demo_shoppers import DEMO_SHOPPERS
from tests.browser.serving import serving
from topmail_flask.sandbox import Sandbox

PICTURES = Path(__file__).parent.parent / "docs" / "_static"
SEEN = ("bud-vase", "morning-assam", "linen-notebook", "fluted-teapot")
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WINDOW = {"width": 1120, "height": 760}


def look_around(page: Page, store: str) -> None:
    """Log in as the first of the demo shoppers, and open some products."""
    shopper = DEMO_SHOPPERS[0]
    page.goto(f"{store}/log-in")
    page.fill("input[name=email]", shopper.email)
    page.fill("input[name=password]", shopper.password)
    page.locator("form button").last.click()
    page.wait_for_url(f"{store}/")
    for slug in SEEN:
        page.goto(f"{store}/products/{slug}")


def take(folder: Path) -> None:
    """Write both pictures."""
    contacts = [shopper.email for shopper in DEMO_SHOPPERS if shopper.is_contact]
    opened: dict[str, Any] = {}

    def answer(environ: dict[str, Any], start: Any) -> Any:
        return opened["store"](environ, start)  # it is told its own address when it is made

    with (
        tempfile.TemporaryDirectory() as place,
        Sandbox(contacts=contacts) as sandbox,
        serving(answer) as store,
        sync_playwright() as playwright,
    ):
        opened["store"] = create_app(
            {
                "INSTANCE_PATH": place,
                "TOPMAIL_API_KEY": sandbox.api_key,
                "TOPMAIL_BASE_URL": sandbox.base_url,
                "TOPMAIL_SITE_URL": store,
            }
        )
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=WINDOW, user_agent=PERSON)  # type: ignore[arg-type]
        look_around(page, store)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / "store.png")
        sandbox.wait_for_views(len(SEEN))
        page.goto(sandbox.base_url.removesuffix("/api/v1"))
        page.wait_for_selector("text=Teapot >> nth=0", timeout=5_000)
        page.screenshot(path=folder / "sandbox.png")
        browser.close()


if __name__ == "__main__":
    take(PICTURES)
