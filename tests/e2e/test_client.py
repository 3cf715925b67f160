#!/usr/bin/env python3
"""quietbell, the client, against a fake daemon: arguments, exit codes, what is sent, what is printed.

Prints `ok NAME` or `not ok NAME: why` per case, then `N passed, M failed`; exit 1 on a failure.
The binary is $BUILD/quietbell (build/ by default)."""
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

CLIENT = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "quietbell"))
NOW = int(time.time() * 1000)
TMP = tempfile.mkdtemp(prefix="qb-client.")
WORDS = ("status", "sessions", "needs", "alerts", "next", "why", "ack", "snooze", "resolve", "post", "test", "focus",
         "break", "presence",
         "check", "replay", "reload", "help")


def need(id_, kind, session, repository, worktree="", title="", **more):
    return {"id": id_, "kind": kind, "session": session, "agent": "claude-code", "host": "",
            "repository": repository, "worktree": worktree, "branch": "main", "where": repository,
            "place": {"pane": "%3"}, "urgency": "normal", "title": title, "text": "", "tool": "",
            "opened_ms": NOW - 125000, "count": 1, "state": "open", "told": True, "receivers": ["popup"],
            "decision": "tell", "why": "told on popup", "reasons": [], **more}


NEEDS = [
    need("17.0", "permission", "390bf04d-1", "payments", "feature-x", "Bash: git push"),
    need("18.0", "question", "390bf999-2", "payments", "", "Which database?", told=False, decision="hold",
         due_ms=NOW + 110000),
    need("19.0", "review", "aaaa0000-3", "webshop", "", "Done \x1b[31mred\u202e<b>", urgency="low"),
    need("20.0", "limit", "bbbb0000-4", "docs", "", "Usage limit", state="acked"),
]


def session(n, needs, **more):
    return {**{k: n[k] for k in ("session", "agent", "host", "repository", "worktree", "branch", "where", "place")},
            "id": "1.0", "state": "blocked", "cwd": "/home/dev", "task": "Mend the parser", "pid": 1,
            "since_ms": NOW - 60000, "needs": needs, **more}


STATUS = {"version": "0", "pid": 1, "config": {"file": "", "in_force": True},
          "sessions": [session(n, [n]) for n in NEEDS] +
          [session(need("", "", "cccc", "payments", "feature-x"), [], state="working")],
          "focus": [{"focus": "deep-work", "on": True, "by": "hand", "until_ms": NOW + 3600000},
                    {"focus": "night", "on": False, "by": "schedule"}],
          "receivers": [{"receiver": "popup", "up": True}, {"receiver": "phone", "up": False, "trouble": "404"}],
          "counts": {},
          "troubles": [{"key": "config", "what": "quietbell.yaml:3:5: unknown key \"setle\"",
                        "todo": "run `quietbell check`", "since_ms": NOW - 200000}]}


