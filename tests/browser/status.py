"""The status page in headless Chromium: live, drawn, in both themes, on a phone, by keyboard.
usage: status.py PROGRAM...
PROGRAM APPLICATION PORT [--option VALUE ...] starts a server, as behind ./dev serve."""
import http.client
import re
import signal
import subprocess
import sys

from webdriver import DEADLINE, Browser

TAB, ENTER = "\ue004", "\ue007"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Server:
    """The page is at /status."""

    def __init__(self, program, *options):
        command = [*program, "hello", "0", "--status_path", "/status", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r":(\d+)", self.process.stdout.readline())[1])
        self.page = f"http://127.0.0.1:{self.port}/status"

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE)
        finally:
            self.process.kill()

    def ask(self, times):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        for _ in range(times):
            connection.request("GET", "/")
            connection.getresponse().read()
        connection.close()


def cell(name):
    return f"document.querySelector('[data-of=\"{name}\"]').textContent"


def is_live_and_drawn(browser, server):
    browser.open(server.page)
    browser.wait_for("the first answer", "document.getElementById('state').textContent == 'Live'")
    before = int(browser.run(cell("requests")).replace(",", ""))
    server.ask(1000)
    enough = f"Number({cell('requests')}.replace(',', '')) >= {before + 1000}"
    browser.wait_for("a thousand more requests", enough)
    for plot in ("rate", "latency", "threads", "queue"):
        browser.wait_for(f"a line of {plot}", f"document.querySelector('#plot-{plot} .first')")
    label = browser.run("document.getElementById('plot-rate').getAttribute('aria-label')")
    assert "requests a second" in label, label
    assert browser.run("document.getElementById('off').hidden")
    assert browser.run("document.getElementById('workers').rows.length") == 2


def is_whole_in_itself(browser, server):
    names = browser.run("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert names and set(names) == {f"{server.page}?format=json"}, names
    assert browser.complaints() == [], "its own policy allows all that it does"


def fits(browser):
    grounds = set()
    for colours in ("light", "dark"):
        browser.colours(colours)
        grounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
        for width in (360, 768, 1280):
            browser.size(width, 800)
            assert browser.run(OVERFLOW) <= 0, f"{width} is too narrow"
    assert len(grounds) == 2, grounds


def goes_by_keyboard(browser):
    browser.press(TAB)
    assert browser.run("document.activeElement.id") == "pause"
    browser.press(ENTER)
    browser.wait_for("the pause", "document.getElementById('state').textContent == 'Paused'")
    assert browser.run("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
    browser.press(ENTER)
    browser.wait_for("the end of the pause", "document.getElementById('state').className == 'on'")


def says_when_nothing_is_counted(browser, program):
    with Server(program) as server:
        browser.open(server.page)
        browser.wait_for("the note", "!document.getElementById('off').hidden")
        assert "statistics" in browser.run("document.getElementById('off').textContent")
        browser.wait_for("an answer", "document.getElementById('state').className == 'on'")
    browser.wait_for("the loss", "document.getElementById('state').className == 'lost'")


def main():
    program = sys.argv[1:]
    with Browser() as browser:
        with Server(program, "--statistics", "1", "--numthreads", "2") as server:
            print("  live numbers and plots")
            is_live_and_drawn(browser, server)
            print("  nothing from elsewhere")
            is_whole_in_itself(browser, server)
            print("  by keyboard")
            goes_by_keyboard(browser)
            print("  light and dark, wide and narrow")
            fits(browser)
        print("  nothing counted, and nobody there")
        says_when_nothing_is_counted(browser, program)


if __name__ == "__main__":
    main()
