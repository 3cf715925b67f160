#!/usr/bin/env python3
"""Watches from the configuration: a directory of JSON status files, a growing file of JSON lines, a plain log with a
pattern per state. The examples are those of quietbell.yaml(5): what a user copies is what is tried here.

time limit: 120 s"""
import json
import os
import re
import time

import rig
from rig import case, check, equal, main, quiet, wait_for, wall_ms

MAN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../router/quietbell.yaml.5")


def example():
    """The configuration in the manual page, as man shows it."""
    with open(MAN, encoding="utf-8") as file:
        text = file.read()
    part = text.split(".SH WATCHES", 1)[1].split(".nf\n", 1)[1].split("\n.fi", 1)[0]
    return re.sub(r"\\\\", "\\\\", part.replace("\\-", "-").replace("\\&", "").replace("\\(dq", '"')) + "\n"


def put(path, content, mode="w"):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, mode, encoding="utf-8") as file:
        file.write(content)


def replace(path, content):
    put(path + ".new", content)
    os.rename(path + ".new", path)


def open_needs(r):
    return sorted((n["agent"], n["session"], n["kind"], n["title"]) for n in r.needs())


def expect(r, what, *needs):
    wait_for(lambda: open_needs(r) == sorted(needs), lambda: f"{what}: {open_needs(r)}, expected {sorted(needs)}")


def watched(r, config=None):
    daemon = r.daemon((config or example()) + quiet(r))
    wait_for(lambda: "sensor watch serves" in daemon.log(), "the file watch")
    return daemon


@case
def a_folder_of_status_files(r):
    watched(r)
    jobs = r.env["HOME"] + "/jobs/"
    replace(jobs + "train.json", json.dumps({"status": "running"}))
    wait_for(lambda: [s["state"] for s in r.query("sessions")["sessions"]] == ["working"], "a session")
    equal(open_needs(r), [], "needs of a job that runs")
    replace(jobs + "train.json", json.dumps({"status": "failed", "message": "out of memory"}))
    expect(r, "it failed", ("jobs", "train", "failure", "out of memory"))
    replace(jobs + "eval.json", json.dumps({"status": "waiting", "message": "which data set?"}))
    expect(r, "another asks", ("jobs", "train", "failure", "out of memory"),
           ("jobs", "eval", "question", "which data set?"))
    replace(jobs + "train.json", json.dumps({"status": "running"}))
    expect(r, "it runs again", ("jobs", "eval", "question", "which data set?"))
    put(jobs + "eval.json", json.dumps({"status": "running"}))  # in place
    expect(r, "answered")
    replace(jobs + "train.json", json.dumps({"status": "done", "message": "accuracy 0.93"}))
    expect(r, "done", ("jobs", "train", "review", "accuracy 0.93"))
    os.unlink(jobs + "train.json")
    expect(r, "its file is gone")
    states = {s["session"]: s["state"] for s in r.query("sessions")["sessions"]}
    equal(states.get("train", "ended"), "ended", "the session of a file that is gone")


@case
def a_growing_file_of_json_lines(r):
    watched(r)
    path = r.env["HOME"] + "/ci/events.jsonl"
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def line(**event):
        put(path, json.dumps({"time": stamp, **event}) + "\n", "a")
    line(run="41", event="started")
    line(run="42", event="started")
    line(run="42", event="approval", text="deploy to production?")
    expect(r, "a run asks", ("ci", "42", "permission", "deploy to production?"))
    line(run="41", event="failed", text="3 tests failed")
    expect(r, "another failed", ("ci", "42", "permission", "deploy to production?"),
           ("ci", "41", "failure", "3 tests failed"))
    put(path, "no JSON at all\n", "a")
    line(run="42", event="approved")
    expect(r, "approved", ("ci", "41", "failure", "3 tests failed"))


@case
def a_plain_log(r):
    watched(r)
    path = r.env["HOME"] + "/builds/web.log"
    put(path, "12:00:01 INFO compiling\n")
    put(path, "12:00:04 ERROR main.c:7: expected ';'\n", "a")
    expect(r, "an error", ("builds", "web", "failure", "12:00:04 ERROR main.c:7: expected ';'"))
    put(path, "12:00:05 INFO cleaning up\n", "a")
    put(path, "12:01:00 INFO build started\n", "a")
    expect(r, "it builds again")
    put(path, "12:02:00 INFO BUILD SUCCESSFUL\n", "a")
    expect(r, "it is ready", ("builds", "web", "review", "The build is ready"))
    os.rename(path, path + ".1")  # rotated: its session goes, too, unless it is there again
    put(path, "12:03:00 INFO build started\n")
    expect(r, "the new log")
    put(path, "12:04:00 ERROR \x1b[31mred\x1b[0m\n", "a")
    expect(r, "control characters are out", ("builds", "web", "failure", "12:04:00 ERROR red"))
    told = wait_for(lambda: [t for t in r.tells() if "red" in t], "what was told")[-1]
    check("builds" in told.split("\n")[0] and "web" in told, told)