class Daemon(threading.Thread):
    """Answers each line by `answers[command or type]` (a dict, a function of the message, or bytes)."""

    def __init__(self, answers=None):
        super().__init__(daemon=True)
        self.path = os.path.join(tempfile.mkdtemp(dir=TMP), "sock")
        self.answers, self.asked, self.connections = dict(ANSWERS), [], 0
        self.answers.update(answers or {})
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.start()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        for line in peer.makefile("rb"):
            message = json.loads(line)
            self.asked.append(message)
            answer = self.answers.get(message.get("command") or message["type"])
            answer = answer(message) if callable(answer) else answer
            if answer is None:
                continue
            peer.sendall(answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n")


def paged(message):
    start = message.get("from", 0)
    answer = {"ok": True, "needs": NEEDS[start:start + 2]}
    if start + 2 < len(NEEDS):
        answer["next"] = start + 2
    return answer


ANSWERS = {
    "status": {"ok": True, "status": STATUS},
    "needs": paged,
    "sessions": {"ok": True, "sessions": STATUS["sessions"]},
    "alerts": {"ok": True, "alerts": [{"id": "17.1", "receiver": "popup", "key": "payments", "version": 2,
                                       "urgency": "normal", "open": True, "delivery": "delivered", "delivered": 2,
                                       "audible": False, "needs": ["17.0", "18.0"]}]},
    "why": lambda m: {"ok": True, "why": {"need": NEEDS[0], "steps": [
        {"sentence": "goes to popup", "rule": "everything", "file": "quietbell.yaml", "line": 7},
        {"sentence": "told on popup"}]}} if "17.0" in (m.get("of"), m.get("need")) else
    {"ok": False, "error": "no need, alert or session \"%s\"" % m.get("of")},
    "ack": lambda m: {"ok": True, "seq": 40} if m["need"] != "99.0" else {"ok": False, "error": "there is no such need"},
    "snooze": {"ok": True, "seq": 41},
    "resolve": {"ok": True, "seq": 42},
    "focus-on": {"ok": True, "seq": 43},
    "focus-off": {"ok": True, "seq": 44},
    "focus-status": {"ok": True, "focus": STATUS["focus"]},
    "test": {"ok": True},
    "reload": {"ok": True, "seq": 45},
    "event": {"ok": True, "seq": 46},
    "next": {"ok": True, "next": {"need": NEEDS[0], "waiting": 3}},
    "serve": {"ok": True, "seq": 47},
    "break": {"ok": True, "seq": 48},
    "presence": {"ok": True, "seq": 49},
}


class Ran:
    def __init__(self, code, out, err, took_s):
        self.code, self.out, self.err, self.took_s = code, out, err, took_s

    def json(self):
        return json.loads(self.out)


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "QUIETBELL_SOCKET"))}
    return {**env, "HOME": TMP, "XDG_RUNTIME_DIR": TMP, "TERM": "xterm", **more}


def run(*argv, daemon=None, stdin="", **env):
    if daemon:
        env["QUIETBELL_SOCKET"] = daemon.path
    began = time.monotonic()
    done = subprocess.run([CLIENT, *argv], input=stdin.encode(), capture_output=True, env=environment(**env),
                          timeout=30)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode(), time.monotonic() - began)


def on_terminal(*argv, columns=80, daemon=None, **env):
    """The output on a terminal of that width."""
    master, slave = pty.openpty()
    import fcntl
    import struct
    import termios
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([CLIENT, *argv], stdout=slave, stderr=slave, stdin=subprocess.DEVNULL,
                               env=environment(QUIETBELL_SOCKET=daemon.path, **env))
    os.close(slave)
    out = b""
    while select.select([master], [], [], 10)[0]:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    process.wait(10)
    os.close(master)
    return out.decode().replace("\r\n", "\n")


def check(condition, why=""):
    if not condition:
        raise AssertionError(why)


def equal(got, wanted):
    check(got == wanted, f"got {got!r}, wanted {wanted!r}")


# ---- arguments ------------------------------------------------------------------------------------------


def test_help_names_every_command():
    ran = run("help")
    equal(ran.code, 0)
    for word in WORDS:
        check(re.search(rf"^  {word} ", ran.out, re.M), word)
        one = run("help", word)
        equal((one.code, one.out.split("\n")[0].startswith(f"usage: quietbell {word}")), (0, True))
        equal(run(word, "--help").out, one.out)
    equal(run("--help").out, ran.out)
    check("exit status" in ran.out)


def test_version():
    ran = run("--version")
    equal(ran.code, 0)
    check(re.fullmatch(r"quietbell \d+\.\d+\.\d+\n", ran.out), ran.out)


def test_usage_errors_exit_2():
    for argv in ((), ("stauts",), ("--nonsense",), ("status", "extra"), ("status", "--all"), ("why", "1", "2"),
                 ("ack",), ("snooze",), ("snooze", "17.0", "30x"), ("snooze", "17.0", "31d"), ("resolve",), ("focus", "maybe"),
                 ("focus", "on"), ("focus", "on", "x", "for"), ("focus", "on", "x", "for", "soon"),
                 ("focus", "off", "a", "b"), ("test",), ("reload", "now"), ("check", "a", "b"), ("post",),
                 ("post", "words"), ("post", "--title"), ("post", "--title", "x", "--kind", "permision"),
                 ("post", "--title", "x", "--state", "sleeping"), ("-s",), ("help", "nothing")):
        ran = run(*argv, QUIETBELL_SOCKET="/nonexistent/sock")
        equal((argv, ran.code, ran.out), (argv, 2, ""))
        check(ran.err, argv)


