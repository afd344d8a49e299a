"""Users who look at pages."""

from playwright.sync_api import Browser, BrowserContext, Page

TIMEOUT_MS = 15_000


class People:
    """Opens pages, each in its own browser profile, and collects the errors that occur in them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.errors: list[str] = []

    def open(self, url: str, **options: object) -> Page:
        context = self._browser.new_context(**{"locale": "en-GB", **options})  # type: ignore[arg-type]
        context.set_default_timeout(TIMEOUT_MS)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()
