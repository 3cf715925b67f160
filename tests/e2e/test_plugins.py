#!/usr/bin/env python3
"""Drives each plugin over pipes, with real peers: dbus-daemon, Xvfb and dunst; http.server; a pseudo-terminal.

Prints `ok NAME` or `not ok NAME: why` for each test, and `N passed, M failed` at the end. BUILD names the build
directory. Arguments choose tests by a part of their name. Slow ones (a hanging server, 25 s) run with SLOW=1.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import pty
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build"))), "libexec", "quietbell")
TMP = tempfile.mkdtemp(prefix="quietbell-plugins-")
PATIENCE = 10
SECRET = "s3cretpath"
HEARD = []  # everything any plugin ever said, on stdout and stderr: searched for secrets at the end


def check(condition, why):
    if not condition:
        raise AssertionError(why)


def wait_for(condition, why, patience=PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("never came: " + why)


class Plugin:
    """A plugin at work: send() a message, take() the next one it says."""

    def __init__(self, name, settings=None, env=None, hello=True, read=True):
        path = name if os.path.sep in name else os.path.join(BIN, name)
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=dict(os.environ, **(env or {})))
        self.said = queue.Queue()
        self.log = []
        self.number = 0
        if read:
            threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_log, daemon=True).start()
        if hello:
            self.send(type="hello", protocol=1, receiver="test", settings=settings or {})
            self.manifest = self.take()
            check(self.manifest["type"] == "manifest", f"no manifest but {self.manifest}")
            check(self.take() == {"type": "ready"}, "no ready")

    def _read(self):
        for line in self.process.stdout:
            HEARD.append(line.decode())
            self.said.put(json.loads(line))
        self.said.put(None)

    def _read_log(self):
        for line in self.process.stderr:
            HEARD.append(line.decode())
            self.log.append(line.decode())

    def raw(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, **message):
        self.raw(json.dumps(message).encode() + b"\n")

    def take(self, patience=PATIENCE):
        try:
            return self.said.get(timeout=patience)
        except queue.Empty:
            raise AssertionError("it says nothing; log: " + "".join(self.log)) from None

    def ask(self, kind, alert, patience=PATIENCE):
        """Sends a delivery and takes its result, setting aside nothing: other messages are failures."""
        self.number += 1
        self.send(type=kind, id=str(self.number), alert=alert)
        result = self.take(patience)
        check(result and result["type"] == "result" and result["id"] == str(self.number), f"no result but {result}")
        return result

    def delivered(self, kind, alert):
        result = self.ask(kind, alert)
        check(result["outcome"] == "delivered", f"{kind}: {result}")

    def ends(self, status=0):
        got = self.process.wait(PATIENCE)
        check(got == status, f"ended with {got}, not {status}; log: {''.join(self.log)}")

    def stop(self):
        self.send(type="stop")
        self.ends()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def need(**members):
    return dict({"id": "12.0", "kind": "permission", "agent": "claude-code", "session": "390bf04d", "host": "",
                 "repository": "payments", "worktree": "fix-auth", "branch": "main", "title": "Bash: touch x",
                 "text": "Create a file", "opened_ms": int(time.time() * 1000) - 65000, "count": 1}, **members)


def alert(version=1, needs=None, **members):
    return dict({"id": "12.1", "version": version, "audible": True, "urgency": "normal",
                 "title": "payments: permission", "body": "Bash: touch x\nclaude-code on main", "at_ms": 1,
                 "key": "payments", "needs": [need()] if needs is None else needs}, **members)


# ---- every plugin ---------------------------------------------------------------------------------------------

NO_BUS = {"DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": TMP}
ALL = ("desktop", "webhook", "terminal")


def test_all_stop_and_eof():
    for name in ALL:
        Plugin(name, env=NO_BUS).stop()
        plugin = Plugin(name, env=NO_BUS)
        plugin.process.stdin.close()
        plugin.ends()


def test_all_tolerate_garbage():
    for name in ALL:
        plugin = Plugin(name, env=NO_BUS)
        plugin.raw(b"garbage\n\n[1]\n\xff\xfe\n{\"type\":\"unheard\"}\n{\"type\":3}\n" + b"x" * 300000 + b"\n")
        plugin.raw(b'{"type":"deliver"}\n')
        plugin.raw(b'{"type":"deliver","id":"1"}\n{"type":"deliver","id":"2","alert":{"id":"1.1","needs":3}}\n')
        for number in "12":
            result = plugin.take()
            check(result["id"] == number and result["outcome"] == "failed", f"{name}: {result}")
        plugin.stop()
        wait_for(lambda: any("over 262144 bytes" in line for line in plugin.log), f"{name}: the long line in its log")


def test_all_need_hello_first():
    for name in ALL:
        plugin = Plugin(name, env=NO_BUS, hello=False)
        result = plugin.ask("deliver", alert())
        check(result["outcome"] == "retry", f"{name}: {result}")
        plugin.stop()


def test_all_refuse_another_protocol():
    for name in ALL:
        plugin = Plugin(name, env=NO_BUS, hello=False)
        plugin.send(type="hello", protocol=2, receiver="test", settings={})
        check(plugin.take()["protocol"] == 1, "no manifest")
        check(plugin.ask("deliver", alert())["outcome"] == "retry", "it serves")
        plugin.stop()


def test_all_survive_a_host_that_does_not_read():
    """A host that writes and never reads: the plugin gives up, it neither blocks for ever nor grows."""
    for name in ALL:
        plugin = Plugin(name, env=NO_BUS, hello=False, read=False)
        line = json.dumps({"type": "withdraw", "id": "1" * 1000, "alert": {"id": "1.1"}}).encode() + b"\n"
        try:
            for _ in range(3000):
                plugin.raw(line)
            raise AssertionError(f"{name}: reads on")
        except BrokenPipeError:
            pass
        plugin.ends(1)


def test_all_survive_a_host_that_is_gone():
    for name in ALL:
        plugin = Plugin(name, env=NO_BUS, hello=False, read=False)
        plugin.process.stdout.close()
        plugin.send(type="hello", protocol=1, receiver="test", settings={})
        plugin.ends()


# ---- the desktop ----------------------------------------------------------------------------------------------

BUS_CONF = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>"""