def test_near_misses_are_suggested():
    check("did you mean status?" in run("stauts").err)
    check("did you mean permission?" in run("post", "--title", "x", "--kind", "permision").err)


# ---- no daemon ------------------------------------------------------------------------------------------


def test_no_daemon_exits_3_and_says_how_to_start_it():
    for argv in (("status",), ("needs",), ("ack", "17.0"), ("ack", "all"), ("focus", "on", "x"), ("post", "--title", "x"),
                 ("test", "popup"), ("reload",), ("why", "17.0")):
        ran = run(*argv)
        equal((argv, ran.code, ran.out), (argv, 3, ""))
        check("not reachable" in ran.err and "quietbelld" in ran.err and f"{TMP}/quietbell/sock" in ran.err, ran.err)
    equal(run("post", "-", stdin='{"agent":"a"}\n').code, 3)


def test_no_daemon_as_json():
    ran = run("status", "--json")
    equal((ran.code, ran.json()["ok"]), (3, False))


def test_dead_socket_long_path_and_silent_daemon():
    dead = os.path.join(TMP, "dead")
    s = socket.socket(socket.AF_UNIX)
    s.bind(dead)
    s.close()
    ran = run("-s", dead, "status")
    equal(ran.code, 3)
    check("refused" in ran.err, ran.err)
    equal(run("-s", "/" + "x" * 200, "status").code, 3)
    daemon = Daemon({"status": None})
    ran = run("status", daemon=daemon)
    equal(ran.code, 3)
    check("does not answer" in ran.err and 4.5 < ran.took_s < 8, (ran.err, ran.took_s))


def test_garbage_and_hang_up():
    for garbage in (b"HTTP/1.1 200 OK\n", b"[]\n", b"{\n", b"\xff\xfe\n", b"\n"):
        ran = run("status", daemon=Daemon({"status": garbage}))
        equal((garbage, ran.code), (garbage, 3))


def test_socket_candidates():
    state = tempfile.mkdtemp(dir=TMP)
    os.mkdir(f"{state}/quietbell")
    daemon = Daemon()
    os.rename(daemon.path, f"{state}/quietbell/sock")
    equal(run("needs", XDG_STATE_HOME=state).code, 0)
    equal(run("needs", XDG_STATE_HOME=state, QUIETBELL_SOCKET="/nonexistent").code, 3)
    equal(run("--socket", f"{state}/quietbell/sock", "needs").code, 0)
    equal(run("needs", f"--socket={state}/quietbell/sock").code, 0)


# ---- what is shown --------------------------------------------------------------------------------------


def test_status_is_a_board():
    ran = run("status", daemon=Daemon())
    equal((ran.code, ran.err), (0, ""))
    lines = ran.out.split("\n")
    check(lines[0].startswith("3 of 5 sessions need you. 1 acknowledged or snoozed."), lines[0])
    at = {line: i for i, line in enumerate(lines)}
    check(at["payments · feature-x"] < at["payments · main"] < at["webshop · main"], ran.out)
    rows = [line for line in lines[at["payments · feature-x"] + 1:at["payments · main"]] if line]
    check(re.match(r"  permission +2 min +Bash: git push +claude-code +17\.0 +told on popup$", rows[0]), rows)
    check(re.match(r"  working +1 min +Mend the parser +claude-code$", rows[1]), rows)
    check(re.search(r"question +2 min +Which database\? +claude-code +18\.0 +due in 1 min", ran.out), ran.out)
    check("Next: 17.0  permission in payments · feature-x: Bash: git push\n"
          "      allow or deny it in tmux %3; or quietbell ack 17.0\n" in ran.out, ran.out)
    check(re.search(r"Focus: deep-work until (\w+ )?\d\d:\d\d \(by hand\)", ran.out), ran.out)
    check("night" not in ran.out)
    check("Troubles of quietbelld:\n  quietbell.yaml:3:5: unknown key \"setle\" (3 min) — run `quietbell check`\n" in ran.out,
          ran.out)
    check("receiver phone is down: 404" in ran.out, ran.out)


