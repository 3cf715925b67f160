#!/usr/bin/env python3
"""Going there: `quietbell next --go`, and Open on a popup, with real parts. (time limit: 150 s)

Real: tmux with a client in a terminal, windows of X11 with and without openbox, dunst and a click on its popup,
kitty where it can draw here (software GL). WezTerm is a stand-in on PATH that writes down how it was called, and so
is kitty in the cases that say so. The picture of a popup with its Open button is $BUILD/screens/popup-open.png."""
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import threading
import time

import rig
from rig import BUILD, case, check, equal, wait_for

CONFIG = "preset: eager\nreceivers: { popup: { plugin: desktop } }\nfocus: { dnd: {} }\n"
JUMP = BUILD + "/libexec/quietbell/jump"


def jump(r, place, limit_s=6, **env):
    """The program alone: its answer."""
    began = time.monotonic()
    done = subprocess.run([JUMP], input=json.dumps(place) if isinstance(place, dict) else place, text=True,
                          capture_output=True, env=dict(r.env, **env), timeout=limit_s + 5, check=False)
    took_s = time.monotonic() - began
    check(took_s < limit_s, f"jump took {took_s:.1f} s")
    equal(done.stdout.count("\n"), 1, f"lines of answer: {done.stdout!r} {done.stderr!r}")
    answer = json.loads(done.stdout)
    equal(done.returncode, 0 if answer["ok"] else 1, "exit status")
    return answer


def stand_in(r, name, script):
    """A command on PATH that appends its arguments, one JSON list a call, to NAME.calls."""
    folder = r.dir + "/bin"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
        file.write(f"#!/usr/bin/python3\nimport json, sys, time\nopen('{folder}/{name}.calls', 'a').write("
                   f"json.dumps(sys.argv[1:]) + '\\n')\n{script}\n")
    os.chmod(f"{folder}/{name}", 0o755)
    return {"PATH": folder + ":" + r.env["PATH"]}


def calls(r, name):
    try:
        with open(f"{r.dir}/bin/{name}.calls", encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


# ---- tmux -----------------------------------------------------------------------------------------------------

class Tmux:
    """A server of its own; attach() is a terminal that shows one of its sessions."""

    def __init__(self, r):
        self.rig, self.socket = r, r.dir + "/tmux.sock"
        self.sessions = {}

    def __call__(self, *args):
        done = subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", *args], env=self.rig.env,
                              capture_output=True, text=True, check=False)
        equal(done.returncode, 0, f"tmux {args}: {done.stderr}")
        return done.stdout.strip()

    def session(self, name):
        self("new-session", "-d", "-s", name, "-x", "80", "-y", "24", "sleep 600")
        return self("list-panes", "-t", name, "-F", "#{pane_id}")

    def attach(self, name, **env):
        main, terminal = pty.openpty()
        process = self.rig.start(["tmux", "-S", self.socket, "attach", "-t", name], stdin=terminal, stdout=terminal,
                                 stderr=terminal, start_new_session=True, env=dict(self.rig.env, TERM="xterm", **env))
        os.close(terminal)
        os.set_blocking(main, False)
        wait_for(lambda: str(process.pid) in self("list-clients", "-F", "#{client_pid}"), "a tmux client")
        return process, main

    def shown(self, process):
        for line in self("list-clients", "-F", "#{client_pid} #{session_name} #{pane_id}").splitlines():
            pid, session, pane = line.split()
            if int(pid) == process.pid:
                return session, pane
        return None

    def environment(self, pane):
        return {"TMUX": f"{self.socket},{self('display-message', '-p', '#{pid}')},0", "TMUX_PANE": pane}

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)


def with_tmux(function):
    def run(r):
        tmux = Tmux(r)
        try:
            function(r, tmux)
        finally:
            tmux.close()
    run.__name__, run.__module__ = function.__name__, function.__module__
    return case(run)


