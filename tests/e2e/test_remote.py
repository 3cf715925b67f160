#!/usr/bin/env python3
"""Agents on another machine and in containers: the same hook client, a forwarded socket. The other machine is a host
name of its own (unshare --uts), the way to it is a real sshd with `ssh -R`, or socat; containers are namespaces.
What the kernel or the machine does not allow is left out, and said.

time limit: 180 s"""
import getpass
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

import rig
from rig import BUILD, case, check, equal, info, main, quiet, wait_for

HERE = os.uname().nodename


def can(*command):
    """Whether this machine lets us."""
    return shutil.which(command[0]) and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0


UTS = ["unshare", "-u"] if can("unshare", "-u") else ["unshare", "-r", "-u"] if can("unshare", "-r", "-u") else None


class Machine:
    """Another machine: a name, a state folder and a runtime folder of its own."""

    def __init__(self, r, name):
        self.r, self.name = r, name
        self.dir = f"{r.dir}/{name}"
        self.socket = self.dir + "/run/quietbell/sock"
        self.spool = self.dir + "/state/quietbell/spool"
        for path in ("run/quietbell", "src/shop/.git"):
            os.makedirs(f"{self.dir}/{path}", 0o700)
        with open(self.dir + "/src/shop/.git/HEAD", "w", encoding="ascii") as file:
            file.write("ref: refs/heads/main\n")
        self.env = dict(r.env, HOME=self.dir, XDG_RUNTIME_DIR=self.dir + "/run", XDG_STATE_HOME=self.dir + "/state")

    def command(self, *argv):
        return [*UTS, "sh", "-c", 'hostname "$0" && exec "$@"', self.name, *argv]

    def hook(self, session, event, **payload):
        payload = {"session_id": session, "hook_event_name": event, "cwd": self.dir + "/src/shop", **payload}
        done = subprocess.run(self.command(BUILD + "/quietbell-hook", "claude-code", event), env=self.env,
                              input=json.dumps(payload).encode(), capture_output=True, check=False, cwd=self.dir + "/src/shop")
        equal((done.returncode, done.stdout, done.stderr), (0, b"", b""), "the hook client")

    def ask(self, session, command="ls"):
        self.hook(session, "PermissionRequest", tool_name="Bash", tool_input={"command": command})

    def answer(self, session, command="ls"):
        self.hook(session, "PostToolUse", tool_name="Bash", tool_input={"command": command})

    def send_spool(self):
        return subprocess.run([BUILD + "/quietbell-hook", "--send-spool"], env=self.env, capture_output=True, text=True,
                              check=False)

    def spooled(self):
        return sorted(os.listdir(self.spool)) if os.path.isdir(self.spool) else []

    def forward(self):
        """The socket of ours, at its place over there; ends with kill()."""
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        process = self.r.start(["socat", f"UNIX-LISTEN:{self.socket},fork", f"UNIX-CONNECT:{self.r.socket}"])
        wait_for(lambda: os.path.exists(self.socket), "socat")
        return process


def remote(function):
    def run(r):
        if not UTS or not shutil.which("socat"):
            info(f"left out: {function.__name__}: no host name of its own, or no socat, here")
            return
        function(r)
    run.__name__, run.__module__ = function.__name__, function.__module__
    return case(run)


def hosts_of_needs(r):
    return sorted((n["host"], n["session"], n["title"]) for n in r.needs())


@remote
def two_hosts_with_one_session_id(r):
    """They are two sessions; alerts and the board say which is not here."""
    r.daemon(quiet(r))
    far, other = Machine(r, "buildbox"), Machine(r, "gpu-7")
    far.forward(), other.forward()
    agent = r.agent(r.repository("shop"), session="same")
    agent.ask("make")
    far.ask("same", "make far")
    other.ask("same", "make other")
    expected = sorted([(HERE, "same", "Bash: make"), ("buildbox", "same", "Bash: make far"), ("gpu-7", "same", "Bash: make other")])
    wait_for(lambda: hosts_of_needs(r) == expected, lambda: f"three needs: {hosts_of_needs(r)}")
    told = wait_for(lambda: len(r.tells()) >= 3 and r.tells(), "three tells")
    check(any("buildbox:main  Bash: make far" in line or "on buildbox" in line for t in told for line in t.split("\n")), told)
    check(not any("on " + HERE in t or HERE + ":" in t for t in told), told)
    alerts = {n["title"]: n["host"] for m in r.recorded() if m["type"] in ("deliver", "update") for n in m["alert"]["needs"]}
    equal(alerts["Bash: make"], "", "the host of what is here, for plugins")
    equal(alerts["Bash: make far"], "buildbox", "the other one's")
    board = r.quietbell("status")
    check("buildbox:shop · main" in board and "gpu-7:shop · main" in board and "\nshop · main" in board
          and HERE + ":" not in board, board)
    check("buildbox:shop" in r.quietbell("needs") and "buildbox:shop" in r.quietbell("sessions"), "lists")
    far.answer("same", "make far")
    wait_for(lambda: len(r.needs()) == 2, "only that one's answer")
    equal(sorted(n["host"] for n in r.needs()), sorted([HERE, "gpu-7"]), "whose are left")


