"""`wrun submit --dashboard`: a run without a server, looked at while it goes on and after its end."""

import re
import subprocess
from types import SimpleNamespace

from place import GUEST, WRUN, eventually
from window import Window


def test_a_run_is_looked_at_until_a_key_is_pressed(browser, tmp_path):
    said = tmp_path / "said"
    with said.open("w") as errors:
        command = [WRUN, "submit", "--dashboard", str(GUEST), "--", "forecast", "12"]
        run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        found = eventually("its address", lambda: re.search(r"dashboard: (http://\S+)/#token=(\S+)", said.read_text()))
        with Window(browser, SimpleNamespace(address=found[1])) as window:
            window.expect("ERR_")
            window.sign_in(found[2]).open("#/jobs", "jobs")
            window.page.locator("main tbody a").first.click()
            window.ready("job", "timeline")
            window.says("finished")
            eventually("it says that it stays", lambda: "until a key is pressed" in said.read_text())
            assert run.poll() is None
            window.open(window.page.url.split("/", 3)[3].replace("timeline", "summary"), "job")
            window.says("merge")
            run.stdin.write(b"\n")
            run.stdin.flush()
            assert run.wait(20) == 0
    finally:
        run.kill()
        run.wait()