def ask_in(r, tmux, pane, repository, command="git push"):
    agent = r.agent(r.repository(repository), env=tmux.environment(pane)).start()
    agent.ask(command)
    return agent


@with_tmux
def to_the_pane_of_the_next_need(r, tmux):
    r.daemon(CONFIG)
    at = tmux.session("mail")
    first, second = tmux.session("payments"), tmux.session("webshop")
    tmux("split-window", "-d", "-t", "webshop", "sleep 600")
    terminal, _ = tmux.attach("mail")
    equal(tmux.shown(terminal), ("mail", at), "before")
    ask_in(r, tmux, first, "payments")
    out = r.quietbell("next", "--go")
    equal(tmux.shown(terminal), ("payments", first), "after next --go")
    need = r.needs()[0]
    equal(out, f"{need['id']}  permission in payments · main: Bash: git push\n"
               f"      allow or deny it in tmux {first}; or quietbell ack {need['id']}\n"
               "      you are there, by tmux\n", "next --go")
    # the other one, by its repository; its pane is not the active one of its window
    tmux("select-pane", "-t", "webshop.1")
    ask_in(r, tmux, second, "webshop")
    answer = json.loads(r.quietbell("--json", "next", "--go", "webshop"))
    equal(answer["jump"], {"ok": True, "by": "tmux"}, "the answer's jump")
    equal(tmux.shown(terminal), ("webshop", second), "after next --go webshop")
    # to look is not to go
    r.quietbell("next", "--peek")
    r.quietbell("next")
    equal(tmux.shown(terminal), ("webshop", second), "after next without --go")
    r.quietbell("next", "webshop", status=2)
    r.quietbell("next", "--go", "--peek", status=2)
    r.quietbell("next", "--go", "nobody", status=1)


@with_tmux
def the_client_that_was_used_last(r, tmux):
    pane, other = tmux.session("agents"), tmux.session("notes")
    quiet, _ = tmux.attach("notes")
    used, keys = tmux.attach("notes")
    time.sleep(1.1)  # tmux keeps activity in whole seconds
    os.write(keys, b"x")
    wait_for(lambda: len(set(tmux("list-clients", "-F", "#{client_activity}").split())) == 2, "activity")
    equal(jump(r, {"tmux": tmux.socket, "pane": pane}), {"ok": True, "by": "tmux"}, "jump")
    equal(tmux.shown(used), ("agents", pane), "the terminal that was used")
    equal(tmux.shown(quiet), ("notes", other), "the other terminal")


@with_tmux
def what_is_gone_in_tmux(r, tmux):
    r.daemon(CONFIG)
    pane = tmux.session("payments")
    agent = ask_in(r, tmux, pane, "payments")

    def refused(why):
        done = subprocess.run([BUILD + "/quietbell", "next", "--go"], env=r.env, capture_output=True, text=True,
                              check=False)
        equal((done.returncode, done.stderr), (1, f"quietbell: cannot go there: {why}\n"), "next --go")
        check(agent.session in r.need(agent.session)["session"], "the need stays")

    refused(f"no terminal is attached to its tmux: tmux -S {tmux.socket} attach -t {pane}")
    tmux.session("else")
    tmux.attach("else")
    tmux("kill-session", "-t", "payments")
    refused(f"pane {pane} is gone")
    tmux("kill-server")
    refused("its tmux server is gone")
    os.unlink(tmux.socket)
    refused("its tmux server is gone (no socket of yours is where it was)")


# ---- X11 ------------------------------------------------------------------------------------------------------

def window(r, desktop, name):
    """A real window; its id, decimal as WINDOWID has it."""
    process = r.start(["xev", "-name", name, "-geometry", "200x100"], env=desktop.env, stdout=subprocess.DEVNULL)
    found = wait_for(lambda: desktop.run("xdotool", "search", "--name", f"^{name}$").split(), f"window {name}")
    return process, found[-1]


