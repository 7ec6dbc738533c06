"""Every way for a picture to come in."""

from __future__ import annotations

from acting import PASTE, READY, choose, leaf, title, transfer, who
from page_bundle import SURE
from two_plants import HEALTHY_APPLE, picture

HERE = "Answered on this device"


def test_a_chosen_picture_is_answered_on_this_device_and_sent_nowhere(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    before = len(server.asked)
    assert choose(page, SURE) == "Cedar apple rust"
    assert page.inner_text("#answer .over").split("\n") == ["Apple", "Malus domestica"]
    assert page.inner_text("#answer .sure") == "Fairly sure, 84\u00a0%"
    assert page.inner_text("#answer .chip") == "Caused by a fungus"
    assert page.locator("#others-list li").count() == 2
    assert who(page) == HERE
    assert server.asked[before:] == []


def test_a_dropped_picture_is_answered(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    data = transfer(page, SURE)
    page.dispatch_event("footer", "dragenter", {"dataTransfer": data})
    assert "over" in page.get_attribute("#frame", "class")
    page.dispatch_event("footer", "drop", {"dataTransfer": data})
    assert title(page) == "Cedar apple rust"
    assert "over" not in page.get_attribute("#frame", "class")


def test_a_pasted_picture_is_answered(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    page.evaluate(PASTE, transfer(page, SURE))
    assert title(page) == "Cedar apple rust"


def test_a_pasted_address_is_fetched_and_answered_here(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    page.evaluate(PASTE, transfer(page, None, f"{server.url}bundle/golden/00.jpg"))
    assert title(page) == "Cedar apple rust"
    assert who(page) == HERE


def test_an_address_that_other_pages_may_read_is_answered_here(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    address = "https://leaves.example/rust.png"
    everybody = {"Access-Control-Allow-Origin": "*"}
    data = picture(SURE, "PNG")
    page.route(address, lambda route: route.fulfill(body=data, headers=everybody))
    page.click("#address-open")
    page.fill("#address-input", address)
    page.keyboard.press("Enter")
    assert title(page) == "Cedar apple rust"
    assert who(page) == HERE


def test_an_address_that_no_other_page_may_read_is_left_to_the_server(open_page, server, elsewhere):
    address = f"{elsewhere.url}bundle/golden/00.jpg"
    page = open_page(server.url)
    page.expected = ("CORS", "ERR_FAILED", "ERR_BLOCKED_BY_RESPONSE", "400", "403")
    page.wait_for_selector(READY)
    page.click("#address-open")
    page.fill("#address-input", address)
    with page.expect_request("**/api/predict*") as asked:
        page.click("#address .button")
    assert asked.value.post_data_json == {"url": address}
    assert title(page) == "That did not work"  # this machine's own addresses are out of bounds
    page.click("#private-line")
    page.click("#address .button")
    page.wait_for_selector("text=Save the picture and choose the file")


def test_a_photo_of_the_computers_camera_is_answered(open_page, server):
    page = open_page(server.url, permissions=["camera"])
    page.wait_for_selector(READY)
    page.click("#camera-open")
    page.click("#camera-take:not([disabled])")
    title(page)
    assert page.locator("#camera[open]").count() == 0
    assert page.evaluate("document.getElementById('camera-video').srcObject") is None


def test_a_phone_opens_its_own_camera(open_page, server):
    page = open_page(server.url, viewport={"width": 390, "height": 844}, has_touch=True)
    page.wait_for_selector(READY)
    assert page.is_visible("text=Take a photo")
    assert page.is_hidden("#camera-open")
    assert page.get_attribute("#photo", "capture") == "environment"
    page.set_input_files("#photo", leaf(SURE))
    assert title(page) == "Cedar apple rust"


def test_an_example_is_answered_beside_what_its_label_says(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    assert page.locator(".example").count() == 3
    page.click(".example >> nth=1")
    assert title(page) == "Healthy"
    assert "Its label says: Tomato, Healthy." in page.inner_text("#answer")


def test_only_the_newest_picture_is_answered(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    page.set_input_files("#choose", leaf(HEALTHY_APPLE))
    page.set_input_files("#choose", leaf(SURE))
    page.wait_for_selector("#history-list li >> nth=1")
    assert title(page) == "Cedar apple rust"


def test_a_file_that_is_no_picture_is_refused_with_what_to_do(open_page, server):
    page = open_page(server.url)
    page.expected = ("400", "415", "422")
    page.wait_for_selector(READY)
    page.set_input_files(
        "#choose", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture at all"}
    )
    assert title(page) == "That did not work"
    assert page.is_visible("#empty")
    page.click("#private-line")
    page.set_input_files(
        "#choose", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture at all"}
    )
    page.wait_for_selector("text=This browser can't read that file.")
    assert page.locator("#history-list li").count() == 0
