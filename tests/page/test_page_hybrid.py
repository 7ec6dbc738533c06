"""Who answers: this device where it is sure, the server where it may and can."""

from __future__ import annotations

import json
import shutil

import pytest
from acting import ON_SERVER, READY, choose, leaf, title, who
from page_bundle import HARDLY_NOT_A_PLANT, NOT_A_PLANT, SURE, UNSURE
from two_plants import GREY, YELLOW

from export.bundle_files import describe_files
from export.manifest import MANIFEST_NAME, read_fields, write_manifest

TURNED = "This device was not sure, so the server answered"
ALONE = "Answered by the server"


def test_what_this_device_is_not_sure_of_goes_to_the_server_by_itself(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    assert choose(page, UNSURE) == "Cedar apple rust"
    assert who(page) == TURNED
    assert server.asked[-1] == "POST /api/predict"


def test_a_clear_rejection_stays_here_and_a_narrow_one_goes_to_the_server(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    assert choose(page, NOT_A_PLANT) == "Not a plant"
    assert who(page) == "Answered on this device"
    page.set_input_files("#choose", leaf(HARDLY_NOT_A_PLANT))
    page.wait_for_selector(f"text={TURNED}")
    page.click("text=Answer anyway")
    page.wait_for_selector("text=Not sure")
    assert who(page) == TURNED


def test_an_unknown_species_is_said_and_can_be_answered_anyway(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    assert choose(page, YELLOW) == "Unknown species"
    assert "it is most like Apple" in page.inner_text("#answer")


def test_the_switch_keeps_pictures_here_and_is_remembered(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    page.click("#private-line")
    before = len(server.asked)
    assert choose(page, UNSURE) == "Not sure"
    assert who(page) == "Looked at on this device and kept here"
    page.reload()
    page.wait_for_selector(READY)
    assert page.is_checked("#private")
    assert choose(page, UNSURE) == "Not sure"
    assert server.asked[before:] == []
    page.click("text=Ask the server this once")
    page.wait_for_selector("text=Cedar apple rust >> visible=true")
    assert server.asked[before:] == ["POST /api/predict"]
    assert page.is_checked("#private")


def test_a_server_that_is_away_leaves_not_sure_and_is_asked_again_on_demand(open_page, server):
    page = open_page(server.url)
    page.expected = ("ERR_FAILED",)
    page.wait_for_selector(READY)
    page.route("**/api/**", lambda route: route.abort())
    assert choose(page, UNSURE) == "Not sure"
    assert "it can\u2019t be reached now" in page.inner_text("#answer")
    assert choose(page, SURE) == "Cedar apple rust"
    page.click("#history-list .again >> nth=1")
    assert title(page) == "Not sure"
    page.unroute("**/api/**")
    page.click("text=Try again")
    page.wait_for_selector(f"text={TURNED}")


def test_a_busy_server_is_asked_again(open_page, server):
    page = open_page(server.url)
    page.expected = ("503",)
    page.wait_for_selector(READY)
    tries = []

    def once_busy(route):
        tries.append(route.request.url)
        if len(tries) > 1:
            route.continue_()
            return
        error = {"code": "busy", "message": "Busy.", "what_to_do": "Try again."}
        route.fulfill(status=503, json={"error": error}, headers={"Retry-After": "0"})

    page.route("**/api/predict*", once_busy)
    assert choose(page, UNSURE) == "Cedar apple rust"
    assert len(tries) == 2


def test_while_the_model_loads_there_is_a_progress_bar_and_the_server_answers(open_page, server):
    page = open_page(None)
    held = []
    page.route("**/group1-shard2of2.bin", lambda route: held.append(route))
    page.goto(server.url)
    page.wait_for_selector("#load-bar >> visible=true")
    assert 0 < int(page.get_attribute("#load-bar", "aria-valuenow")) < 100
    assert choose(page, SURE) == "Cedar apple rust"
    assert who(page) == ALONE
    held[0].continue_()
    page.wait_for_selector(READY)
    assert page.is_hidden("#load")


def test_a_picture_waits_for_this_devices_model_where_no_server_answers(open_page, server):
    page = open_page(None)
    page.expected = ("ERR_FAILED",)
    held = []
    page.route("**/group1-shard2of2.bin", lambda route: held.append(route))
    page.route("**/api/**", lambda route: route.abort())
    page.goto(server.url)
    page.wait_for_selector("#load-bar >> visible=true")
    with page.expect_event("requestfailed"):
        page.set_input_files("#choose", leaf(SURE))
    held[0].continue_()
    assert title(page) == "Cedar apple rust"
    assert who(page) == "Answered on this device"


@pytest.mark.parametrize("broken", ["shard", "golden", "vendor", "no model"])
def test_where_this_devices_model_is_not_to_be_trusted_the_server_answers(
    open_page, serve, server, page_bundle, tmp_path, broken
):
    url = server.url
    page = open_page(None)
    if broken == "shard":  # one byte in it is another
        data = bytearray((page_bundle / "browser/group1-shard1of2.bin").read_bytes())
        data[40] ^= 1
        page.route("**/group1-shard1of2.bin", lambda route: route.fulfill(body=bytes(data)))
        why = "browser/group1-shard1of2.bin is not the file that the bundle names"
    elif broken == "vendor":
        page.expected = ("404", "ERR_FAILED", "dynamically imported module")
        page.route("**/vendor/tf-core*", lambda route: route.abort())
        why = "wasm: Failed to fetch dynamically imported module"
    else:
        bundle = shutil.copytree(page_bundle, tmp_path / "bundle")
        if broken == "golden":
            answers = json.loads((bundle / "golden/answers.json").read_text())
            answers[0]["joint"][0] = -3.0
            (bundle / "golden/answers.json").write_text(json.dumps(answers))
            why = "a probability of 00.jpg differs by 0.80"
        else:
            shutil.rmtree(bundle / "browser")
            why = "this bundle has none for browsers"
        seal_again(bundle)
        url = serve(bundle).url
    page.goto(url)
    page.wait_for_selector(ON_SERVER)
    assert why in page.get_attribute("#status", "title")
    assert choose(page, SURE) == "Cedar apple rust"
    assert who(page) == ALONE


def seal_again(bundle):
    manifest = read_fields(bundle)
    (bundle / MANIFEST_NAME).unlink()
    manifest.files.clear()
    manifest.files.update(describe_files(bundle))
    write_manifest(bundle, manifest)


def test_without_webassembly_the_model_runs_on_webgl(open_page, server):
    page = open_page(None)
    page.expected = ("ERR_FAILED", "wasm", "WebGL", "GPU")
    page.route("**/*.wasm", lambda route: route.abort())
    page.goto(server.url)
    page.wait_for_selector(READY)
    assert "TF.js, webgl" in page.get_attribute("#status", "title")
    assert choose(page, SURE) == "Cedar apple rust"
    assert who(page) == "Answered on this device"


def test_without_a_model_and_with_pictures_kept_here_nothing_is_sent(open_page, server):
    page = open_page(None)
    page.expected = ("ERR_FAILED", "dynamically imported module")
    page.route("**/vendor/tf-core*", lambda route: route.abort())
    page.goto(server.url)
    page.wait_for_selector(ON_SERVER)
    page.click("#private-line")
    before = len(server.asked)
    assert choose(page, SURE) == "That did not work"
    assert "There is no model on this device" in page.inner_text("#answer")
    assert server.asked[before:] == []


def test_a_model_that_is_not_the_servers_is_not_used(open_page, server, tmp_path):
    page = open_page(None)

    def other(route):
        site = route.fetch().json()
        route.fulfill(json={**site, "model": "f" * 64})

    page.route("**/site.json", other)
    page.goto(server.url)
    page.wait_for_selector(ON_SERVER)
    assert "the server has a newer one" in page.get_attribute("#status", "title")


def test_words_for_a_picture_that_nobody_is_sure_of(open_page, server):
    page = open_page(server.url)
    page.wait_for_selector(READY)
    assert choose(page, GREY) == "Not sure"
    assert who(page) == TURNED
    assert page.locator("#others-list li").count() == 3
    assert page.locator("#answer .sure").count() == 0