def manage(r, desktop):
    r.start(["openbox"], env=desktop.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: "window id" in desktop.run("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"), "openbox")


def active(desktop):
    return desktop.run("xdotool", "getactivewindow").strip()


def at_front(desktop, wanted):
    wait_for(lambda: active(desktop) == wanted, lambda: f"window {wanted} in front; it is {active(desktop)}")


@case
def to_a_window_with_a_window_manager(r):
    desktop = r.desktop()
    manage(r, desktop)
    r.daemon(CONFIG)
    process, terminal = window(r, desktop, "terminal")
    _, browser = window(r, desktop, "browser")
    at_front(desktop, browser)
    r.agent(r.repository("payments"), env={"WINDOWID": terminal}).start().ask("git push")
    out = r.quietbell("next", "--go")
    check("you are there, by x11" in out, out)
    at_front(desktop, terminal)
    # a window within it, as some terminals say of themselves; minimised, and on another desktop
    inner = re.search(r"\n +(0x[0-9a-f]+) ", desktop.run("xwininfo", "-id", terminal, "-children").split("child")[1])
    for away in (["windowactivate", "--sync", browser], ["windowminimize", "--sync", terminal],
                 ["set_desktop_for_window", terminal, "2"]):
        desktop.run("xdotool", *away)
        equal(jump(r, {"window": str(int(inner.group(1), 16))}), {"ok": True, "by": "x11"}, f"jump after {away[0]}")
        at_front(desktop, terminal)
    process.kill()
    process.wait()
    wait_for(lambda: not desktop.run("xdotool", "search", "--name", "^terminal$").strip(), "its window gone")
    equal(jump(r, {"window": terminal}), {"ok": False, "reason": f"window {terminal} is gone"}, "a gone window")


@case
def to_a_window_without_a_window_manager(r):
    desktop = r.desktop()
    _, terminal = window(r, desktop, "terminal")
    _, browser = window(r, desktop, "browser")
    for wanted in (terminal, browser, terminal):
        equal(jump(r, {"window": wanted}), {"ok": True, "by": "x11"}, "jump")
        equal(desktop.run("xdotool", "getwindowfocus", "-f").strip(), wanted, "the focus")
    equal(jump(r, {"window": "77"}), {"ok": False, "reason": "window 77 is gone"}, "no window")


@with_tmux
def tmux_and_the_window_around_it(r, tmux):
    """The terminal is where the client runs, not where the session once began."""
    desktop = r.desktop()
    manage(r, desktop)
    _, terminal = window(r, desktop, "terminal")
    _, browser = window(r, desktop, "browser")
    at_front(desktop, browser)
    pane = tmux.session("payments")
    client, _ = tmux.attach(tmux("new-session", "-d", "-P", "-F", "#{session_name}", "sleep 600"),
                            WINDOWID=terminal)
    place = {"tmux": tmux.socket, "pane": pane, "window": browser}
    equal(jump(r, place, DISPLAY=""), {"ok": True, "by": "tmux", "also": "x11"}, "jump")
    equal(tmux.shown(client), ("payments", pane), "the pane")
    equal(active(desktop), terminal, "in front")
    # a client that came by ssh: the person looks at another machine's screen
    client.terminate()
    client.wait()
    desktop.run("xdotool", "windowactivate", "--sync", browser)
    tmux.attach("payments", WINDOWID=terminal, SSH_CONNECTION="10.0.0.2 1 10.0.0.1 22")
    equal(jump(r, place), {"ok": True, "by": "tmux"}, "jump of an ssh client")
    equal(active(desktop), browser, "in front of an ssh client")


# ---- popups ---------------------------------------------------------------------------------------------------

def clickable(r):
    """A desktop whose popups act on a click, as most do."""
    desktop = r.desktop(server=False)
    path = desktop.dir + "/dunstrc"
    with open(path, encoding="ascii") as file:
        text = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace("close_current", "do_action"))
    desktop.serve()
    return desktop


