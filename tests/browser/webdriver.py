"""As much of WebDriver as the tests of the status page need: chromedriver, spoken to by JSON."""
import base64
import http.client
import json
import re
import subprocess
import time

DEADLINE = 60


class Browser:
    def __init__(self):
        command = ["chromedriver", "--port=0"]
        self.driver = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            for line in self.driver.stdout:
                if found := re.search(r"successfully on port (\d+)", line):
                    break
            self.port = int(found[1])
            arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
            wanted = {
                "browserName": "chrome",
                "goog:chromeOptions": {"args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            self.session = ""
            made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.session = f"/session/{made['sessionId']}"
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()

    def close(self):
        try:
            if getattr(self, "session", ""):
                self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(DEADLINE)

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        text = json.dumps(body if body is not None else {}) if method == "POST" else None
        connection.request(method, self.session + path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        value = json.load(answer)["value"]
        connection.close()
        if answer.status != 200:
            raise AssertionError(f"{path}: {value['error']}: {value['message']}")
        return value

    def open(self, address):
        self.call("POST", "/url", {"url": address})

    def run(self, script):
        """The value of a JavaScript expression in the page."""
        return self.call("POST", "/execute/sync", {"script": f"return {script}", "args": []})

    def wait_for(self, what, script):
        until = time.monotonic() + DEADLINE
        while not (value := self.run(script)):
            assert time.monotonic() < until, f"{what} has not happened"
            time.sleep(0.1)
        return value

    def press(self, key):
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self.call("POST", "/actions", {"actions": [keyboard]})

    def devtools(self, command, **parameters):
        body = {"cmd": command, "params": parameters}
        return self.call("POST", "/goog/cdp/execute", body)

    def colours(self, name):
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def size(self, width, height):
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def complaints(self):
        """What the console has, the violations of the page's policy among it."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, path):
        """The whole page."""
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))