@case
def nothing_is_told_twice(r):
    """A start and a reload read what is there; what was known is no news, and what was resolved stays so."""
    daemon = watched(r)
    home = r.env["HOME"]
    replace(home + "/jobs/train.json", json.dumps({"status": "failed", "message": "out of memory"}))
    put(home + "/builds/web.log", "ERROR one\n")
    expect(r, "both", ("jobs", "train", "failure", "out of memory"), ("builds", "web", "failure", "ERROR one"))
    for need in r.needs():
        r.query("resolve", need=need["id"])
    daemon.stop()
    daemon = r.daemon()
    wait_for(lambda: "sensor watch serves" in daemon.log(), "the file watch once more")
    replace(home + "/jobs/new.json", json.dumps({"status": "failed", "message": "disk full"}))
    expect(r, "only the new one", ("jobs", "new", "failure", "disk full"))
    daemon.stop()
    replace(home + "/jobs/train.json", json.dumps({"status": "failed", "message": "again"}))  # while it is away
    daemon = r.daemon()
    expect(r, "and what happened while nobody looked", ("jobs", "new", "failure", "disk full"),
           ("jobs", "train", "failure", "again"))
    # stamps may be coarse: what was written in one second while nobody looked is all news
    daemon.stop()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    put(home + "/ci/events.jsonl", "".join(json.dumps({"time": stamp, "run": "7", **event}) + "\n" for event in (
        {"event": "started"}, {"event": "approval", "text": "deploy?"})))
    daemon = r.daemon()
    expect(r, "two lines of one second", ("jobs", "new", "failure", "disk full"), ("jobs", "train", "failure", "again"),
           ("ci", "7", "permission", "deploy?"))
    r.query("resolve", need=next(n["id"] for n in r.needs() if n["agent"] == "ci"))
    old = home + "/jobs/old.json"
    daemon.stop()
    put(old, json.dumps({"status": "failed", "message": "last year"}))
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    daemon = r.daemon()
    wait_for(lambda: any(s["session"] == "old" for s in r.query("sessions")["sessions"]), "the old one is seen")
    equal(len(r.needs()), 2, "needs: not of what is days old")


@case
def reload_takes_watches_and_leaves_them(r):
    r.configure(quiet(r))
    daemon = r.daemon()
    wait_for(lambda: "sensor watch serves" in daemon.log(), "the file watch")
    path = r.env["HOME"] + "/builds/web.log"
    put(path, "ERROR before\n")
    r.configure(example() + quiet(r))
    r.quietbell("reload")
    wait_for(lambda: daemon.log().count("sensor watch serves") == 2, "the file watch with the new settings")
    put(path, "ERROR after\n", "a")
    expect(r, "after the reload", ("builds", "web", "failure", "ERROR after"))
    r.configure(example().replace("builds/*.log", "builds/*.txt").replace('session: run', 'sesion: run') + quiet(r))
    r.quietbell("reload", status=1)
    check("watch.ci.sesion: unknown key of a watch (did you mean session?)" in daemon.log(), daemon.log())
    put(path, "build started\n", "a")
    expect(r, "a bad file changes nothing")
    r.configure("watch: false\n" + quiet(r))
    r.quietbell("reload")
    put(path, "ERROR nobody looks\n", "a")
    time.sleep(0.3)
    equal(open_needs(r), [], "needs when nothing is watched")


@case
def only_the_configured_ones(r):
    config = "watch:\n  agents: false\n  builds: { path: \"~/builds/*.log\", rows: [ { line: \"*ERROR*\", opens: failure } ] }\n"
    watched(r, config)
    put(r.env["HOME"] + "/.claude/sessions/1.json",
        json.dumps({"sessionId": "s", "status": "waiting", "statusUpdatedAt": wall_ms(), "pid": os.getpid(), "cwd": "/"}))
    put(r.env["HOME"] + "/builds/a.log", "ERROR x\n")
    expect(r, "the log alone", ("builds", "a", "failure", "ERROR x"))


@case
def the_example_plays(r):
    """quietbell replay tries a configuration on what files would have said."""
    r.configure(example() + "preset: none\nreceivers: { out: { plugin: terminal } }\n")
    at = wall_ms()
    lines = [{"type": "file", "at_ms": at, "path": "/home/me/builds/web.log", "content": "12:00 ERROR no\n12:01 INFO more\n"},
             {"type": "file", "at_ms": at + 60000, "path": "/home/me/builds/web.log", "content": "build started\n"},
             {"type": "file", "at_ms": at + 61000, "path": "/home/me/jobs/x.json", "content": '{"status":"done"}'}]
    path = r.dir + "/recording"
    put(path, "".join(json.dumps(line) + "\n" for line in lines))
    out = r.quietbell("replay", "--json", "-c", r.config_path, path)
    told = [(e["what"], e["session"], e["kind"]) for e in map(json.loads, out.splitlines()) if e["what"].startswith("need")]
    equal(told, [("need_opened", "web", "failure"), ("need_resolved", "web", "failure"), ("need_opened", "x", "review")], out)


if __name__ == "__main__":
    main()
