#!/usr/bin/env python3
"""The daemon's life: starting, stopping, reloading, the spool, a second one, restarts. (time limit: 150 s)"""
import json
import os
import shutil
import signal
import socket
import stat

import rig
from rig import case, check, equal, hook_message, quiet, wait_for, wall_ms

# ---- starting and stopping ------------------------------------------------------------------------------------

@case
def starts_without_any_file(r):
    daemon = r.daemon()
    equal(len(daemon.lines), 1, "lines on stdout")
    check("ready" in daemon.lines[0] and r.socket in daemon.lines[0], daemon.lines[0])
    for path, mode in ((r.socket, 0o600), (os.path.dirname(r.socket), 0o700), (r.state, 0o700), (r.spool, 0o700),
                       (r.quarantine, 0o700), (r.state + "/quietbell.db", 0o600)):
        equal(oct(stat.S_IMODE(os.stat(path).st_mode)), oct(mode), path)
    status = r.status()
    equal((status["sessions"], status["troubles"], status["config"]["in_force"]), ([], [], True))
    check("popup" in [row["receiver"] for row in status["receivers"]], f"{status['receivers']}")
    daemon.stop()
    check(not os.path.exists(r.socket), "the socket file stays")


@case
def stops_with_0_on_sigint_and_sigterm(r):
    for number in (signal.SIGINT, signal.SIGTERM):
        daemon = r.daemon(quiet(r))
        r.wait_serving("out")
        pid = r.receiver_row("out")["pid"]
        r.post("s", title=f"before {number}")
        daemon.stop(number)
        check(not os.path.exists(f"/proc/{pid}"), "the plugin lives on")
        check(not os.path.exists(r.socket), "the socket file stays")


@case
def stops_at_once_while_starting(r):
    """A signal that comes in the first moment still ends it with 0."""
    for i in range(200):
        r.spool_message(hook_message(f"s{i}"))
    daemon = r.daemon(quiet(r), ready=False)
    wait_for(lambda: os.path.exists(r.quarantine), "the first folder")
    daemon.send(signal.SIGTERM)
    status = daemon.wait()
    check(status in (0, -signal.SIGTERM), f"ended with {status}: {daemon.log()}")
    # what it did not take lies there still, and is taken now, once
    r.daemon()
    equal(len(r.needs()), 200, "needs")
    equal(r.spooled(), [], "spool")


@case
def stops_with_clients_connected(r):
    daemon = r.daemon(quiet(r))
    doors = [r.connect() for _ in range(20)]
    doors[0].send(b'{"type":"comm')
    doors[1].ask({"type": "command", "command": "status"})
    daemon.stop()
    for door in doors:
        equal(door.socket.recv(1), b"", "a connection that stays open")
        door.close()


@case
def a_second_daemon_is_refused(r):
    r.daemon(quiet(r))
    r.post("s", title="first")
    second = r.daemon(ready=False)
    check(second.wait() not in (0, None), "it started")
    check("another" in second.log() or "in use" in second.log() or "locked" in second.log(), second.log())
    r.post("s2", title="second")
    equal(len(r.needs()), 2, "needs of the first one")
    wait_for(lambda: len(r.tells()) == 2, lambda: f"two alerts: {r.tells()}")


@case
def a_second_daemon_takes_nothing_from_the_first(r):
    """It must find out before it takes the spool or touches the store."""
    r.daemon(quiet(r))
    for i in range(5):
        r.spool_message(hook_message(f"s{i}"))
        second = r.daemon(ready=False)
        check(second.wait() != 0, "it started")
    wait_for(lambda: len(r.needs()) == 5, lambda: f"needs: {len(r.needs())}")
    wait_for(lambda: len(r.tells()) == 5, lambda: f"alerts: {r.tells()}")
    equal(r.status()["counts"]["spooled"], 5, "spooled messages of the first one")


@case
def a_stale_socket_is_replaced(r):
    os.makedirs(os.path.dirname(r.socket), 0o700)
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(r.socket)
    dead.close()
    r.daemon(quiet(r))
    r.post("s", title="x")
    equal(len(r.needs()), 1)


@case
def killed_and_started_again(r):
    daemon = r.daemon(quiet(r))
    r.post("s", title="before")
    wait_for(lambda: r.tells(), "the alert")
    wait_for(lambda: r.needs()[0]["delivered"], "its delivery")
    daemon.kill()
    check(os.path.exists(r.socket), "no stale socket to test with")
    r.daemon()
    need = r.needs()[0]
    equal((need["title"], need["told"]), ("before", True), "need")
    r.post("s2", title="after")
    wait_for(lambda: len(r.tells()) == 2, lambda: f"the second alert: {r.tells()}")
    check("after" in r.tells()[1], f"{r.tells()}")


