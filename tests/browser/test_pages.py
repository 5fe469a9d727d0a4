"""Flower and the board of one live run, in a browser: only for whom they are, without a secret, and the board for everybody's eyes and hands.

All in one file, for what it looks at takes half a minute to start.
"""

import base64
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.browser.chromium import PATIENCE
from tests.browser.stage import KINDS, LOGIN, OWNER, Stage
from tests.browser.visits import at_flower, at_the_board, visiting

CONTRAST = Path(__file__).with_name("contrast.js").read_text()
PAGES = ("/", "/workers", "/tasks", "/broker", "/metrics")


@pytest.mark.parametrize("path", [*PAGES, "/api/tasks", "/tasks/datatable?draw=1&start=0&length=9"])
def test_nobody_sees_anything_without_the_password(stage: Stage, path: str) -> None:
    wrong = base64.b64encode(b"ann:wrong").decode()
    for headers in ({}, {"authorization": f"Basic {wrong}"}):
        answer = httpx.get(stage.flower + path, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert "replicas." not in answer.text


def test_nor_in_a_browser(stage: Stage, browser: Browser) -> None:
    with visiting(browser) as visit, pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
        visit.page.goto(f"{stage.flower}/tasks")


def test_its_metrics_are_there_for_who_has_the_password(stage: Stage) -> None:
    answer = httpx.get(f"{stage.flower}/metrics", auth=LOGIN, trust_env=False)
    assert answer.status_code == 200
    assert 'flower_worker_online{worker="' in answer.text


def test_whoever_asks_whether_it_lives_is_told_that_alone(stage: Stage) -> None:
    assert httpx.get(f"{stage.flower}/healthcheck", trust_env=False).text == "OK"


def test_the_four_kinds_of_task_read_at_a_glance_and_no_page_shows_a_secret(stage: Stage, browser: Browser) -> None:
    stage.enqueue("seen")  # what was submitted in the first seconds Flower may not have heard: it asks workers to tell every five
    with at_flower(browser) as visit:
        page, pages = visit.page, []
        for kind in KINDS:
            page.goto(f"{stage.flower}/tasks")
            page.get_by_role("searchbox").fill(f"name:{kind}")
            row = page.locator("#tasks-table tbody tr", has_text=kind).first
            expect(row).to_contain_text("SUCCESS", timeout=PATIENCE)
            assert len(row.locator("td").nth(1).inner_text()) >= 26  # the job's id
            pages.append(page.content())
            row.get_by_role("link").last.click()
            page.wait_for_url("**/task/**")
            pages.append(page.content())
        for path in PAGES:
            page.goto(stage.flower + path)
            pages.append(page.content())
        assert page.get_by_role("button", name="Shut Down").count() == 0
        assert [name for name, secret in stage.secrets.items() if any(secret in one for one in pages)] == []


@pytest.fixture(scope="module")
def held(stage: Stage) -> str:
    """A job that stays held: whoever looks at the board sees it."""
    return stage.held[0]


@pytest.mark.parametrize("has_script", [True, False], ids=["with JavaScript", "without"])
def test_a_held_job_is_released_by_its_button(stage: Stage, browser: Browser, has_script: bool) -> None:  # noqa: FBT001 - a case
    job = stage.held.pop()
    with at_the_board(browser, stage, stage.token, java_script_enabled=has_script) as visit:
        page = visit.page
        expect(page.locator("#held")).to_contain_text("ask Tavus' support")
        page.locator(f"#release-{job}").click()
        expect(page.get_by_role("status").first).to_contain_text(f"Job {job} was released")
        assert stage.was_told(job, "ReleaseRequested")
        assert visit.wrong == []


def test_with_the_keyboard_alone_one_logs_in_and_gives_a_held_job_up(stage: Stage, browser: Browser) -> None:
    job = stage.held.pop()
    with visiting(browser) as visit:
        page = visit.page
        page.goto(f"{stage.web}/board")
        expect(page.get_by_label("Token")).to_be_focused()  # by itself, once the page is drawn
        page.keyboard.type(stage.token)
        page.keyboard.press("Enter")
        page.wait_for_url("**/board")
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to content"
        page.keyboard.press("Enter")
        _tab_to(page, f"abandon-{job}")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"  # seen to have it
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").first).to_contain_text(f"Job {job} was given up")
        assert stage.state_of(job) == "abandoned"


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def _tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        if page.evaluate("document.activeElement.id") == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard never comes to {name}")


def test_an_open_page_follows_by_itself_and_keeps_the_focus(stage: Stage, browser: Browser, held: str) -> None:
    with at_the_board(browser, stage, stage.token) as visit:
        page = visit.page
        expect(page.locator("#following")).to_have_text("Live")
        page.locator(f"#release-{held}").focus()
        job = stage.enqueue("comes-later", stage.token)
        expect(page.locator(f"#job-{job}")).to_be_visible(timeout=PATIENCE)
        assert page.evaluate("document.activeElement.id") == f"release-{held}"
        assert visit.wrong == []


def test_a_story_grows_while_one_reads_it(stage: Stage, browser: Browser) -> None:
    job = stage.held.pop()
    with at_the_board(browser, stage, stage.token) as visit:
        visit.page.goto(f"{stage.web}/board/jobs/{job}")
        expect(visit.page.locator("#following")).to_have_text("Live")
        stage.call("POST", f"/jobs/{job}/abandon", token=stage.token)
        expect(visit.page.locator(".story li").first).to_contain_text("Abandon requested", timeout=PATIENCE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_by_day_and_by_night_every_word_can_be_read(stage: Stage, browser: Browser, held: str, scheme: str) -> None:
    with at_the_board(browser, stage, OWNER, color_scheme=scheme) as visit:
        page = visit.page
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) < 200) is (scheme == "dark")
        for path in ("/board", f"/board/jobs/{held}", "/board/login", "/board/nothing"):
            page.goto(stage.web + path)
            assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [320, 768])
