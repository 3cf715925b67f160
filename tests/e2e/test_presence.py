#!/usr/bin/env python3
"""The presence sensor end to end, with the real things: dunst, tmux, an X server with a window manager, sway, git, and
logind as python-dbusmock plays it. What the person does there changes what is told.

time limit: 240 s"""
import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import threading
import time

import rig
from rig import SANITIZER, case, check, equal, info, main, wait_for

# The most eager rules: whatever is not told is not told because of the person.
RULES = "rules: [ { set: { settle: 1s, hold: never, at_most: 2s } } ]\n"
# And the most patient ones: nothing is told but at a breakpoint.
PATIENT = """preset: none
receivers: { popup: { plugin: auto } }
policy: { few: 0, breakpoint: 0s, waiting: 0.001, patience: 100 }
rules: [ { set: { settle: 0, hold: breakpoint, at_most: 1h } } ]
"""
SYSTEM_PYTHON = "/usr/bin/python3"  # which has dbusmock
LEFT_S = 15  # how long a session that was looked at stays quiet (rules.md 5.5)


def presence(r):
    return r.status()["presence"]


def wait_signal(r, name, words):
    wait_for(lambda: re.search(words, (presence(r).get("signals") or {}).get(name, "")),
             lambda: f"signal {name} to say \"{words}\": {presence(r)}")


def wait_state(r, state):
    wait_for(lambda: presence(r)["state"] == state, lambda: f"{state}: {presence(r)}")


def focus_on(r, name):
    return next(f for f in r.query("focus-status")["focus"] if f["focus"] == name)["on"]


def wait_focus(r, name, on):
    wait_for(lambda: focus_on(r, name) == on, lambda: f"focus {name} {on}: {r.query('focus-status')}")


def plugin_pid(r):
    """The sensor's process: the daemon's child of that name."""
    path = f"/proc/{r.daemons[-1].pid}/task/{r.daemons[-1].pid}/children"
    with open(path, encoding="ascii") as file:
        for pid in file.read().split():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii") as name:  # it may be gone
                if name.read().strip() == "presence":
                    return int(pid)
    return 0


