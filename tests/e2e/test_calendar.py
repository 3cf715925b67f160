#!/usr/bin/env python3
"""A focus by calendar: held while a meeting lasts, right to the second; read again when the file changes; broken,
missing and hostile files; a restart; check, reload and replay. (time limit: 120 s)"""
import datetime
import json
import os
import subprocess
import time
import zoneinfo

import rig
from rig import RECORDER, case, check, equal, wait_for, wall_ms

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")

CONFIG = """
preset: none
receivers: {{ out: {{ plugin: {plugin}, path: {dir}/out }} }}
focus: {{ meeting: {{ calendar: work.ics }} }}
rules: [ {{ set: {{ settle: 0s, hold: never, group_by: [session] }} }} ]
"""


def config(r):
    return CONFIG.format(plugin=RECORDER, dir=r.dir)


def calendar(*events):
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *events, "END:VCALENDAR", ""])


def event(uid, *lines):
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{uid}", *lines, "END:VEVENT"])


def local(seconds, zone=BERLIN):
    return datetime.datetime.fromtimestamp(seconds, zone).strftime("%Y%m%dT%H%M%S")


def daily(begin_s, end_s, weeks=3):
    """Every day at that time of Berlin's clock, since three weeks ago: today's begins and ends then."""
    first = datetime.datetime.fromtimestamp(begin_s, BERLIN) - datetime.timedelta(weeks=weeks)
    return event("standup", f"DTSTART;TZID=Europe/Berlin:{first.strftime('%Y%m%dT%H%M%S')}",
                 f"DURATION:PT{end_s - begin_s}S", "RRULE:FREQ=DAILY")


def put(r, text, name="work.ics"):
    """Written beside it and renamed, as every careful program does."""
    path = f"{r.dir}/config/quietbell/{name}"
    with open(path + ".new", "w", encoding="utf-8", newline="") as file:
        file.write(text)
    os.rename(path + ".new", path)
    return path


def focus(r, name="meeting"):
    return next(row for row in r.query("focus-status")["focus"] if row["focus"] == name)


def wait_focus(r, on, **more):
    wait_for(lambda: focus(r)["on"] == on and all(focus(r).get(k) == v for k, v in more.items()),
             lambda: f"focus {'on' if on else 'off'} {more}: {focus(r)}")


def troubles(r):
    return [t["what"] for t in r.troubles() if t["what"].startswith("the calendar")]


def now_s():
    return int(time.time())


@case
def a_meeting_holds_and_releases(r):
    """On now, by a rule of recurrence; its end is known, and what it held is told within that second."""
    end = now_s() + (20 if rig.SANITIZER else 6)
    put(r, calendar(daily(end - 3600, end)))
    daemon = r.daemon(config(r))
    wait_focus(r, True, by="calendar", until_ms=end * 1000)
    shown = r.quietbell("focus", "status")
    check("on" in shown and "until" in shown and "calendar" in shown, shown)
    check("(by calendar)" in r.quietbell("status"), r.quietbell("status"))
    r.post("a1", title="may I?")
    equal(r.tells(), [], "told in the meeting")
    told = wait_for(lambda: r.tells() and wall_ms(), "the end of the meeting")
    check(end * 1000 <= told < end * 1000 + 1500, f"told {told - end * 1000} ms after its end")
    equal(focus(r)["on"], False, "focus")
    begins = (datetime.datetime.fromtimestamp(end - 3600, BERLIN) + datetime.timedelta(days=1)).timestamp()
    equal(focus(r)["until_ms"], int(begins) * 1000, "the next one")
    daemon.stop()
    # what was recorded says the same again, without the file
    os.remove(f"{r.dir}/config/quietbell/work.ics")
    r.quietbell("journal", "export", "--out", r.dir + "/journal")
    played = [json.loads(line) for line in r.quietbell("replay", "--json", r.dir + "/journal").splitlines()]
    check(any(end * 1000 <= line["at_ms"] < end * 1000 + 1000 for line in played if line["what"] == "alert"),
          f"replayed: {played}")
    # and another calendar, beside another configuration, would have let it pass
    put(r, calendar())
    r.configure(config(r).replace(RECORDER, "terminal"))
    played = [json.loads(line) for line in
              r.quietbell("replay", "--json", "-c", r.config_path, r.dir + "/journal").splitlines()]
    check(any(line["at_ms"] < end * 1000 for line in played if line["what"] == "alert"), f"another: {played}")


