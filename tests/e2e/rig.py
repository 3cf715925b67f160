"""The rig of the end-to-end tests: a private home, the real daemon, hook client and client, and real peers.

    class Rig        one case's folders and everything that runs in them; close() ends every child
    class Daemon     a quietbelld, by pid: ready, signals, log, memory
    class Agent      a process that runs the hook client as an agent does (its pid is the session's)
    class Door       a connection to the socket
    class Desktop    Xvfb, a session bus, dunst, and a monitor that keeps every Notify call
    class Receiver   an HTTP server that remembers requests and answers by script
    five             five agents in two repositories; ask_at_once() makes each ask for something else
    case, main       the cases of a test file: `ok NAME` / `not ok NAME: why`, last `N passed, M failed`

Nothing here sleeps for a time that is hoped to be enough: wait_for() asks until a condition holds.
"""
import http.server
import itertools
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
SANITIZER = os.environ.get("QUIETBELL_SANITIZER", "")
# Everything is slower under a sanitizer, and on a machine that does something else as well.
RECORDER = ROOT + "/tests/plugins/recorder.py"
PATIENCE_S = 60 if SANITIZER else 15
# The caller's agent, desktop and quietbell must not be seen by what is tested.
FOREIGN = re.compile("^(CLAUDE|CODEX|GEMINI|QWEN|COPILOT|OPENCODE|AUGMENT|CRUSH|CURSOR|AIDER|WARP|CONDUCTOR|CI$"
                     "|SSH_|TMUX|WINDOWID|KITTY|WEZTERM|TERM_PROGRAM|XDG_|QUIETBELL_SOCKET|DBUS_|DISPLAY|WAYLAND"
                     "|LISTEN_|https?_proxy|all_proxy|HTTPS?_PROXY|ALL_PROXY)")


class Failed(Exception):
    """A condition of a test does not hold."""


def check(condition, why):
    if not condition:
        raise Failed(why)


def equal(got, expected, what="got"):
    check(got == expected, f"{what}: {got!r:.600}, expected {expected!r:.600}")


def wait_for(condition, what, timeout_s=None):
    """Asks until condition() is true, and returns what it gave. `what`: text, or a function for late words."""
    end = time.monotonic() + (timeout_s or PATIENCE_S)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failed("never came: " + (what() if callable(what) else what))
        time.sleep(0.01)


def wall_ms():
    return int(time.time() * 1000)


_ids = itertools.count(1)


def new_id():
    return f"{os.getpid() & 0xffff:04x}{next(_ids):012x}"


# ---- processes ------------------------------------------------------------------------------------------------

