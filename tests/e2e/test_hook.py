#!/usr/bin/env python3
"""quietbell-hook end to end, without a daemon: a fake socket server, the spool directory, the clock.

Prints `ok NAME` or `not ok NAME: why` per case, then `N passed, M failed`; exit 1 on a failure.
The binary is $BUILD/quietbell-hook (build/ by default)."""
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

HOOK = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "quietbell-hook"))
ELLIPSIS = "\u2026"
LINE_MAX = 256 * 1024
# The client's own limit is 250 ms; the rest is Python's fork and a busy machine.
LIMIT_S = 0.25 + 0.15

AGENT_VARIABLES = re.compile(
    "^(CLAUDE|CODEX|GEMINI|QWEN|COPILOT|OPENCODE|AUGMENT|CRUSH|CURSOR|AIDER|WARP|CONDUCTOR|CI$|SSH_|TMUX|WINDOWID"
    "|KITTY|WEZTERM|TERM_PROGRAM|XDG_|QUIETBELL)")


class Server(threading.Thread):
    """Takes connections, keeps the lines, answers each with `answer` (None: never; "": closes)."""

    def __init__(self, path, answer='{"ok":true,"seq":1}\n', delay=0.0):
        super().__init__(daemon=True)
        self.lines, self.raw, self.answer, self.delay, self.held = [], [], answer, delay, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(16)
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            if not self.serve(peer):
                self.held.append(peer)
                continue
            peer.close()

    def serve(self, peer):
        """Line by line, to the peer's end. False: it is held, without an answer."""
        data = b""
        while part := peer.recv(1 << 20):
            data += part
            while b"\n" in data:
                line, data = data.split(b"\n", 1)
                self.raw.append(line + b"\n")
                self.lines.append(json.loads(line))
                if self.answer is None:
                    return False
                if not self.reply(peer):
                    return True
        if data:
            self.raw.append(data)
        return True

    def reply(self, peer):
        time.sleep(self.delay)
        try:
            peer.sendall(self.answer.encode())
        except OSError:
            return False
        return self.answer != ""

    def stop(self):
        self.socket.close()