def test_texts_are_inert():
    daemon = Daemon()
    for argv in (("status",), ("needs",), ("sessions",), ("status", "--json"), ("needs", "--json")):
        ran = run(*argv, daemon=daemon)
        check("\x1b" not in ran.out and "\u202e" not in ran.out and "\\u001b" not in ran.out, (argv, ran.out))


def test_colour_only_on_a_terminal_and_by_leave():
    daemon = Daemon()
    check("\x1b[" not in run("status", daemon=daemon).out)
    check("\x1b[33mpermission\x1b[0m" in on_terminal("status", daemon=daemon))
    check("\x1b" not in on_terminal("status", daemon=daemon, NO_COLOR="1"))


def test_rows_fit_the_terminal():
    daemon = Daemon()
    for columns in (120, 80, 60, 44):
        out = on_terminal("needs", daemon=daemon, columns=columns, NO_COLOR="1")
        for line in out.split("\n"):
            check(len(line) <= columns, (columns, line))
        check("17.0" in out and "perm" in out)


def test_lists():
    daemon = Daemon()
    ran = run("needs", daemon=daemon)
    check(all(n["id"] in ran.out for n in NEEDS), ran.out)
    equal([m.get("from") for m in daemon.asked], [None, 2])
    ran = run("sessions", daemon=daemon)
    check("390bf04d" in ran.out and "working" in ran.out, ran.out)
    ran = run("alerts", daemon=daemon)
    check(re.search(r"17\.1 +popup +2 +normal +delivered +payments +17\.0 18\.0", ran.out), ran.out)
    equal(run("needs", daemon=Daemon({"needs": {"ok": True, "needs": []}})).out, "Nothing needs you.\n")
    run("sessions", "--all", daemon=daemon)
    equal(daemon.asked[-1].get("all"), True)


def test_json_is_one_document():
    daemon = Daemon()
    equal([n["id"] for n in run("needs", "--json", daemon=daemon).json()["needs"]], ["17.0", "18.0", "19.0", "20.0"])
    equal(run("--json", "status", daemon=daemon).json()["status"]["sessions"][0]["session"], "390bf04d-1")
    equal(run("alerts", "--json", daemon=daemon).json()["alerts"][0]["needs"], ["17.0", "18.0"])
    equal(run("why", "17.0", "--json", daemon=daemon).json()["why"]["steps"][0]["line"], 7)
    equal(run("focus", "status", "--json", daemon=daemon).json()["focus"][0]["focus"], "deep-work")


def test_why():
    daemon = Daemon()
    ran = run("why", "17.0", daemon=daemon)
    equal(ran.code, 0)
    check("need 17.0: permission in payments · feature-x (claude-code, session 390bf04d-1)" in ran.out, ran.out)
    check(" 1. goes to popup  [everything, quietbell.yaml:7]\n   2. told on popup\n" in ran.out, ran.out)
    ran = run("why", "feature-x", daemon=daemon)  # no id: the need that it means
    equal((ran.code, daemon.asked[-1]["need"]), (0, "17.0"))
    ran = run("why", "nowhere", daemon=daemon)
    equal((ran.code, ran.out), (1, ""))


# ---- what is done ---------------------------------------------------------------------------------------


def test_commands_carry_id_and_stamp():
    daemon = Daemon()
    run("reload", daemon=daemon)
    message = daemon.asked[0]
    equal((message["type"], message["command"]), ("command", "reload"))
    check(re.fullmatch("[0-9a-f]{16}", message["id"]) and abs(message["at_ms"] - time.time() * 1000) < 60000)