def wake_ups(pid):
    """How often any thread of a process went to sleep of itself, and so woke up."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:  # it may be gone
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M).group(1))
    return total


def sleeps(pid, seconds=3):
    """Waits until it has not woken up for so long."""
    last, since = wake_ups(pid), time.monotonic()

    def quiet():
        nonlocal last, since
        now = wake_ups(pid)
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= seconds

    wait_for(quiet, lambda: f"{seconds} s of sleep: {last} wake-ups", timeout_s=30)


def finished(r, folder):
    """An agent whose turn is over, longer after its prompt than that is a breakpoint."""
    agent, began = r.agent(folder).start(), time.monotonic()
    wait_for(lambda: time.monotonic() - began > 4.2, "the breakpoint's end")
    agent.stop()
    wait_for(lambda: r.need(agent.session), "a review")
    return agent


def wait_front(r, session):
    """The person looks at this session ("": at none)."""
    wait_for(lambda: presence(r).get("session", "") == session, lambda: f"{session} in front: {presence(r)}")


def why(r, session):
    return r.query("why", need=r.need(session)["id"])["why"]


def wait_faced(r, session):
    """Its need is open, and not told because the person looks at it."""
    wait_for(lambda: "in front of you" in why(r, session)["need"]["why"],
             lambda: f"held back: {why(r, session)}")
    equal(r.need(session)["told"], False, "told")


def wait_told(r, session, timeout_s=None):
    wait_for(lambda: r.need(session)["told"], lambda: f"told: {why(r, session)}", timeout_s)


def has_dbusmock():
    done = subprocess.run([SYSTEM_PYTHON, "-c", "import dbusmock"], capture_output=True, check=False)
    if done.returncode != 0 or not shutil.which("gdbus"):
        info("python-dbusmock or gdbus is not installed: not tested")
        return False
    return True


# ---- the desktop's own switch -----------------------------------------------------------------------------------

@case
def dunst_paused_and_unpaused(r):
    desktop = r.desktop()
    r.daemon(RULES)
    wait_signal(r, "desktop", "the switch of dunst")
    agents = [r.agent(r.repository(name)).start() for name in ("payments", "webshop", "ledger")]
    desktop.run("dunstctl", "set-paused", "true")
    wait_focus(r, "desktop", True)
    for agent in agents:
        agent.ask("git push")
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 2.5, "time to settle and more")
    equal([n["told"] for n in r.needs()], [False] * 3, "told behind the desktop's switch")
    equal(desktop.popups(), [], "popups while paused")
    desktop.run("dunstctl", "set-paused", "false")
    wait_focus(r, "desktop", False)
    wait_for(lambda: all(n["told"] for n in r.needs()), "told")
    desktop.shows(1)
    popups = desktop.wait_popups(1)
    equal((len(popups), desktop.rings()), (1, 1), "one alert of what was held back")
    for name in ("payments", "webshop", "ledger"):
        check(name in popups[0]["title"] + popups[0]["body"], f"no {name} in {popups[0]}")


@case
def the_focus_switches_the_desktop(r):
    """The other direction: who switches the focus that follows the desktop by hand means the desktop."""
    desktop = r.desktop()
    r.daemon(RULES)
    wait_signal(r, "desktop", "dunst")

    def paused():
        return desktop.run("dunstctl", "is-paused").strip() == "true"

    r.query("focus-on", focus="desktop")
    wait_for(paused, "dunst paused")
    wait_for(lambda: presence(r)["dnd"], "seen as paused")
    r.query("focus-off", focus="desktop")
    wait_for(lambda: not paused(), "dunst goes on")
    wait_focus(r, "desktop", False)
    # for a while, and then by itself
    r.query("focus-on", focus="desktop", for_ms=1500)
    wait_for(paused, "dunst paused")
    wait_for(lambda: not paused(), "dunst goes on when the time is over")
    wait_focus(r, "desktop", False)
    # switched back at the desktop: the focus lets go
    r.query("focus-on", focus="desktop")
    wait_for(lambda: paused() and presence(r)["dnd"], "dunst paused")
    desktop.run("dunstctl", "set-paused", "false")
    wait_focus(r, "desktop", False)
    check(not paused(), "it was paused again")
    # paused at the desktop, ended by the focus
    desktop.run("dunstctl", "set-paused", "true")
    wait_focus(r, "desktop", True)
    r.query("focus-off", focus="desktop")
    wait_for(lambda: not paused(), "dunst goes on")
    wait_focus(r, "desktop", False)


@case
def another_notification_server(r):
    """A server that goes away takes its switch along; the next one has its own."""
    desktop = r.desktop()
    r.daemon(RULES)
    wait_signal(r, "desktop", "dunst")
    desktop.run("dunstctl", "set-paused", "true")
    wait_focus(r, "desktop", True)
    desktop.unserve()
    wait_focus(r, "desktop", False)
    wait_signal(r, "desktop", "no notification server")
    desktop.serve()
    wait_signal(r, "desktop", "dunst")
    desktop.run("dunstctl", "set-paused", "true")
    wait_focus(r, "desktop", True)


@case
def xfce_do_not_disturb(r):
    desktop = r.desktop(server=False)
    programs = [shutil.which(name, path="/usr/lib/x86_64-linux-gnu/xfce4/notifyd:/usr/lib/x86_64-linux-gnu/xfce4/xfconf:"
                             "/usr/lib/xfce4/notifyd:/usr/lib/xfce4/xfconf:/usr/libexec")
                for name in ("xfconfd", "xfce4-notifyd")]
    if not all(programs) or not shutil.which("xfconf-query"):
        return info("xfce4-notifyd is not installed: not tested")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": desktop.env}
    r.start([programs[0]], **quiet)
    set_it = ["xfconf-query", "-c", "xfce4-notifyd", "-p", "/do-not-disturb", "-n", "-t", "bool", "-s"]
    wait_for(lambda: subprocess.run(set_it + ["true"], check=False, **quiet).returncode == 0, "xfconfd")
    r.start([programs[1]], **quiet)
    r.daemon(RULES)
    wait_signal(r, "desktop", "the switch of Xfce")
    wait_focus(r, "desktop", True)
    subprocess.run(set_it + ["false"], check=True, **quiet)
    wait_focus(r, "desktop", False)
    r.query("focus-on", focus="desktop")
    wait_for(lambda: subprocess.run(set_it[:5], env=desktop.env, capture_output=True, text=True,
                                    check=False).stdout.strip() == "true", "Xfce's switch on")
    return None


def fake_server(r, desktop, name, properties="{}"):
    """python-dbusmock in the place of a desktop's own notification server: it says who it is."""
    r.start([SYSTEM_PYTHON, "-m", "dbusmock", "--session", "org.freedesktop.Notifications", "/org/freedesktop/Notifications",
             "org.freedesktop.Notifications"], env=desktop.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def call(method, *arguments):
        return subprocess.run(["gdbus", "call", "--session", "--dest", "org.freedesktop.Notifications", "--object-path",
                               "/org/freedesktop/Notifications", "--method", "org.freedesktop.DBus.Mock." + method,
                               *arguments], env=desktop.env, capture_output=True, check=False).returncode == 0

    wait_for(lambda: call("AddMethod", "org.freedesktop.Notifications", "GetServerInformation", "", "ssss",
                          f"ret = ('{name}', 'x', '1', '1.2')"), "the server")
    check(call("AddProperties", "org.freedesktop.Notifications", properties), "its properties")
    return call


@case
def gnome_do_not_disturb(r):
    """Its switch lies in GSettings, which are the real ones, in a file."""
    if not has_dbusmock():
        return
    desktop = r.desktop(server=False)
    for env in (r.env, desktop.env):
        env["GSETTINGS_BACKEND"] = "keyfile"
    setting = ["org.gnome.desktop.notifications", "show-banners"]
    if desktop.run("gsettings", "get", *setting).strip() != "true":
        return info("the schema of GNOME's desktop is not installed: not tested")
    fake_server(r, desktop, "gnome-shell")
    r.daemon(RULES)
    wait_signal(r, "desktop", "the switch of gnome-shell")
    desktop.run("gsettings", "set", *setting, "false")
    wait_focus(r, "desktop", True)
    desktop.run("gsettings", "set", *setting, "true")
    wait_focus(r, "desktop", False)
    r.query("focus-on", focus="desktop")
    wait_for(lambda: desktop.run("gsettings", "get", *setting).strip() == "false", "GNOME's switch on")
    return None


@case
def plasma_inhibited(r):
    if not has_dbusmock():
        return
    desktop = r.desktop(server=False)
    call = fake_server(r, desktop, "Plasma", "{'Inhibited': <false>}")
    r.daemon(RULES)
    wait_signal(r, "desktop", "the switch of Plasma")
    check(call("UpdateProperties", "org.freedesktop.Notifications", "{'Inhibited': <true>}"), "inhibited")
    wait_focus(r, "desktop", True)
    check(call("UpdateProperties", "org.freedesktop.Notifications", "{'Inhibited': <false>}"), "no more")
    wait_focus(r, "desktop", False)


# ---- tmux ---------------------------------------------------------------------------------------------------------

class Tmux:
    """A real tmux server with two panes side by side, and a client on a terminal of ours."""

    def __init__(self, r, name="one", focus_events="on"):
        self.r = r
        self.env = dict(r.env, TERM="xterm-256color", SHELL="/bin/sh")
        self.folder = f"{r.run_dir}/tmux-{os.getuid()}"
        self.name, self.socket = name, f"{self.folder}/{name}"
        self.client = None
        self.run("-f", "/dev/null", "new-session", "-d", "-s", "work", "-x", "80", "-y", "24")
        self.run("set-option", "-g", "focus-events", focus_events)
        self.run("split-window", "-t", "work")
        self.panes = self.run("list-panes", "-t", "work", "-F", "#{pane_id}").split()

    def run(self, *command):
        done = subprocess.run(["tmux", "-L", self.name, *command], env=self.env, capture_output=True, text=True,
                              check=False)
        equal(done.returncode, 0, f"tmux {command}: {done.stderr}")
        return done.stdout.strip()

    def attach(self):
        """As a terminal would; focus() tells tmux of it as a terminal does."""
        self.master, slave = pty.openpty()
        self.client = self.r.start(["tmux", "-L", self.name, "attach"], env=self.env, stdin=slave, stdout=slave,
                                   stderr=slave, start_new_session=True)
        os.close(slave)
        threading.Thread(target=self._read, daemon=True).start()
        wait_for(lambda: self.run("list-clients"), "the client attached")
        return self

    def _read(self):
        try:
            while os.read(self.master, 65536):
                pass
        except OSError:
            pass

    def focus(self, on):
        os.write(self.master, b"\x1b[I" if on else b"\x1b[O")

    def select(self, pane):
        self.run("select-pane", "-t", pane)

    def place(self, pane):
        return {"TMUX": f"{self.socket},1,0", "TMUX_PANE": pane}

    def close(self):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], env=self.env, capture_output=True, check=False)