def test_on_a_narrow_screen_nothing_has_to_be_moved_aside(stage: Stage, browser: Browser, held: str, width: int) -> None:
    with at_the_board(browser, stage, OWNER, viewport={"width": width, "height": 700}) as visit:
        for path in ("/board", f"/board/jobs/{held}"):
            visit.page.goto(stage.web + path)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_logging_out_ends_it_and_so_does_the_end_of_the_token(stage: Stage, browser: Browser) -> None:
    token = stage.make_token("leaver", "read")
    with at_the_board(browser, stage, token) as visit:
        visit.page.get_by_role("button", name="Log out").click()
        visit.page.wait_for_url("**/board/login")
        visit.page.goto(f"{stage.web}/board")
        assert visit.page.url.endswith("/board/login")
    with at_the_board(browser, stage, token) as visit:
        stage.command("tokens", "revoke", "leaver")
        visit.page.wait_for_url("**/board/login?ended")  # by itself
        expect(visit.page.get_by_role("status")).to_contain_text("no longer holds")


def test_a_form_on_another_site_does_nothing(stage: Stage, browser: Browser, held: str) -> None:
    with at_the_board(browser, stage, stage.token) as visit:
        page = visit.page
        page.route("http://localhost:9/", lambda route: route.fulfill(body=_TRAP.format(stage=stage, held=held), content_type="text/html"))
        page.goto("http://localhost:9/")
        with page.expect_navigation():
            page.get_by_role("button").click()
        assert "board/login" in page.url or "Nothing was done" in page.content()
        assert stage.state_of(held) == "held"


_TRAP = '<form method="post" action="{stage.web}/board/jobs/{held}/release"><button>Win a prize</button></form>'


def test_a_link_on_another_site_leads_to_the_job_though_the_cookie_stays_at_home(stage: Stage, browser: Browser, held: str) -> None:
    with at_the_board(browser, stage, stage.token) as visit:
        page = visit.page
        link = f'<a href="{stage.web}/board/jobs/{held}">look</a>'
        page.route("http://localhost:9/", lambda route: route.fulfill(body=link, content_type="text/html"))
        page.goto("http://localhost:9/")
        page.get_by_role("link").click()
        expect(page.locator("h1")).to_have_text(held)


def test_no_page_of_the_board_shows_a_secret(stage: Stage, browser: Browser, held: str) -> None:
    with at_the_board(browser, stage, OWNER) as visit:
        pages = []
        for path in ("/board", f"/board/jobs/{held}", "/board?state=done", "/board/login"):
            visit.page.goto(stage.web + path)
            pages.append(visit.page.content())
        for job in stage.call("GET", "/jobs")["jobs"]:
            visit.page.goto(f"{stage.web}/board/jobs/{job['id']}")
            pages.append(visit.page.content())
        assert [name for name, secret in stage.secrets.items() if any(secret in one for one in pages)] == []
