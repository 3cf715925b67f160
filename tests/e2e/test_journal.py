#!/usr/bin/env python3
"""What the daemon recorded: `journal export`, `replay` of it, `stats`. (time limit: 150 s)

A real daemon is given recorded sessions, commands, presence, failing receivers, reloads and kills; then what it
exported is played again, and must come to the same decisions as those that the receivers were told, and to the same
records as its database holds."""
import json
import os
import pathlib
import sqlite3
import stat
import subprocess
import time

import rig
from rig import (BUILD, RECORDER, case, check, equal, five, ask_at_once, hook_message, info, new_id, quiet, wait_for,
                 wall_ms)

RECORDINGS = pathlib.Path(__file__).resolve().parent.parent / "recordings" / "claude-code"

CONFIG = """
preset: none
receivers:
  out: {{ plugin: {recorder}, path: {dir}/out }}
  late: {{ plugin: {recorder}, path: {dir}/late, outcome: retry }}
  token: {{ plugin: {recorder}, path: {dir}/token, token_file: secret.token }}
focus: {{ dnd: {{}} }}
rules:
  - set: {{ to: out, settle: {settle}, hold: never, group_by: [repository], inhibit: [] }}
  - {{ match: {{ kind: review }}, set: {{ settle: 1s, batch: 2s }} }}
  - {{ match: {{ kind: question }}, set: {{ also: late, repeat: {{ every: 1s, times: 2 }} }} }}
  - {{ match: {{ title: "*production*" }}, set: {{ urgency: critical, also: token }} }}
"""
SECRET = "s3cret-t0ken-4711"


def configure(r, settle="1s"):
    r.secret("secret.token", SECRET + "\n")
    r.configure(CONFIG.format(recorder=RECORDER, dir=r.dir, settle=settle))


def sessions(*names):
    """The messages of recorded sessions, with ids of their own and stamps that end now."""
    rows = [json.loads(line) for name in names for line in open(RECORDINGS / f"{name}.jsonl", encoding="utf-8")]
    rows = [row for row in rows if row.get("type") == "hook"]
    rows.sort(key=lambda row: row["at_ms"])
    now = wall_ms()
    for i, row in enumerate(rows):
        row.update(id=new_id(), at_ms=now - (len(rows) - i) * 3)
    return rows


def send(r, messages):
    door = r.connect()
    for message in messages:
        answer = door.ask(message)
        check(answer["ok"] or "refused" in str(answer) or "error" in answer, f"{answer}")
    door.close()


def answer(r, session):
    """It works again: the need is answered."""
    said = r.ask({"type": "event", "id": new_id(), "at_ms": wall_ms(), "agent": "shell", "session": session,
                  "state": "working"})
    check(said["ok"], f"{said}")


def export(r, *args):
    path = r.dir + "/journal"
    r.quietbell("journal", "export", "--out", path, *args)
    return path


def replay(r, path, *args):
    """What happened, and the figures."""
    lines = [json.loads(line) for line in r.quietbell("replay", "--json", *args, path).splitlines()]
    equal(lines[-1]["what"], "figures", "the last line")
    return lines[:-1], lines[-1]


def told_by(r, name):
    """(alert, version) of all that a receiver was handed, in order."""
    return [(m["alert"]["id"], m["alert"]["version"]) for m in r.recorded(name)
            if m["type"] in ("deliver", "update")]


def quiet_down(r):
    """Until nothing is on its way any more."""
    wait_for(lambda: all(row["waiting"] == 0 for row in r.status()["receivers"] if row["receiver"] != "late"),
             lambda: f"receivers: {r.status()['receivers']}")