@case
def the_tmux_pane_in_front(r):
    tmux = Tmux(r).attach()
    try:
        desktop = r.desktop()
        r.daemon(RULES)
        wait_signal(r, "tmux", "1 server, 1 client$")
        upper, lower = (r.agent(r.repository(name), env=tmux.place(pane)).start()
                        for name, pane in zip(("payments", "webshop"), tmux.panes))
        tmux.focus(True)
        tmux.select(tmux.panes[0])
        wait_front(r, upper.session)
        for _ in range(6):  # two changes at a time: none may be lost, whatever the sensor is doing meanwhile
            tmux.focus(False)
            tmux.select(tmux.panes[1])
            wait_front(r, "")
            tmux.focus(True)
            tmux.select(tmux.panes[0])
            wait_front(r, upper.session)
        upper.ask("git push")
        wait_faced(r, upper.session)
        lower.ask("git tag")  # nobody looks there
        wait_told(r, lower.session)
        wait_faced(r, upper.session)
        # the person goes to the other pane: not at once, but soon
        tmux.select(tmux.panes[1])
        left = time.monotonic()
        wait_front(r, lower.session)
        wait_told(r, upper.session, LEFT_S + 5)
        check(time.monotonic() - left > LEFT_S - 2, "told while they may still be looking")
        desktop.shows(2)
        # and what is answered while they look at it is never told
        tmux.select(tmux.panes[0])
        wait_front(r, upper.session)
        upper.answer()
        upper.ask("git gc")
        wait_faced(r, upper.session)
        upper.answer()
        wait_for(lambda: r.need(upper.session)["state"] == "resolved", "answered")
        equal(r.need(upper.session)["told"], False, "told though answered")
        # another terminal of the person's has the focus: that pane is in front no more
        tmux.focus(False)
        wait_front(r, "")
        upper.ask("git fsck")
        wait_told(r, upper.session)
        equal(tmux.run("list-clients", "-F", "#{client_control_mode}"), "0", "clients: ours must not attach")
    finally:
        tmux.close()


