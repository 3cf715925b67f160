#!/usr/bin/env python3
"""Hostile input at every door: lines, clients, spool files, texts, other users. (time limit: 200 s)

After each of them the daemon lives, is small, has said why, and takes good messages."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import rig
from rig import case, check, equal, hook_message, new_id, quiet, wait_for, wall_ms

RESIDENT_MAX_KIB = 32 * 1024
DESCRIPTORS_MAX = 64
LINE_MAX = 256 * 1024


def event(**members):
    return {"type": "event", "agent": "shell", "session": "s", "state": "blocked", "kind": "permission", **members}


def line(value):
    return json.dumps(value).encode() + b"\n"


def stays_small(daemon, clients=0):
    """P9. Under a sanitizer memory says nothing about the daemon's own."""
    check(daemon.alive(), f"the daemon died: {daemon.log()[-800:]}")
    if not rig.SANITIZER:
        for which in ("VmRSS", "VmHWM"):
            check(daemon.memory_kib(which) <= RESIDENT_MAX_KIB, f"{which} is {daemon.memory_kib(which)} KiB")
    check(daemon.descriptors() <= DESCRIPTORS_MAX + clients, f"{daemon.descriptors()} descriptors")


_good = 0


def takes_good_ones(r):
    """Also a door of its own each time: a spoiled connection must not spoil others."""
    global _good
    _good += 1
    session = f"good-{_good}"
    r.post(session, title=session)
    check(r.need(session)["title"] == session, "a good message is lost")


# ---- lines ----------------------------------------------------------------------------------------------------

GOOD = line(event(id="0123456789abcdef", at_ms=1795455862021, title="t"))