@case
def a_day_is_played_again_as_it_was(r):
    configure(r)
    daemon = r.daemon()
    r.wait_serving("out", "late", "token")
    send(r, sessions("i-perm", "i-sub", "p-ask"))
    agents = five(r)
    ask_at_once(agents)
    wait_for(lambda: len(r.needs()) >= 5, "five needs")
    wait_for(lambda: len(r.tells()) >= 1, "an alert")
    needs = r.needs()
    r.quietbell("ack", needs[0]["id"])
    r.quietbell("snooze", needs[1]["id"], "45m")
    r.quietbell("resolve", needs[2]["id"])
    r.quietbell("presence", "--pane", "%3")
    r.quietbell("focus", "on", "nothing", status=1)  # refused, and still a look
    r.quietbell("focus", "on", "dnd", "for", "45m")
    r.post("held", title="held by the focus")
    r.post("prod", title="drop the production table?")

    daemon.kill()  # in the middle; what comes meanwhile is spooled
    for message in sessions("i-plan", "p-bash")[:40]:
        r.spool_message(message)
    daemon = r.daemon()
    r.wait_serving("out", "late", "token")
    r.quietbell("focus", "off")
    agents[4].answer()
    agents[3].stop()
    configure(r, "2s")
    r.quietbell("reload")
    r.post("after", title="after the reload", kind="question")
    wait_for(lambda: r.need("after")["told"], lambda: "it is told: " + r.quietbell("why", r.need("after")["id"]))
    daemon.stop()
    daemon = r.daemon()
    r.wait_serving("out", "late", "token")
    r.post("again", title="after the restart")
    wait_for(lambda: r.need("again")["told"], "it is told")
    quiet_down(r)

    path = export(r)
    lines, end = replay(r, path)
    check(end["exact"] and end["checked"] > 30, f"{end['checked']} records, exact: {end['exact']}")
    # every version that a receiver was handed was decided in the replay, too
    for name in ("out", "token"):
        decided = {(line["alert"], line["version"]) for line in lines
                   if line["what"] == "alert" and line["receiver"] == name}
        handed = told_by(r, name)
        check(len(handed) > 0, f"{name} was told nothing")
        equal([one for one in handed if one not in decided], [], f"handed to {name}, and not decided")
    journal = open(path, encoding="utf-8").read()
    check('"type":"loaded"' in journal, "no restart is in it")
    check(SECRET not in journal and "raw" not in json.loads(journal.splitlines()[0]), "a secret is in it")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
    # and played twice it is the same, byte for byte
    once, twice = (r.quietbell("replay", "--json", path) for _ in range(2))
    equal(once == twice, True, "twice the same")
    check("the same as the daemon's" in r.quietbell("replay", path), "the summary")
    info(f"{end['recorded']['events']} events, {end['checked']} records")


@case
def a_failing_store_is_in_the_journal(r):
    """A commit that fails loses the state in memory: the journal says where it was read back."""
    configure(r)
    daemon = r.daemon()
    r.wait_serving("out")
    r.post("one", title="before")
    wait_for(lambda: r.need("one")["told"], "it is told")
    with sqlite3.connect(r.state + "/quietbell.db", isolation_level=None) as db:  # another number that is taken
        seq = db.execute("SELECT max(seq) FROM input").fetchone()[0]
        db.execute("INSERT INTO input SELECT ?,NULL,NULL,wall_ms,steady_ms,utc_offset_s,next_offset_ms,next_offset_s,"
                   "'tick','{}' FROM input WHERE seq=?", (seq + 1, seq))
    answer = r.ask({"type": "event", "id": new_id(), "at_ms": wall_ms(), "agent": "shell", "session": "two",
                    "state": "blocked", "kind": "permission", "title": "during"})
    check(not answer["ok"] and answer.get("retry"), f"{answer}")

    def posted():
        return r.ask({"type": "event", "id": new_id(), "at_ms": wall_ms(), "agent": "shell", "session": "three",
                      "state": "blocked", "kind": "permission", "title": "after"})["ok"]
    wait_for(posted, "it can be written again")
    wait_for(lambda: r.need("three")["told"], "it is told")
    quiet_down(r)
    check(daemon.alive(), "it died")
    _, end = replay(r, export(r))
    check(end["exact"], "it is not what the daemon had")


