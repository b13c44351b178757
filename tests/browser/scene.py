"""Two tenants whose jobs work, wait, fail, print and hold."""

from place import Place

# In every text of what one tenant has and no other may see.
MARK = "quokka7391"


class Scene(Place):
    """`acme` has a job of each kind, `globex` one with `MARK` in all its texts, and `initech` nothing."""

    def fill(self):
        self.tenant("acme", "--weight", "2", "--memory", "2GiB")
        self.tenant("globex")
        self.tenant("initech")
        acme = lambda module, *args: self.submit("acme", module, *args)
        self.working = acme("forecast.wasm", "forecast", "100000")
        self.finished = acme("forecast.wasm", "forecast", "3")
        self.failed = acme("forecast.wasm", "import")
        self.actors = acme("forecast.wasm", "actors", "3")
        self.objects = acme("forecast.wasm", "objects", "12")
        self.printed_much = acme("forecast.wasm", "lines", "20000")
        self.markup = acme('<img src=x onerror="window.broken=1">.wasm', "markup")
        self.broken = acme('<img src=x onerror="window.broken=1">.wasm', "broken")
        self.marked = self.submit("globex", f"{MARK}.wasm", "marked", MARK)
        for job in (self.finished, self.failed, self.printed_much, self.broken):
            self.ended_job("acme", job)
        self.printed("acme", self.actors, "calls wait")
        self.printed("acme", self.objects, "objects are held")
        self.printed("acme", self.markup, "texts, ")
        self.failed_task = self.task("acme", self.markup, "failed")
        self.marked_task = self.task("globex", self.marked, "failed")


class Gallery(Place):
    """What the pictures of the documentation show."""

    def fill(self):
        self.tenant("acme", "--weight", "2", "--memory", "2GiB", "--object-bytes", "1GiB")
        self.tenant("globex", "--memory", "1GiB")
        self.working = self.submit("acme", "forecast.wasm", "forecast", "100000")
        self.finished = self.submit("acme", "forecast.wasm", "forecast", "3")
        self.failed = self.submit("acme", "forecast.wasm", "import")
        self.submit("globex", "forecast.wasm", "forecast", "100000")
        for job in (self.finished, self.failed):
            self.ended_job("acme", job)
        self.actors = self.submit("acme", "forecast.wasm", "actors", "3")
        self.objects = self.submit("acme", "forecast.wasm", "objects", "12")
        self.printed("acme", self.actors, "calls wait")
        self.printed("acme", self.objects, "objects are held")
        self.printed("acme", self.working, "round 30 done")
        self.queued_task = self.task("acme", self.actors, "queued")