@with_tmux
def a_click_on_the_popup(r, tmux):
    desktop = clickable(r)
    daemon = r.daemon(CONFIG)
    at, pane = tmux.session("mail"), tmux.session("payments")
    terminal, _ = tmux.attach("mail")
    agent = ask_in(r, tmux, pane, "payments")
    desktop.shows(1)
    popup = desktop.wait_popups(1)[0]
    equal(popup["actions"], ["default", "Open", "acknowledge", "Acknowledge", "snooze", "Snooze 30 min"], "actions")
    equal(tmux.shown(terminal), ("mail", at), "nothing moves by itself")
    desktop.run("xdotool", "mousemove", "700", "40", "click", "1")
    wait_for(lambda: tmux.shown(terminal) == ("payments", pane), "the pane, after a click")
    daemon.wait_log(f"need {r.needs()[0]['id']}: opened by tmux")
    need = r.need(agent.session)
    equal(need["state"], "open", "Open answers nothing")
    # they are answering from the board: nothing else is told meanwhile
    other = r.agent(r.repository("webshop")).start()
    other.ask("npm i")
    wait_for(lambda: r.need(other.session)["why"].startswith("hold; you are answering from the board"),
             lambda: r.need(other.session)["why"])


@with_tmux
def the_open_action_of_a_group(r, tmux):
    """Open on an alert of several goes to the one that it names first."""
    desktop = r.desktop()
    r.daemon(CONFIG)
    tmux.session("mail")
    first, second = tmux.session("one"), tmux.session("two")
    terminal, _ = tmux.attach("mail")
    done = r.agent(r.repository("payments"), env=tmux.environment(first)).start()
    asks = r.agent(r.worktree(r.dir + "/src/payments", "fix"), env=tmux.environment(second)).start()
    done.begin_ask("AskUserQuestion", rig.question("Which one?", "A", "B"))
    asks.begin_ask("Bash", {"command": "git push", "description": "Push"})
    done.finish()
    asks.finish()
    desktop.shows(1)
    wait_for(lambda: all(n["told"] for n in r.needs()) and len(r.needs()) == 2, "both told")
    named = desktop.wait_popups(1)[-1]["body"]
    check(named.index("git push") < named.index("Which one"), f"the permission stands first: {named}")
    desktop.run("dunstctl", "action", "0")
    wait_for(lambda: tmux.shown(terminal) == ("two", second), lambda: f"the first need's pane: {tmux.shown(terminal)}")
    equal(sorted(n["state"] for n in r.needs()), ["open", "open"], "states")


@with_tmux
def open_says_why_it_cannot(r, tmux):
    desktop = r.desktop()
    daemon = r.daemon(CONFIG)
    pane = tmux.session("payments")
    tmux.session("else")
    tmux.attach("else")
    agent = ask_in(r, tmux, pane, "payments")
    desktop.shows(1)
    tmux("kill-session", "-t", "payments")
    desktop.run("dunstctl", "action", "0")
    daemon.wait_log(f"cannot be opened: pane {pane} is gone")
    wait_for(lambda: [(p["title"], p["body"]) for p in desktop.popups()][-1] ==
             ("quietbell cannot go there", f"pane {pane} is gone"), lambda: f"a popup: {desktop.popups()[-1]}")
    equal(r.need(agent.session)["state"], "open", "the need")
    equal(r.troubles(), [], "troubles")
    # and it can be stopped while somebody is on the way
    daemon.stop()


XFCE = "/usr/lib/x86_64-linux-gnu/xfce4/"