class World:
    """One case's directory, environment and runs."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="quietbell-hook-")
        self.home = self.dir + "/home"
        self.cwd = self.dir + "/cwd"
        self.run_dir = self.dir + "/run"
        for path in (self.home, self.cwd, self.run_dir + "/quietbell"):
            os.makedirs(path, 0o700)
        self.socket = self.run_dir + "/quietbell/sock"
        self.spool = self.home + "/.local/state/quietbell/spool"
        self.env = {k: v for k, v in os.environ.items() if not AGENT_VARIABLES.match(k)}
        self.env.update(HOME=self.home, XDG_RUNTIME_DIR=self.run_dir)
        self.servers = []

    def server(self, path=None, **kw):
        server = Server(path or self.socket, **kw)
        self.servers.append(server)
        return server

    def close(self):
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, *args, payload=b"{}", cwd=None, argv=None, limit=LIMIT_S, **kw):
        began = time.monotonic()
        stdin = {} if "stdin" in kw else {"input": payload}
        done = subprocess.run(argv or [HOOK, *args], env=self.env, cwd=cwd or self.cwd, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20, **stdin, **kw)
        self.took = time.monotonic() - began
        check(done.returncode == 0, f"exit code {done.returncode}")
        check(done.stdout == b"" and done.stderr == b"", f"printed {done.stdout!r} {done.stderr!r}")
        check(self.took < limit, f"took {self.took * 1000:.0f} ms")

    def spooled(self):
        """The messages in the spool directory, which must be clean and private."""
        if not os.path.isdir(self.spool):
            return []
        check(stat.S_IMODE(os.stat(self.spool).st_mode) == 0o700, "spool directory is not 0700")
        messages = []
        for name in sorted(os.listdir(self.spool)):
            path = self.spool + "/" + name
            check(re.fullmatch(r"\d{13}-[0-9a-f]{16}\.json", name), f"spool file {name}")
            check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "spool file is not 0600")
            with open(path, "rb") as file:
                data = file.read()
            check(data.endswith(b"\n") and data.count(b"\n") == 1, "spool file is not one line")
            check(len(data) <= LINE_MAX, f"line of {len(data)} bytes")
            message = json.loads(data.decode("utf-8"))
            check(name == f"{message['at_ms']:013d}-{message['id']}.json", "spool name does not match")
            messages.append(message)
        return messages

    def files(self):
        return sorted(os.listdir(self.spool))

    def one_spooled(self):
        messages = self.spooled()
        check(len(messages) == 1, f"{len(messages)} spool files")
        return messages[0]


class Failed(Exception):
    pass


def check(condition, why):
    if not condition:
        raise Failed(why)


def equal(got, expected, what="got"):
    check(got == expected, f"{what} {got!r:.300}, expected {expected!r:.300}")


def limits_hold(value, depth=1):
    """No string over 4 KiB; returns the number of values."""
    if isinstance(value, str):
        check(len(value.encode()) <= 4096, f"string of {len(value.encode())} bytes")
        check("\0" not in value, "NUL in a string")
        return 1
    check(depth <= 64, "too deep")
    if isinstance(value, dict):
        return 1 + sum(limits_hold(k, 64) + limits_hold(v, depth + 1) for k, v in value.items())
    if isinstance(value, list):
        return 1 + sum(limits_hold(v, depth + 1) for v in value)
    return 1


CASES = []


def case(function):
    CASES.append(function)
    return function


# ---- the message ---------------------------------------------------------------------------------

@case
def message_shape(w):
    server = w.server()
    before = int(time.time() * 1000)
    w.run("claude-code", "Stop", payload=b'{"session_id":"s1",\n  "n": [1, 2.5, true, null]}\n')
    equal(len(server.lines), 1, "lines")
    m = server.lines[0]
    equal(set(m), {"type", "id", "at_ms", "agent", "event", "payload", "context"}, "members")
    equal((m["type"], m["agent"], m["event"]), ("hook", "claude-code", "Stop"))
    check(re.fullmatch("[0-9a-f]{16}", m["id"]), "id " + m["id"])
    check(before <= m["at_ms"] <= time.time() * 1000, "at_ms")
    equal(m["payload"], {"session_id": "s1", "n": [1, 2.5, True, None]})
    c = m["context"]
    equal(c["pid"], os.getpid(), "pid")
    with open("/proc/self/stat") as file:
        equal(c["pid_start"], int(file.read().rsplit(")", 1)[1].split()[19]), "pid_start")
    equal((c["host"], c["cwd"]), (os.uname().nodename, os.path.realpath(w.cwd)))
    check("repository" not in c and "marks" not in c, "members of an empty context")
    equal(w.spooled(), [], "spooled")


@case
def event_is_optional(w):
    w.run("claude-code")
    check("event" not in w.one_spooled(), "an event nobody gave")


@case
def ids_differ(w):
    for _ in range(20):
        w.run("claude-code", "Stop")
    equal(len({m["id"] for m in w.spooled()}), 20, "ids")


@case
def payload_as_last_argument(w):
    w.run("codex", "notify", '{"type":"agent-turn-complete","thread-id":"t"}', stdin=subprocess.DEVNULL)
    m = w.one_spooled()
    equal((m["agent"], m["event"], m["payload"]["thread-id"]), ("codex", "notify", "t"))


@case
def payload_argument_without_event_leaves_stdin(w):
    read, write = os.pipe()  # never written, never closed: reading it would time out
    w.run("codex", '{"type":"agent-turn-complete"}', stdin=read, limit=0.15)
    os.close(read), os.close(write)
    m = w.one_spooled()
    check("event" not in m, "event")
    equal(m["payload"], {"type": "agent-turn-complete"})


@case
def no_payload(w):
    w.run("aider", "notify", stdin=subprocess.DEVNULL)
    w.run("aider", "notify", payload=b" \n")
    equal([m["payload"] for m in w.spooled()], [{}, {}])


@case
def terminal_stdin_is_not_read(w):
    leader, terminal = pty.openpty()
    os.write(leader, b"what the person types\n")
    w.run("aider", "notify", stdin=terminal, limit=0.15)
    equal(w.one_spooled()["payload"], {})
    os.set_blocking(terminal, False)
    equal(os.read(terminal, 100), b"what the person types\n", "left to read")
    os.close(leader), os.close(terminal)


@case
def closed_stdin(w):
    w.run(argv=["sh", "-c", f"exec '{HOOK}' aider notify <&-"], stdin=subprocess.DEVNULL)
    equal(w.one_spooled()["payload"], {})


@case
def help_version_usage(w):
    for args, stream in ((["--help"], 1), (["--version"], 1), ([], 2)):
        done = subprocess.run([HOOK, *args], env=w.env, capture_output=True, stdin=subprocess.DEVNULL, timeout=5)
        equal(done.returncode, 0, "exit code")
        check((done.stdout, done.stderr)[stream - 1] and not (done.stdout, done.stderr)[2 - stream], f"output of {args}")


# ---- context -------------------------------------------------------------------------------------

@case
def marks_are_names_only(w):
    w.env.update(CLAUDECODE="1", CODEX_HOME="SECRET", GEMINI_CLI="", QWEN_CODE_MESSAGING_TOKEN="SECRET", CI="SECRET")
    w.run("claude-code", "Stop")
    m = w.one_spooled()
    equal(m["context"]["marks"], ["CLAUDECODE", "CODEX_HOME", "GEMINI_CLI", "CI"])
    check("SECRET" not in json.dumps(m), "a value was sent")


@case
def place(w):
    w.env.update(TMUX="/tmp/tmux-0/de,fault,123,4", TMUX_PANE="%7", WINDOWID="6291", KITTY_WINDOW_ID="3",
                 KITTY_LISTEN_ON="unix:/tmp/k", WEZTERM_PANE="2", TERM_PROGRAM='we"ird\x01')
    w.run("claude-code", "Stop")
    got = w.one_spooled()["context"]["place"]
    got.pop("tty", None)
    equal(got, {"tmux": "/tmp/tmux-0/de,fault", "pane": "%7", "window": "6291", "kitty": "3",
                "kitty_socket": "unix:/tmp/k", "wezterm": "2", "term": 'we"ird\x01'})


@case
def place_tty_of_the_agent(w):
    child, leader = pty.fork()
    if child == 0:  # the agent: on a terminal; its hook has a pipe and a session of its own
        subprocess.run([HOOK, "claude-code", "Stop"], input=b"{}", env=w.env, cwd=w.cwd, start_new_session=True)
        print(os.ttyname(0), flush=True)
        os._exit(0)
    name = b""
    try:
        while b"\n" not in name:
            name += os.read(leader, 100)
    except OSError:
        pass
    os.waitpid(child, 0)
    os.close(leader)
    m = w.one_spooled()
    equal(m["context"]["place"]["tty"], name.decode().strip())
    equal(m["context"]["pid"], child, "pid")


@case
def shells_in_between(w):
    for shell in ("sh", "bash", "dash"):
        if shutil.which(shell):
            # `; true` keeps the shell from turning into the hook
            w.run(argv=[shell, "-c", f"'{HOOK}' claude-code Stop; true"])
            w.run(argv=[shell, "-c", f"sh -c \"'{HOOK}' claude-code Stop; true\"; true"])
    equal({m["context"]["pid"] for m in w.spooled()}, {os.getpid()}, "pids")


def git(w, *args, cwd=None):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", *args],
                   cwd=cwd or w.cwd, env=w.env, check=True, capture_output=True)


def where(w, cwd):
    shutil.rmtree(w.spool, ignore_errors=True)
    w.run("claude-code", "Stop", cwd=cwd)
    c = w.one_spooled()["context"]
    return c.get("repository"), c.get("worktree"), c.get("branch")


@case
def git_places(w):
    if not shutil.which("git"):
        return
    main = w.dir + "/payments"
    os.makedirs(main + "/deep/er")
    git(w, "init", ".", cwd=main)
    equal(where(w, main), ("payments", None, "main"), "unborn branch")
    git(w, "commit", "--allow-empty", "-m", "x", cwd=main)
    git(w, "checkout", "-b", "feature/a-b", cwd=main)
    equal(where(w, main + "/deep/er"), ("payments", None, "feature/a-b"), "below the top")
    git(w, "worktree", "add", "-b", "wt", "../fix-1", cwd=main)
    os.mkdir(w.dir + "/fix-1/sub")
    equal(where(w, w.dir + "/fix-1/sub"), ("payments", "fix-1", "wt"), "worktree")
    git(w, "checkout", "--detach", cwd=main)
    sha = subprocess.run(["git", "rev-parse", "HEAD"], cwd=main, capture_output=True, text=True).stdout[:8]
    equal(where(w, main), ("payments", None, sha), "detached")
    git(w, "clone", "--bare", main, w.dir + "/lib.git")
    git(w, "worktree", "add", "../lib-wt", "main", cwd=w.dir + "/lib.git")
    equal(where(w, w.dir + "/lib-wt"), ("lib", "lib-wt", "main"), "worktree of a bare repository")
    git(w, "clone", "--bare", main, w.dir + "/proj/.bare")
    git(w, "worktree", "add", "../tree", "main", cwd=w.dir + "/proj/.bare")
    equal(where(w, w.dir + "/proj/tree"), ("proj", "tree", "main"), "worktree of .bare")
    git(w, "-c", "protocol.file.allow=always", "submodule", "add", main, "vendored", cwd=main)
    equal(where(w, main + "/vendored")[:2], ("vendored", None), "submodule")
    equal(where(w, w.cwd), (None, None, None), "outside")


@case
def hostile_git(w):
    for text in (b"", b"gitdir: ", b"gitdir: \xff\n", b"gitdir: /nowhere\n", b"gitdir: ../" * 1000, b"\0" * 5000,
                 b"gitdir: .git\n"):
        with open(w.cwd + "/.git", "wb") as file:
            file.write(text)
        where(w, w.cwd)
    os.unlink(w.cwd + "/.git")
    os.makedirs(w.cwd + "/.git")
    os.mkfifo(w.cwd + "/.git/HEAD")
    where(w, w.cwd)
    odd = w.dir + '/o"d\\\n\udcff\x01'
    os.makedirs(odd + "/.git")
    with open(odd + "/.git/HEAD", "wb") as file:
        file.write(b'ref: refs/heads/b"\xff\n')
    equal(where(w, odd), ('o"d\\\n\ufffd\x01', None, 'b"\ufffd'), "odd names")


@case
def removed_cwd(w):
    w.run(argv=["sh", "-c", f"mkdir gone; cd gone; rmdir ../gone; exec '{HOOK}' claude-code Stop"])
    check("cwd" not in w.one_spooled()["context"], "cwd of a removed directory")


# ---- payloads ------------------------------------------------------------------------------------

def sent(w, payload, tries=1, **kw):
    """tries: of megabytes, on a busy machine, the hook rightly gives up and spools; then once more."""
    server = w.server() if not w.servers else w.servers[0]
    count = len(server.lines)
    for _ in range(tries):
        w.run("claude-code", "PostToolUse", payload=payload, **kw)
        if len(server.lines) > count and "payload" in server.lines[-1]:
            break
        if tries > 1:
            shutil.rmtree(w.spool, ignore_errors=True)
    equal(len(server.lines), count + 1, "lines")
    check(len(server.raw[-1]) <= LINE_MAX, f"line of {len(server.raw[-1])} bytes")
    check(server.raw[-1].count(b"\n") == 1, "more than one line")
    server.raw[-1].decode("utf-8")
    check(limits_hold(server.lines[-1]) < 20000, "too many values")
    return server.lines[-1]


@case
def recorded_payloads(w):
    root = "/work/shared/agents"
    count = 0
    for folder, _, names in os.walk(root):
        for name in names if folder.endswith("payloads") else []:
            if not name.endswith(".json") or name == "index.json" or count >= 150:
                continue
            with open(folder + "/" + name, "rb") as file:
                data = file.read()
            try:
                expected = json.loads(data)
            except ValueError:
                continue
            got = sent(w, data)["payload"]
            if max(map(len, re.findall(rb'"(?:[^"\\]|\\.)*"', data)), default=0) < 4096:
                equal(got, expected, name)
            count += 1


@case
def long_strings_are_cut(w):
    for n in (4096, 4097, 5000, 3 * 1024 * 1024):
        m = sent(w, json.dumps({"a": "x" * n, "session_id": "s"}).encode())
        expected = "x" * n if n <= 4096 else "x" * 4093 + ELLIPSIS
        equal(m["payload"], {"a": expected, "session_id": "s"}, str(n))


@case
def cut_at_a_character(w):
    for text in ("\u00e9" * 5000, "x\u20ac" * 5000, "\U0001F600" * 5000, '"\\\n' * 5000, "xy\U0001F600" * 5000):
        for ascii_only in (True, False):
            got = sent(w, json.dumps({"a": text}, ensure_ascii=ascii_only).encode())["payload"]["a"]
            check(got.endswith(ELLIPSIS) and text.startswith(got[:-1]) and len(got) > 300, f"cut {got[-8:]!r}")


@case
def eight_mib(w):
    for filler in ('"' + "y" * 100 + '"', "1", '{"old_string":"' + "z" * 3000 + '","new_string":"q"}'):
        n = (8 * 1024 * 1024 - 500) // (len(filler) + 1)
        data = ('{"hook_event_name":"PostToolUse","tool_response":{"list":[' + ",".join([filler] * n)
                + ']},"session_id":"the id","cwd":"/w","tool_name":"Edit","agent_id":"a1"}').encode()
        p = sent(w, data, tries=5)["payload"]
        equal((p["hook_event_name"], p["session_id"], p["cwd"], p["tool_name"], p["agent_id"]),
              ("PostToolUse", "the id", "/w", "Edit", "a1"))
        check(p["tool_response"]["list"], "nothing left of the list")


@case
def eight_mib_string(w):
    p = sent(w, b'{"tool_input":{"content":"' + b"\\n" * (4 * 1024 * 1024 - 100) + b'"},"session_id":"s"}', tries=5)["payload"]
    equal(p["session_id"], "s")


@case
def over_eight_mib(w):
    w.run("claude-code", "Stop", payload=b'{"session_id":"s","a":"' + b"x" * (9 * 1024 * 1024) + b'"}')
    m = w.one_spooled()
    check("payload" not in m and m["payload_text"].startswith('{"session_id":"s"'), "not text")


@case
def many_members(w):
    data = {f"k{i}": {"v": [i, "x" * 40]} for i in range(100000)}
    data.update(session_id="s", cwd="/w", hook_event_name="Stop")
    p = sent(w, json.dumps(data).encode())["payload"]
    equal((p["session_id"], p["cwd"], p["hook_event_name"]), ("s", "/w", "Stop"))


@case
def not_one_value(w):
    for data in (b'{"session_id":"s","a":[1,2', b'{"a":1} trailing', b"plain text", b'{"a":"\xff', b'{"a":\0}', b"{'a':1}",
                 b"\0\1\2\x1b[31m\xff\xfe", b'{"a":"\\q"}', b"[" * 100000, b'{"a":' * 70 + b"1" + b"}" * 70,
                 b'{"a":"' + b"x" * 3000000, b'<xml "quoted">\r\n' * 1000):
        m = sent(w, data)
        check("payload" not in m and isinstance(m["payload_text"], str), f"{data[:40]!r} as payload")
        head = data[:1000].decode("utf-8", "replace").replace("\0", "\ufffd")
        check(m["payload_text"][:500] == head[:500], f"text {m['payload_text'][:60]!r}")
        check(len(data) <= 4096 or m["payload_text"].endswith(ELLIPSIS), "cut without an ellipsis")


@case
def depth(w):
    for n, fits in ((63, True), (64, False)):
        m = sent(w, b"[" * n + b"]" * n)
        equal("payload" in m, fits, f"depth {n}")


@case
def bytes_made_valid(w):
    p = sent(w, b'{"a":"x\xff\xc0\xaf\xed\xa0\x80y","b":"tab\there\x00\x01\x1b\nnul","c":"\\u0000\\ud800z","d\xfe":1}')["payload"]
    equal(p["a"].replace("\ufffd", ""), "xy")
    equal(p["b"], "tab\there\ufffd\x01\x1b\nnul")
    equal(p["c"], "\ufffd\ufffdz")
    equal(p["d\ufffd"], 1)


@case
def numbers_readers_take(w):
    text = '{"a":9223372036854775807,"b":18446744073709551615,"c":1e999,"d":-0.5,"e":%s}' % ("9" * 1000)
    server = w.server()
    w.run("claude-code", "Stop", payload=text.encode())
    raw = server.raw[0].decode()
    check('"a":9223372036854775807,"b":18446744073709551615.0,"c":null,"d":-0.5,"e":null' in raw, raw[-200:])


@case
def slow_writer(w):
    server = w.server()
    read, write = os.pipe()

    def feed():
        for part in (b'{"session', b'_id":"s', b'","a":"', b"x" * 10, b'"}', b"\n"):
            os.write(write, part)
            time.sleep(0.012)
        os.close(write)

    threading.Thread(target=feed, daemon=True).start()
    w.run("claude-code", "Stop", stdin=read)
    os.close(read)
    equal(server.lines[0]["payload"], {"session_id": "s", "a": "x" * 10})


@case
def stdin_never_closed(w):
    server = w.server()
    ours, theirs = socket.socketpair()
    ours.sendall(b'{"session_id":"s"}\n')
    w.run("gemini", "AfterAgent", stdin=theirs.fileno(), limit=0.18)
    equal(server.lines[0]["payload"], {"session_id": "s"})


@case
def stdin_stalls(w):
    server = w.server()
    for flags in (0, os.O_NONBLOCK):
        read, write = os.pipe2(flags)
        os.write(write, b'{"session_id":"s","half')
        w.run("claude-code", "Stop", stdin=read)
        check(w.took > 0.15, f"gave up after {w.took * 1000:.0f} ms")
        os.close(read), os.close(write)
    equal(server.lines, [], "sent")
    equal([m["payload_text"] for m in w.spooled()], ['{"session_id":"s","half'] * 2)


# ---- the socket and the spool ----------------------------------------------------------------------

@case
def nobody_there(w):
    w.run("claude-code", "Stop", payload=b'{"session_id":"s"}', limit=0.15)
    equal(w.one_spooled()["payload"], {"session_id": "s"})


@case
def dead_socket(w):
    s = socket.socket(socket.AF_UNIX)
    s.bind(w.socket)
    s.close()
    w.run("claude-code", "Stop", limit=0.15)
    w.one_spooled()


@case
def backlog_full(w):
    s = socket.socket(socket.AF_UNIX)
    s.bind(w.socket)
    s.listen(0)
    waiting = []
    for _ in range(8):
        c = socket.socket(socket.AF_UNIX)
        c.setblocking(False)
        try:
            c.connect(w.socket)
        except BlockingIOError:
            break
        waiting.append(c)
    w.run("claude-code", "Stop", limit=0.15)
    w.one_spooled()


@case
def nobody_accepts(w):
    s = socket.socket(socket.AF_UNIX)
    s.bind(w.socket)
    s.listen(8)
    for payload in (b"{}", json.dumps({f"k{i}": "x" * 4000 for i in range(58)}).encode()):
        w.run("claude-code", "Stop", payload=payload)
        check(w.took > 0.15, "did not wait for an answer")
    equal(len(w.spooled()), 2, "spooled")


@case
def stopped_server(w):
    code = ("import socket,sys\ns=socket.socket(socket.AF_UNIX);s.bind(sys.argv[1]);s.listen(8);print(1,flush=True)\n"
            "while 1:\n c,_=s.accept();c.recv(1<<20);c.sendall(b'{\"ok\":true}\\n')")
    server = subprocess.Popen([sys.executable, "-c", code, w.socket], stdout=subprocess.PIPE)
    try:
        server.stdout.readline()
        w.run("claude-code", "Stop")
        equal(w.spooled(), [], "spooled")
        server.send_signal(signal.SIGSTOP)
        w.run("claude-code", "Stop")
        w.one_spooled()
    finally:
        server.kill()
        server.wait()


@case
def answers(w):
    for answer, spools in (('{"ok":true,"seq":9}\n', 0), ('{ "seq": 9, "ok" : true }\n', 0), ('{"ok":true}\n{"ok":false}\n', 0),
                           ('{"ok":false,"error":"bad \\"ok\\":true","at":"/payload"}\n', 0),
                           ('{"ok":false,"error":"store: full","retry":true}\n', 1),
                           ('{"ok":false,"retry":false}\n', 0), ("", 1), ("gibberish\n", 1), ('{"ok":true', 1), ("\n", 1),
                           ("x" * 100000 + "\n", 1)):
        shutil.rmtree(w.spool, ignore_errors=True)
        path = tempfile.mktemp(dir=w.dir)
        w.env["QUIETBELL_SOCKET"] = path
        server = w.server(path, answer=answer)
        w.run("claude-code", "Stop")
        equal(len(server.lines), 1, "lines")
        equal(len(w.spooled()), spools, f"spooled on {answer[:40]!r}")


@case
def spooled_after_no_answer_has_the_same_id(w):
    server = w.server(answer=None)
    w.run("claude-code", "Stop")
    equal(w.one_spooled(), server.lines[0])


@case
def slow_answer_is_waited_for(w):
    w.server(delay=0.1)
    w.run("claude-code", "Stop")
    equal(w.spooled(), [], "spooled")


@case
def large_line_goes_through(w):
    server = w.server()
    data = {f"k{i}": "x" * 4000 for i in range(58)}
    w.run("claude-code", "Stop", payload=json.dumps(data).encode())
    equal(server.lines[0]["payload"], data)


def leave_in_spool(w, n, text="", first=0):
    """Messages that nobody took, as a hook of an earlier millisecond would leave them."""
    os.makedirs(w.spool, 0o700, exist_ok=True)
    for i in range(first, first + n):
        with open(f"{w.spool}/{1764000000000 + i}-{i:016x}.json", "w", encoding="ascii") as file:
            file.write(json.dumps({"type": "note", "id": f"{i:016x}", "text": text}) + "\n")


@case
def what_is_none_of_ours_in_the_spool_holds_nothing_up(w):
    leave_in_spool(w, 1, first=50)
    for i in range(10):  # they sort first
        path = f"{w.spool}/{1700000000000 + i}-{i:016x}.json"
        os.mkfifo(path) if i % 2 else open(path, "wb").close()
    server = w.server()
    w.run("claude-code", "Stop")
    equal([line["id"] for line in server.lines][:1], [f"{50:016x}"], "what was taken along")
    equal(len(server.lines), 2, "lines")


@case
def a_large_spool_goes_bit_by_bit(w):
    leave_in_spool(w, 1, "x" * 200000)
    leave_in_spool(w, 20, "x" * 6000, first=1)
    server = w.server()
    for lines in (2, 5, 8):  # the first however large it is; of the others what is sent in no time
        w.run("claude-code", "Stop")
        equal(len(server.lines), lines, "lines")


@case
def what_was_answered_is_not_sent_again(w):
    leave_in_spool(w, 8)
    w.server(delay=0.05)  # not all of it in time
    w.run("claude-code", "Stop")
    left = w.files()
    check(5 <= len(left) <= 8, f"left with the own one: {left}")


@case
def all_of_a_large_spool_with_few_descriptors(w):
    leave_in_spool(w, 700)
    server = w.server()
    done = subprocess.run([HOOK, "--send-spool"], env=w.env, capture_output=True, text=True, timeout=20, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8)))
    equal((done.returncode, done.stdout, len(server.lines), w.files()), (0, "700 messages sent\n", 700, []), "--send-spool")


@case
def explicit_socket_only(w):
    server = w.server()
    w.env["QUIETBELL_SOCKET"] = w.dir + "/elsewhere"
    w.run("claude-code", "Stop")
    equal(server.lines, [], "lines on the other socket")
    w.one_spooled()
    other = w.server(w.dir + "/elsewhere")
    w.run("claude-code", "Stop")
    equal(len(other.lines), 2, "lines: what lay in the spool, and this")


@case
def state_socket(w):
    del w.env["XDG_RUNTIME_DIR"]
    if os.path.isdir(f"/run/user/{os.getuid()}"):
        return
    w.env["XDG_STATE_HOME"] = w.dir + "/st"
    os.makedirs(w.dir + "/st/quietbell")
    server = w.server(w.dir + "/st/quietbell/sock")
    w.run("claude-code", "Stop")
    equal(len(server.lines), 1, "lines")


@case
def socket_of_another(w):
    if os.geteuid() != 0:
        return
    server = w.server()
    os.chown(w.socket, 12345, 12345)
    w.run("claude-code", "Stop")
    equal(server.lines, [], "lines")
    w.one_spooled()
    w.env["QUIETBELL_SOCKET"] = w.socket
    w.run("claude-code", "Stop")
    equal(len(server.lines), 2, "lines when named, the spooled one with it")


@case
def socket_path_too_long(w):
    w.env["QUIETBELL_SOCKET"] = "/tmp/" + "x" * 5000
    w.run("claude-code", "Stop")
    w.one_spooled()


@case
def state_home(w):
    w.env["XDG_STATE_HOME"] = w.dir + "/a/b"
    w.run("claude-code", "Stop")
    w.spool = w.dir + "/a/b/quietbell/spool"
    w.one_spooled()


@case
def relative_state_home_is_ignored(w):
    w.env["XDG_STATE_HOME"] = "a/b"
    w.run("claude-code", "Stop")
    w.one_spooled()


@case
def spool_cannot_be_written(w):
    with open(w.home + "/.local", "w"):
        pass
    w.run("claude-code", "Stop", limit=0.15)


@case
def no_environment_at_all(w):
    w.env = {"XDG_STATE_HOME": w.dir + "/s", "QUIETBELL_SOCKET": w.dir + "/none"}
    w.run("claude-code", "Stop")
    w.spool = w.dir + "/s/quietbell/spool"
    w.one_spooled()


@case
def file_size_limit(w):
    w.run("claude-code", "Stop", payload=json.dumps({"a": ["x" * 4000] * 50}).encode(),
          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    equal(w.spooled(), [], "a torn spool file")
    equal(os.listdir(w.spool), [], "left in the spool directory")


@case
def blocked_signals(w):
    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGPIPE})
        signal.signal(signal.SIGALRM, signal.SIG_IGN)

    read, write = os.pipe()
    w.run("claude-code", "Stop", stdin=read, preexec_fn=block)
    os.close(read), os.close(write)
    w.one_spooled()


@case
def many_at_once(w):
    server = w.server()
    running = [subprocess.Popen([HOOK, "claude-code", "Stop"], env=w.env, cwd=w.cwd, stdin=subprocess.PIPE)
               for _ in range(40)]
    for i, process in enumerate(running):
        process.stdin.write(json.dumps({"n": i}).encode())
        process.stdin.close()
    for process in running:
        equal(process.wait(), 0, "exit code")
    got = {m["id"]: m["payload"]["n"] for m in server.lines + w.spooled()}
    equal(sorted(got.values()), list(range(40)), "messages")


def main():
    failed = 0
    for function in CASES:
        world = World()
        try:
            function(world)
            print(f"ok {function.__name__}", flush=True)
        except Exception as error:  # a case's own mistake is a failure too
            failed += 1
            kind = "" if isinstance(error, Failed) else type(error).__name__ + ": "
            print(f"not ok {function.__name__}: {kind}{error}", flush=True)
        finally:
            world.close()
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