@remote
def one_alert_of_two_hosts(r):
    config = quiet(r, settle="300ms").replace("group_by: [session]", "group_by: [repository]").replace("300ms", "1s")
    r.daemon(config)
    far = Machine(r, "buildbox")
    far.forward()
    r.agent(r.repository("shop"), session="here").ask("make")
    far.ask("there", "make far")
    told = wait_for(lambda: [t for t in r.tells() if "2 agents" in t], lambda: f"{r.tells()}")[-1]
    lines = [line for line in told.split("\n") if "make" in line]
    check(any("buildbox:main" in line and "make far" in line for line in lines), told)
    check(not any(HERE in line for line in lines), told)


@remote
def what_is_spooled_there_comes_home(r):
    daemon = r.daemon(quiet(r))
    far = Machine(r, "buildbox")
    forwarded = far.forward()
    far.hook("a", "UserPromptSubmit", prompt="go on")
    before = len(far.spooled())  # none, unless a sanitizer makes the daemon slow
    forwarded.kill()
    forwarded.wait()
    os.unlink(far.socket)
    for n in range(12):  # nobody there: it stays on that machine
        far.ask("a", f"make {n}")
        far.answer("a", f"make {n}")
    far.ask("a", "make last")
    far.ask("b", "make b")
    equal((len(far.spooled()), r.spooled(), r.needs()), (before + 26, [], []), "spooled there, here, and needs")
    far.forward()
    far.hook("c", "UserPromptSubmit", prompt="hello")  # takes some of it along
    left = len(far.spooled())
    check(left == before + 18 or rig.SANITIZER, f"{left} left after the next call")
    done = far.send_spool()
    equal((done.returncode, done.stdout, done.stderr, far.spooled()), (0, f"{left} messages sent\n", "", []), "--send-spool")
    wait_for(lambda: hosts_of_needs(r) == [("buildbox", "a", "Bash: make last"), ("buildbox", "b", "Bash: make b")],
             lambda: f"what is open: {hosts_of_needs(r)}")
    equal((r.quarantined(), far.send_spool().stdout), ({}, "0 messages sent\n"), "quarantine, and once more")
    daemon.stop()
    far.ask("d", "make d")
    equal((far.send_spool().returncode, len(far.spooled())), (1, 1), "with nobody behind the socket")
    # the daemon's own machine: its spool is its own business
    agent = r.agent(r.repository("shop"))
    agent.ask()
    equal(len(r.spooled()), 1, "spooled here")
    r.daemon()
    agent.answer()
    equal(r.spooled(), [], "taken at the start")