@case
def it_begins_by_itself(r):
    """Nothing happens, and yet it is on when it begins."""
    begin = now_s() + (10 if rig.SANITIZER else 3)
    put(r, calendar(daily(begin, begin + 3600)))
    daemon = r.daemon(config(r))
    wait_for(lambda: focus(r).get("until_ms") == begin * 1000, lambda: f"its begin: {focus(r)}")
    equal(focus(r)["on"], False, "focus")
    wait_focus(r, True)
    late_ms = focus(r)["since_ms"] - begin * 1000
    check(0 <= late_ms < 1000, f"{late_ms} ms late")
    daemon.stop()


@case
def the_file_changes(r):
    """Replaced, broken, gone, back; also as a link to another folder. The last good reading holds."""
    now = now_s()
    busy, free = calendar(daily(now - 60, now + 3600)), calendar()
    put(r, free)
    daemon = r.daemon(config(r))
    wait_focus(r, False)
    path = put(r, busy)
    wait_focus(r, True)
    put(r, busy[:len(busy) // 2])
    wait_for(lambda: any("cut off" in t for t in troubles(r)), lambda: f"the trouble: {troubles(r)}")
    equal(focus(r)["on"], True, "focus while it is broken")
    check("cut off" in daemon.log() and "work.ics" in r.quietbell("status"), "log and status")
    os.remove(path)
    wait_for(lambda: any("No such file" in t for t in troubles(r)), lambda: f"the trouble: {troubles(r)}")
    equal(focus(r)["on"], True, "focus while it is gone")
    os.mkdir(r.dir + "/sync")
    with open(r.dir + "/sync/cal.ics", "w", encoding="utf-8") as file:
        file.write(free)
    os.symlink(r.dir + "/sync/cal.ics", path)
    wait_for(lambda: not troubles(r), lambda: f"no trouble: {troubles(r)}")
    wait_focus(r, False)
    with open(r.dir + "/sync/cal.ics", "w", encoding="utf-8") as file:  # in place, in the other folder
        file.write(busy)
    wait_focus(r, True)
    daemon.stop()


@case
def a_restart_remembers(r):
    """The daemon is killed and the file goes: what it said holds. Nothing in the meeting is told."""
    now = now_s()
    path = put(r, calendar(daily(now - 60, now + 3600)))
    daemon = r.daemon(config(r))
    wait_focus(r, True)
    daemon.kill()
    os.remove(path)
    daemon = r.daemon()
    wait_focus(r, True, until_ms=(now + 3600) * 1000)
    r.post("a1")
    wait_for(lambda: troubles(r), "the trouble")
    equal(focus(r)["on"], True, "focus")
    equal(r.tells(), [], "told")
    daemon.stop()


@case
def hostile_rules(r):
    """What keeps libical busy for ever is left out and told; the rest counts; the daemon answers meanwhile."""
    now = now_s()
    bomb = event("bomb", "DTSTART:19700101T000000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30")
    often = event("often", "DTSTART:19700101T000000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY")
    put(r, calendar(bomb, often, daily(now - 60, now + 3600)))
    daemon = r.daemon(config(r))
    slowest = 0
    while not focus(r)["on"]:
        began = time.monotonic()
        r.status()
        slowest = max(slowest, time.monotonic() - began)
        check(wall_ms() / 1000 - now < 60, f"never read: {troubles(r)}")
        time.sleep(0.02)
    rig.info(f"slowest answer meanwhile: {slowest * 1000:.0f} ms; daemon {daemon.memory_kib()} KiB")
    check(slowest < (5 if rig.SANITIZER else 1), f"the daemon did not answer for {slowest:.1f} s")
    check(any("bomb" in t for t in troubles(r)), f"{troubles(r)}")
    daemon.stop()


@case
def odd_files(r):
    """A folder, a pipe, rubbish, one that is too large: each a clear problem, and no harm."""
    path = f"{r.dir}/config/quietbell/work.ics"
    os.makedirs(path)
    daemon = r.daemon(config(r))

    def says(word):
        wait_for(lambda: any(word in t for t in troubles(r)), lambda: f"{word}: {troubles(r)}")

    says("folder")
    os.rmdir(path)
    os.mkfifo(path)
    says("no file")
    os.remove(path)
    put(r, "<html>Sign in</html>")
    says("no calendar")
    with open(path + ".new", "wb") as file:
        file.write(b"BEGIN:VCALENDAR\n")
        file.truncate(40 << 20)
    os.rename(path + ".new", path)
    says("too large")
    put(r, calendar())
    wait_for(lambda: not troubles(r), lambda: f"no trouble: {troubles(r)}")
    daemon.stop()


@case
def check_and_reload(r):
    """`quietbell check` reads it as the daemon will, and names the place; a reload reads it again."""
    now = now_s()
    r.configure(config(r))
    shown = r.quietbell("check", status=1)
    check("4:" in shown and "focus.meeting.calendar" in shown and "No such file" in shown, shown)
    put(r, calendar(daily(now - 60, now + 3600)))
    shown = r.quietbell("check")
    check("1 event" in shown and "busy 15 times" in shown, shown)
    r.configure(config(r).replace("work.ics", "https://example.org/work.ics"))
    check("addresses are not fetched" in r.quietbell("check", status=1), "an address")
    daemon = r.daemon(config(r).replace("work.ics", "other.ics"))
    wait_for(lambda: troubles(r), "the trouble")
    answer = r.query("reload")
    check("other.ics: No such file" in answer.get("warning", ""), f"reload: {answer}")
    r.configure(config(r))
    check("warning" not in r.query("reload"), "a warning for nothing")
    wait_focus(r, True)
    wait_for(lambda: not troubles(r), lambda: f"no trouble: {troubles(r)}")
    daemon.stop()


def replay(r, messages, text):
    with open(r.dir + "/recording", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(m) + "\n" for m in messages)
    r.configure(config(r).replace(RECORDER, "terminal"))
    put(r, text)
    printed = r.quietbell("replay", "--json", "-c", r.config_path, r.dir + "/recording")
    return [json.loads(line) for line in printed.splitlines()]


@case
def replay_over_the_end_of_summer_time(r):
    """Ten o'clock in Berlin, each working day: 08:00 UTC on Friday, 09:00 on Monday; right to the second."""
    standup = event("standup", "DTSTART;TZID=Europe/Berlin:20260901T100000", "DTEND;TZID=Europe/Berlin:20260901T103000",
                    "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "EXDATE;TZID=Europe/Berlin:20261027T100000")
    moved = event("standup", "RECURRENCE-ID;TZID=Europe/Berlin:20261028T100000",
                  "DTSTART;TZID=Europe/Berlin:20261028T140000", "DTEND;TZID=Europe/Berlin:20261028T150000")

    def at(text):
        return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp() * 1000)

    asked = {  # asked at (UTC): told at
        "2026-10-23T07:59:59": "2026-10-23T07:59:59", "2026-10-23T08:00:00": "2026-10-23T08:30:00",
        "2026-10-23T08:29:59": "2026-10-23T08:30:00", "2026-10-23T08:30:00": "2026-10-23T08:30:00",
        "2026-10-25T09:10:00": "2026-10-25T09:10:00",
        "2026-10-26T08:10:00": "2026-10-26T08:10:00", "2026-10-26T09:00:00": "2026-10-26T09:30:00",
        "2026-10-27T09:10:00": "2026-10-27T09:10:00",  # taken out
        "2026-10-28T09:10:00": "2026-10-28T09:10:00", "2026-10-28T13:59:59": "2026-10-28T14:00:00",  # moved
    }
    messages = [{"type": "event", "id": f"{i + 1:016x}", "at_ms": at(when), "agent": "shell", "session": f"s{i}",
                 "state": "blocked", "kind": "permission", "title": when} for i, when in enumerate(asked)]
    told = {}
    for line in replay(r, messages, calendar(standup, moved)):
        if line["what"] == "alert":
            for need in line["needs"]:
                told.setdefault(need, line["at_ms"])
    equal(sorted(told.values()), sorted(at(when) for when in asked.values()), "told")


@case
def one_waits_for_another_asleep(r):
    """After "retry" all are due at once, and the second waits while the first is read, which takes seconds."""
    bomb = event("bomb", "DTSTART:19700101T000000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30")
    files = {"slow": put(r, calendar(bomb), "slow.ics"), "quick": put(r, calendar(), "quick.ics")}
    calendars = [{"focus": name, "file": path} for name, path in files.items()]
    sensor = r.start([rig.BUILD + "/libexec/quietbell/calendar"], env=r.env, stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE)

    def say(**message):
        sensor.stdin.write(json.dumps(message).encode() + b"\n")
        sensor.stdin.flush()

    def heard(retry):
        told = []
        while len(told) < len(files):
            message = json.loads(sensor.stdout.readline())
            if message["type"] == "calendar":
                told.append(message["focus"])
                say(type="ack", id=message["id"], ok=not retry, retry=retry)
        equal(told, list(files), "told")

    say(type="hello", protocol=1, receiver="calendar", settings={"calendars": calendars})
    heard(retry=True)
    heard(retry=False)
    with open(f"/proc/{sensor.pid}/stat", encoding="ascii") as file:
        ticks = sum(int(part) for part in file.read().rsplit(")", 1)[1].split()[11:13])
    check(ticks < os.sysconf("SC_CLK_TCK") or rig.SANITIZER, f"{ticks} ticks of processor time spent waiting")
    sensor.stdin.close()
    equal(sensor.wait(10), 0, "exit")


if __name__ == "__main__":
    rig.main()
