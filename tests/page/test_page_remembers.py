"""The history of this device, and corrections."""

from __future__ import annotations

from acting import READY, choose, title
from page_bundle import SURE, UNSURE
from two_plants import WHITE, picture

from shards.inbox_tar import read_entries

LARGE = picture(SURE, "PNG", (1600, 1200))


def shown(page) -> list[str]:
    return [each.split("\n")[0] for each in page.locator("#history-list .again").all_inner_texts()]


def test_the_history_outlives_the_visit_and_can_be_deleted(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    choose(page, SURE)
    choose(page, WHITE)
    page.wait_for_selector("#history-list li >> nth=1")
    page.reload()
    page.wait_for_selector("#history-list li >> nth=1")
    assert shown(page) == ["Not a plant", "Cedar apple rust"]
    page.click("#history-list .again >> nth=1")
    assert title(page) == "Cedar apple rust"
    assert page.is_visible("#preview")
    page.click("#history-list .away >> nth=0")
    page.wait_for_selector("#history-list li >> nth=1", state="detached")
    assert shown(page) == ["Cedar apple rust"]
    assert "Not a plant was deleted" in page.text_content("#history-said")
    page.click("text=Delete all")
    page.wait_for_selector("#history", state="hidden")
    page.reload()
    page.wait_for_selector(READY)
    assert page.is_hidden("#history")


def test_a_picture_in_the_history_is_small_and_says_nothing_of_its_file(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    large = {"name": "a.png", "mimeType": "image/png", "buffer": LARGE}
    page.set_input_files("#choose", large)
    page.wait_for_selector("#history-list img")
    kept = page.evaluate("""async () => {
      const { readHistory } = await import("/static/history_store.js");
      const [{ picture }] = await readHistory();
      const { width, height } = await createImageBitmap(picture);
      return [picture.type, width, height];
    }""")
    assert kept == ["image/jpeg", 800, 600]


def test_a_correction_with_consent_is_noted_with_the_picture(open_page, server, inbox):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    choose(page, UNSURE)
    page.click("text=Not right? Correct it")
    assert page.input_value("#correct-species") == "apple"
    page.select_option("#correct-species", "tomato")
    page.select_option("#correct-condition", "early_blight")
    page.fill("#correct-note", "seen in June")
    page.check("#correct-consent")
    with page.expect_response("**/api/feedback") as answered:
        page.click("#correct-send")
    page.wait_for_selector("text=Thank you. The correction was noted.")
    assert answered.value.status == 201
    assert answered.value.json()["picture_kept"] is True
    key = answered.value.json()["feedback_id"]
    [row] = [entry.row for entry in read_entries(inbox / "inbox") if entry.key == key]
    assert len(row["request_id"]) == 16
    assert 0.7 < row["predicted"].pop("probability") < 0.8
    assert {key: row[key] for key in ("predicted", "source", "correct", "consent", "note")} == {
        "predicted": {
            "rank": "condition",
            "species_id": "apple",
            "condition_id": "cedar_apple_rust",
        },
        "source": "server",
        "correct": {"species_id": "tomato", "condition_id": "early_blight", "other": None},
        "consent": True,
        "note": "seen in June",
    }


def test_another_plant_is_named_in_ones_own_words_and_no_picture_is_sent(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    page.click("#private-line")
    choose(page, SURE)
    page.click("text=Not right? Correct it")
    assert page.is_hidden("#correct-consent-line")
    page.select_option("#correct-species", label="Another plant")
    page.click("#correct-send")
    assert page.is_visible("#correct")  # it has no name yet
    page.fill("#correct-other", "quince")
    with page.expect_request("**/api/feedback") as asked:
        page.click("#correct-send")
    page.wait_for_selector("text=Thank you.")
    sent = asked.value.post_data_json
    assert sent["correct"] == {"species_id": None, "condition_id": None, "other": "quince"}
    assert (sent["consent"], sent["source"], "request_id" in sent) == (False, "browser", False)


def test_a_refused_correction_says_so_and_stays_open(open_page, server):
    page = open_page(server.url)
    page.expected = ("507",)
    page.wait_for_selector(READY)
    choose(page, SURE)
    error = {"code": "not_kept", "message": "The disk is full.", "what_to_do": "Send it later."}
    page.route("**/api/feedback", lambda route: route.fulfill(status=507, json={"error": error}))
    page.click("text=Not right? Correct it")
    page.click("#correct-send")
    page.wait_for_selector("#correct-problem >> text=The disk is full. Send it later.")
    assert page.is_enabled("#correct-send")
    page.keyboard.press("Escape")
    assert page.is_hidden("#correct")


def test_where_no_corrections_are_taken_there_is_no_button(open_page, elsewhere):
    page = open_page(elsewhere.url)
    page.wait_for_selector(READY)
    choose(page, SURE)
    assert page.locator("text=Correct it").count() == 0