def test_ack_by_id_and_by_name():
    daemon = Daemon()
    ran = run("ack", "17.0", daemon=daemon)
    equal((ran.code, daemon.asked[-1]["need"]), (0, "17.0"))
    check(ran.out.startswith("17.0 acknowledged"), ran.out)
    for name, id_ in (("390bf0", "17.0"), ("webshop", "19.0"), ("feature-x", "17.0")):
        ran = run("ack", name, daemon=daemon)
        equal((name, ran.code, daemon.asked[-1].get("need")), (name, 0, id_))
    ran = run("ack", "390bf", daemon=daemon)
    equal(ran.code, 1)
    check("17.0 (permission, payments · feature-x)" in ran.err and "18.0" in ran.err, ran.err)
    equal(run("ack", "payments", daemon=daemon).code, 1)
    ran = run("ack", "nobody", daemon=daemon)
    equal(ran.code, 1)
    check("nobody" in ran.err)
    ran = run("ack", "99.0", "18.0", daemon=daemon)
    equal((ran.code, daemon.asked[-1]["need"]), (1, "18.0"))
    check("there is no such need" in ran.err)


def test_ack_all_takes_what_still_asks():
    daemon = Daemon()
    ran = run("ack", "all", "--json", daemon=daemon)
    equal(ran.code, 0)
    equal([a["need"] for a in ran.json()["answers"]], ["17.0", "18.0", "19.0"])
    equal(daemon.connections, 1)


def test_snooze_and_resolve():
    daemon = Daemon()
    for argv, for_ms in ((("17.0", "45m"), 2700000), (("17.0", "1h30m"), 5400000), (("17.0",), 1800000)):
        equal(run("snooze", *argv, daemon=daemon).code, 0)
        equal((daemon.asked[-1]["need"], daemon.asked[-1]["for_ms"]), ("17.0", for_ms))
    equal(run("resolve", "17.0", daemon=daemon).code, 0)
    equal(daemon.asked[-1]["command"], "resolve")


def test_focus():
    daemon = Daemon()
    ran = run("focus", "on", "deep-work", "for", "45m", daemon=daemon)
    equal((ran.code, daemon.asked[-1]["command"], daemon.asked[-1]["focus"], daemon.asked[-1]["for_ms"]),
          (0, "focus-on", "deep-work", 2700000))
    run("focus", "on", "deep-work", daemon=daemon)
    check("for_ms" not in daemon.asked[-1])
    run("focus", "off", daemon=daemon)
    equal((daemon.asked[-1]["command"], daemon.asked[-1]["focus"]), ("focus-off", ""))
    run("focus", "off", "night", daemon=daemon)
    equal(daemon.asked[-1]["focus"], "night")
    ran = run("focus", daemon=daemon)
    check(re.search(r"^deep-work +on +until .*hand$", ran.out, re.M) and re.search(r"^night +off$", ran.out, re.M), ran.out)


def test_test_names_the_receiver():
    daemon = Daemon()
    ran = run("test", "popup", daemon=daemon)
    equal((ran.code, daemon.asked[-1]["receiver"]), (0, "popup"))


def test_refusals_exit_1():
    refusal = {"ok": False, "error": "no focus is called x", "at": "/focus"}
    daemon = Daemon({"focus-on": refusal, "reload": refusal, "event": refusal})
    ran = run("focus", "on", "x", daemon=daemon)
    equal((ran.code, ran.out), (1, ""))
    check("no focus is called x" in ran.err and "/focus" in ran.err)
    equal(run("focus", "on", "x", "--json", daemon=daemon).json(), refusal)
    ran = run("reload", daemon=daemon)
    equal(ran.code, 1)
    check("stay in force" in ran.err)
    equal(run("post", "--title", "x", daemon=daemon).code, 1)