@case
def tmux_servers_come_and_go(r):
    r.daemon(RULES)
    wait_signal(r, "tmux", "no server")
    one = Tmux(r)
    two = None
    try:
        wait_signal(r, "tmux", "1 server, 0 clients")
        two = Tmux(r, "two").attach()
        wait_signal(r, "tmux", "2 servers, 1 client$")
        agent = r.agent(r.repository("payments"), env=two.place(two.panes[0])).start()
        other = r.agent(r.repository("webshop"), env=one.place(one.panes[0])).start()
        two.focus(True)
        two.select(two.panes[0])
        wait_front(r, agent.session)
        agent.ask("git push")
        other.ask("git push")  # a pane of the same name, of another server
        wait_faced(r, agent.session)
        wait_told(r, other.session)
        two.close()
        wait_signal(r, "tmux", "1 server, 0 clients")
        wait_front(r, "")
        two = Tmux(r, "two").attach()
        wait_signal(r, "tmux", "2 servers, 1 client$")
        killed = plugin_pid(r)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: plugin_pid(r) not in (0, killed), "another, which finds all of it again")
        wait_signal(r, "tmux", "2 servers, 1 client$")
        wait_for(lambda: not r.troubles(), lambda: f"no troubles: {r.troubles()}")
        sensor = plugin_pid(r)

        def waiting():
            with open(f"/proc/{sensor}/task/{sensor}/children", encoding="ascii") as file:
                return file.read().split()

        wait_for(lambda: len(waiting()) == 2, "one that waits for each server")
        children = waiting()
        r.daemons[-1].stop()
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), "nobody waits any more")
    finally:
        one.close()
        if two:
            two.close()


@case
def tmux_without_focus_events(r):
    """Nobody knows whether its terminal is in front: it counts as not, and doctor can say what to do."""
    tmux = Tmux(r, focus_events="off").attach()
    try:
        r.daemon(rig.quiet(r))
        wait_signal(r, "tmux", "focus-events on. is missing")
        agent = r.agent(r.repository("payments"), env=tmux.place(tmux.panes[0])).start()
        tmux.select(tmux.panes[0])
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > 0.5, "time for what must not come")
        equal(presence(r)["front"], {}, "in front")
        told = r.quietbell("doctor", status=None)
        check("you are seen by tmux (1 server, 1 client" in told and "not by x11, sway" in told, told)
        check("mend it: set -g focus-events on" in told, told)
        agent.ask("git push")
        wait_told(r, agent.session)
    finally:
        tmux.close()


# ---- windows --------------------------------------------------------------------------------------------------------

class Windows:
    """openbox, and terminals whose shells say which window they are in."""

    def __init__(self, r, desktop):
        self.r, self.desktop, self.ids = r, desktop, {}
        r.start(["openbox", "--sm-disable"], env=desktop.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: "_NET_ACTIVE_WINDOW" in desktop.run("xprop", "-root"), "openbox")

    def xterm(self, name, command="cat", env=None):
        path = f"{self.r.dir}/window-{name}"
        self.r.start(["xterm", "-T", name, "-e", "sh", "-c", f"echo $WINDOWID > {path}.new; mv {path}.new {path}; "
                      f"exec {command}"], env=dict(self.desktop.env, **(env or {})))
        wait_for(lambda: os.path.exists(path), f"xterm {name}")
        with open(path, encoding="ascii") as file:
            self.ids[name] = file.read().strip()
        self.wait_active(name)  # openbox gives a new window the focus
        return self

    def active(self):
        return self.desktop.run("xdotool", "getactivewindow").strip()

    def wait_active(self, name):
        wait_for(lambda: self.active() == self.ids[name], lambda: f"{name} active: {self.active()} of {self.ids}")

    def activate(self, name):
        self.desktop.run("xdotool", "windowactivate", self.ids[name])
        self.wait_active(name)

    def place(self, name):
        return {"WINDOWID": self.ids[name]}


