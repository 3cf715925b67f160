#!/usr/bin/env python3
"""Bad plugins (tests/plugins/bad_*.py): each is contained. (time limit: 200 s)

Beside each a good receiver: it is served all the while. The daemon lives, is small, says in `status` what is wrong
and what to do; what the bad one does not take is told by the good one; a mended one takes what is open."""
import os
import shutil
import time

import rig
from rig import case, check, equal, wait_for
from test_hostile import CONTROLS, stays_small

PLUGINS = rig.ROOT + "/tests/plugins"
CONFIG = """
preset: none
receivers:
  bad:  {{ plugin: {bad}, patience: 1s, give_up: 2s, fallback: good{more} }}
  good: {{ plugin: {good}, path: {path}/good }}
rules:
  - {{ set: {{ to: bad, settle: 0, hold: never, group_by: [session] }} }}
  - {{ match: {{ repository: both }}, set: {{ to: [bad, good] }} }}
  - {{ match: {{ repository: fine }}, set: {{ to: good }} }}
"""


def config(r, bad, more=""):
    if "/" not in bad:
        bad = f"{PLUGINS}/bad_{bad}.py"
    return CONFIG.format(bad=bad, good=rig.RECORDER, path=r.dir, more=more)


def told_by_the_good_one(r, word):
    wait_for(lambda: any(word in text for text in r.tells("good")), lambda: f"{word}: {r.tells('good')}")


def trouble_of(r, *words):
    """The one line about the receiver, with what to do, in JSON and as a person reads it."""

    def found():
        return [t for t in r.troubles() if t["key"] == "receiver bad" and any(word in t["what"] for word in words)]

    trouble = wait_for(found, lambda: f"trouble with {words}: {r.troubles()}")[0]
    check("bad" in trouble["what"] and "quietbell test bad" in trouble["todo"], f"{trouble}")
    shown = r.quietbell("status")
    check(trouble["what"] in shown and "quietbell test bad" in shown, f"status shows: {shown}")
    check(not CONTROLS.search(shown), f"status shows {shown!r}")
    return trouble


def contained(r, bad, *words, more=""):
    """The whole story for one that never delivers. Returns the daemon, still running."""
    daemon = r.daemon(config(r, bad, more))
    r.wait_serving("good")
    r.post("s1", title="for-the-good-one", repository="fine")
    told_by_the_good_one(r, "for-the-good-one")
    r.post("s2", title="for-both", repository="both")
    told_by_the_good_one(r, "for-both")
    r.post("s3", title="only-for-the-bad-one", repository="x")
    trouble_of(r, *words)
    told_by_the_good_one(r, "only-for-the-bad-one")  # given up: told on the fallback
    check(daemon.alive(), "the daemon died")
    began = time.monotonic()
    r.post("s4", title="still-served", repository="fine")
    told_by_the_good_one(r, "still-served")
    check(time.monotonic() - began < 2 or rig.SANITIZER, f"served after {time.monotonic() - began:.1f} s")
    stays_small(daemon, 2)
    equal(sum("for-both" in text for text in r.tells("good")), 1, "told twice by the good one")
    return daemon


def mended(r, daemon):
    """Another plugin in its place, by reload: it takes what comes, and the trouble is over."""
    r.configure(config(r, rig.RECORDER, f", path: {r.dir}/mended"))
    r.quietbell("reload")
    r.wait_serving("bad")
    wait_for(lambda: not [t for t in r.troubles() if t["key"] == "receiver bad"], lambda: f"no trouble: {r.troubles()}")
    r.post("s5", title="after-mending", repository="x")
    wait_for(lambda: any("after-mending" in text for text in r.tells("mended")), lambda: f"{r.tells('mended')}")
    r.quietbell("test", "bad")
    began = time.monotonic()
    daemon.stop()
    check(time.monotonic() - began < 6 or rig.SANITIZER, f"stopping took {time.monotonic() - began:.1f} s")


@case
def mute(r):
    mended(r, contained(r, "mute", "did not answer"))


@case
def never_ready(r):
    mended(r, contained(r, "never_ready", "did not become ready"))


@case
def silent(r):
    daemon = contained(r, "silent", "did not become ready")
    daemon.stop()  # it does not listen to stop, nor to SIGTERM
    check(not rig_processes(r), "it lives on")


@case
def slow(r):
    """Slow is not bad: within its patience every answer counts; the good one does not wait for it."""
    daemon = r.daemon(config(r, "slow", ', slow_s: "0.5"'))
    r.wait_serving("good", "bad")
    for i in range(3):
        r.post(f"s{i}", title=f"need-{i}", repository="both")
    began = time.monotonic()
    told_by_the_good_one(r, "need-2")
    check(time.monotonic() - began < 0.4 or rig.SANITIZER, "the good one waited")
    wait_for(lambda: r.receiver_row("bad")["delivered"] == 3, lambda: f"{r.receiver_row('bad')}")
    equal(r.troubles(), [], "troubles")
    row = r.receiver_row("bad")
    equal((row["retried"], row["failed"], row["restarts"]), (0, 0, 0), "retried, failed, restarts")
    daemon.stop()