DUNSTRC = """[global]
    markup = full
    idle_threshold = 0
    width = (300, 500)
    dmenu = %s/dmenu
    mouse_left_click = close_current
[urgency_normal]
    timeout = 0
"""


class Desktop:
    """A bus without activation, a screen, a dunst, and what was said to it."""

    def __init__(self, server=True):
        self.dir = tempfile.mkdtemp(dir=TMP)
        self.env = {"HOME": self.dir, "XDG_RUNTIME_DIR": self.dir, "XDG_CONFIG_HOME": self.dir, "LC_ALL": "C.UTF-8"}
        self.processes = []
        with open(self.dir + "/bus.conf", "w") as conf:
            conf.write(BUS_CONF % self.dir)
        with open(self.dir + "/dunstrc", "w") as conf:
            conf.write(DUNSTRC % self.dir)
        self.choose("nothing")
        self.bus = self.start(["dbus-daemon", "--config-file=" + self.dir + "/bus.conf", "--nofork",
                               "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self.bus.stdout.readline().decode().strip()
        self.screen = self.start(["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.env["DISPLAY"] = ":" + self.screen.stdout.readline().decode().strip()
        self.monitor = open(self.dir + "/monitor", "w+b")
        self.start(["dbus-monitor", "--session", "interface='org.freedesktop.Notifications'"], stdout=self.monitor)
        wait_for(lambda: "NameAcquired" in self.heard(), "dbus-monitor")
        if server:
            self.serve()

    def choose(self, label):
        """What the menu of actions (dunst's context) will answer."""
        with open(self.dir + "/dmenu", "w") as script:
            script.write(f"#!/bin/sh\ngrep '{label}'\n")
        os.chmod(self.dir + "/dmenu", 0o755)

    def start(self, command, **more):
        process = subprocess.Popen(command, env=dict(os.environ, **self.env), **more)
        self.processes.append(process)
        return process

    def run(self, *command):
        return subprocess.run(command, env=dict(os.environ, **self.env), capture_output=True, text=True,
                              check=False).stdout

    def serve(self):
        self.server = self.start(["dunst", "-conf", self.dir + "/dunstrc"], stderr=subprocess.DEVNULL)
        wait_for(lambda: "true" in self.run("dbus-send", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                                            "org.freedesktop.DBus.NameHasOwner",
                                            "string:org.freedesktop.Notifications"), "dunst")

    def unserve(self):
        self.server.kill()
        self.server.wait()

    def shown(self):
        return int(self.run("dunstctl", "count", "displayed") or -1)

    def shows(self, count):
        wait_for(lambda: self.shown() == count, f"{count} popups; there are {self.shown()}")

    def heard(self):
        with open(self.dir + "/monitor", encoding="utf-8", errors="replace") as file:
            return file.read()

    def calls(self, count):
        """The Notify calls so far, as text; waits for `count`."""
        def all_calls():
            parts = re.split(r"\n(?=method|signal|error)", self.heard())
            return [part + "\n" for part in parts if "member=Notify\n" in part and re.search(r"\n   int32 -?\d+\s*$", part)]
        return wait_for(lambda: len(all_calls()) >= count and all_calls(), f"{count} Notify calls")

    def plugin(self, **settings):
        return Plugin("desktop", settings, env=self.env)

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        self.monitor.close()


def with_desktop(test):
    def run():
        desktop = Desktop()
        plugin = desktop.plugin()
        try:
            test(desktop, plugin)
        finally:
            plugin.kill()
            desktop.close()
    return run


def test_desktop_without_bus():
    launched = TMP + "/launched"
    os.makedirs(TMP + "/fake", exist_ok=True)
    with open(TMP + "/fake/dbus-launch", "w") as script:
        script.write(f"#!/bin/sh\ntouch {launched}\n")
    os.chmod(TMP + "/fake/dbus-launch", 0o755)
    env = {"PATH": TMP + "/fake:" + os.environ["PATH"], "DISPLAY": ":99", "XDG_RUNTIME_DIR": TMP}
    for address in ("", "autolaunch:"):
        plugin = Plugin("desktop", env=dict(env, DBUS_SESSION_BUS_ADDRESS=address))
        result = plugin.ask("deliver", alert())
        check(result["outcome"] == "retry" and result["reason"] == "no session bus", f"{result}")
        plugin.delivered("withdraw", {"id": "12.1", "version": 2})
        plugin.stop()
    check(not os.path.exists(launched), "a stray bus was started")
    plugin = Plugin("desktop", env=dict(env, DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent"))
    check(plugin.ask("deliver", alert())["outcome"] == "retry", "a dead address")
    plugin.stop()


def test_desktop_without_server():
    desktop = Desktop(server=False)
    plugin = desktop.plugin()
    try:
        result = plugin.ask("deliver", alert())
        check(result["outcome"] == "retry", f"{result}")
        desktop.serve()
        plugin.delivered("deliver", alert())
        desktop.shows(1)
        plugin.stop()
    finally:
        plugin.kill()
        desktop.close()


@with_desktop
def test_desktop_shows_updates_withdraws(desktop, plugin):
    check(plugin.manifest["can"] == ["update", "withdraw"], "can")
    plugin.delivered("deliver", alert(urgency="critical"))
    desktop.shows(1)
    plugin.delivered("deliver", alert(id="13.1", title="web: review"))
    desktop.shows(2)
    plugin.delivered("update", alert(2, title="payments: question"))
    desktop.shows(2)
    calls = desktop.calls(3)
    check("uint32 0\n" in calls[0] and "uint32 0\n" not in calls[2].split("array")[0], "not updated in place")
    check('string "urgency"\n         variant             byte 2' in calls[0], "urgency")
    check('string "Acknowledge"' in calls[0] and 'string "Snooze 30 min"' in calls[0], "no buttons")
    check("int32 0\n" in calls[0] and "int32 -1\n" in calls[1], "time-outs")
    check("suppress-sound" not in calls[0], "an audible one is silent")
    plugin.delivered("withdraw", {"id": "12.1", "version": 3})
    desktop.shows(1)
    plugin.delivered("withdraw", {"id": "12.1", "version": 3})
    plugin.delivered("withdraw", {"id": "unheard", "version": 1})
    check(plugin.said.empty(), "a withdrawn popup is told as closed")
    plugin.stop()


@with_desktop
def test_desktop_text_is_inert(desktop, plugin):
    plugin.delivered("deliver", alert(title="a\n<b>b</b>\u202e" + "t" * 300, audible=False,
                                      body="<a href='x'>link</a> & \u001b[31mred\n" + "\u20ac" * 5000))
    desktop.shows(1)
    call = desktop.calls(1)[0]
    check('string "a <b>b</b>ttt' in call, "title")
    check("&lt;a href=&apos;x&apos;&gt;link&lt;/a&gt; &amp; red" in call or
          "&lt;a href=&#39;x&#39;&gt;link&lt;/a&gt; &amp; red" in call, "body: " + call[:600])
    check("\u202e" not in call and "\u001b" not in call, "controls")
    check(len(re.search(r'string "a <b>(.*)"', call).group(1)) < 120, "title not cut")
    check(call.count("\u20ac") < 700 and "\u20ac\u2026" in call, "body not cut")
    check('string "suppress-sound"\n         variant             boolean true' in call, "a silent one sounds")


@with_desktop
def test_desktop_buttons(desktop, plugin):
    for label, want in (("Acknowledge", {"action": "acknowledge"}), ("Snooze", {"action": "snooze", "for_ms": 1800000}),
                        ("Open", {"action": "open"})):
        desktop.choose(label)
        plugin.delivered("deliver", alert(3, id=label))
        desktop.shows(1)
        desktop.run("dunstctl", "context")
        got = plugin.take()
        check(got == dict({"type": "acted", "alert": label, "version": 3}, **want), f"{got}")
        plugin.delivered("withdraw", {"id": label, "version": 4})
        desktop.shows(0)
    check(plugin.said.empty(), "a button is told as closed, too")


@with_desktop
def test_desktop_closed_by_hand(desktop, plugin):
    plugin.delivered("deliver", alert())
    plugin.delivered("update", alert(2, audible=False))
    desktop.shows(1)
    desktop.run("dunstctl", "close")
    got = plugin.take()
    check(got == {"type": "closed", "alert": "12.1", "version": 2, "by": "person"}, f"{got}")
    plugin.delivered("update", alert(3, audible=False))
    check(len(desktop.calls(2)) == 2, "a silent update comes back")
    plugin.delivered("update", alert(4))
    desktop.shows(1)
    check("uint32 0\n" in desktop.calls(3)[2].split("array")[0], "an old id is used again")


def test_desktop_expires():
    desktop = Desktop()
    plugin = desktop.plugin(expire="300ms", expire_ms=300)
    try:
        plugin.delivered("deliver", alert(urgency="critical", id="13.1"))
        plugin.delivered("deliver", alert())
        got = plugin.take()
        check(got == {"type": "closed", "alert": "12.1", "version": 1, "by": "expired"}, f"{got}")
        desktop.shows(1)
        check("int32 0\n" in desktop.calls(1)[0], "a critical one expires")
    finally:
        plugin.kill()
        desktop.close()


@with_desktop
def test_desktop_server_restarts(desktop, plugin):
    plugin.delivered("deliver", alert())
    desktop.shows(1)
    desktop.unserve()
    got = plugin.take()
    check(got == {"type": "closed", "alert": "12.1", "version": 1, "by": "server"}, f"{got}")
    check(plugin.ask("update", alert(2))["outcome"] == "retry", "nobody serves")
    desktop.serve()
    plugin.delivered("update", alert(2, audible=False))
    desktop.shows(1)
    check("uint32 0\n" in desktop.calls(2)[-1].split("array")[0], "an old id is used again")
    plugin.delivered("withdraw", {"id": "12.1", "version": 3})
    desktop.shows(0)


def test_desktop_plugin_restarts():
    """A popup outlives the process that made it; the next one updates it in place and can take it back.

    Its buttons: dunst tells them only to the process that spoke last, so they are tried after an update."""
    desktop = Desktop()
    plugin = desktop.plugin()
    try:
        for name in ("one", "two", "three", "gone"):
            plugin.delivered("deliver", alert(id=name, title=name, urgency="critical" if name != "gone" else "low"))
        desktop.shows(4)
        plugin.send(type="withdraw", id="w", alert={"id": "three", "version": 2})
        check(plugin.take()["outcome"] == "delivered", "withdraw")
        desktop.run("dunstctl", "close-all")
        check({plugin.take()["alert"] for _ in range(3)} == {"one", "two", "gone"}, "closed")
        for name in ("one", "two"):
            plugin.delivered("update", alert(2, id=name, title=name, urgency="critical"))
        desktop.shows(2)
        path = desktop.dir + "/quietbell/desktop-test.json"
        wait_for(lambda: '"gone","version":1,"id":0' in open(path).read(), "the file")
        check(os.stat(path).st_mode & 0o777 == 0o600, "others may read the file")
        plugin.kill()
        plugin = desktop.plugin()
        plugin.delivered("withdraw", {"id": "one", "version": 3})
        desktop.shows(1)
        plugin.delivered("update", alert(2, id="gone", title="gone", audible=False))
        plugin.delivered("update", alert(3, id="two", title="two", audible=False, urgency="critical"))
        desktop.shows(1)
        check("uint32 0\n" not in desktop.calls(7)[-1].split("array")[0], "not updated in place")
        desktop.run("dunstctl", "close")
        got = plugin.take()
        check(got == {"type": "closed", "alert": "two", "version": 3, "by": "person"}, f"{got}")
        plugin.stop()
        check(not os.path.exists(path), "the file stays")
    finally:
        plugin.kill()
        desktop.close()


@with_desktop
def test_desktop_bus_dies(desktop, plugin):
    plugin.delivered("deliver", alert())
    desktop.bus.kill()
    plugin.ends(1)
    wait_for(lambda: any("session bus closed" in line for line in plugin.log), "a word in the log")


@with_desktop
def test_desktop_slow_server_hangs(desktop, plugin):
    plugin.delivered("deliver", alert())
    desktop.server.send_signal(signal.SIGSTOP)
    check(plugin.ask("update", alert(2), patience=40)["outcome"] == "retry", "a hanging server")
    desktop.server.send_signal(signal.SIGCONT)
    plugin.delivered("update", alert(2))
    plugin.stop()


# ---- the webhook ----------------------------------------------------------------------------------------------

class Hook:
    """A web server that remembers requests and answers as it is told: (status, headers, body, seconds to wait)."""

    def __init__(self):
        self.requests = []
        self.answer = (200, {}, b"ok", 0)
        self.gone = threading.Event()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.requests.append({"path": self.path, "headers": self.headers, "body": body,
                                      "peer": self.client_address})
                status, headers, answer, pause = hook.answer
                if pause:
                    hook.gone.wait(pause)
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass
            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that goes away is what is tested
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{SECRET}"

    def close(self):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()


def with_hook(**settings):
    def wrap(test):
        def run():
            hook = Hook()
            plugin = Plugin("webhook", dict({"url": hook.url + "\n"}, **settings))
            try:
                test(hook, plugin)
                plugin.stop()
            finally:
                plugin.kill()
                hook.close()
        return run
    return wrap


@with_hook(token=SECRET + "token")
def test_webhook_slack(hook, plugin):
    check(plugin.manifest["can"] == [], "can")
    plugin.delivered("deliver", alert(2, title="<!channel> & co", urgency="critical"))
    request = hook.requests[0]
    body = json.loads(request["body"])
    check(request["path"].endswith(SECRET), "path")
    check(request["headers"]["Idempotency-Key"] == "12.1.2", "no key")
    check(request["headers"]["Authorization"] == "Bearer " + SECRET + "token", "no token")
    check(request["headers"]["Content-Type"] == "application/json", "type")
    check(body["blocks"][0]["text"]["text"] == "Critical: &lt;!channel&gt; &amp; co", "header")
    words = body["blocks"][1]["text"]["text"]
    for word in ("permission", "payments", "fix-auth", "main", "claude-code", "Bash: touch x", "for 1 min"):
        check(word in words, f"no {word} in {words}")
    plugin.delivered("deliver", alert(3))
    check(hook.requests[0]["peer"] == hook.requests[1]["peer"], "the connection is not used again")


@with_hook(format="generic", secret="whsec_" + base64.b64encode(b"k" * 24).decode())
def test_webhook_generic_signed(hook, plugin):
    sent = alert(7, title="\u20ac")
    plugin.delivered("deliver", sent)
    request = hook.requests[0]
    headers = request["headers"]
    check(json.loads(request["body"]) == {"type": "alert", "alert": sent}, "body")
    check(headers["webhook-id"] == "12.1.7", "id")
    check(abs(int(headers["webhook-timestamp"]) - time.time()) < 30, "timestamp")
    content = f"12.1.7.{headers['webhook-timestamp']}.".encode() + request["body"]
    want = base64.b64encode(hmac.new(b"k" * 24, content, hashlib.sha256).digest()).decode()
    check(headers["webhook-signature"] == "v1," + want, "signature")


@with_hook()
def test_webhook_answers(hook, plugin):
    def outcome(status, headers=None, body=b""):
        hook.answer = (status, headers or {}, body, 0)
        result = plugin.ask("deliver", alert())
        return result["outcome"], result.get("after_ms"), result.get("reason", "")

    check(outcome(204) == ("delivered", None, ""), "204")
    check(outcome(429, {"Retry-After": "30"}) == ("retry", 30000, "429 Too Many Requests from 127.0.0.1"), "429")
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    kind, after_ms, _ = outcome(503, {"Retry-After": date})
    check(kind == "retry" and 40000 < after_ms <= 61000, f"503 with a date: {after_ms}")
    check(outcome(500)[:2] == ("retry", None), "500")
    kind, _, reason = outcome(404, body=b"no_service")
    check(kind == "failed" and "make a new one" in reason, f"404: {reason}")
    kind, _, reason = outcome(404, body=f"Cannot POST /services/{SECRET}".encode())
    check(kind == "failed" and "Not Found" in reason, f"404: {reason}")
    count = len(hook.requests)
    kind, _, reason = outcome(302, {"Location": hook.url + "/elsewhere"})
    check(kind == "failed" and "redirects are not followed" in reason, f"302: {reason}")
    check(len(hook.requests) == count + 1, "the redirect was followed")
    check(outcome(200, body=b"x" * 1000000)[0] == "delivered", "a long answer")
    check(outcome(403, body=b"x" * 1000000)[0] == "failed", "a long refusal")


@with_hook(timeout="200ms", timeout_ms=200)
def test_webhook_times_out(hook, plugin):
    hook.answer = (200, {}, b"ok", 30)
    result = plugin.ask("deliver", alert())
    check(result["outcome"] == "retry" and "127.0.0.1" in result["reason"], f"{result}")


def test_webhook_unreachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for url, word in ((f"http://127.0.0.1:{port}/{SECRET}", "refused"),
                      (f"http://quietbell.invalid/{SECRET}", "quietbell.invalid"),
                      (f"http://user:{SECRET}@127.0.0.1:{port}/", "refused")):
        plugin = Plugin("webhook", {"url": url}, env={"http_proxy": "", "no_proxy": "*"})
        result = plugin.ask("deliver", alert(), patience=20)
        check(result["outcome"] == "retry" and word in result["reason"], f"{result}")
        plugin.stop()


def test_webhook_bad_settings():
    for settings, word in (({}, "url is missing"), ({"url": "ftp://x/" + SECRET}, "not an http"),
                           ({"url": SECRET}, "not an http"), ({"url": "http:// x/" + SECRET}, "setting url"),
                           ({"url": "http://x/" + SECRET, "token": SECRET + "\r\nX: y"}, "setting token"),
                           ({"url": "http://x/" + SECRET, "format": "fax"}, "'fax' is not slack or generic"),
                           ({"url": "http://x/" + SECRET, "timeout_ms": 1}, "timeout_ms"),
                           ({"url": 3}, "url is missing")):
        plugin = Plugin("webhook", settings)
        result = plugin.ask("deliver", alert())
        check(result["outcome"] == "failed" and word in result["reason"], f"{settings}: {result}")
        plugin.stop()


def test_webhook_stops_in_flight():
    hook = Hook()
    hook.answer = (200, {}, b"ok", 0.3)
    plugin = Plugin("webhook", {"url": hook.url})
    plugin.send(type="deliver", id="1", alert=alert())
    plugin.send(type="stop")
    check(plugin.take()["outcome"] == "delivered", "a transfer that could end was cut")
    plugin.ends()
    hook.answer = (200, {}, b"ok", 30)
    plugin = Plugin("webhook", {"url": hook.url})
    for number in range(20):
        plugin.send(type="deliver", id=str(number), alert=alert())
    began = time.monotonic()
    plugin.process.stdin.close()
    results = [plugin.take() for _ in range(20)]
    check({r["outcome"] for r in results} == {"retry"} and len({r["id"] for r in results}) == 20, f"{results}")
    plugin.ends()
    check(time.monotonic() - began < 5, "it does not stop")
    hook.close()


# ---- the terminal ---------------------------------------------------------------------------------------------

def test_terminal_file():
    path = TMP + "/alerts"
    plugin = Plugin("terminal", {"path": path}, env={"TZ": "UTC"})
    plugin.delivered("deliver", alert(title="pay\u001b[31mments\u202e\nx", urgency="critical", more=2, needs=[
        need(), need(kind="question", repository="web\u7aef\u53e3", worktree="", title="Which\a port?")]))
    plugin.delivered("update", alert(2, audible=False))
    plugin.delivered("update", alert(3, title="payments: question"))
    plugin.delivered("withdraw", {"id": "12.1", "version": 4})
    plugin.delivered("withdraw", {"id": "12.1", "version": 4})
    plugin.stop()
    with open(path, encoding="utf-8") as file:
        lines = [re.sub(r"quietbell \d\d:\d\d", "quietbell 00:00", line) for line in file.read().splitlines()]
    want = ["quietbell 00:00  payments x  [critical]",
            "  permission  payments  fix-auth  main  claude-code  1 min  Bash: touch x",
            "  question    web\u7aef\u53e3   -         main  claude-code  1 min  Which port?",
            "  and 2 more",
            "quietbell 00:00  updated: payments: question",
            "  permission  payments  fix-auth  main  claude-code  1 min  Bash: touch x",
            "quietbell 00:00  answered: payments: question"]
    check(lines == want, "\n".join(lines))
    check(os.stat(path).st_mode & 0o777 == 0o600, "others may read it")


def test_terminal_tty():
    for env, colour in (({}, True), ({"NO_COLOR": "1"}, False)):
        master, slave = pty.openpty()
        plugin = Plugin("terminal", {"path": os.ttyname(slave)}, env=env)
        plugin.delivered("deliver", alert())
        text = os.read(master, 10000).decode()
        check("\a" in text and "payments: permission" in text, repr(text))
        check(("\033[" in text) == colour, repr(text))
        plugin.delivered("deliver", alert(id="13.1", audible=False))
        check("\a" not in os.read(master, 10000).decode(), "a silent one rings")
        plugin.stop()
        os.close(master)
        os.close(slave)


def test_terminal_stderr_and_trouble():
    plugin = Plugin("terminal")
    plugin.delivered("deliver", alert())
    wait_for(lambda: any("payments: permission" in line for line in plugin.log), "the alert in the log")
    plugin.stop()
    os.mkfifo(TMP + "/fifo")
    for path, outcome in ((TMP + "/no/where", "failed"), (TMP, "failed"), ("relative", "failed"),
                          (TMP + "/fifo", "retry"), ("/dev/full", "retry")):
        plugin = Plugin("terminal", {"path": path})
        check(plugin.ask("deliver", alert())["outcome"] == outcome, path)
        plugin.stop()


# ---- the examples ---------------------------------------------------------------------------------------------

def test_examples():
    for name in ("example.py", "example.sh"):
        path = TMP + "/" + name + ".out"
        plugin = Plugin(os.path.join(ROOT, "tests", "plugins", name), {"path": path})
        plugin.delivered("deliver", alert(title="one & \"two\" \u20ac \\n"))
        plugin.delivered("deliver", alert(title="three"))
        plugin.stop()
        with open(path, encoding="utf-8") as file:
            check(file.read() == "one & \"two\" \u20ac \\n\nthree\n", name)


def test_examples_are_those_of_the_manual():
    shown = subprocess.run(["man", "-P", "cat", "-l", "--nh", "--nj", ROOT + "/plugins/quietbell-plugin.7"],
                           env=dict(os.environ, MANWIDTH="200", LC_ALL="C.UTF-8"), capture_output=True, text=True,
                           check=False).stdout if shutil.which("man") else ""
    with open(ROOT + "/plugins/quietbell-plugin.7", encoding="utf-8") as file:
        page = file.read().replace("\\e", "\\").replace("\\-", "-").replace("\\(aq", "'").replace("\n\\&", "\n")
    for name in ("example.py", "example.sh"):
        with open(ROOT + "/tests/plugins/" + name, encoding="utf-8") as file:
            for line in file.read().splitlines():
                check(line in page, f"{name} is not in the manual: {line}")
                check(not shown or line.strip() in shown, f"{name} is not printed as it is: {line}")


def test_no_secret_was_ever_said():
    """Last: of all that the plugins of the other tests printed, nothing holds a secret."""
    for line in HEARD:
        check(SECRET not in line, line)


def main():
    wanted = sys.argv[1:]
    tests = [(name[5:], test) for name, test in globals().items() if name.startswith("test_")]
    passed = failed = 0
    for name, test in tests:
        if wanted and not any(word in name for word in wanted):
            continue
        if "slow" in name and not os.environ.get("SLOW"):
            continue
        try:
            test()
            passed += 1
            print(f"ok {name}", flush=True)
        except Exception as why:  # a test that breaks is a test that fails
            failed += 1
            print(f"not ok {name}: {type(why).__name__ if not isinstance(why, AssertionError) else ''}{why}",
                  flush=True)
    shutil.rmtree(TMP, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
