"""Pages that are open show what happens, without a reload."""

from place import eventually


# What the tenant's row of the overview's table says, by the head of its column.
ROW = """name => {
    const row = [...document.querySelectorAll("main tbody tr")].find(row => row.cells[0].innerText === name);
    const heads = [...row.closest("table").tHead.rows[0].cells].map(cell => cell.textContent.replace(/[^\\w /]/g, "").trim());
    return Object.fromEntries(heads.map((head, at) => [head, row.cells[at].innerText.replace(/[^\\d.]/g, "")]));
}"""


def number(window, tenant, name):
    """One number of it."""
    return float(window.page.evaluate(ROW, tenant)[name] or 0)


def test_the_overview_s_numbers_change(window, scene):
    window.sign_in(scene.tokens["initech"])
    window.open("#/", "overview")
    shown = lambda name: number(window, "initech", name)
    assert shown("Jobs") == 0
    job = scene.submit("initech", "forecast.wasm", "forecast", "100000")
    eventually("a job is counted", lambda: shown("Jobs") == 1)
    finished = shown("Finished")
    eventually("its calls are counted", lambda: shown("Finished") > finished + 20)
    eventually("and how many in a second", lambda: shown("Ended /s") > 0)
    scene.wrun("job", "cancel", job, tenant="initech")
    eventually("its end is counted", lambda: shown("Jobs") == 0)


def test_a_new_job_shows_up_and_its_end_too(window, scene):
    window.sign_in(scene.tokens["initech"])
    window.open("#/jobs", "jobs")
    job = scene.submit("initech", "forecast.wasm", "ticks", "600")
    row = window.page.locator("tr, li", has=window.page.locator(f'a[href^="#/jobs/{job}"]')).first
    row.wait_for()
    eventually("it runs", lambda: "running" in row.inner_text())
    scene.wrun("job", "cancel", job, tenant="initech")
    eventually("it is cancelled", lambda: "cancelled" in row.inner_text())


def test_a_followed_log_grows_and_one_that_is_not_stays(window, scene):
    job = scene.submit("acme", "forecast.wasm", "ticks", "3000")
    window.sign_in(scene.tokens["acme"])
    window.open(f"#/jobs/{job}/logs", "job", "logs")
    log = window.page.get_by_role("region", name="Output")
    last = lambda: [line for line in log.inner_text().splitlines() if "tick" in line][-1:]
    first = eventually("a line is there", last)
    eventually("more are", lambda: last() != first)
    # The end is what is seen.
    at_end = "e => e.scrollHeight - e.scrollTop - e.clientHeight < 40"
    eventually("the log is scrolled to its end", lambda: log.evaluate(at_end))
    window.page.get_by_label("Follow").uncheck()
    log.evaluate("e => e.scrollTop = 0")
    seen = scene.wrun("job", "logs", job, tenant="acme").count("tick")
    eventually("it prints on", lambda: scene.wrun("job", "logs", job, tenant="acme").count("tick") > seen + 3)
    assert log.evaluate("e => e.scrollTop") == 0
    assert not window.page.get_by_label("Follow").is_checked()
    window.page.get_by_role("searchbox").fill("tick 1")
    eventually("only those lines", lambda: all("tick 1" in line for line in log.inner_text().splitlines() if "tick" in line))
    scene.wrun("job", "cancel", job, tenant="acme")
    window.says("cancelled")


def test_a_timeline_grows_with_its_job(window, scene):
    window.sign_in(scene.tokens["acme"])
    window.open(f"#/jobs/{scene.working}/timeline", "job", "timeline")
    end = lambda: window.page.eval_on_selector("[data-testid=timeline]", "e => +e.dataset.to")
    before = end()
    eventually("it goes on", lambda: end() > before)
