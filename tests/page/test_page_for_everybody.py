"""Small windows, keyboards, screen readers, light and dark."""

from __future__ import annotations

import pytest
from acting import READY, choose, title
from page_bundle import SURE, UNSURE

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_nothing_is_cut_off_and_the_answer_is_in_sight(open_page, server, width):
    page = open_page(server.url, **{**PHONE, "viewport": {"width": width, "height": 844}})
    page.wait_for_selector(READY)
    choose(page, SURE)
    page.wait_for_selector("#history-list li")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.wait_for_timeout(500)  # it scrolls there
    box = page.locator("#answer").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 844


FOCUSED = "document.activeElement.id || document.activeElement.className"


def test_everything_can_be_reached_and_used_by_keyboard(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
    ways = ["skip", "choose", "camera-open", "address-open", "private"]
    assert reached == [*ways, "example", "example", "example"]
    page.focus("#private")
    page.keyboard.press("Space")
    assert page.is_checked("#private")
    page.focus(".example")
    page.keyboard.press("Enter")
    assert title(page) == "Cedar apple rust"
    page.focus("#actions button")
    page.keyboard.press("Enter")
    assert page.is_visible("#correct")
    page.keyboard.press("Escape")
    assert page.is_hidden("#correct")


def test_a_screen_reader_is_told_the_answer_and_what_everything_is(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    choose(page, UNSURE)
    assert page.get_attribute("#answer", "aria-live") == "polite"
    unnamed = page.evaluate("""() =>
      [...document.querySelectorAll("button, input, select, textarea, img, a, [role=progressbar]")]
        .filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label") ||
          one.getAttribute("aria-labelledby") || one.labels?.length || one.hasAttribute("alt") ||
          one.querySelector("[alt]:not([alt=''])")))
        .map((one) => one.outerHTML)""")
    assert unnamed == []
    assert page.locator("h1").count() == 1
    snapshot = page.locator("main").aria_snapshot()
    assert 'heading "Answer" [level=2]' in snapshot
    assert "switch" in snapshot and "Keep pictures on this device" in snapshot


CONTRAST = """() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((each) => each / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (let each = one; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
  };
  const kinds = "p, span, b, i, li, button, label, summary, h1, h2, h3";
  const texts = [...document.querySelectorAll(kinds)]
    .filter((one) => one.checkVisibility() && [...one.childNodes].some(
      (node) => node.nodeType === 3 && node.textContent.trim()) && !one.closest(".hidden, .away"));
  return texts.map((one) => {
    const [a, b] = [getComputedStyle(one).color, behind(one)].map(luminance);
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.textContent.trim()];
  }).filter(([ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_what_is_behind_them_in_light_and_dark(open_page, server, scheme):
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    page = open_page(server.url, color_scheme=scheme)
    page.wait_for_selector(READY)
    assert page.evaluate(CONTRAST) == []
    choose(page, SURE)
    page.wait_for_timeout(500)  # it fades in
    assert page.evaluate(CONTRAST) == []