@case
def something_else_at_the_socket(r):
    os.makedirs(r.socket)
    daemon = r.daemon(quiet(r), ready=False)
    check(daemon.wait() != 0, "it started")
    check(r.socket in daemon.log(), daemon.log())
    check(os.path.isdir(r.socket), "it was removed")


@case
def socket_activation(r):
    if not shutil.which("systemd-socket-activate"):
        return rig.info("no systemd-socket-activate here; the daemon's own listener is handed over instead")
    os.makedirs(os.path.dirname(r.socket), 0o700)
    daemon = r.daemon(quiet(r), argv=["systemd-socket-activate", "-l", r.socket, *inherited(r)], ready=False)
    wait_for(lambda: os.path.exists(r.socket), "the socket")
    door = None

    def connected():
        nonlocal door
        try:
            door = r.connect()
            return True
        except OSError:
            return False

    wait_for(connected, "somebody who listens")
    answer = door.ask({"type": "command", "command": "status"})
    check(answer["ok"] and answer["status"]["pid"] == daemon.pid, f"{answer}")
    daemon.wait_ready()
    r.post("s", title="x")
    daemon.stop()
    check(os.path.exists(r.socket), "systemd's socket file was removed")


def inherited(r):
    """systemd-socket-activate hands over only the variables it is told to."""
    return [word for name in r.env for word in ("-E", name)]


@case
def named_socket_and_wrong_usage(r):
    path = r.dir + "/elsewhere"
    r.env["QUIETBELL_SOCKET"] = path
    r.daemon(quiet(r))
    r.socket = path
    r.agent(r.repository("payments")).start().ask("ls")
    equal(len(r.needs()), 1, "needs by the hook client and the named socket")
    check("payments" in r.quietbell("status"), "the client does not find it")
    equal(oct(stat.S_IMODE(os.stat(path).st_mode)), "0o600", "mode")
    for args in (["--no-such"], ["word"], ["-c"]):
        daemon = r.daemon(args=args, ready=False)
        equal(daemon.wait(), 2, f"exit code of {args}")
    daemon = r.daemon(args=["-c", r.dir + "/no.yaml"], ready=False)
    equal(daemon.wait(), 1, "exit code without its file")
    check("no.yaml" in daemon.log(), daemon.log())


# ---- reloading ------------------------------------------------------------------------------------------------

@case
def reload_by_signal_and_command(r):
    daemon = r.daemon(quiet(r, "30s"))
    r.post("s", title="waits-30-s")
    before = r.status()["config"]["loaded_ms"]
    r.configure(quiet(r, "0"))
    daemon.send(signal.SIGHUP)
    wait_for(lambda: r.tells(), "the alert that is due under the new rules")
    check(r.status()["config"]["loaded_ms"] >= before, "loaded_ms")
    # told stays told; the plugin is not started again for other rules
    pid = r.receiver_row("out")["pid"]
    r.configure(quiet(r, "1s"))
    r.quietbell("reload")
    r.post("s2", title="second")
    wait_for(lambda: len(r.tells()) == 2, lambda: f"{r.tells()}")
    equal([line for line in r.tells() if "waits" in line], r.tells()[:1], "told twice")
    equal(r.receiver_row("out")["pid"], pid, "the plugin's pid")
    # another receiver: alerts go there
    r.configure(quiet(r, path="other"))
    daemon.send(signal.SIGHUP)
    wait_for(lambda: r.receiver_row("out")["pid"] not in (0, pid), "another plugin")
    r.wait_serving("out")
    r.post("s3", title="third")
    wait_for(lambda: any("third" in line for line in r.tells("other")), "the alert in the other file")
    equal([line for line in r.tells("other") if "third" not in line], [], "told again after the reload")


@case
def a_broken_file_changes_nothing(r):
    daemon = r.daemon(quiet(r))
    r.wait_serving("out")
    good = r.status()["config"]
    folder = rig.ROOT + "/tests/config"
    broken = sorted(name for name in os.listdir(folder) if name.endswith(".yaml"))
    check(len(broken) >= 30, "fewer than 30 broken files")
    for i, name in enumerate(broken):
        shutil.copy(f"{folder}/{name}", r.config_path)
        if i % 2:
            answer = r.ask({"type": "command", "command": "reload"})
            check(not answer["ok"] and "quietbell.yaml:" in answer["error"], f"{name}: {answer}")
        else:
            count = daemon.log().count("not loaded:")
            daemon.send(signal.SIGHUP)
            wait_for(lambda: daemon.log().count("not loaded:") > count, f"a word about {name} in the log")
        status = r.status()
        equal(status["config"]["in_force"], False, name)
        equal(status["config"]["loaded_ms"], good["loaded_ms"], name)
        check("quietbell.yaml:" in status["config"]["problem"], f"{name}: {status['config']}")
        trouble = next(t for t in status["troubles"] if t["key"] == "config")
        check("quietbell.yaml:" in trouble["what"] and "quietbell check" in trouble["todo"], f"{name}: {trouble}")
    shown = r.quietbell("status")
    check("quietbell.yaml:" in shown and "quietbell check" in shown, shown)
    r.quietbell("reload", status=1)
    # the old rules are in force
    r.post("s", title="by-the-old-rules")
    wait_for(lambda: r.tells(), "the alert")
    # a file that is gone is no reason to forget the rules
    os.unlink(r.config_path)
    r.quietbell("reload", status=1)
    r.post("s2", title="still")
    wait_for(lambda: len(r.tells()) == 2, "the alert")
    r.configure(quiet(r))
    r.quietbell("reload")
    status = r.status()
    equal((status["config"]["in_force"], status["troubles"]), (True, []), "after mending")