def test_post():
    daemon = Daemon()
    ran = run("post", "--agent", "ci", "--session", "s1", "--state", "blocked", "--kind", "permission", "--title", "T",
              "--text=two\nlines", "--repository", "R", "--worktree", "W", daemon=daemon)
    equal((ran.code, ran.out), (0, "taken as 46\n"))
    message = daemon.asked[-1]
    equal({k: message[k] for k in ("type", "agent", "session", "state", "kind", "title", "text")},
          {"type": "event", "agent": "ci", "session": "s1", "state": "blocked", "kind": "permission", "title": "T",
           "text": "two\nlines"})
    equal(message["context"], {"repository": "R", "worktree": "W"})
    check(re.fullmatch("[0-9a-f]{16}", message["id"]))
    for kind, state in (("review", "done"), ("failure", "failed"), ("plan", "blocked")):
        run("post", "--title", "x", "--kind", kind, daemon=daemon)
        equal(daemon.asked[-1]["state"], state)
    equal(run("post", "--task", "x", "--state", "note", daemon=daemon).code, 0)
    run("post", "--title", "built", daemon=daemon)
    equal((daemon.asked[-1]["agent"], daemon.asked[-1]["session"]), ("shell", f"shell-{os.getpid()}"))
    equal(daemon.asked[-1]["context"]["cwd"], os.getcwd())
    equal(run("post", "--title", "x", "--json", daemon=daemon).json(), {"ok": True, "seq": 46})


def test_post_lines():
    daemon = Daemon({"event": lambda m: {"ok": m.get("agent") == "a", "seq": 5, "error": "no agent", "at": "/agent"}})
    lines = '{"agent":"a","session":"s","state":"working"}\n\n{"agent":"b"}\nnonsense\n[1]\n' \
            '{"agent":"a","id":"00000000000000aa","at_ms":7}\n{"x":"' + "y" * 300000 + '"}\n'
    ran = run("post", "-", stdin=lines, daemon=daemon)
    equal((ran.code, ran.out), (1, "2 taken\n"))
    equal(len(daemon.asked), 3)
    equal(daemon.connections, 1)
    equal((daemon.asked[2]["id"], daemon.asked[2]["at_ms"]), ("00000000000000aa", 7))
    for said in ("stdin:3: no agent at /agent", "stdin:4:", "stdin:5:1: no JSON object", "stdin:7: longer than 256 KiB"):
        check(said in ran.err, ran.err)
    ran = run("post", "-", "--json", stdin='{"agent":"a"}\n{"agent":"a"}', daemon=daemon)
    equal((ran.code, len(ran.out.strip().split("\n"))), (0, 2))


# ---- without a daemon -----------------------------------------------------------------------------------


def config(text):
    path = os.path.join(tempfile.mkdtemp(dir=TMP), "quietbell.yaml")
    with open(path, "w") as f:
        f.write(text)
    return path


def test_check():
    ran = run("check")
    equal(ran.code, 0)
    good = config("receivers:\n  popup: { plugin: desktop }\nrules:\n  - set: { settle: 5s }\n")
    ran = run("check", good)
    equal((ran.code, ran.err), (0, ""))
    check("is good" in ran.out, ran.out)
    equal(run("check", good, "--json").json()["ok"], True)
    bad = config("receivers:\n  popup: { plugin: desktop }\nrules:\n  - set: { setle: 5s }\n")
    ran = run("check", bad)
    equal(ran.code, 1)
    check(f"{bad}:4:" in ran.out and "setle" in ran.out and "settle" in ran.out and "^" in ran.out, ran.out)
    ran = run("check", bad, "--json")
    problem = ran.json()["problems"][0]
    equal((ran.code, ran.json()["ok"], problem["line"]), (1, False, 4))
    equal(run("check", "/nonexistent.yaml").code, 1)


# ---- the real daemon ------------------------------------------------------------------------------------