class Daemon:
    """A quietbelld that was started; it need not have become ready."""

    def __init__(self, rig, args, env, argv=None, pass_fds=(), preexec_fn=None):
        self.rig = rig
        self.log_path = f"{rig.dir}/daemon-{len(rig.daemons)}.log"
        self.lines = []
        self.stdout_closed = threading.Event()
        with open(self.log_path, "wb") as log:
            self.process = rig.start((argv or []) + [BUILD + "/quietbelld", *args], env=env, stdout=subprocess.PIPE,
                                     stderr=log, stdin=subprocess.DEVNULL, pass_fds=pass_fds, preexec_fn=preexec_fn)
        self.pid = self.process.pid
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace"))
        self.stdout_closed.set()

    def is_ready(self):
        return any("ready" in line for line in self.lines)

    def wait_ready(self, timeout_s=None):
        wait_for(lambda: self.is_ready() or self.process.poll() is not None, "ready", timeout_s)
        check(self.is_ready(), f"the daemon ended with {self.process.poll()}: {self.log()[-800:]}")
        return self

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_log(self, words):
        wait_for(lambda: words in self.log(), f"\"{words}\" in the log")

    def alive(self):
        return self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, timeout_s=None):
        try:
            return self.process.wait(timeout_s or PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"the daemon did not end: {self.log()[-400:]}") from None

    def stop(self, number=signal.SIGTERM):
        """A clean stop: within seconds, with 0."""
        self.send(number)
        status = self.wait()
        check(status == 0, f"the daemon ended with {status}: {self.log()[-800:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def memory_kib(self, which="VmRSS"):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(re.search(rf"^{which}:\s+(\d+) kB", file.read(), re.M).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


AGENT = r"""
import json, os, sys, tempfile, time
out = tempfile.TemporaryFile()
for line in sys.stdin:
    order = json.loads(line)
    if order.get("cwd"):
        os.chdir(order["cwd"])
    stdin = tempfile.TemporaryFile()
    stdin.write(order["stdin"].encode("utf-8", "surrogateescape"))
    stdin.seek(0)
    out.seek(0)
    out.truncate()
    actions = [(os.POSIX_SPAWN_DUP2, stdin.fileno(), 0), (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
               (os.POSIX_SPAWN_DUP2, out.fileno(), 2)]
    began = time.monotonic()
    pid = os.posix_spawn(order["argv"][0], order["argv"], os.environ, file_actions=actions)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    took_ms = (time.monotonic() - began) * 1000
    stdin.close()
    out.seek(0)
    print(json.dumps({"status": status, "printed": out.read().decode("latin-1"), "took_ms": took_ms}), flush=True)
"""


class Agent:
    """An agent's process. hook() runs the hook client as its child and checks that it did no harm."""

    def __init__(self, rig, cwd, session, env=None, agent="claude-code"):
        self.rig, self.cwd, self.session, self.agent = rig, cwd, session, agent
        self.process = rig.start([sys.executable, "-ISuc", AGENT], cwd=cwd, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, env=dict(rig.env, CLAUDECODE="1", **(env or {})))
        self.pid = self.process.pid
        self.asked = []  # payloads of requests that are open

    def begin(self, event, **payload):
        """Starts the hook client; finish() waits for its end."""
        payload = {"session_id": self.session, "cwd": self.cwd, "hook_event_name": event, **payload}
        self.begin_raw(event, json.dumps(payload))

    def begin_raw(self, event, stdin):
        order = {"argv": [BUILD + "/quietbell-hook", self.agent, event], "stdin": stdin}
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()

    def finish(self):
        line = self.process.stdout.readline()
        check(line, "the agent's process died")
        done = json.loads(line)
        equal(done["status"], 0, "the hook client's exit code")
        equal(done["printed"], "", "what the hook client printed")
        return done["took_ms"]

    def hook(self, event, **payload):
        self.begin(event, **payload)
        return self.finish()

    # What Claude Code sends, cut to what matters; see /work/shared/agents/claude-code/payloads.

    def start(self, task="Go on"):
        self.hook("SessionStart", source="startup", model="claude-opus-4-8")
        self.hook("UserPromptSubmit", prompt=task)
        return self

    def begin_ask(self, tool, tool_input):
        self.asked.append((tool, tool_input))
        self.begin("PermissionRequest", tool_name=tool, tool_input=tool_input, permission_mode="default")

    def ask(self, command="touch x", description="Create a file"):
        self.begin_ask("Bash", {"command": command, "description": description})
        return self.finish()

    def answer(self):
        """The person said yes to the oldest open request: the tool ran."""
        tool, tool_input = self.asked.pop(0)
        return self.hook("PostToolUse", tool_name=tool, tool_input=tool_input, tool_response={"stdout": ""},
                         tool_use_id="toolu_1")

    def stop(self, last="All done."):
        return self.hook("Stop", last_assistant_message=last, background_tasks=[], prompt_id=new_id())

    def end(self):
        return self.hook("SessionEnd", reason="prompt_input_exit")


def question(text, *labels):
    return {"questions": [{"question": text, "header": "Choice", "multiSelect": False,
                           "options": [{"label": label, "description": label} for label in labels]}]}


class Door:
    """A client of the socket: ask() sends a line and takes the answer."""

    def __init__(self, path, timeout_s=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)  # with a time-out it would fail while the daemon's backlog is full
        self.socket.settimeout(timeout_s or PATIENCE_S)
        self.data = b""

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b"\n" not in self.data:
            part = self.socket.recv(1 << 16)
            if not part:
                return None
            self.data += part
        line, self.data = self.data.split(b"\n", 1)
        return json.loads(line)

    def ask(self, message):
        self.send(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
        return self.line()

    def close(self):
        self.socket.close()


# ---- the desktop ----------------------------------------------------------------------------------------------

BUS_CONF = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>"""

DUNSTRC = """[global]
    font = DejaVu Sans 10
    markup = full
    format = "<b>%%s</b>\\n%%b"
    idle_threshold = 0
    width = 520
    height = 400
    origin = top-right
    offset = 16x16
    notification_limit = 0
    padding = 10
    horizontal_padding = 12
    frame_width = 2
    word_wrap = yes
    ellipsize = end
    ignore_newline = no
    show_indicators = no
    history_length = 100
    dmenu = %s/dmenu
    mouse_left_click = close_current
[urgency_low]
    timeout = 0
[urgency_normal]
    timeout = 0
[urgency_critical]
    timeout = 0
"""

# dbus-monitor's text of one Notify call, arguments only. A body may hold anything, line ends too.
NOTIFY = re.compile(r'^   string "(?P<app>.*?)"\n   uint32 (?P<replaces>\d+)\n   string "(?P<icon>.*?)"\n'
                    r'   string "(?P<title>.*?)"\n   string "(?P<body>.*)"\n   array \[\n(?P<actions>.*?)   \]\n'
                    r'   array \[\n(?P<hints>.*?)   \]\n   int32 (?P<expire>-?\d+)\s*$', re.S)
MESSAGE = re.compile(r"^(method call|method return|signal|error) time=", re.M)


class Desktop:
    """A bus without activation, a screen, a dunst; popups() are the Notify calls as they went over the bus."""

    def __init__(self, rig, server=True):
        self.rig = rig
        self.dir = tempfile.mkdtemp(prefix="desktop-", dir=rig.dir)
        self.env = dict(rig.env)
        with open(self.dir + "/bus.conf", "w", encoding="ascii") as conf:
            conf.write(BUS_CONF % self.dir)
        with open(self.dir + "/dunstrc", "w", encoding="ascii") as conf:
            conf.write(DUNSTRC % self.dir)
        self.choose("nothing")
        bus = rig.start(["dbus-daemon", "--config-file=" + self.dir + "/bus.conf", "--nofork", "--nopidfile",
                         "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.env)
        screen = rig.start(["Xvfb", "-displayfd", "1", "-screen", "0", "900x280x24", "-nolisten", "tcp"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.env)
        self.env["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        self.monitor = self.dir + "/monitor"
        with open(self.monitor, "wb") as out:
            rig.start(["dbus-monitor", "--session", "interface='org.freedesktop.Notifications'",
                       "type='method_return'"], stdout=out, env=self.env)
        self.env["DISPLAY"] = ":" + screen.stdout.readline().decode().strip()
        check(len(self.env["DISPLAY"]) > 1, "Xvfb did not start")
        rig.env.update(DISPLAY=self.env["DISPLAY"], DBUS_SESSION_BUS_ADDRESS=self.env["DBUS_SESSION_BUS_ADDRESS"])
        wait_for(lambda: "NameAcquired" in self.heard(), "dbus-monitor")
        self.server = None
        if server:
            self.serve()

    def serve(self):
        self.server = self.rig.start(["dunst", "-conf", self.dir + "/dunstrc"], env=self.env,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.count() == 0, "dunst")

    def unserve(self):
        self.server.kill()
        self.server.wait()

    def run(self, *command):
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, timeout=30).stdout

    def choose(self, label):
        """What the menu of actions (dunst's context) will answer."""
        with open(self.dir + "/dmenu", "w", encoding="utf-8") as script:
            script.write(f"#!/bin/sh\ngrep '{label}'\n")
        os.chmod(self.dir + "/dmenu", 0o755)

    def count(self):
        text = self.run("dunstctl", "count", "displayed").strip()
        return int(text) if text.isdigit() else -1

    def shows(self, count):
        wait_for(lambda: self.count() == count, lambda: f"{count} popups; there are {self.count()}")
        equal(self.run("dunstctl", "count", "waiting").strip(), "0", "popups that wait for room")

    def history(self):
        """dunst's own record of what it closed, newest first: title, body and id as it understood them."""
        listed = json.loads(self.run("dunstctl", "history"))["data"][0]
        return [{"title": row["summary"]["data"], "body": row["body"]["data"], "id": row["id"]["data"]}
                for row in listed]

    def heard(self):
        with open(self.monitor, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    def messages(self):
        """Every message that is complete, as (head line, arguments)."""
        text = self.heard()
        starts = [m.start() for m in MESSAGE.finditer(text)]
        for begin, end in zip(starts, starts[1:] + [len(text)]):
            yield text[begin:end].split("\n", 1)

    def popups(self):
        """The Notify calls so far: title, body, replaces, id (None: not answered yet), rings, urgency, actions."""
        calls, replies = [], {}
        for head, rest in self.messages():
            if head.startswith("method return"):
                found = re.search(r"reply_serial=(\d+)", head), re.match(r"   uint32 (\d+)\n", rest)
                if all(found):
                    to = re.search(r"destination=(\S+)", head).group(1)
                    replies[(to, found[0].group(1))] = int(found[1].group(1))
            elif "member=Notify" in head and head.startswith("method call"):
                got = NOTIFY.match(rest)
                if got:
                    calls.append((head, got))
        popups = []
        for head, got in calls:
            call = (re.search(r"sender=(\S+)", head).group(1), re.search(r"serial=(\d+)", head).group(1))
            hints = got["hints"]
            urgency = re.search(r'"urgency"\s+variant\s+byte (\d)', hints)
            popups.append({"title": got["title"], "body": got["body"], "replaces": int(got["replaces"]),
                           "id": replies.get(call), "actions": re.findall(r'string "(.*)"', got["actions"]),
                           "rings": not re.search(r'"suppress-sound"\s+variant\s+boolean true', hints),
                           "urgency": int(urgency.group(1)) if urgency else None, "expire": int(got["expire"])})
        return popups

    def wait_popups(self, count):
        wait_for(lambda: len(self.popups()) >= count and all(p["id"] for p in self.popups()),
                 lambda: f"{count} Notify calls; there are {len(self.popups())}")
        return self.popups()

    def rings(self):
        return sum(p["rings"] for p in self.popups())

    def closed(self):
        """(popup id, reason) of every NotificationClosed: 1 expired, 2 dismissed or acted, 3 by us."""
        return [tuple(map(int, re.findall(r"uint32 (\d+)", rest)))[:2] for head, rest in self.messages()
                if "member=NotificationClosed" in head]

    def screenshot(self, name):
        """What the person sees, as $BUILD/screens/NAME, once two pictures in a row are the same and not empty."""
        os.makedirs(BUILD + "/screens", exist_ok=True)
        path = f"{BUILD}/screens/{name}"
        last = b""

        def steady():
            nonlocal last
            self.run("import", "-window", "root", path)
            now = subprocess.run(["convert", path, "rgb:-"], capture_output=True, check=False).stdout
            same = now == last and len(set(now[::97])) > 2
            last = now
            return same

        wait_for(steady, "a steady picture of the screen")
        return path


# ---- the HTTP receiver ----------------------------------------------------------------------------------------

class Receiver:
    """Remembers requests; answers the script's entries one by one, then 200 ok.

    An entry: (status, headers, body), "hang" (no answer until close()), "close" (the connection breaks)."""

    def __init__(self, secret="T0/B0/s3cretpath"):
        self.requests, self.script, self.secret = [], [], secret
        self.gone = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                entry = receiver.script.pop(0) if receiver.script else (200, {}, b"ok")
                receiver.requests.append({"path": self.path, "headers": dict(self.headers), "body": body,
                                          "at_s": time.monotonic(), "entry": entry})
                if entry == "hang":
                    receiver.gone.wait(120)
                if entry in ("hang", "close"):
                    self.close_connection = True
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                status, headers, answer = entry
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass

            do_GET = do_PUT = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that goes away is what is tested
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/{secret}"

    def wait_requests(self, count, timeout_s=None):
        wait_for(lambda: len(self.requests) >= count,
                 lambda: f"{count} requests; there are {len(self.requests)}", timeout_s)
        return self.requests

    def bodies(self):
        return [json.loads(request["body"]) for request in self.requests]

    def close(self):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()


def slack_text(body):
    """All words of a Slack message, after a check that Slack would take it."""
    check(isinstance(body.get("text"), str) and body["text"], f"no text: {body}")
    check(len(body["text"]) <= 40000, "text of more than 40,000 characters")
    check(isinstance(body["blocks"], list) and 0 < len(body["blocks"]) <= 50, "blocks")
    words = [body["text"]]
    for block in body["blocks"]:
        text = block["text"]
        check(block["type"] in ("header", "section", "context"), f"block {block}")
        check(text["type"] in ("plain_text", "mrkdwn"), f"text {text}")
        check(0 < len(text["text"]) <= (150 if block["type"] == "header" else 3000), f"length of {block}")
        check(block["type"] != "header" or text["type"] == "plain_text", "a header must be plain_text")
        words.append(text["text"])
    return "\n".join(words)


# ---- one case -------------------------------------------------------------------------------------------------

class Rig:
    """One case: its folders, its environment, its processes."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="qb-e2e-")
        self.children, self.daemons, self.receivers = [], [], []
        self.run_dir, self.state = self.dir + "/run", self.dir + "/state/quietbell"
        self.config_path = self.dir + "/config/quietbell/quietbell.yaml"
        for path in ("/home", "/run", "/src", "/config/quietbell", "/state"):
            os.makedirs(self.dir + path, 0o700)
        self.spool, self.quarantine = self.state + "/spool", self.state + "/quarantine"
        self.socket = self.run_dir + "/quietbell/sock"
        self.env = {k: v for k, v in os.environ.items() if not FOREIGN.match(k)}
        self.env.update(HOME=self.dir + "/home", XDG_RUNTIME_DIR=self.run_dir, XDG_CONFIG_HOME=self.dir + "/config",
                        XDG_STATE_HOME=self.dir + "/state", XDG_DATA_HOME=self.dir + "/home/share",
                        XDG_CACHE_HOME=self.dir + "/home/cache", TZ="UTC", LC_ALL="C.UTF-8", NO_COLOR="1",
                        no_proxy="*")
        # whoever runs the tests may have locked the screen, or be in tmux: that is not what is tested
        self.env.update(DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={self.run_dir}/no-bus", TMUX_TMPDIR=self.run_dir)

    def start(self, command, **more):
        process = subprocess.Popen(command, env=more.pop("env", None) or self.env, **more)
        self.children.append(process)
        return process

    def close(self):
        for receiver in self.receivers:
            receiver.close()
        for process in reversed(self.children):  # agents and daemons first, then what they spoke to
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                try:
                    if pipe and not isinstance(pipe, int):
                        pipe.close()
                except OSError:
                    pass
        for folder, _, _ in os.walk(self.dir):
            os.chmod(folder, 0o700)
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- the daemon --

    def configure(self, text):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(text)

    def secret(self, name, text):
        path = f"{self.dir}/config/quietbell/{name}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def daemon(self, config=None, args=(), env=None, ready=True, **more):
        if config is not None:
            self.configure(config)
        daemon = Daemon(self, list(args), dict(self.env, **(env or {})), **more)
        self.daemons.append(daemon)
        return daemon.wait_ready() if ready else daemon

    def log(self):
        return "".join(f"---- daemon {i}\n{d.log()}" for i, d in enumerate(self.daemons))

    # -- talking to it --

    def connect(self, timeout_s=None):
        return Door(self.socket, timeout_s)

    def ask(self, message):
        """One message, one connection, one answer."""
        door = self.connect()
        try:
            return door.ask(message)
        finally:
            door.close()

    def query(self, command, **more):
        answer = self.ask({"type": "command", "command": command, **more})
        check(answer["ok"], f"{command}: {answer}")
        return answer

    def status(self):
        return self.query("status")["status"]

    def needs(self, **more):
        answer = self.query("needs", **more)
        found = answer["needs"]
        while answer.get("next"):
            answer = self.query("needs", **more, **{"from": answer["next"]})
            found += answer["needs"]
        return found

    def need(self, session):
        """The newest need of a session, open or resolved, or None."""
        found = [need for need in self.needs(all=True) if need["session"] == session]
        return max(found, key=lambda need: need["opened_ms"]) if found else None

    def alerts(self, **more):
        return self.query("alerts", **more)["alerts"]

    def receiver_row(self, name):
        return next(row for row in self.status()["receivers"] if row["receiver"] == name)

    def wait_serving(self, *names):
        for name in names:
            wait_for(lambda: self.receiver_row(name).get("state") == "serving",
                     lambda: f"{name} serving: {self.receiver_row(name)}")

    def troubles(self):
        return self.status()["troubles"]

    def quietbell(self, *args, status=0, stdin=None):
        """The client, as a person runs it; returns what it printed."""
        done = subprocess.run([BUILD + "/quietbell", *args], env=self.env, capture_output=True, text=True,
                              input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, check=False,
                              timeout=60)
        if status is not None:
            equal(done.returncode, status, f"quietbell {' '.join(args)}: {done.stdout}{done.stderr}exit code")
        return done.stdout

    def post(self, session, kind="permission", **more):
        """An event on the socket, as a script would send it."""
        message = {"type": "event", "id": new_id(), "at_ms": wall_ms(), "agent": "shell", "session": session,
                   "state": more.pop("state", "blocked"), "kind": kind, **more}
        answer = self.ask(message)
        check(answer["ok"], f"post: {answer}")
        return answer["seq"]

    def recorded(self, name="out"):
        """What the host said to tests/plugins/recorder.py, whose file is NAME: messages, oldest first."""
        try:
            with open(f"{self.dir}/{name}", encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def tells(self, name="out"):
        """The words of every version that was handed to it."""
        return [m["alert"]["title"] + "\n" + m["alert"]["body"] for m in self.recorded(name)
                if m["type"] in ("deliver", "update")]

    # -- files --

    def spooled(self):
        return sorted(os.listdir(self.spool)) if os.path.isdir(self.spool) else []

    def spool_message(self, message):
        """Written beside it and renamed in, as any script may."""
        os.makedirs(self.spool, 0o700, exist_ok=True)
        name = f"{message['at_ms']:013d}-{message['id']}.json"
        with open(self.spool + "/." + name, "w", encoding="utf-8") as file:
            json.dump(message, file)
        os.rename(self.spool + "/." + name, self.spool + "/" + name)
        return name

    def quarantined(self):
        """{name: reason} of what lies in the quarantine."""
        names = os.listdir(self.quarantine) if os.path.isdir(self.quarantine) else []
        found = {}
        for name in names:
            if not name.endswith(".reason"):
                path = f"{self.quarantine}/{name}.reason"
                with open(path, encoding="utf-8") as file:
                    found[name] = file.read()
        return found

    # -- repositories and agents --

    def repository(self, name, branch="main"):
        path = f"{self.dir}/src/{name}"
        os.makedirs(path + "/.git/worktrees")
        with open(path + "/.git/HEAD", "w", encoding="utf-8") as file:
            file.write(f"ref: refs/heads/{branch}\n")
        return path

    def worktree(self, repository, name, branch=None):
        path = f"{self.dir}/src/{name}"
        git = f"{repository}/.git/worktrees/{name}"
        os.makedirs(path)
        os.makedirs(git)
        for where, text in ((path + "/.git", f"gitdir: {git}\n"), (git + "/commondir", "../..\n"),
                            (git + "/gitdir", path + "/.git\n"), (git + "/HEAD", f"ref: refs/heads/{branch or name}\n")):
            with open(where, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def agent(self, cwd, session=None, env=None, agent="claude-code"):
        return Agent(self, cwd, session or f"{len(self.children):08x}-0000-4000-8000-{next(_ids):012x}", env, agent)

    def desktop(self, server=True):
        return Desktop(self, server)

    def receiver(self, name="slack.url"):
        """An HTTP receiver, and a file with its URL beside the configuration."""
        receiver = Receiver()
        self.receivers.append(receiver)
        self.secret(name, receiver.url + "\n")
        return receiver


# ---- a configuration and a message for most cases --------------------------------------------------------------

# A receiver whose plugin is in the tests and keeps what it is told.
QUIET = """
preset: none
receivers: {{ out: {{ plugin: {plugin}, path: {path} }} }}
focus: {{ dnd: {{}} }}
rules: [ {{ set: {{ settle: {settle}, hold: never, group_by: [session], inhibit: session }} }} ]
"""


def quiet(r, settle="0", path="out"):
    return QUIET.format(plugin=RECORDER, path=f"{r.dir}/{path}", settle=settle)


def hook_message(session, event="PermissionRequest", at_ms=None, command="ls", **payload):
    payload = {"session_id": session, "hook_event_name": event, "cwd": "/src/x", **payload}
    if event in ("PermissionRequest", "PostToolUse"):
        payload.update(tool_name="Bash", tool_input={"command": command})
    return {"type": "hook", "id": new_id(), "at_ms": at_ms or wall_ms(), "agent": "claude-code", "event": event,
            "payload": payload, "context": {"host": os.uname().nodename, "cwd": "/src/x", "repository": "x"}}


# ---- the five of issue 2's bars 3 and 4 -----------------------------------------------------------------------

def five(r):
    """Five agents at work in two repositories, three of them in worktrees."""
    payments, shop = r.repository("payments"), r.repository("webshop")
    agents = [r.agent(payments), r.agent(r.worktree(payments, "fix-auth", "fix/auth-token")),
              r.agent(r.worktree(payments, "refactor-ledger")), r.agent(shop),
              r.agent(r.worktree(shop, "checkout-v2"))]
    tasks = ["Release 2.4", "Mend the token refresh", "Split the ledger module", "Upgrade the build", "New checkout"]
    for agent, task in zip(agents, tasks):
        agent.start(task)
    return agents


ASKS = [("Bash", {"command": "git push origin main", "description": "Push the release"}),
        ("AskUserQuestion", question("Which token lifetime should we use?", "15 min", "1 h")),
        ("ExitPlanMode", {"plan": "# Split ledger.c into three\n\n1. Move the accounts\n2. Move the journal\n"}),
        ("Bash", {"command": "npm install --save-dev vite@6", "description": "Upgrade the bundler"}),
        ("AskUserQuestion", question("Keep the old checkout behind a flag?", "Yes", "No"))]


def ask_at_once(agents):
    for agent, (tool, tool_input) in zip(agents, ASKS):
        agent.begin_ask(tool, tool_input)
    for agent in agents:
        agent.finish()


# ---- the cases of a file --------------------------------------------------------------------------------------

CASES = []


def case(function):
    CASES.append(function)
    return function


def info(text):
    print("# " + text, flush=True)


def _on_term(number, frame):
    raise SystemExit(128 + number)  # the runner's limit: clean up, and say where it hung


def main():
    """Runs the cases whose names hold one of the arguments (all without). Ends the program."""
    signal.signal(signal.SIGTERM, _on_term)
    wanted = sys.argv[1:]
    passed = failed = 0
    for function in CASES:
        if function.__module__ != "__main__":  # another file's, which is imported
            continue
        if wanted and not any(word in function.__name__ for word in wanted):
            continue
        began, rig = time.monotonic(), Rig()
        try:
            function(rig)
            for daemon in rig.daemons:
                check("runtime error" not in daemon.log() and "Sanitizer" not in daemon.log(), "a sanitizer spoke")
            passed += 1
            print(f"ok {function.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except BaseException as error:  # a case's own mistake is a failure too
            failed += 1
            kind = "" if isinstance(error, Failed) else type(error).__name__ + ": "
            print(f"not ok {function.__name__}: {kind}{error}", flush=True)
            frames = [f"{os.path.basename(f.filename)}:{f.lineno} {f.name}"
                      for f in __import__("traceback").extract_tb(error.__traceback__)]
            print("  at " + " > ".join(frames[1:]) + "\n  " + rig.log()[-3000:].replace("\n", "\n  "), flush=True)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                rig.close()
                print(f"{passed} passed, {failed} failed")
                raise
        finally:
            rig.close()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