@case
def the_window_in_front(r):
    desktop = r.desktop()
    windows = Windows(r, desktop).xterm("left").xterm("right")
    r.daemon(RULES)
    wait_signal(r, "x11", "the window in front; idle time")
    left, right = (r.agent(r.repository(name), env=windows.place(window)).start()
                   for name, window in (("payments", "left"), ("webshop", "right")))
    windows.activate("left")
    wait_front(r, left.session)
    left.ask("git push")
    right.ask("git tag")
    wait_faced(r, left.session)
    wait_told(r, right.session)
    desktop.shows(1)
    equal(windows.active(), windows.ids["left"], "the active window: an alert must not take the focus")
    windows.activate("right")
    wait_front(r, right.session)
    wait_told(r, left.session, LEFT_S + 5)
    equal(windows.active(), windows.ids["right"], "the active window: an alert must not take the focus")
    equal(presence(r)["state"], "active", "presence")


@case
def tmux_in_a_window(r):
    """Front is both: the window, and the pane that it shows; here without focus-events."""
    desktop = r.desktop()
    tmux = Tmux(r, focus_events="off")
    try:
        windows = Windows(r, desktop).xterm("browser").xterm("terminal", f"tmux -L {tmux.name} attach",
                                                             {"TMUX_TMPDIR": r.run_dir})
        r.daemon(RULES)
        wait_signal(r, "tmux", "1 server, 1 client$")
        upper, lower = (r.agent(r.repository(name), env=dict(tmux.place(pane), **windows.place("terminal"))).start()
                        for name, pane in zip(("payments", "webshop"), tmux.panes))
        tmux.select(tmux.panes[0])
        windows.activate("terminal")
        wait_front(r, upper.session)
        upper.ask("git push")
        lower.ask("git tag")
        wait_faced(r, upper.session)
        wait_told(r, lower.session)
        upper.answer()
        lower.answer()
        windows.activate("browser")
        wait_front(r, "")
        upper.ask("git gc")
        wait_told(r, upper.session)
    finally:
        tmux.close()


@case
def idle_away_and_back(r):
    desktop = r.desktop()
    windows = Windows(r, desktop).xterm("terminal")
    desktop.run("xdotool", "key", "shift")
    r.daemon("presence: { idle: 2s, away: 4s }\n" + RULES)
    wait_signal(r, "x11", "idle time")
    wait_state(r, "idle")
    wait_state(r, "away")
    agent = r.agent(r.repository("payments")).start()
    agent.ask("git push")
    wait_for(lambda: "away" in json.dumps(r.query("why", need=r.need(agent.session)["id"])), "held: nobody is there")
    equal(r.need(agent.session)["told"], False, "told")
    desktop.run("xdotool", "key", "shift")
    wait_told(r, agent.session)
    check(windows.active(), "a window")


@case
def a_screen_that_goes_away(r):
    """Xvfb dies: nothing is known of windows any more, and nothing breaks."""
    desktop = r.desktop()
    windows = Windows(r, desktop).xterm("left")
    r.daemon(rig.quiet(r))
    wait_signal(r, "x11", "the window in front")
    agent = r.agent(r.repository("payments"), env=windows.place("left")).start()
    wait_front(r, agent.session)
    pid = plugin_pid(r)
    screen = next(c for c in r.children if c.args[0] == "Xvfb")
    screen.kill()
    wait_signal(r, "x11", "^no ")
    wait_front(r, "")
    equal(plugin_pid(r), pid, "the sensor's process")


class Sway:
    """A real sway without a screen, and foot terminals in it. It refuses root: then it is another user's in a namespace."""

    def __init__(self, r):
        self.r = r
        self.env = dict(r.env, WLR_BACKENDS="headless", WLR_LIBINPUT_NO_DEVICES="1", WLR_RENDERER="pixman")
        with open(r.dir + "/sway.conf", "w", encoding="ascii") as conf:
            conf.write("default_border none\n")
        be_user = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []
        with open(r.dir + "/sway.log", "wb") as log:
            self.process = r.start([*be_user, "sway", "-c", r.dir + "/sway.conf"], env=self.env, stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or self.find(r"sway-ipc.*\.sock") and self.find(r"wayland-\d+"),
                 "sway")
        self.works = self.process.poll() is None
        if self.works:
            self.env.update(SWAYSOCK=self.find(r"sway-ipc.*\.sock"), WAYLAND_DISPLAY=self.find(r"wayland-\d+"))

    def find(self, pattern):
        return next((f"{self.r.run_dir}/{name}" for name in os.listdir(self.r.run_dir) if re.fullmatch(pattern, name)), "")

    def terminal(self, name):
        """Opens one, and returns its tty."""
        path = f"{self.r.dir}/tty-{name}"
        self.r.start(["foot", "-T", name, "sh", "-c", f"tty > {path}.new; mv {path}.new {path}; exec cat"], env=self.env,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: os.path.exists(path), f"foot {name}")
        with open(path, encoding="ascii") as file:
            return file.read().strip()

    def say(self, *words):
        done = subprocess.run(["swaymsg", *words], env=self.env, capture_output=True, text=True, check=False)
        equal(done.returncode, 0, f"swaymsg {words}: {done.stdout}{done.stderr}")


