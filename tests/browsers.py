"""A real Chromium for tests of how things look."""

import os
import re
import shutil
from contextlib import contextmanager

import pytest


@contextmanager
def chromium():
    """Give a browser; skip with a sentence if there is none, fail in CI."""
    programs = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in programs if (path := shutil.which(name))), None)
    if found is None:
        sentence = "chromium is not installed: how things look is not tested"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        launched = playwright.chromium.launch(executable_path=found, args=options)
        yield launched
        launched.close()


def luminance(colour):
    """Return the relative luminance of a computed colour (WCAG 2.2)."""
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


# For every element with words of its own: its colour and the nearest background behind it.
COLOURS = """() => [...document.querySelectorAll('body *')]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
  .map(e => {
    let b = e;
    while (b && getComputedStyle(b).backgroundColor === 'rgba(0, 0, 0, 0)') b = b.parentElement;
    return [e.className || e.tagName, getComputedStyle(e).color,
            getComputedStyle(b || document.body).backgroundColor];
  })"""
