"""The load: agents that speak through quietbell-hook, and scripts that speak to the socket.

    senders.py hook|event NAME FOLDER SEED

Runs until FOLDER/pause is there, then writes FOLDER/NAME.done and lives on until its stdin ends: the hook's
parent is the agent, and an agent that died has no needs. What was said, and what was answered, is a line in
FOLDER/NAME.said. FOLDER is the rig's; the environment names the daemon's places.
"""
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time

import receivers

KIND, NAME, FOLDER, SEED = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
PAUSE = os.path.join(FOLDER, "pause")
OPEN_MAX = 6  # sessions of one speaker that ask at a time
SAID = receivers.Journal(os.path.join(FOLDER, NAME + ".said"))
REPOSITORIES = ("alone", "pool-one", "pool-two")  # see the rig's rules


def paused():
    return os.path.exists(PAUSE)


class Speaker(threading.Thread):
    """Several sessions, each with a life of its own: asks, is answered, works, ends its turn, ends."""

    def __init__(self, number):
        super().__init__()
        self.name_ = f"{NAME}{number}"
        self.random = random.Random(f"{SEED}{self.name_}")
        self.count = 0
        self.stamp = 0
        self.sessions = []

    def mark(self):
        self.count += 1
        return f"{self.name_}x{self.count}"

    def stamp_ms(self):
        """A stamp of its own for each message: of two with one stamp nobody can tell the later one."""
        while receivers.wall_ms() <= self.stamp + 2:  # the daemon's two clocks may round apart by one
            time.sleep(0.0005)
        self.stamp = receivers.wall_ms()
        return self.stamp

    def pick(self):
        """A session, and what it says next."""
        if len(self.sessions) < 10:
            session = {"id": f"s-{self.mark()}", "open": None, "n": 0,
                       "repository": self.random.choice(REPOSITORIES)}
            self.sessions.append(session)
            return session, "start"
        session = self.random.choice(self.sessions)
        session["n"] += 1
        if session["n"] > 60:
            self.sessions.remove(session)
            return session, "end"
        if session["open"]:
            return session, self.random.choice(("close", "work"))
        if sum(s["open"] is not None for s in self.sessions) < OPEN_MAX:
            return session, self.random.choice(("ask", "ask", "done", "work"))
        return session, "work"

    def run(self):
        while not paused():
            session, what = self.pick()
            mark = self.mark()
            row = {"mark": mark, "session": session["id"], "what": what}
            if what in ("ask", "done"):
                row["opens"] = session["open"] = mark
            elif what in ("close", "end") and session["open"]:
                row["closes"], session["open"] = session["open"], None
            self.say(session, what, mark, row)
        self.finish()

    def finish(self):
        pass


class Hook(Speaker):
    def payload(self, session, what, mark, row):
        asked = row.get("opens") or row.get("closes") or mark
        tool = {"tool_name": "Bash", "tool_input": {"command": "touch " + asked, "description": "makes a file"}}
        if what == "ask":
            session["asked"] = "tool"
            return "PermissionRequest", tool
        if what == "done":
            session["asked"] = "turn"
            return "Stop", {"background_tasks": [], "prompt_id": mark, "last_assistant_message": "did " + mark}
        if what == "close" and session["asked"] == "tool":
            return "PostToolUse", tool
        if what == "close":
            return "UserPromptSubmit", {"prompt": "now " + mark}
        if what == "start":
            return "SessionStart", {"source": "startup", "model": "a-model"}
        if what == "end":
            return "SessionEnd", {"reason": "other"}
        if session["open"]:
            return "SubagentStart", {"agent_type": "Explore"}  # nothing that could answer the question
        return "PreToolUse", {"tool_name": "Read", "tool_input": {"file_path": "/tmp/" + mark}}

    def say(self, session, what, mark, row):
        event, payload = self.payload(session, what, mark, row)
        payload = {"session_id": session["id"], "hook_event_name": event, "crash_mark": mark, **payload}
        path = os.path.join(FOLDER, self.name_ + ".json")
        with open(path, "w") as file:  # whole before the hook looks: it waits 190 ms for its input, on a busy machine too
            json.dump(payload, file)
        with open(path, "rb") as file:
            began = time.monotonic()
            done = subprocess.run([os.environ["CRASH_HOOK"], "claude-code", event], stdin=file,
                                  cwd=os.path.join(FOLDER, session["repository"]), capture_output=True)
            took_ms = (time.monotonic() - began) * 1000
        SAID.add(**row, status=done.returncode, noise=len(done.stdout), took_ms=round(took_ms, 1))
        time.sleep(self.random.random() * 0.03)