@case
def another_configuration_stands_beside_it(r):
    configure(r)
    r.daemon()
    r.wait_serving("out")
    for i in range(4):
        r.post(f"s{i}", title=f"may I {i}?", repository=f"repo-{i}")
    wait_for(lambda: all(need["told"] for need in r.needs()), "all are told")
    r.post("fast", title="answered at once")
    answer(r, "fast")
    quiet_down(r)
    path = export(r)
    other = r.dir + "/other.yaml"
    with open(other, "w", encoding="utf-8") as file:
        file.write("preset: none\nreceivers: { popup: { plugin: desktop } }\n"
                   "rules: [ { set: { to: popup, settle: 0s, hold: never, group_by: [] } } ]\n")
    lines, end = replay(r, path, "-c", other)
    check(end["exact"], "the recorded side is not exact")
    sides = {name: [line for line in lines if line["stream"] == name] for name in ("recorded", "other")}
    opened = {name: [line["need"] for line in side if line["what"] == "need_opened"] for name, side in sides.items()}
    equal(opened["other"], opened["recorded"], "the needs have the same ids on both sides")
    equal({line["receiver"] for line in sides["other"] if line["what"] == "alert"}, {"popup"}, "receivers")
    equal((end["recorded"]["needs"], end["other"]["needs"]), (5, 5), "needs")
    equal(end["recorded"]["avoided"]["answered"], 1, "answered before it was told")
    equal(end["other"]["avoided"]["answered"], 0, "at once is never too late")
    equal(end["other"]["interruptions"], 5, "each rings, one after the other")
    check(end["recorded"]["interruptions"] < 5, "they did not come together")
    waited = end["other"]["kinds"]["permission"]["opened_to_told"]
    check(waited["longest_ms"] < 200, f"{waited}")
    text = r.quietbell("replay", "-c", other, "--compare", path)
    for word in ("recorded", "popup rings", "out rings", "interruptions (rings)", "permission", "never told"):
        check(word in text, f"{word} is not in\n{text}")
    check("\033" not in text, "colours in a pipe")
    r.quietbell("replay", "--compare", path, status=2)
    r.quietbell("replay", "-c", r.dir + "/nowhere.yaml", path, status=1)


@case
def an_export_can_begin_at_a_time(r):
    configure(r)
    r.daemon()
    r.wait_serving("out")
    r.post("old", title="before")
    wait_for(lambda: r.need("old")["told"], "it is told")
    time.sleep(1.1)  # the clock of the file names is in milliseconds, --since in seconds
    r.post("new", title="after", repository="elsewhere")
    wait_for(lambda: r.need("new")["told"], "it is told")
    quiet_down(r)
    lines, end = replay(r, export(r, "--since", "1s"))
    check(end["exact"], "not exact")
    check("old" not in {line["session"] for line in lines if line["what"] == "need_opened"}, f"{lines}")
    r.quietbell("journal", "export", "--since", "some day", status=2)
    r.quietbell("journal", "import", status=2)
    r.quietbell("journal", "export", "--out", r.dir + "/nowhere/file", status=1)
    equal(json.loads(r.quietbell("journal", "export").splitlines()[0])["journal"], 1, "to stdout")
    with open(r.dir + "/there", "w", encoding="ascii") as file:  # for all to read, and longer
        file.write("x" * 100000)
    os.chmod(r.dir + "/there", 0o644)
    r.quietbell("journal", "export", "--out", r.dir + "/there")
    equal(stat.S_IMODE(os.stat(r.dir + "/there").st_mode), 0o600, "mode of a file that was there")
    check("x" * 1000 not in open(r.dir + "/there", encoding="utf-8").read(), "what it was is in it")


@case
def without_a_daemon_and_without_a_past(r):
    r.quietbell("journal", "export", status=1)
    check("nothing was recorded" in r.quietbell("stats"), "an empty day")
    stats = json.loads(r.quietbell("stats", "--json"))["stats"]
    equal((stats["empty"], stats["figures"]["needs"]), (True, 0), "empty")
    configure(r)
    daemon = r.daemon()
    r.post("s", title="one")
    daemon.kill()  # its log is in the write-ahead log only
    _, end = replay(r, export(r))
    equal((end["exact"], end["recorded"]["needs"]), (True, 1), "after a kill")
    equal(json.loads(r.quietbell("stats", "--json"))["stats"]["figures"]["needs"], 1, "stats")