class Real:
    """quietbelld with folders of its own; `with Real(config) as real: real.run("status")`."""

    def __init__(self, text):
        self.home = tempfile.mkdtemp(dir=TMP)
        self.config = config(text)
        self.env = {"HOME": self.home, **{f"XDG_{name}": os.path.join(self.home, name) for name in
                                          ("RUNTIME_DIR", "STATE_HOME", "CONFIG_HOME")}}
        os.mkdir(self.env["XDG_RUNTIME_DIR"], 0o700)

    def __enter__(self):
        self.process = subprocess.Popen([os.path.join(os.path.dirname(CLIENT), "quietbelld"), "-c", self.config],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        env=environment(**self.env))
        self.log = []
        for line in self.process.stdout:
            self.log.append(line.decode())
            if "ready" in self.log[-1]:
                break
        self.reader = threading.Thread(target=lambda: self.log.extend(x.decode() for x in self.process.stdout))
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.code = self.process.wait(20)
        self.reader.join(5)

    def run(self, *argv, stdin=""):
        return run(*argv, stdin=stdin, **self.env)

    def needs(self):
        return self.run("needs", "--json").json()["needs"]

    def until(self, condition, what):
        end = time.monotonic() + 10
        while not condition():
            check(time.monotonic() < end, f"{what}: {self.log}")
            time.sleep(0.05)


REAL = """receivers:
  popup: { plugin: terminal }
focus:
  deep-work: {}
rules:
  - name: everything
    set: { to: popup, settle: 1s, hold: never, group_by: [repository] }
"""


def test_next_says_where_and_that_the_person_goes_there():
    daemon = Daemon()
    ran = run("next", daemon=daemon)
    equal((ran.code, [m["command"] for m in daemon.asked], daemon.asked[-1]["need"]), (0, ["next", "serve"], "17.0"))
    check(ran.out.startswith("17.0  permission in payments · feature-x: Bash: git push\n"), ran.out)
    check("allow or deny it in tmux %3; or quietbell ack 17.0" in ran.out and "after it 2 more" in ran.out, ran.out)
    daemon = Daemon()
    equal((run("next", "--peek", daemon=daemon).code, [m["command"] for m in daemon.asked]), (0, ["next"]))
    equal(run("next", "--json", daemon=daemon).json()["next"]["need"]["id"], "17.0")
    ran = run("next", daemon=Daemon({"next": {"ok": True, "next": {"waiting": 0}}}))
    equal((ran.code, ran.out), (0, "Nothing needs you.\n"))


def test_presence_and_break():
    daemon = Daemon()
    equal(run("break", daemon=daemon).code, 0)
    equal(run("presence", "locked", daemon=daemon).code, 0)
    equal(daemon.asked[-1]["state"], "locked")
    equal(run("presence", "--pane", "%3", "--tmux", "/tmp/t", "--dnd", "on", daemon=daemon).code, 0)
    equal((daemon.asked[-1]["front"], daemon.asked[-1]["dnd"]), ({"pane": "%3", "tmux": "/tmp/t"}, True))
    equal(run("presence", "--nowhere", "--breakpoint", "a commit", daemon=daemon).code, 0)
    equal((daemon.asked[-1]["front"], daemon.asked[-1]["breakpoint"]), ({}, "a commit"))
    for argv in (("presence", "active", "idle"), ("presence", "--dnd", "maybe"), ("break", "now"), ("next", "17.0")):
        equal((argv, run(*argv, daemon=daemon).code), (argv, 2))


HELD = REAL.replace("settle: 1s, hold: never", "settle: 1s, hold: breakpoint") + "policy: { few: 0 }\n"


def test_real_next_break_and_presence():
    with Real(HELD) as real:
        equal(real.run("next").out, "Nothing needs you.\n")
        for session, kind, repository in (("s1", "review", "docs"), ("s2", "question", "payments"),
                                          ("s3", "permission", "payments")):
            equal(real.run("post", "--agent", "codex", "--session", session, "--kind", kind, "--title", session,
                           "--repository", repository).code, 0)
        time.sleep(1.5)
        equal([n["told"] for n in real.needs()], [False] * 3)
        equal(real.run("break").code, 0)
        real.until(lambda: all(n["told"] for n in real.needs()), "told at the breakpoint")
        check(": s3" in real.run("next", "--peek").out, real.run("next", "--peek").out)
        equal(real.run("next", "--json").json()["next"]["waiting"], 3)
        check("s3" in real.run("status").out.split("Next: ")[1].split("\n")[0], real.run("status").out)
        real.run("post", "--session", "s4", "--kind", "plan", "--title", "p", "--repository", "web")
        real.run("break")
        why = next(n["why"] for n in real.needs() if n["session"] == "s4")
        check("answering from the board" in why, why)
        equal(real.run("presence", "nowhere").code, 1)
        equal(real.run("presence").code, 1)
        equal(real.run("presence", "away").code, 0)
    equal(real.code, 0)