@with_tmux
def the_open_button_of_xfce(r, tmux):
    """A server that draws buttons: Open stands first, and is pressed with the mouse."""
    parts = [XFCE + "xfconf/xfconfd", XFCE + "notifyd/xfce4-notifyd"]
    if not all(map(os.path.exists, parts)):
        rig.info("no xfce4-notifyd here: its button was not tried")
        return
    desktop = r.desktop(server=False)
    manage(r, desktop)
    for part in parts:
        r.start([part], env=desktop.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: "xfce" in desktop.run("busctl", "--user", "--address=" + desktop.env["DBUS_SESSION_BUS_ADDRESS"],
                                           "list").lower(), "xfce4-notifyd")
    r.daemon(CONFIG)
    tmux.session("mail")
    pane = tmux.session("payments")
    terminal, _ = tmux.attach("mail")
    ask_in(r, tmux, pane, "payments")
    equal(desktop.wait_popups(1)[0]["actions"][::2], ["default", "acknowledge", "snooze"], "actions")
    popup = wait_for(lambda: desktop.run("xdotool", "search", "--onlyvisible", "--class", "xfce4-notifyd").split(),
                     "its window")[-1]
    desktop.screenshot("popup-open.png")
    size = dict(line.split("=") for line in desktop.run("xdotool", "getwindowgeometry", "--shell", popup).split())
    desktop.run("xdotool", "mousemove", str(int(size["X"]) + 60), str(int(size["Y"]) + int(size["HEIGHT"]) - 30),
                "sleep", "0.2", "click", "1")
    wait_for(lambda: tmux.shown(terminal) == ("payments", pane), "the pane, after a press of the button")
    equal([n["state"] for n in r.needs()], ["open"], "states")


# ---- terminals ------------------------------------------------------------------------------------------------

def kitty_starts(r, desktop):
    """A kitty with two tabs, or None where it cannot draw."""
    if not shutil.which("kitty"):
        return None
    socket = r.dir + "/kitty.sock"
    env = dict(desktop.env, LIBGL_ALWAYS_SOFTWARE="1", KITTY_DISABLE_WAYLAND="1", KITTY_ENABLE_WAYLAND="0")
    process = r.start(["kitty", "--config", "NONE", "-o", "allow_remote_control=yes", "-o", "update_check_interval=0",
                       "--listen-on", "unix:" + socket, "sleep", "600"], env=env, stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: process.poll() is not None or os.path.exists(socket), "kitty's socket", 10)
    except rig.Failed:
        return None
    if process.poll() is not None:
        return None
    listed = subprocess.run(["kitty", "@", "--to", "unix:" + socket, "launch", "--type=tab", "sleep", "600"], env=env,
                            capture_output=True, text=True, timeout=20, check=False)
    return socket if listed.returncode == 0 else None


def kitty_shows(r, socket):
    text = subprocess.run(["kitty", "@", "--to", "unix:" + socket, "ls"], env=r.env, capture_output=True, text=True,
                          timeout=20, check=False).stdout
    return [w["id"] for o in json.loads(text) for t in o["tabs"] if t["is_focused"] for w in t["windows"]]


def ask_kitty(r, place):
    """kitty draws in software here: on a busy machine it needs longer than a person would be let wait."""
    answers = []

    def answered():
        answers.append(jump(r, place))
        return answers[-1].get("reason") != "kitty does not answer"
    wait_for(answered, "an answer of kitty", 40)
    return answers[-1]


@case
def to_a_tab_of_a_real_kitty(r):
    desktop = r.desktop()
    manage(r, desktop)
    socket = kitty_starts(r, desktop)
    if not socket:
        rig.info("kitty does not draw here: only the stand-in was tried")
        return
    wait_for(lambda: kitty_shows(r, socket) == [2], "the new tab in front")
    _, browser = window(r, desktop, "browser")
    at_front(desktop, browser)
    place = {"kitty": "1", "kitty_socket": "unix:" + socket}
    answer = ask_kitty(r, place)
    equal((answer["ok"], answer.get("by")), (True, "kitty"), f"jump: {answer}")
    wait_for(lambda: kitty_shows(r, socket) == [1], lambda: f"its tab: {kitty_shows(r, socket)}")
    check(active(desktop) not in ("", browser), "its window is in front")
    equal(ask_kitty(r, dict(place, kitty="77")), {"ok": False, "reason": "kitty window 77 is gone"}, "a gone window")


