"""A `wrun serve` of the tests' own on loopback, with tenants and jobs."""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

WRUN = os.environ["WRUN_BIN"]
GUEST = Path(os.environ["WRUN_GUEST"])

# Longer than anything here takes.
PATIENCE = 60

CONFIG = """
drain = "1s"
[host]
num_cpus = 4
object_store_memory = "256MiB"
"""


def eventually(what, ask, patience=PATIENCE):
    """The first answer that is one; fails when there was none in time."""
    end = time.monotonic() + patience
    while not (answer := ask()):
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)
    return answer


class Place:
    """A state directory and the server in it, which is ended with it."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="wrun-browser-")
        self.path = Path(self.dir.name)
        (self.path / "wrun.toml").write_text(CONFIG)
        self.listen = "127.0.0.1:0"
        self.admin = None
        self.tokens = {}
        self.modules = {}
        self.server = None

    def __enter__(self):
        try:
            self.start()
            self.fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def fill(self):
        """Puts there what its tests look at."""

    def __exit__(self, *_):
        self.stop()
        self.dir.cleanup()

    def start(self):
        """Starts it; from the second time on where it was."""
        said = self.path / "said"
        command = [WRUN, "serve", "--config", "wrun.toml", "--data", "data", "--listen", self.listen, "--allow-missing-walls"]
        with said.open("w") as out, (self.path / "errors").open("a") as errors:
            self.server = subprocess.Popen(command, cwd=self.path, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
        pattern = r"listens on (http://\S+)" if self.admin else r"listens on (http://\S+)(?s:.*)WRUN_TOKEN=(\S+)"
        found = eventually("the server answers", lambda: self.ended() or re.search(pattern, said.read_text()))
        self.address = found[1]
        self.listen = self.address.removeprefix("http://")
        self.admin = self.admin or found[2]

    def ended(self):
        assert self.server.poll() is None, (self.path / "errors").read_text()

    def stop(self):
        """Ends it, in order if that does not take long."""
        if self.server is None:
            return
        self.server.terminate()
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()

    def resident(self, what="VmRSS"):
        """Bytes of memory that the server has now, or had at most (`VmHWM`) since `forget_peak`."""
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) << 10

    def forget_peak(self):
        Path(f"/proc/{self.server.pid}/clear_refs").write_text("5")

    def wrun(self, *args, tenant=None):
        """What the command line prints, as the host's admin or with a tenant's token."""
        token = self.tokens[tenant] if tenant else self.admin
        env = os.environ | {"WRUN_ADDRESS": self.address, "WRUN_TOKEN": token}
        done = subprocess.run([WRUN, *args], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, f"wrun {args}: {done.stderr}"
        return done.stdout.strip()

    def tenant(self, name, *options):
        """Makes it and keeps its token."""
        self.tokens[name] = self.wrun("tenant", "add", name, *options)

    def push(self, tenant, name):
        """The guest under that file name, as a module of its own: with the name in a custom section."""
        file = self.path / name
        section = bytes([len(name.encode())]) + name.encode()
        file.write_bytes(GUEST.read_bytes() + bytes([0, len(section)]) + section)
        self.modules[tenant, name] = self.wrun("module", "push", str(file), tenant=tenant)

    def submit(self, tenant, module, *args):
        """The new job's id; it runs on."""
        if (tenant, module) not in self.modules:
            self.push(tenant, module)
        return self.wrun("submit", "--module", self.modules[tenant, module], "--detach", "--", *args, tenant=tenant)

    def get(self, tenant, path):
        """What the API answers."""
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"Bearer {self.tokens[tenant]}"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def task(self, tenant, job, state):
        """The id of one of its tasks."""
        found = eventually(state, lambda: self.get(tenant, f"/v1/tasks?job={job}&state={state}")["tasks"])
        return found[0]["id"]

    def ended_job(self, tenant, job):
        """Waits for its end."""
        ended = lambda: self.get(tenant, f"/v1/jobs/{job}")["state"] not in ("queued", "running")
        eventually("the job ends", ended)
        return job

    def printed(self, tenant, job, text):
        """Waits until it has printed that."""
        eventually(f"`{text}` is printed", lambda: text in self.wrun("job", "logs", job, tenant=tenant))
        return job