@case
def the_window_in_front_under_sway(r):
    """Wayland windows have no id that an agent would know: it is the terminal in the window that counts."""
    if not shutil.which("sway") or not shutil.which("foot"):
        return info("sway or foot is not installed: not tested")
    sway = Sway(r)
    if not sway.works:
        return info("sway does not run here: not tested")
    left, right = sway.terminal("left"), sway.terminal("right")
    r.daemon(rig.quiet(r), env={"SWAYSOCK": sway.env["SWAYSOCK"]})
    wait_signal(r, "sway", "the window in front")
    for session, tty in (("in-left", left), ("in-right", right)):
        r.post(session, state="started", context={"place": {"tty": tty}})
    sway.say("[title=left] focus")
    wait_front(r, "in-left")
    r.post("in-left", context={"place": {"tty": left}})
    r.post("in-right", context={"place": {"tty": right}})
    wait_faced(r, "in-left")
    wait_told(r, "in-right")
    sway.say("[title=right] focus")
    wait_front(r, "in-right")
    sway.say("workspace 2")  # an empty one
    wait_front(r, "")
    sleeps(plugin_pid(r))
    sway.process.terminate()
    wait_signal(r, "sway", "^no ")
    return None


# ---- logind ------------------------------------------------------------------------------------------------------------

class Logind:
    """python-dbusmock's logind on a bus of its own, with one session of ours."""

    def __init__(self, r):
        self.r = r
        with open(r.dir + "/system.conf", "w", encoding="ascii") as conf:
            conf.write(rig.BUS_CONF % r.run_dir)
        bus = r.start(["dbus-daemon", "--config-file=" + r.dir + "/system.conf", "--nofork", "--nopidfile",
                       "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        r.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        self.bus = bus
        self.serve()

    def serve(self):
        self.mock = self.r.start([SYSTEM_PYTHON, "-m", "dbusmock", "--system", "--template", "logind"], env=self.r.env,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.call("", "org.freedesktop.login1.Manager.ListSessions").returncode == 0, "logind")
        self.mocked("AddSession", "c1", "seat0", f"uint32 {os.getuid()}", "me", "true")
        self.mocked("EmitSignal", "org.freedesktop.login1.Manager", "SessionNew", "so",
                    "[<'c1'>, <objectpath '/org/freedesktop/login1/session/c1'>]")

    def call(self, path, method, *arguments):
        return subprocess.run(["gdbus", "call", "--system", "--dest", "org.freedesktop.login1", "--object-path",
                               "/org/freedesktop/login1" + path, "--method", method, *arguments], env=self.r.env,
                              capture_output=True, text=True, check=False)

    def mocked(self, method, *arguments):
        done = self.call("", "org.freedesktop.DBus.Mock." + method, *arguments)
        equal(done.returncode, 0, f"{method}: {done.stderr}")

    def session(self, method, *arguments):
        done = self.call("/session/c1", "org.freedesktop.login1.Session." + method, *arguments)
        equal(done.returncode, 0, f"{method}: {done.stderr}")

    def sleeps(self, before):
        self.mocked("EmitSignal", "org.freedesktop.login1.Manager", "PrepareForSleep", "b",
                    f"[<{'true' if before else 'false'}>]")

    def set(self, name, value):
        done = self.call("/session/c1", "org.freedesktop.DBus.Mock.UpdateProperties", "org.freedesktop.login1.Session",
                         f"{{'{name}': <{value}>}}")
        equal(done.returncode, 0, f"{name}: {done.stderr}")


@case
def locked_and_unlocked(r):
    if not has_dbusmock():
        return
    logind, desktop = Logind(r), r.desktop()
    r.daemon(RULES)
    wait_signal(r, "logind", "session c1")
    agents = [r.agent(r.repository(name)).start() for name in ("payments", "webshop")]
    logind.session("SetLockedHint", "true")
    wait_state(r, "locked")
    wait_focus(r, "away", True)
    for agent in agents:
        agent.ask("git push")
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 2.5, "time to settle and more")
    equal([n["told"] for n in r.needs()], [False] * 2, "told on a locked screen")
    logind.session("SetLockedHint", "false")
    wait_state(r, "active")
    wait_for(lambda: all(n["told"] for n in r.needs()), "told")
    desktop.shows(1)
    equal((len(desktop.popups()), desktop.rings()), (1, 1), "one alert after the unlock")


@case
def lock_idle_sleep_and_a_logind_that_dies(r):
    if not has_dbusmock():
        return
    logind = Logind(r)
    r.daemon(rig.quiet(r))
    wait_signal(r, "logind", "session c1")
    logind.session("Lock")
    wait_state(r, "locked")
    logind.set("State", "'online'")  # says nothing of the lock that was asked for
    seq = r.status()["counts"]["seq"]
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 0.3, "time for what must not come")
    equal((presence(r)["state"], r.status()["counts"]["seq"]), ("locked", seq), "after another property")
    logind.session("Unlock")
    wait_state(r, "active")
    # a locker that sets no hint: nobody says Unlock, but the person is back
    logind.set("IdleHint", "true")
    wait_state(r, "idle")
    logind.session("Lock")
    wait_state(r, "locked")
    logind.set("IdleHint", "false")
    wait_state(r, "active")
    logind.set("IdleHint", "true")
    wait_state(r, "idle")
    logind.set("IdleHint", "false")
    wait_state(r, "active")
    logind.sleeps(True)
    wait_state(r, "away")
    logind.sleeps(False)
    wait_state(r, "active")
    # nobody is locked out by a logind, or a bus, that is gone
    logind.session("SetLockedHint", "true")
    wait_state(r, "locked")
    logind.mock.kill()
    wait_signal(r, "logind", "no logind")
    wait_state(r, "active")
    logind.serve()
    wait_signal(r, "logind", "session c1")
    logind.session("Lock")
    wait_state(r, "locked")
    logind.bus.kill()
    wait_signal(r, "logind", "no system bus")
    wait_state(r, "active")
    check(plugin_pid(r), "the sensor died with the bus")