@case
def terminals_by_stand_ins(r):
    """kitty and wezterm as commands that write down their arguments: what they are told, and what may not reach them."""
    own = r.dir + "/own.sock"
    listening = rig.socket.socket(rig.socket.AF_UNIX)
    listening.bind(own)
    env = stand_in(r, "kitten", "sys.exit(0)")
    stand_in(r, "wezterm", "sys.exit(0)")
    equal(jump(r, {"kitty": "3", "kitty_socket": "unix:" + own}, **env), {"ok": True, "by": "kitty"}, "kitty")
    equal(jump(r, {"kitty": "4", "kitty_socket": "unix:@mykitty-7"}, **env), {"ok": True, "by": "kitty"}, "abstract")
    equal(jump(r, {"kitty": "5", "kitty_socket": "tcp:localhost:4711"}, **env), {"ok": True, "by": "kitty"}, "tcp")
    equal(calls(r, "kitten"), [["@", "--to", to, "focus-window", "--match", f"id:{n}"] for n, to in
                               ((3, "unix:" + own), (4, "unix:@mykitty-7"), (5, "tcp:localhost:4711"))], "kitten")
    equal(jump(r, {"wezterm": "12"}, **env), {"ok": True, "by": "wezterm"}, "wezterm")
    equal(calls(r, "wezterm"), [["cli", "--no-auto-start", "activate-pane", "--pane-id", "12"]], "wezterm")
    # without remote control there is no way to a tab
    answer = jump(r, {"kitty": "3"}, **env)
    check(not answer["ok"] and "allow_remote_control" in answer["reason"], answer)
    # one that hangs is not waited for
    stand_in(r, "wezterm", "time.sleep(60)")
    equal(jump(r, {"wezterm": "12"}, limit_s=3, **env), {"ok": False, "reason": "WezTerm does not answer"}, "hangs")
    stand_in(r, "wezterm", "print('ERROR \\x1b[31mpane 12 not found'); sys.exit(1)")
    equal(jump(r, {"wezterm": "12"}, **env), {"ok": False, "reason": "WezTerm pane 12 is gone"}, "gone")
    listening.close()