def malformed_lines():
    """300 and more lines, none of which is a message. None holds a line end within."""
    yield from (GOOD[:n] for n in range(1, len(GOOD) - 1, 2))  # truncated: 70-odd
    deep = 10000
    for text in (b"{", b"}", b"[", b"]", b"[]", b"{}", b"null", b"true", b"0", b"-", b"1e", b'"', b'""', b"'x'", b"{]",
                 b'{"type"}', b'{"type":}', b'{"type":"event",}', b'{,}', b'{"a":1 "b":2}', b"[1,]", b"nul", b"NaN",
                 b"Infinity", b"// x", b"# x", b"GET / HTTP/1.1", b"\xef\xbb\xbf" + GOOD[:-1], b"{}{}", GOOD[:-1] * 2,
                 b"[" * deep, b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep, b"[{" * deep,
                 b'{"type":"event","x":' + b"[" * 64 + b"]" * 64 + b"}"):
        yield text
    for junk in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80", b"\x00", b"\x00\x00",
                 b"\x1b[2J", b"\x7f"):
        yield junk * 10
        for key in (b"title", b"session", b"agent", b"id"):
            # the escapes are fine inside a JSON string only as \u: a raw control character is not
            yield b'{"type":"event","agent":"a","session":"s","%s":"%s"}' % (key, junk)
        yield b'{"type":"event","agent":"a","session":"s","' + junk + b'":1}'
    for number in (b"1e999", b"-1e999", b"9" * 400, b"99999999999999999999", b"-1", b"0", b"1.5", b'"1"', b"1e3", b"[]",
                   b"9007199254740993", b"true", b"null", b"{}", b"-9223372036854775808"):
        yield b'{"type":"event","agent":"a","session":"s","state":"blocked","kind":"permission","at_ms":%s}' % number
    wrong = (1, 1.5, True, False, None, [], {}, ["x"], {"x": 1}, "")
    for key in ("type", "agent", "session"):
        yield from (line(event(**{key: value}))[:-1] for value in wrong)
    for key in ("state", "kind"):
        yield from (line(event(**{key: value}))[:-1] for value in wrong if value is not None)
    for value in wrong[:4] + wrong[5:8] + ("x", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg", "x" * 5000):
        yield line(event(id=value))[:-1]
    for key in ("context", "payload"):
        yield from (line({"type": "hook", "agent": "claude-code", "event": "Stop", "payload": {}, key: value})[:-1]
                    for value in wrong if value is not None and value != {} and value != {"x": 1})
    for value in (1, True, [], {}, 1.5):
        yield line({"type": "hook", "agent": value, "event": "Stop", "payload": {}})[:-1]
        yield line({"type": "hook", "agent": "claude-code", "event": value, "payload": {}})[:-1]
        yield line({"type": "command", "command": value})[:-1]
    for word in ("", "x", "status ", "STATUS", "../../etc/passwd", "x" * 10000):
        yield line({"type": "command", "command": word})[:-1]
        yield line({"type": word})[:-1]
        yield line(event(state=word + "!"))[:-1]
        yield line(event(kind=word + "!"))[:-1]
    for more in ({"command": "ack"}, {"command": "ack", "need": 1}, {"command": "ack", "need": "99999.0"},
                 {"command": "ack", "need": "x" * 10000}, {"command": "snooze", "need": "1.0", "for_ms": -1},
                 {"command": "snooze", "need": "1.0", "for_ms": 1e300}, {"command": "focus-on", "focus": "nobody"},
                 {"command": "focus-on"}, {"command": "why", "of": ""}, {"command": "why", "of": [1]},
                 {"command": "test", "receiver": "\u202e"}):
        yield line({"type": "command", **more})[:-1]
    yield b'{"type":"event","type":"event","agent":"a","session":"s"}'
    yield b'{"type":"event","agent":"a","agent":"b","session":"s"}'
    yield b'{"type":"event","agent":"a","session":"s","x":{"y":1,"y":2}}'
    yield b'{"type":"event","' + b"k" * 1000000 + b'":1}'
    yield b'{"' + b"k" * 200000 + b'":1}'
    yield b'{"type":"' + b"x" * 200000 + b'"}'
    yield b'{"type":"event","agent":"a","session":"s","x":[' + b"0," * 20001 + b"0]}"
    yield b'{"type":"event","agent":"a","session":"s","x":"' + b"x" * LINE_MAX + b'"}'
    yield b"[" + b"0," * (4 << 20) + b"0]"  # 8 MiB of zeros
    yield b"x" * (9 << 20)
    yield b'{"type":"event","x":"' + b"\\" * (9 << 20) + b'"}'
    yield b"\x00" * (9 << 20)
    yield b" " * 300000 + b"{}"


@case
def malformed_lines_are_refused_with_a_reason(r):
    daemon = r.daemon(quiet(r))
    lines = list(malformed_lines())
    check(len(lines) >= 300, f"only {len(lines)} lines")
    check(not any(b"\n" in text for text in lines), "a line with a line end")
    door, reasons = r.connect(60), {}
    for number, text in enumerate(lines):
        answer = door.ask(text + b"\n")
        check(answer is not None, f"closed by {text[:100]!r}")
        check(answer["ok"] is False and isinstance(answer["error"], str) and answer["error"],
              f"{text[:200]!r}: {json.dumps(answer)[:300]}")
        check(len(answer["error"]) < 1000 and answer["error"].isprintable(), f"{text[:100]!r}: {answer['error'][:200]!r}")
        reasons[answer["error"]] = reasons.get(answer["error"], 0) + 1
        if number % 20 == 0:  # on the same connection
            check(door.ask(event(id=new_id(), session=f"between-{number}"))["ok"], f"a good line after {text[:100]!r}")
    stays_small(daemon, 1)
    takes_good_ones(r)
    equal(r.status()["counts"]["refused"] > 200, True, "refusals are counted")
    check(all(need["session"].startswith(("between-", "good-")) for need in r.needs()), "a need out of nothing")
    rig.info(f"{len(lines)} lines, {len(reasons)} reasons, {daemon.memory_kib('VmHWM')} KiB at most")


@case
def empty_and_blank_lines(r):
    daemon = r.daemon(quiet(r))
    door = r.connect()
    door.send(b"\n" * 10000 + b"\r\n" + GOOD)
    while True:  # a blank line may be answered or not; the good one is
        answer = door.line()
        if answer["ok"]:
            break
    stays_small(daemon, 1)


# ---- clients --------------------------------------------------------------------------------------------------

@case
def half_lines_held_open(r):
    """200 clients hold 200 KiB each, 40 MiB in all: some are closed, with a reason, and the rest is bounded."""
    daemon = r.daemon(quiet(r))
    doors = [r.connect(30) for _ in range(200)]
    half = b'{"type":"event","x":"' + b"x" * 200000
    closed = 0
    for door in doors:
        try:
            door.send(half)
        except OSError:
            closed += 1
    takes_good_ones(r)
    stays_small(daemon, len(doors))

    def told():
        count = 0
        for door in doors:
            door.socket.setblocking(False)
            try:
                count += b"half lines" in door.socket.recv(4096)
            except BlockingIOError:
                pass
            except ConnectionError:
                count += 1  # it was closed while we still wrote
        return count

    check(told() + closed > 50, "nobody was closed")
    for door in doors:
        door.close()
    wait_for(lambda: r.status()["counts"]["clients"] == 1, "the clients' end")
    # and with the holders gone there is room again
    door = r.connect()
    door.send(half)
    check(door.ask(b'"}\n') is not None, "an answer to the end of a long line")
    stays_small(daemon, 2)


@case
def drips(r):
    """A line that comes byte by byte is a line."""
    daemon = r.daemon(quiet(r))
    doors = [r.connect() for _ in range(50)]
    text = line(event(title="drip"))
    for i in range(len(text)):
        for number, door in enumerate(doors):
            if i or number:
                door.send(text[i:i + 1])
            else:
                door.send(text[:1])
    check(all(door.line()["ok"] for door in doors), "not taken")
    stays_small(daemon, len(doors))


@case
def clients_that_never_read(r):
    """100 clients ask for the board, large by now, and take no answer."""
    daemon = r.daemon(quiet(r))
    for i in range(200):
        r.post(f"s{i}", title="x" * 400, text="y" * 2000)
    doors, sent = [], 0
    for _ in range(100):
        door = r.connect()
        doors.append(door)
        door.socket.setblocking(False)
        try:
            for _ in range(400):
                sent += door.socket.send(b'{"type":"command","command":"status"}\n' * 16)
        except (BlockingIOError, ConnectionError):
            pass
        if len(doors) % 10 == 0:
            takes_good_ones(r)
            stays_small(daemon, len(doors) + 10)
    takes_good_ones(r)
    stays_small(daemon, len(doors) + 1)
    for door in doors:
        door.close()
    wait_for(lambda: r.status()["counts"]["clients"] == 1, "the clients' end")
    rig.info(f"{sent >> 10} KiB of questions unread answers, {daemon.memory_kib('VmHWM')} KiB at most")


@case
def more_clients_than_there_is_room_for(r):
    daemon = r.daemon(quiet(r))
    doors = [r.connect() for _ in range(256)]
    check(doors[-1].ask({"type": "command", "command": "focus-status"})["ok"], "the last one that fits")
    late = r.connect()
    answer = late.line()
    check(answer and not answer["ok"] and answer.get("retry"), f"the first one too many: {answer}")
    equal(late.line(), None, "it stays open")
    stays_small(daemon, 256)
    # the hook client goes to the spool then, and loses nothing
    agent = r.agent(r.repository("payments"))
    for door in doors[:3]:
        door.close()
    agent.start().ask("ls")
    wait_for(lambda: not r.spooled(), "an empty spool")
    equal(len(r.needs()), 1, "needs")
    for door in doors:
        door.close()
    takes_good_ones(r)


@case
def pipelined_flood(r):
    """20,000 good lines without reading, then all the answers, in order."""
    daemon = r.daemon(quiet(r, "1h"))
    door = r.connect(60)
    count = 20000 if not rig.SANITIZER else 4000
    data = b"".join(line(event(id=new_id(), session=f"s{i % 50}", title=f"t{i}", state="working" if i % 2 else "blocked",
                               kind="permission")) for i in range(count))
    door.socket.setblocking(False)
    seqs, pos = [], 0
    end = time.monotonic() + 60
    while len(seqs) < count:
        check(time.monotonic() < end, f"{len(seqs)} answers in 60 s")
        try:
            pos += door.socket.send(data[pos:pos + 65536]) if pos < len(data) else 0
        except BlockingIOError:
            pass
        try:
            door.data += door.socket.recv(1 << 20)
        except BlockingIOError:
            time.sleep(0.001)
        *lines, door.data = door.data.split(b"\n")
        for text in lines:
            answer = json.loads(text)
            check(answer["ok"], f"{answer}")
            seqs.append(answer["seq"])
    equal(seqs, sorted(seqs), "order of the answers")
    equal(len(set(seqs)), count, "answers")
    stays_small(daemon, 1)


@case
def twenty_thousand_sessions_and_more(r):
    """P9: a flood of sessions, with long texts and then short ones, sheds the oldest, is counted and told."""
    daemon = r.daemon(quiet(r, "1h"))
    door = r.connect(60)
    count = 21000 if not rig.SANITIZER else 4000
    for begin in range(0, count, 50):
        door.send(b"".join(line(event(id=new_id(), session=f"s{i}", title=f"title {i} " + "x" * 200,
                                      text="y" * 3000 if i < count // 3 else "", repository=f"r{i}")) for i in range(begin, begin + 50)))
        for _ in range(50):
            check(door.line()["ok"], "not taken")
    stays_small(daemon, 1)
    status = r.status()
    r.needs()
    stays_small(daemon, 1)
    check(status["counts"]["sessions"] <= 20000, f"{status['counts']['sessions']} sessions")
    check(rig.SANITIZER or status["counts"]["shed"] > 0, f"nothing shed: {status['counts']}")
    check(rig.SANITIZER or any(t["key"] == "shed" for t in status["troubles"]), f"not told: {status['troubles']}")
    takes_good_ones(r)
    rig.info(f"{count} sessions: {status['counts']['sessions']} kept, {daemon.memory_kib('VmHWM')} KiB at most")


# ---- the spool ------------------------------------------------------------------------------------------------

def spool_junk(r):
    """100 things that are no message; returns their names. What they point at must stay as it is."""
    os.makedirs(r.spool, 0o700, exist_ok=True)
    made = tempfile.mkdtemp(dir=r.dir)  # and renamed in, so that the daemon meets each as a whole
    secret = r.dir + "/secret"
    with open(secret, "w", encoding="utf-8") as file:
        file.write(json.dumps(event(title="through a link")) + "\n")
    names = []

    def name(word, i):
        names.append(f"{wall_ms() - 1000 + i:013d}-{i:04x}{word:>012.12}.json".replace(" ", "0"))
        return f"{made}/{names[-1]}"

    for i in range(10):
        os.symlink([secret, r.dir, "/dev/zero", "/nowhere", r.spool, "/dev/tty", "..", "/proc/self/mem",
                    "/etc/passwd", "loop"][i], name("aa", i))
    for i in range(10):
        os.mkfifo(name("bb", i))
    for i in range(10):
        path = name("cc", i)
        os.mkdir(path)
        if i % 2:
            with open(path + "/inside.json", "w", encoding="utf-8") as file:
                file.write("{}")
    for i in range(10):
        with open(name("dd", i), "w", encoding="utf-8"):
            pass
    for i in range(10):
        path = name("ee", i)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(event(title="unreadable"), file)
        os.chmod(path, 0)
    good = line(event(title="t"))
    for i in range(15):
        with open(name("ff", i), "wb") as file:
            file.write(good[:5 + i * 6])
    for i, data in enumerate((b"\x00" * 1000, b"\xff" * 1000, b"[" * 100000, b"null", b"[]", b'"x"', b"{}", good * 2,
                              line({"type": "command", "command": "status"}), line({"type": "follow", "from": 0}),
                              line({"type": "file", "path": "/x", "at_ms": 1, "content": ""}),
                              line({"type": "hook", "agent": "claude-code", "event": "Stop", "payload_text": "x"}),
                              b'{"type":"event","type":"event"}', line(event(id="x")), line(event(at_ms="x")))):
        with open(name("ab", i), "wb") as file:
            file.write(data)
    for i in range(5):
        with open(name("ac", i), "wb") as file:
            file.truncate((1 << 30) if i else LINE_MAX + 2)
    for i in range(3):
        listener = socket.socket(socket.AF_UNIX)
        here = os.getcwd()
        os.chdir(made)  # a socket's path is short
        try:
            listener.bind(os.path.basename(name("ad", i)))
        finally:
            os.chdir(here)
            listener.close()
    junk = b"\xff\xfe not json"
    for word in ("x", "x.json", "1-2", "no time.json", "-.json", "x" * 63, "x" * 64, "y" * 200, "z" * 255,
                 "new\nline.json", "\x1b[31m.json", "\udcff\udcfe.json", "a b.reason", "9999999999999-ffffffffffffffff.json"):
        names.append(word)
        with open(os.fsencode(f"{made}/{word}"), "wb") as file:
            file.write(junk)
    for word in names:
        os.rename(f"{made}/{word}", f"{r.spool}/{word}")
    return names, secret


@case
def malformed_spool_files_are_quarantined(r):
    """At the start and while it runs. The daemon runs without the right to read what it may not."""
    names, secret = spool_junk(r)
    check(len(names) >= 100, f"only {len(names)} files")
    drop = []
    if os.geteuid() == 0 and shutil.which("setpriv"):
        drop = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
    daemon = r.daemon(quiet(r), argv=drop)
    wait_for(lambda: not r.spooled(), lambda: f"an empty spool: {r.spooled()[:5]}", 30)
    found = r.quarantined()
    check(all(reason for reason in found.values()), "a file without its reason")
    reasons = {reason for reason in found.values()}
    check(len(found) >= 90, f"{len(found)} of {len(names)} in the quarantine")
    stays_small(daemon)
    equal(r.needs(), [], "needs out of nothing" + ("" if drop else "; unreadable files are readable here"))
    with open(secret, encoding="utf-8") as file:
        check("through a link" in file.read(), "what a link pointed at was changed")
    trouble = next(t for t in r.troubles() if t["key"] == "quarantine")
    check(str(len(names)) in trouble["what"] and trouble["todo"], f"{trouble}")
    check(trouble["what"].isprintable() and r.quietbell("status").count("\x1b") == 0, "an escape in the status")
    check(all(ord(c) >= 32 or c == "\n" for c in daemon.log()), "a control character in the log")
    # once more while it runs, with a good one among them and a good one last
    before = len(found)
    shutil.rmtree(r.quarantine)
    os.mkdir(r.quarantine, 0o700)
    names, secret = spool_junk(r)
    r.spool_message(hook_message("good"))
    wait_for(lambda: not r.spooled(), lambda: f"an empty spool: {r.spooled()[:5]}", 30)
    equal([n["session"] for n in r.needs()], ["good"], "needs")
    stays_small(daemon)
    takes_good_ones(r)
    rig.info(f"{len(names)} files, {before} and then {len(r.quarantined())} in the quarantine, {len(reasons)} reasons")


@case
def a_full_quarantine_is_told(r):
    """Beyond its cap files are dropped, counted and told; nothing grows without bound."""
    os.makedirs(r.spool, 0o700)
    for i in range(1200):
        with open(f"{r.spool}/{wall_ms() + i:013d}-{i:016x}.json", "w", encoding="utf-8") as file:
            file.write("no json")
    daemon = r.daemon(quiet(r))
    wait_for(lambda: not r.spooled(), "an empty spool", 30)
    check(any(t["key"].startswith("quarantine") for t in r.troubles()), f"{r.troubles()}")
    equal(r.status()["counts"]["quarantined"], 1200, "counted")
    check(len(r.quarantined()) <= 1200, "more than there were")
    stays_small(daemon)
    takes_good_ones(r)


# ---- texts ----------------------------------------------------------------------------------------------------

HOSTILE = ("<b>bold</b> <a href='http://evil/'>link</a> <img src=x> &amp; \x1b[31mred\x1b]0;title\x07 \x9b31m \u202egnp.exe "
           "\u2066iso\u2069 \u200b <!channel> <@U123> <http://evil|click> @here *x* `y` ]]> %s %n $(id) ;id\r\nquietbell: fake")
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@case
def hostile_text_arrives_inert(r):
    desktop, slack = r.desktop(), r.receiver()
    daemon = r.daemon("""
preset: none
receivers:
  popup: { plugin: desktop }
  team:  { plugin: webhook, format: slack, url_file: slack.url }
  paper: { plugin: terminal, path: %s/paper }
rules: [ { set: { to: [popup, team, paper], settle: 0, hold: never } } ]
""" % r.dir, args=["-v"])
    r.wait_serving("popup", "team", "paper")
    r.ask(event(id=new_id(), session="s\x1b[1m" + HOSTILE, title=HOSTILE, text=HOSTILE + "\n" + HOSTILE[::-1],
                repository="rep" + HOSTILE, worktree="wt" + HOSTILE, branch="br" + HOSTILE, tool=HOSTILE, task=HOSTILE))
    popup = desktop.wait_popups(1)[0]
    body = slack.wait_requests(1)[0]["body"].decode()
    wait_for(lambda: os.path.exists(r.dir + "/paper") and os.path.getsize(r.dir + "/paper"), "the terminal's file")
    wait_for(lambda: r.needs()[0]["delivered"] == ["popup", "team", "paper"], "delivered everywhere")

    # the popup: no markup of theirs, and dunst shows what was written
    desktop.shows(1)
    check("&lt;b&gt;bold&lt;/b&gt;" in popup["body"], popup["body"])
    check(not re.search(r"<[a-z!@/]", popup["body"]), popup["body"])
    check(not CONTROLS.search(popup["body"] + popup["title"]), repr(popup))
    desktop.screenshot("hostile.png")
    desktop.run("dunstctl", "close-all")
    wait_for(desktop.history, "dunst's history")
    # (dunst keeps the body as it came; its own parser must find it well-formed, else it strips it)
    check("bold" in desktop.history()[0]["body"] and "click" in desktop.history()[0]["body"], f"{desktop.history()}")

    # Slack
    text = rig.slack_text(json.loads(body))
    check(not re.search(r"<[!@#h]", text) and "&lt;!channel&gt;" in text, text)
    check(not CONTROLS.search(text), repr(text))
    for block in json.loads(body)["blocks"]:
        equal(block["text"]["type"], "plain_text", "a block's text, where mentions and formats would be read")

    # the terminal, the client and the log
    with open(r.dir + "/paper", encoding="utf-8") as file:
        said = {"terminal": file.read()}
    need = r.needs(all=True)[0]["id"]
    said.update(log=daemon.log(), status=r.quietbell("status"), needs=r.quietbell("needs", "--all"),
                why=r.quietbell("why", need), alerts=r.quietbell("alerts", "--all"), sessions=r.quietbell("sessions"))
    for where, text in said.items():
        check(not CONTROLS.search(text), f"{where}: {CONTROLS.search(text)} {text!r}")
        check("\nquietbell: fake" not in text, f"{where}: a line of its own: {text!r}")
    check("<b>bold</b>" in said["terminal"], said["terminal"])  # plain there
    for words in ("status", "needs"):
        check(not CONTROLS.search(json.dumps(json.loads(r.quietbell(words, "--json")), ensure_ascii=False)), words)


@case
def hostile_agent_through_the_hook(r):
    """The same through the real hook client: payload, directory, branch and environment."""
    desktop = r.desktop()
    daemon = r.daemon("receivers: { popup: { plugin: desktop } }\nrules: [ { set: { settle: 0 } } ]\n", args=["-v"])
    r.wait_serving("popup")
    cwd = f"{r.dir}/src/re\x1b[31m<b>po\u202e"
    os.makedirs(cwd + "/.git")
    with open(cwd + "/.git/HEAD", "w", encoding="utf-8") as file:
        file.write("ref: refs/heads/br\x1b[5m<!channel>\u202e\n")
    agent = r.agent(cwd, session="sess\x1b[31m\u202e", env={"TMUX": "/tmp/\x1b[31m,1,0", "TMUX_PANE": "%\x1b]0;x\x07",
                                                           "TERM_PROGRAM": "\x07\x07"})
    agent.start(task=HOSTILE)
    agent.ask("echo '" + HOSTILE + "'", HOSTILE)
    popup = desktop.wait_popups(1)[0]
    check(not CONTROLS.search(popup["title"] + popup["body"]), repr(popup))
    check(not re.search(r"<[a-z!@/]", popup["body"]), popup["body"])
    for text in (daemon.log(), r.quietbell("status"), r.quietbell("needs"), r.quietbell("why", r.needs()[0]["id"])):
        check(not CONTROLS.search(text), repr(text))
    agent.answer()
    desktop.shows(0)
    equal(r.needs(), [], "needs")


# ---- other users ----------------------------------------------------------------------------------------------

STRANGER = r"""
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
try:
    s.connect(sys.argv[1])
    try:
        s.sendall(b'{"type":"command","command":"status"}\n')
    except OSError:
        pass
    print(s.recv(65536).decode(), end="")
except OSError as error:
    print(type(error).__name__, end="")
"""


def as_a_stranger(r, path):
    return subprocess.run([sys.executable, "-ISc", STRANGER, path], env=r.env, cwd="/", capture_output=True, text=True,
                          check=True, timeout=30).stdout


@case
def another_user_is_refused(r):
    if os.geteuid() != 0:
        return rig.info("not root: nobody else to be here")
    r.daemon(quiet(r))
    for folder in pathlib.Path(r.run_dir, "x").parents:  # our own temporary ones, up to the shared one
        if folder.owner() == "root" and folder.stat().st_mode & 0o077 == 0:
            os.chmod(folder, 0o755)
    equal(as_a_stranger(r, r.socket), "PermissionError", "through a folder of 0700")
    os.chmod(os.path.dirname(r.socket), 0o755)
    equal(as_a_stranger(r, r.socket), "PermissionError", "through a socket of 0600")
    os.chmod(r.socket, 0o666)
    answer = as_a_stranger(r, r.socket)
    check('"ok":false' in answer and "another user" in answer and "status" not in answer, answer)
    equal(answer.count("\n"), 1, "lines of the answer")
    # and the configuration may let one in, by number; the others stay out
    r.configure("accept_uids: [65534]\n" + quiet(r))
    r.quietbell("reload")
    check('"ok":true' in as_a_stranger(r, r.socket), "accept_uids")
    r.configure("accept_uids: [65533]\n" + quiet(r))
    r.quietbell("reload")
    check("another user" in as_a_stranger(r, r.socket), "another number")


@case
def a_folder_of_another_user(r):
    """A socket folder that somebody else made first is not taken."""
    if os.geteuid() != 0:
        return rig.info("not root: nobody else to be here")
    os.makedirs(os.path.dirname(r.socket), 0o777)
    os.chown(os.path.dirname(r.socket), 65534, 65534)
    daemon = r.daemon(quiet(r), ready=False)
    check(daemon.wait() != 0, "it listens in a stranger's folder")
    check(os.path.dirname(r.socket) in daemon.log(), daemon.log())


if __name__ == "__main__":
    rig.main()