@case
def a_broken_file_at_the_start(r):
    r.configure("recievers: {}\n")
    daemon = r.daemon(ready=False)
    equal(daemon.wait(), 1, "exit code")
    for words in ("quietbell.yaml:1:1", "recievers", "receivers"):
        check(words in daemon.log(), f"no {words} in {daemon.log()}")
    equal(daemon.lines, [], "it said something on stdout")


# ---- the spool ------------------------------------------------------------------------------------------------

@case
def spooled_while_away_is_taken_in_order(r):
    """Asked, answered and asked again while the daemon is away: the order decides what is open."""
    r.configure(quiet(r))
    agent = r.agent(r.repository("payments"))
    agent.start()
    agent.ask("first")
    agent.answer()
    agent.ask("second")
    asked = r.agent(r.repository("webshop")).start()
    asked.ask("third")
    asked.answer()
    equal(len(r.spooled()), 9, "spool")
    r.daemon()
    equal(r.spooled(), [], "spool after the start")
    needs = r.needs()
    equal([n["title"] for n in needs], ["Bash: second"], "open needs")
    equal(len(r.needs(all=True)), 3, "needs in all")
    wait_for(lambda: r.tells(), "its alert")
    check(all("first" not in line and "third" not in line for line in r.tells()), f"{r.tells()}")
    equal(r.status()["counts"]["spooled"], 9, "counted")


@case
def spooled_while_running_is_taken(r):
    r.daemon(quiet(r))
    for i in range(30):
        r.spool_message(hook_message(f"s{i}"))
    wait_for(lambda: not r.spooled(), "an empty spool")
    equal(len(r.needs()), 30, "needs")
    # half-written and hidden ones are left alone
    with open(r.spool + "/.half", "w", encoding="utf-8") as file:
        file.write("{")
    r.spool_message(hook_message("last"))
    wait_for(lambda: len(r.needs()) == 31, "the last one")
    check(os.path.exists(r.spool + "/.half"), "a hidden file was taken")
    equal(r.quarantined(), {}, "quarantine")


@case
def a_message_read_and_spooled_counts_once(r):
    r.daemon(quiet(r))
    message = hook_message("s1")
    first = r.ask(message)
    again = r.ask(message)
    equal((first["ok"], again), (True, {"ok": True, "seq": first["seq"]}), "the second answer")
    r.spool_message(message)
    wait_for(lambda: not r.spooled(), "an empty spool")
    r.spool_message(dict(hook_message("s2"), id=message["id"]))
    wait_for(lambda: not r.spooled(), "an empty spool")
    equal([(n["session"], n["count"]) for n in r.needs()], [("s1", 1)], "needs")
    # over a restart, too
    r.daemons[0].stop()
    r.spool_message(message)
    r.daemon()
    equal(r.ask(message)["seq"], first["seq"], "the answer after a restart")
    equal([(n["session"], n["count"]) for n in r.needs()], [("s1", 1)], "needs after a restart")
    wait_for(lambda: len(r.tells()) == 1, "the alert")


@case
def many_spooled_files(r):
    """More than one portion of a look: in order, none twice, none left."""
    base = wall_ms() - 600000
    for i in range(3003):  # seven sessions ask and are answered in turn; the last request of each stays open
        asks, number = i // 7 % 2 == 0, i // 7 - i // 7 % 2
        r.spool_message(hook_message("s%d" % (i % 7), "PermissionRequest" if asks else "PostToolUse", base + i,
                                     f"c{number}"))
    r.daemon(quiet(r))
    equal(r.spooled(), [], "spool")
    equal(sorted((n["session"], n["title"]) for n in r.needs()), [(f"s{i}", "Bash: c428") for i in range(7)], "needs")
    equal(r.status()["counts"]["spooled"], 3003, "counted")
    equal(r.troubles(), [], "troubles")


# ---- restarts -------------------------------------------------------------------------------------------------