class Event(Speaker):
    """One connection, a few messages at once; what was not answered is sent again with the same id."""

    STATES = {"ask": "blocked", "done": "done", "close": "working", "work": "note", "start": "started", "end": "ended"}

    def __init__(self, number):
        super().__init__(number)
        self.path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "quietbell", "sock")
        self.spool = os.path.join(os.environ["XDG_STATE_HOME"], "quietbell", "spool")
        self.socket = None
        self.waiting = []  # (row, line), in order
        self.answered = []
        self.wanted = 1

    def say(self, session, what, mark, row):
        row["id"] = f"{self.random.getrandbits(64) | 1:016x}"
        message = {"type": "event", "id": row["id"], "at_ms": self.stamp_ms(), "agent": "script",
                   "session": session["id"], "state": self.STATES[what], "title": "asks " + mark, "text": mark,
                   "repository": session["repository"]}
        if what == "ask":
            message["kind"] = "permission"
            message["request"] = mark
        line = json.dumps(message)
        self.waiting.append((row, line))
        if len(self.waiting) == 1 and self.random.random() < 0.06:  # else it would overtake those that wait
            self.write_spool(message["at_ms"], row["id"], line)  # as a hook does that was not answered
        if self.answered and self.random.random() < 0.05:
            old, line = self.random.choice(self.answered)
            self.waiting.append((dict(old, again=old["seq"]), line))
        if len(self.waiting) >= self.wanted:
            self.flush()
            self.wanted = self.random.randint(1, 6)

    def write_spool(self, at_ms, message_id, line):
        hidden = os.path.join(self.spool, f".tmp-{message_id}")
        try:
            with open(hidden, "x") as file:
                file.write(line)
            os.rename(hidden, os.path.join(self.spool, f"{at_ms}-{message_id}.json"))
        except FileNotFoundError:
            pass

    def flush(self):
        while self.waiting:
            try:
                self.exchange()
            except OSError:
                if self.socket:
                    self.socket.close()
                self.socket = None
                time.sleep(0.004)

    def exchange(self):
        if not self.socket:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(5)
            self.socket.connect(self.path)
            self.input = self.socket.makefile("rb")
        for row, _ in self.waiting:
            row["sent"] = row.get("sent", 0) + 1
        self.socket.sendall("".join(line + "\n" for _, line in self.waiting).encode())
        while self.waiting:
            answer = self.input.readline()
            if not answer.endswith(b"\n"):
                raise OSError("the daemon went")
            row, line = self.waiting.pop(0)
            answer = json.loads(answer)
            if not answer["ok"] and answer.get("retry"):
                self.waiting.insert(0, (row, line))
                raise OSError("not now")
            row["seq"] = answer.get("seq")
            SAID.add(**row, **({} if answer["ok"] else {"refused": answer["error"]}))
            if answer["ok"] and "again" not in row:
                self.answered = self.answered[-200:] + [(row, line)]
        time.sleep(self.random.random() * 0.04)

    def finish(self):
        self.flush()


def main():
    speakers = [(Hook if KIND == "hook" else Event)(i) for i in range(3 if KIND == "hook" else 2)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    open(os.path.join(FOLDER, NAME + ".done"), "w").close()
    sys.stdin.read()


if __name__ == "__main__":
    main()