class Sway(threading.Thread):
    """A stand-in for sway: answers its tree once per connection, then says yes to the command, which it keeps."""

    def __init__(self, path, pids):
        super().__init__(daemon=True)
        self.tree = {"type": "root", "id": 1, "nodes": [{"type": "output", "id": 2, "nodes": [], "floating_nodes": [
            {"type": "con", "id": 10 + i, "pid": pid, "nodes": []} for i, pid in enumerate(pids)]}]}
        self.commands = []
        self.socket = rig.socket.socket(rig.socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        self.start()

    def run(self):
        while True:
            peer, _ = self.socket.accept()
            with peer:
                while head := peer.recv(14, rig.socket.MSG_WAITALL):
                    magic, length, kind = struct.unpack("=6sII", head)
                    body = peer.recv(length, rig.socket.MSG_WAITALL) if length else b""
                    if kind == 0:
                        self.commands.append(body.decode())
                    answer = json.dumps(self.tree if kind == 4 else [{"success": True}]).encode()
                    peer.sendall(struct.pack("=6sII", magic, len(answer), kind) + answer)


@case
def to_a_window_of_sway(r):
    """By the process: the terminal is an ancestor of the agent. (sway is a stand-in here that speaks its protocol.)"""
    agent = r.start(["sleep", "60"])
    sway = Sway(r.dir + "/sway.sock", [1, os.getpid(), 99999999])
    env = {"SWAYSOCK": r.dir + "/sway.sock"}
    equal(jump(r, {"pid": agent.pid}, **env), {"ok": True, "by": "sway"}, "jump")
    equal(sway.commands, ["[con_id=11] focus"], "commands")
    sway.tree["nodes"].append({"type": "con", "id": 20, "pid": os.getpid()})
    equal(jump(r, {"pid": agent.pid}, **env), {"ok": False, "reason": "its terminal has 2 windows, and which of them "
                                               "shows it is not known"}, "two windows")
    equal(jump(r, {"pid": 1}, **env)["reason"], "none of sway's windows belongs to it", "another process")
    equal(len(sway.commands), 1, "commands")


@case
def made_up_places(r):
    """What stands in a place comes from an agent's environment: nothing of it is run, and it says what is wrong."""
    ran = r.dir + "/ran"
    shell = f"$(touch {ran})"
    env = dict(stand_in(r, "tmux", "sys.exit(0)"), DISPLAY=":77")
    for name in ("kitten", "kitty", "wezterm"):
        stand_in(r, name, "sys.exit(0)")
    odd = r.dir + "/sock;touch x"
    listening = rig.socket.socket(rig.socket.AF_UNIX)
    listening.bind(odd)  # ours, and there: its name alone is wrong, as it would be part of a command to type
    elsewhere = r.dir + "/file"
    with open(elsewhere, "w", encoding="ascii"):
        pass
    for place in ({"tmux": "/tmp/" + shell, "pane": "%1"}, {"tmux": "relative", "pane": "%1"},
                  {"tmux": odd, "pane": "%1"}, {"kitty": "1", "kitty_socket": "unix:" + odd},
                  {"tmux": elsewhere, "pane": "%1"}, {"tmux": "/run/dbus/system_bus_socket;x", "pane": "%1"},
                  {"tmux": r.socket, "pane": shell}, {"tmux": r.socket, "pane": "%1;kill-server"},
                  {"tmux": r.socket, "pane": "-t"}, {"window": shell}, {"window": "-1"}, {"window": "0"},
                  {"window": "99999999999"}, {"kitty": shell, "kitty_socket": "unix:@x"},
                  {"kitty": "1", "kitty_socket": "unix:/etc/passwd"}, {"kitty": "1", "kitty_socket": "tcp:evil.org:80"},
                  {"kitty": "1", "kitty_socket": "fd:3"}, {"wezterm": "1 --x"}, {"wezterm": shell},
                  {"host": f"x; touch {ran}"}, {"host": "-oProxyCommand=x"}, {}, {"tty": "/dev/pts/7"},
                  {"window": 7, "pane": ["%1"], "tmux": None}, "[]", "", "{" * 1000, "x" * 200000):
        answer = jump(r, place, **env)
        check(not answer["ok"] and answer["reason"], f"{place!r:.80}: {answer}")
        check("touch" not in answer["reason"], f"{place!r:.80}: {answer}")
    equal([name for name in ("tmux", "kitten", "kitty", "wezterm") if calls(r, name)], [], "commands that ran")
    check(not os.path.exists(ran), "a shell ran")
    listening.close()
    equal(jump(r, {"host": "build-1.example.org", "tmux": r.socket, "pane": "%1"}, **env),
          {"ok": False, "reason": "it is on host build-1.example.org: ssh build-1.example.org"}, "another host")


@case
def a_screen_that_hangs(r):
    """An X server that is stopped: the whole is over at its own limit."""
    desktop = r.desktop()
    _, terminal = window(r, desktop, "terminal")
    screen = next(p for p in r.children if p.args[0] == "Xvfb")
    screen.send_signal(signal.SIGSTOP)
    answer = jump(r, {"window": terminal}, limit_s=6)
    screen.send_signal(signal.SIGCONT)
    equal(answer, {"ok": False, "reason": "it took too long: the terminal or the screen does not answer"}, "jump")


if __name__ == "__main__":
    rig.main()