@case
def a_restart_keeps_needs_and_told_stays_told(r):
    daemon = r.daemon(quiet(r))
    told, acked, snoozed = (r.agent(r.repository(name)).start() for name in ("told", "acked", "snoozed"))
    for agent in (told, acked, snoozed):
        agent.ask("ls")
    wait_for(lambda: len(r.tells()) == 3 and all(n["delivered"] for n in r.needs()), "three alerts")
    r.quietbell("ack", r.need(acked.session)["id"])
    r.quietbell("snooze", r.need(snoozed.session)["id"], "1h")
    r.quietbell("focus", "on", "dnd", "for", "45m")
    walled = r.agent(r.repository("walled")).start()
    walled.ask("rm")
    before = {n["id"]: n for n in r.needs()}
    for stop in (daemon.stop, daemon.kill):
        stop() if stop == daemon.stop else r.daemons[-1].kill()
        r.daemon()
        after = {n["id"]: n for n in r.needs()}
        equal(sorted(after), sorted(before), "ids")
        for id_, need in before.items():
            for key in ("session", "kind", "title", "state", "told", "repository", "opened_ms", "alerts", "receivers"):
                equal(after[id_][key], need[key], f"{key} of {need['repository']}")
        focus = r.query("focus-status")["focus"][0]
        check(focus["on"] and focus["by"] == "hand", f"{focus}")
    r.wait_serving("out")
    r.quietbell("focus", "off")
    wait_for(lambda: len(r.tells()) == 4, lambda: f"the walled one: {r.needs()} {r.alerts(all=True)}")
    equal(len({line for line in r.tells()}), 4, "told twice")


@case
def a_session_that_died_meanwhile(r):
    """Its need is closed at the start, before anything is told."""
    daemon = r.daemon(quiet(r, "30s"))
    gone, alive = (r.agent(r.repository(name)).start() for name in ("gone", "alive"))
    gone.ask("ls")
    alive.ask("ls")
    daemon.stop()
    gone.process.kill()
    gone.process.wait()
    r.daemon(quiet(r, "0"))
    equal([n["repository"] for n in r.needs()], ["alive"], "open needs")
    wait_for(lambda: r.tells(), "the other one's alert")
    check("gone" not in "".join(r.tells()), f"{r.tells()}")


@case
def popups_of_before_are_updated_and_closed(r):
    desktop = r.desktop()
    config = "receivers: { popup: { plugin: desktop } }\nrules: [ { set: { settle: 0 } } ]\n"
    for kind in ("stop", "kill"):
        daemon = r.daemon(config)
        payments = r.repository("payments-" + kind)
        first, second, other = (r.agent(p).start() for p in (payments, payments, r.repository("shop-" + kind)))
        first.ask("git push")
        other.ask("npm install")
        desktop.shows(2)
        wait_for(lambda: all(a["delivered"] for a in r.alerts()), "delivered")
        ids = {p["id"] for p in desktop.popups()}
        getattr(daemon, kind)()
        other.answer()  # into the spool
        r.daemon()
        desktop.shows(1)
        second.ask("git tag")
        wait_for(lambda: "git tag" in desktop.popups()[-1]["body"], "the update")
        check(desktop.popups()[-1]["id"] in ids, "a popup beside the old one")
        desktop.shows(1)
        first.answer()
        second.answer()
        desktop.shows(0)
        equal(desktop.rings() % 3, 0, f"rings: {desktop.rings()}")
        r.daemons[-1].stop()


@case
def a_damaged_database_is_set_aside_and_told(r):
    daemon = r.daemon(quiet(r))
    r.post("s", title="before")
    wait_for(lambda: r.tells(), "the alert")
    daemon.stop()
    with open(r.state + "/quietbell.db", "r+b") as file:
        file.write(b"garbage " * 512)
    r.daemon()
    trouble = next(t for t in r.troubles() if t["key"] == "database")
    check("set aside" in trouble["what"], f"{trouble}")
    check(any(name != "quietbell.db" and name.startswith("quietbell.db") for name in os.listdir(r.state)
              if "-wal" not in name and "-shm" not in name), f"{os.listdir(r.state)}")
    r.post("s2", title="after")
    wait_for(lambda: len(r.tells()) == 2, "the alert")


@case
def the_answer_names_what_is_wrong(r):
    r.daemon(quiet(r))
    for message, at in (({"type": "event", "agent": "a", "session": "s", "state": "blocked", "kind": "nonsense"},
                         "/kind"),
                        ({"type": "hook", "agent": "claude-code", "event": "Stop"}, "/payload"),
                        ({"type": "hoook"}, "/type"), ({"type": "command", "command": "stattus"}, "/command")):
        answer = r.ask(message)
        equal((answer["ok"], answer["at"]), (False, at), json.dumps(answer))
        check(answer["error"], "no reason")


if __name__ == "__main__":
    rig.main()