@case
def unlocking_is_a_breakpoint(r):
    """What is held for a good moment comes when the person is back at the screen."""
    if not has_dbusmock():
        return
    logind, desktop = Logind(r), r.desktop()
    r.daemon(PATIENT)
    wait_signal(r, "logind", "session c1")
    agent = finished(r, r.repository("payments"))
    logind.session("SetLockedHint", "true")
    wait_state(r, "locked")
    equal(r.need(agent.session)["told"], False, "told before")
    logind.session("SetLockedHint", "false")
    wait_told(r, agent.session)
    desktop.shows(1)
    equal(presence(r)["breakpoint"], "you unlocked the screen", "the breakpoint")


@case
def a_screen_saver_on_the_session_bus(r):
    if not has_dbusmock():
        return
    desktop = r.desktop()
    r.start([SYSTEM_PYTHON, "-m", "dbusmock", "--session", "--template", "gnome_screensaver"], env=desktop.env,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    r.daemon(rig.quiet(r))
    wait_signal(r, "screensaver", "org.gnome.ScreenSaver")
    for active, state in (("true", "locked"), ("false", "active")):
        desktop.run("gdbus", "call", "--session", "--dest", "org.gnome.ScreenSaver", "--object-path",
                    "/org/gnome/ScreenSaver", "--method", "org.gnome.ScreenSaver.SetActive", active)
        wait_state(r, state)


# ---- commits ----------------------------------------------------------------------------------------------------------

def git(r, folder, *command):
    env = dict(r.env, GIT_AUTHOR_NAME="me", GIT_AUTHOR_EMAIL="me@example.org", GIT_COMMITTER_NAME="me",
               GIT_COMMITTER_EMAIL="me@example.org")
    done = subprocess.run(["git", "-C", folder, *command], env=env, capture_output=True, text=True, check=False)
    equal(done.returncode, 0, f"git {command}: {done.stderr}")


@case
def a_commit_is_a_breakpoint(r):
    """The person's, not the agent's: that of a checkout in which no agent is at work."""
    r.daemon(PATIENT)
    main_folder, tree = r.dir + "/src/payments", r.dir + "/src/fix"
    os.makedirs(main_folder)
    git(r, main_folder, "init", "-q", "-b", "main")
    git(r, main_folder, "commit", "-q", "--allow-empty", "-m", "first")
    git(r, main_folder, "worktree", "add", "-q", tree)
    at_work = r.agent(tree)
    at_work.hook("SessionStart", source="startup")
    at_work.ask("git commit")
    done = finished(r, main_folder)  # nobody works in the repository's own checkout
    wait_signal(r, "commits", "in 1 checkout$")
    git(r, tree, "commit", "-q", "--allow-empty", "-m", "an agent's")
    git(r, main_folder, "checkout", "-q", "-b", "other")  # no commit
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 0.5, "time for what must not come")
    check("a prompt" in presence(r)["breakpoint"], "a breakpoint of an agent's commit")
    equal(r.need(done.session)["told"], False, "told before")
    git(r, main_folder, "commit", "-q", "--allow-empty", "-m", "the person's")
    wait_told(r, done.session)
    equal(presence(r)["breakpoint"], "a commit", "the breakpoint")
    # it goes on there: now it is the agent who commits, in the checkout that the other's worktree belongs to
    done.hook("UserPromptSubmit", prompt="Go on")
    wait_signal(r, "commits", "no checkout")