def test_real_life_of_a_need():
    with Real(REAL) as real:
        check("No session yet" in real.run("status").out)
        equal(real.run("post", "--agent", "codex", "--session", "s1", "--kind", "permission", "--title", "Bash: git push",
                       "--repository", "payments", "--worktree", "feature-x").code, 0)
        equal(real.run("post", "-", stdin='{"agent":"claude-code","session":"s2","state":"blocked","kind":"question",'
                       '"title":"Which?","context":{"repository":"payments","branch":"main"}}\n').out, "1 taken\n")
        first, second = real.needs()
        equal((first["kind"], first["session"], first["worktree"], second["title"]),
              ("permission", "s1", "feature-x", "Which?"))
        real.until(lambda: all(n["told"] for n in real.needs()), "told")
        real.until(lambda: any("Bash: git push" in line for line in real.log), "shown")
        shown = "".join(real.log)
        check("payments" in shown and "feature-x" in shown and "Which?" in shown, shown)
        alerts = real.run("alerts", "--json").json()["alerts"]
        equal([(a["receiver"], a["key"], len(a["needs"])) for a in alerts], [("popup", "payments", 2)])
        ran = real.run("why", first["id"])
        check("everything" in ran.out and real.config in ran.out, ran.out)
        equal(real.run("ack", "feature-x").code, 0)
        equal(real.run("snooze", "s2", "20m").code, 0)
        equal([n["state"] for n in real.needs()], ["acked", "snoozed"])
        real.until(lambda: real.run("alerts", "--json").json()["alerts"] == [], "withdrawn")
        equal(real.run("resolve", first["id"], second["id"]).code, 0)
        equal(real.needs(), [])
        equal(real.run("ack", first["id"]).code, 1)
        equal({n["state"] for n in real.run("needs", "--all", "--json").json()["needs"]}, {"resolved"})
    equal(real.code, 0)
    equal(real.run("status").code, 3)


def test_real_focus_test_and_reload():
    with Real(REAL) as real:
        equal(real.run("focus", "on", "deep-work", "for", "45m").code, 0)
        focus = {f["focus"]: f for f in real.run("focus", "--json").json()["focus"]}["deep-work"]
        check(focus["on"] and abs(focus["until_ms"] - time.time() * 1000 - 2700000) < 60000, focus)
        real.run("post", "--session", "s", "--kind", "plan", "--title", "A plan", "--repository", "payments")
        time.sleep(1.5)
        need = real.needs()[0]
        equal((need["told"], need["decision"]), (False, "hold"))
        check("deep-work" in need["why"], need["why"])
        equal(real.run("focus", "on", "nothing").code, 1)
        equal(real.run("focus", "off", "deep-work").code, 0)
        real.until(lambda: real.needs()[0]["told"], "told after the focus")
        equal(real.run("test", "popup").code, 0)
        equal(real.run("test", "nobody").code, 1)
        equal(real.run("reload").code, 0)
        with open(real.config, "w") as f:
            f.write(REAL.replace("settle", "setle"))
        ran = real.run("reload")
        equal(ran.code, 1)
        check(f"{real.config}:7:" in ran.err, ran.err)
        ran = real.run("status")
        equal(ran.code, 0)
        check(f"{real.config}:7:" in ran.out and "Troubles" in ran.out, ran.out)
    equal(real.code, 0)


def main():
    passed = failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and not any(w in name for w in sys.argv[1:])):
            continue
        try:
            test()
            print(f"ok {name}")
            passed += 1
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[1] if error.__traceback__.tb_next else ""
            print(f"not ok {name}: {error!r} {where and where.lineno}")
            failed += 1
    subprocess.run(["rm", "-rf", TMP], check=False)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