@remote
def ssh_forwards_the_socket(r):
    """The lines of the README: ssh -R, with StreamLocalBindUnlink; the connection breaks and comes again."""
    sshd = shutil.which("sshd") or (os.path.exists("/usr/sbin/sshd") and "/usr/sbin/sshd")
    if not sshd or not shutil.which("ssh") or os.geteuid() != 0:
        info("left out: ssh_forwards_the_socket: no sshd here, or not root")
        return
    r.daemon(quiet(r))
    far = Machine(r, "buildbox")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    keys = tempfile.mkdtemp(prefix="qb-ssh-")
    try:
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{keys}/{key}"], check=True)
        shutil.copy(keys + "/user.pub", keys + "/authorized")
        with open(keys + "/sshd_config", "w", encoding="ascii") as file:
            file.write(f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized\n"
                       "StrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nStreamLocalBindUnlink yes\n")
        os.makedirs("/run/sshd", exist_ok=True)
        server = r.start([sshd, "-D", "-e", "-f", keys + "/sshd_config"], stderr=subprocess.DEVNULL)

        def listens():
            with socket.socket() as door:
                return door.connect_ex(("127.0.0.1", port)) == 0
        wait_for(listens, "sshd")

        def login():
            return r.start(["ssh", "-F", "none", "-p", str(port), "-i", keys + "/user", "-o", "StrictHostKeyChecking=no",
                            "-o", f"UserKnownHostsFile={keys}/known", "-o", "ExitOnForwardFailure=yes", "-N",
                            "-R", f"{far.socket}:{r.socket}", f"{getpass.getuser()}@127.0.0.1"], stderr=subprocess.DEVNULL)

        def answers():
            with socket.socket(socket.AF_UNIX) as door:
                try:
                    door.settimeout(2)
                    door.connect(far.socket)
                    door.sendall(b'{"type":"command","command":"status"}\n')
                    return door.recv(1)
                except OSError:
                    return b""
        client = login()
        wait_for(answers, "the forwarded socket")
        far.ask("far", "make")
        wait_for(lambda: hosts_of_needs(r) == [("buildbox", "far", "Bash: make")], lambda: f"{hosts_of_needs(r)}")
        equal(far.spooled(), [], "spooled while it is forwarded")
        client.kill()
        client.wait()
        wait_for(lambda: not answers(), "the way is gone")
        check(os.path.exists(far.socket), "sshd took its socket away; then nothing has to be unlinked")
        far.answer("far", "make")
        equal(len(far.spooled()), 1, "spooled there")
        login()
        wait_for(answers, "the forwarded socket once more, in place of the dead one")
        equal(far.send_spool().stdout, "1 message sent\n", "what lay there")
        wait_for(lambda: not r.needs(), "the answer has come home")
        server.kill()
    finally:
        shutil.rmtree(keys, ignore_errors=True)


@case
def a_container_with_our_host_name(r):
    """Its process numbers are its own: ours of the same number says nothing of its life."""
    ns = ["unshare", "-p", "-f", "-m", "--mount-proc"]
    if not can(*ns):
        info("left out: a_container_with_our_host_name: no process namespaces here")
        return
    r.daemon(quiet(r))
    script = 'printf %s "$1" | "$0" claude-code PermissionRequest; exit 0'
    payload = json.dumps({"session_id": "in", "hook_event_name": "PermissionRequest", "cwd": "/", "tool_name": "Bash",
                          "tool_input": {"command": "ls"}})
    container = [*ns, "sh", "-c", script, BUILD + "/quietbell-hook", payload]  # its agent is number 1 in there, and ends
    equal(subprocess.run(container, env=r.env, check=False).returncode, 0, "the container")
    wait_for(r.needs, "its need")
    r.post("another")  # each input has the living looked up
    time.sleep(1.1)
    r.post("another", kind="question")
    equal(sorted(n["session"] for n in r.needs()), ["another", "in"], "needs")
    equal(next(s["pid"] for s in r.query("sessions")["sessions"] if s["session"] == "in"), 0, "its process, as known here")
    agent = r.agent(r.repository("shop"))
    agent.ask()
    wait_for(lambda: len(r.needs()) == 3, "ours")
    agent.process.kill()
    agent.process.wait()
    wait_for(lambda: len(r.needs()) == 2, "ours is seen to die as ever")


@case
def a_silent_session_of_another_host_goes(r):
    """Nobody can see its process: after twelve hours of silence it is gone, unless it waits for the person."""
    daemon = r.daemon(quiet(r))
    old = rig.wall_ms() - 13 * 3600_000
    for session, state in (("silent", "working"), ("asks", "blocked")):
        r.ask({"type": "event", "id": rig.new_id(), "at_ms": old, "agent": "shell", "session": session, "state": state,
               "kind": "permission", "host": "buildbox"} if state == "blocked" else
              {"type": "event", "id": rig.new_id(), "at_ms": old, "agent": "shell", "session": session, "state": state,
               "host": "buildbox"})
    r.ask({"type": "event", "id": rig.new_id(), "agent": "shell", "session": "fresh", "state": "working", "host": "buildbox"})

    def living():
        r.post("here", kind="question")
        return sorted(s["session"] for s in r.query("sessions")["sessions"] if s["state"] != "ended")
    wait_for(lambda: living() == ["asks", "fresh", "here"], lambda: f"{living()}")
    check("asks" in [n["session"] for n in r.needs()], "what waits for the person stays")
    daemon.stop()


if __name__ == "__main__":
    main()