@case
def slower_than_its_patience(r):
    contained(r, "slow", "did not answer", "did not become ready", more=', slow_s: "1.6"')


@case
def crash_early(r):
    daemon = contained(r, "crash_early", "ended with status 3")
    restarts = r.receiver_row("bad")["restarts"]
    check(restarts <= 6, f"no back-off: started {restarts} times")
    mended(r, daemon)


@case
def crash_late(r):
    daemon = contained(r, "crash_late", "ended by signal 9", "closed its output")
    mended(r, daemon)


@case
def garbage(r):
    daemon = contained(r, "garbage", "why")
    check(not CONTROLS.search(daemon.log()), f"{daemon.log()!r}")
    check(len(daemon.log()) < 20000, "it fills the log")
    equal([n["state"] for n in r.needs()], ["open"] * 4, "acted on by garbage")
    mended(r, daemon)


@case
def flood(r):
    daemon = contained(r, "flood", "floods")
    check(len(daemon.log()) < 20000, "it fills the log")
    mended(r, daemon)


@case
def flood_of_good_messages(r):
    """Each well-formed: it is read only as fast as they are stored, and not at all while it reads no answers."""
    for more in ("", ", reads: true"):
        daemon = r.daemon(config(r, "flood_valid", more))
        r.wait_serving("good", "bad")
        wait_for(lambda: r.status()["counts"]["taken"] > 500, "hundreds of its events")
        for i in range(5):
            began = time.monotonic()
            r.post(f"s{i}{more}", title=f"need-{i}{more[2:]}", repository="fine")
            told_by_the_good_one(r, f"need-{i}{more[2:]}")
            check(time.monotonic() - began < 3 or rig.SANITIZER, f"served after {time.monotonic() - began:.1f} s")
        stays_small(daemon, 2)
        check(len(daemon.log()) < 20000, "it fills the log")
        daemon.stop()


@case
def endless_line(r):
    contained(r, "endless_line", "line of more than 256 KiB", "did not answer", "floods", "no end")


@case
def double_answer(r):
    """The first answer counts."""
    daemon = r.daemon(config(r, "double_answer", f", path: {r.dir}/bad"))
    r.wait_serving("good", "bad")
    for i in range(5):
        r.post(f"s{i}", title=f"need-{i}", repository="both")
    wait_for(lambda: r.receiver_row("bad")["delivered"] == 5, lambda: f"{r.receiver_row('bad')}")
    for i in range(5):
        r.post(f"s{i}", state="working")
    wait_for(lambda: r.receiver_row("bad")["delivered"] == 10, lambda: f"{r.receiver_row('bad')}")
    row = r.receiver_row("bad")
    equal((row["retried"], row["failed"], row["restarts"]), (0, 0, 0), "retried, failed, restarts")
    equal([m["type"] for m in r.recorded("bad")], ["deliver"] * 5 + ["withdraw"] * 5, "what it was handed")
    equal(r.troubles(), [], "troubles")
    daemon.stop()


@case
def another_protocol_version(r):
    """Disabled with the reason, not started again and again."""
    daemon = contained(r, "protocol", "version 2 of the plugin protocol")
    row = r.receiver_row("bad")
    equal((row["state"], row["restarts"], row["pid"]), ("disabled", 0, 0), "state, restarts, pid")
    mended(r, daemon)


@case
def not_reading(r):
    contained(r, "not_reading", "did not answer", "does not read")


@case
def closed_output(r):
    contained(r, "closed_output", "closed its output")


@case
def a_child_holds_its_pipes(r):
    daemon = contained(r, "grandchild", "ended with status 0")
    daemon.stop()


@case
def no_such_program(r):
    for name, bad in (("missing", "/nowhere/plugin"), ("not executable", r.dir + "/text"), ("a folder", r.dir)):
        with open(r.dir + "/text", "w", encoding="utf-8") as file:
            file.write("no program\n")
        rig.info(name)
        contained(r, bad, "cannot be started").stop()
        os.unlink(r.dir + "/good")
        shutil.rmtree(r.state)


@case
def descriptors_do_not_leak(r):
    """A plugin that is started again and again costs nothing in the end."""
    daemon = r.daemon(config(r, "crash_early"))
    r.wait_serving("good")
    before = daemon.descriptors()
    wait_for(lambda: r.receiver_row("bad")["restarts"] >= 3, "three restarts")
    check(daemon.descriptors() <= before + 2, f"{before} descriptors, then {daemon.descriptors()}")
    zombies = [pid for pid, state in children(daemon.pid) if state == "Z"]
    check(len(zombies) <= 1, f"zombies: {zombies}")
    stays_small(daemon, 1)


def children(parent):
    """(pid, state) of the children of a process."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            yield int(pid), fields[0]


def rig_processes(r):
    """Processes that still have this case's folder in their environment, but for our own children."""
    found, ours = [], {p.pid for p in r.children}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if r.dir.encode() in file.read() and int(pid) not in ours:
                    found.append(int(pid))
        except OSError:
            continue
    return found


if __name__ == "__main__":
    rig.main()