@case
def stats_of_a_day(r):
    configure(r)
    r.daemon()
    r.wait_serving("out")
    for i, where in enumerate(("a", "b", "a")):
        r.post(f"s{i}", title=f"may I {i}?", repository=where)
    wait_for(lambda: all(need["told"] for need in r.needs()), "all are told")
    for i in range(3):  # answered in a, b, a: two switches
        answer(r, f"s{i}")
    r.post("quick", title="never told", repository="a")
    r.quietbell("resolve", r.need("quick")["id"])
    r.quietbell("focus", "on", "dnd", "for", "1h")
    r.post("held", title="behind a wall", repository="c")
    quiet_down(r)
    time.sleep(0.5)
    stats = json.loads(r.quietbell("stats", "--json"))["stats"]
    figures = stats["figures"]
    avoided = figures["avoided"]
    equal(figures["needs"], 5, "needs")
    equal(figures["needs"], figures["rang"] + sum(avoided.values()), "each need is counted once")
    equal((avoided["answered"], avoided["held"]), (1, 1), "answered before told, held")
    equal(figures["switches"], 2, "switches")
    equal(figures["receivers"]["out"]["rings"], figures["interruptions"], "rings")
    check(figures["blocked_ms"] >= 3000, f"blocked {figures['blocked_ms']}")
    check(400 <= figures["walled_ms"] <= 5000, f"walled {figures['walled_ms']}")
    response = figures["kinds"]["permission"]["told_to_resolved"]
    equal(response["n"], 3, "answers to what was told")
    check(0 <= response["median_ms"] <= response["p90_ms"] <= response["longest_ms"], f"{response}")
    text = r.quietbell("stats", "--day", "today")
    for word in ("interruptions", "answered before told 1", "still held 1", "repository switches", "permission"):
        check(word in text, f"{word} is not in\n{text}")
    week = json.loads(r.quietbell("stats", "--week", "--json"))["stats"]
    equal([day["figures"]["needs"] for day in week["days"]], [0, 0, 0, 0, 0, 0, 5], "seven days")
    check("nothing was recorded" in r.quietbell("stats", "--day", "yesterday"), "an empty day")
    equal(json.loads(r.quietbell("stats", "--since", "1h", "--json"))["stats"]["figures"]["needs"], 5, "since")
    for wrong in (["--day", "2026-02-30"], ["--since", "soon"], ["--week", "--since", "1h"], ["today"],
                  ["--day", "2099-01-01"]):
        r.quietbell("stats", *wrong, status=2)


@case
def it_is_read_beside_a_busy_daemon(r):
    """A reader holds no commit up, and what it reads is of one moment."""
    configure(r)
    r.daemon()
    r.wait_serving("out")
    door = r.connect()
    for i in range(400):
        asks = {"state": "blocked", "kind": "permission"} if i % 2 else {"state": "working"}
        check(door.ask({"type": "event", "id": new_id(), "at_ms": wall_ms(), "agent": "shell", "session": f"s{i % 7}",
                        "title": f"t{i}", **asks})["ok"], "refused")
        if i % 100 == 50:
            process = subprocess.Popen([BUILD + "/quietbell", "journal", "export", "--out", f"{r.dir}/j{i}"],
                                       env=r.env, stdout=subprocess.DEVNULL)
            for k in range(50):
                check(door.ask({"type": "event", "id": new_id(), "at_ms": wall_ms(), "agent": "shell",
                                "session": "w", "state": "working", "title": f"w{k}"})["ok"], "refused")
            equal(process.wait(30), 0, "export")
            _, end = replay(r, f"{r.dir}/j{i}")
            check(end["exact"], f"the export at {i} is not exact")
    door.close()


if __name__ == "__main__":
    rig.main()