# ---- nothing there, and worse ---------------------------------------------------------------------------------------------

@case
def a_machine_with_nothing(r):
    """No bus, no screen, no tmux: it does no harm, and sleeps."""
    daemon = r.daemon(rig.quiet(r), env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent",
                                         "TMUX_TMPDIR": "/nonexistent"})
    wait_signal(r, "logind", "no system bus")
    signals = presence(r)["signals"]
    check(all(line.startswith("no ") for line in signals.values()), f"signals: {signals}")
    equal(presence(r)["state"], "active", "presence without a sensor that sees anything")
    agent = r.agent(r.repository("payments")).start()
    agent.ask("git push")
    wait_told(r, agent.session)
    sleeps(plugin_pid(r), 4)
    equal(r.troubles(), [], "troubles")
    daemon.stop()


@case
def it_sleeps_when_nothing_happens(r):
    """With everything there is: a screen, a window manager, two buses, tmux with a client."""
    desktop = r.desktop()
    if has_dbusmock():
        Logind(r)
    tmux = Tmux(r).attach()
    try:
        Windows(r, desktop).xterm("terminal")
        r.daemon(rig.quiet(r))
        wait_signal(r, "x11", "the window in front; idle time")
        wait_signal(r, "tmux", "1 client$")
        wait_signal(r, "desktop", "dunst")
        sleeps(plugin_pid(r), 5)
    finally:
        tmux.close()


@case
def switched_off(r):
    r.daemon("presence: false\n" + rig.quiet(r))
    equal(presence(r).get("signals"), None, "signals")
    equal(plugin_pid(r), 0, "the sensor's process")
    r.configure("presence: { tmux: false, x11: false }\n" + rig.quiet(r))
    check(r.ask({"type": "command", "command": "reload"})["ok"], "reload")
    wait_signal(r, "sway", "no sway")
    check("tmux" not in presence(r)["signals"], f"{presence(r)}")
    # what it said is forgotten with it
    check(r.ask({"type": "command", "command": "presence", "state": "locked", "dnd": True})["ok"], "presence")
    wait_state(r, "locked")
    r.configure("presence: false\n" + rig.quiet(r))
    check(r.ask({"type": "command", "command": "reload"})["ok"], "reload")
    wait_state(r, "active")
    equal(presence(r)["dnd"], False, "dnd")
    wait_for(lambda: plugin_pid(r) == 0, "the sensor's end")


LIAR = r"""#!/usr/bin/env python3
import json, sys
def say(**message): print(json.dumps(message), flush=True)
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "hello":
        say(type="manifest", protocol=1, name="liar", version="1", role="sender", can=[]); say(type="ready")
        for bad in ({"state": 5}, {"state": "asleep"}, {"front": "x"}, {"front": {"pane": "x" * 9000}}, {"dnd": 1},
                    {"breakpoint": "y" * 9000}, {}):
            say(type="presence", **bad)
        for n in range(5000):
            say(type="presence", state=("idle", "active")[n % 2], dnd=n % 3 == 0, padding="z" * 2000)
        say(type="presence", state="locked", dnd=True)
    elif m["type"] == "deliver":
        say(type="result", id=m["id"], outcome="delivered")
    elif m["type"] == "stop":
        break
"""


@case
def a_plugin_that_lies_about_the_person(r):
    """Nonsense is refused, a flood costs neither memory nor the log, and the last word counts."""
    path = r.dir + "/liar"
    with open(path, "w", encoding="utf-8") as file:
        file.write(LIAR)
    os.chmod(path, 0o755)
    daemon = r.daemon(f"presence: false\npreset: none\nreceivers: {{ out: {{ plugin: {path} }} }}\n")
    wait_state(r, "locked")
    equal(presence(r)["dnd"], True, "dnd")
    check(r.status()["counts"]["seq"] < 3000, f"inputs of 5000 reports: {r.status()['counts']['seq']}")
    check(daemon.memory_kib() < (32 << 10) or SANITIZER, f"{daemon.memory_kib()} KiB")
    check(len(daemon.log()) < 20000, "the log is flooded")


if __name__ == "__main__":
    main()
