#!/usr/bin/env python3
"""A new agent by a mapping file alone (issue 3, bar 5): `quietbell mapping test`, then the daemon, nothing rebuilt. And
whose a message is: one hook file may be run by another agent. (time limit: 120 s)"""
import json
import os
import signal
import subprocess

import rig
from rig import case, check, equal, quiet, wait_for

AGENT = """\
agent: robot
event: what
session: run.id
rows:
  - on: ask
    opens: permission
    state: blocked
    request: "{id}"
    title: "may I {verb}?"
  - on: answered
    closes: request
    request: "{id}"
    state: working
  - on: end
    ends: true
  - on: chatter
    ignore: true
"""


def add_agent(r, text=AGENT):
    folder = os.path.dirname(r.config_path) + "/agents"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/robot.yaml", "w", encoding="utf-8") as file:
        file.write(text)
    return f"{folder}/robot.yaml"


def mapping_test(r, *arguments, stdin=None):
    run = subprocess.run([rig.BUILD + "/quietbell", *arguments], env=r.env, input=stdin, capture_output=True, text=True,
                         timeout=60, check=False)
    return run.returncode, run.stdout, run.stderr


def journal(r, kind):
    path = f"{r.dir}/journal"
    r.quietbell("journal", "export", "--out", path)
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    os.unlink(path)
    return [line["body"] for line in lines if line.get("type") == kind]


def agent_of(r, name, payload, marks=()):
    message = {"type": "hook", "agent": name, "at_ms": 1, "payload": payload, "context": {"marks": list(marks)}}
    folder = rig.ROOT + "/tests/recordings"
    path = f"{r.dir}/one.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(message) + "\n")
    check(os.path.isdir(folder), folder)
    run = subprocess.run([rig.BUILD + "/quietbell", "replay", "--json", path], capture_output=True, text=True, timeout=60,
                         env=r.env, check=False)
    equal(run.returncode, 0, "exit code: " + run.stderr)
    return [line["agent"] for line in map(json.loads, run.stdout.splitlines()) if line["what"] == "need_opened"]


@case
def a_new_agent_without_a_compiler(r):
    path = add_agent(r)
    payload = {"what": "ask", "run": {"id": "r1"}, "id": 7, "verb": "push"}
    for file in (path, "robot"):
        code, out, err = mapping_test(r, "mapping", "test", file, json.dumps(payload))
        equal((code, err), (0, ""), "exit code")
        check(out.splitlines()[0].endswith("robot.yaml:5: ask"), out)
        check("  opens          permission\n" in out and "  title          may I push?\n" in out, out)
    daemon = r.daemon(quiet(r))
    agent = r.agent(r.repository("payments"), session="r1", agent="robot")
    agent.begin_raw("", json.dumps(payload))
    agent.finish()
    needs = r.needs()
    equal([(n["agent"], n["session"], n["kind"], n["title"], n["repository"]) for n in needs],
          [("robot", "r1", "permission", "may I push?", "payments")], "needs")
    agent.begin_raw("", json.dumps({**payload, "what": "answered"}))
    agent.finish()
    equal(r.needs(), [], "needs after the answer")
    daemon.stop()


@case
def test_says_what_happens(r):
    path = add_agent(r)
    lines = [{"what": "ask", "run": {"id": "r1"}, "id": 1}, {"what": "chatter"}, {"what": "other", "run": {"id": "r1"}},
             {"what": "ask"}]
    code, out, err = mapping_test(r, "mapping", "test", path, "-", stdin="\n".join(map(json.dumps, lines)))
    equal(code, 1, "one is refused")
    heads = [line for line in out.splitlines() if not line.startswith(" ")]
    equal([head.rpartition("robot.yaml:")[2] for head in heads], ["5: ask", "16: ignored", " no row fits: other"], "rows")
    equal(err, "quietbell: refused: the payload has no session id (run.id) at /payload/run/id\n", "why")
    code, out, _ = mapping_test(r, "--json", "mapping", "test", path, json.dumps(lines[0]))
    event = json.loads(out)
    equal((code, event["line"], event["event"]["kind"], event["event"]["request"]), (0, 5, "permission", "1"), "as JSON")
    code, out, _ = mapping_test(r, "mapping", "test", path, "--event", "end", '{"run":{"id":"r1"}}')
    equal((code, "  ends           yes\n" in out), (0, True), "--event")
    for arguments, expected in ((("mapping",), 2), (("mapping", "test"), 2), (("mapping", "test", path, "/nowhere"), 1),
                                (("mapping", "test", "nobody", "{}"), 1), (("mapping", "test", path, "{]"), 1)):
        code, _, err = mapping_test(r, *arguments)
        equal((code, bool(err)), (expected, True), str(arguments))


@case
def mistakes_have_their_place(r):
    path = add_agent(r, AGENT.replace("opens: permission", "opens: permision").replace("ignore: true", "ignored: true"))
    code, _, err = mapping_test(r, "mapping", "test", path, "{}")
    equal(code, 1, "exit code")
    check("robot.yaml:6:" in err and "permission" in err and "robot.yaml:17:" in err and "ignore" in err, err)


def said(r, agent, payload):
    agent.begin_raw("", json.dumps(payload))
    agent.finish()
    return [need["title"] for need in r.needs()]


@case
def read_again_by_reload(r):
    """A new file, a mended one, a broken one: as the configuration's, and the journal has what held from when on."""
    daemon = r.daemon(quiet(r))
    agent = r.agent(r.repository("payments"), session="r1", agent="robot")
    ask = {"what": "ask", "run": {"id": "r1"}, "id": 7, "verb": "push"}
    equal(said(r, agent, ask), [], "no mapping yet")
    path = add_agent(r)
    equal(said(r, agent, ask), [], "not read yet")
    r.quietbell("reload")
    equal(said(r, agent, ask), ["may I push?"], "after a reload")
    add_agent(r, AGENT.replace("may I {verb}", "shall I {verb}"))
    daemon.send(signal.SIGHUP)
    wait_for(lambda: len(journal(r, "policy")) == 3, "SIGHUP")
    said(r, agent, {**ask, "what": "answered"})
    equal(said(r, agent, ask), ["shall I push?"], "after a SIGHUP")
    add_agent(r, AGENT.replace("opens: permission", "opens: permision"))
    refused = r.ask({"type": "command", "command": "reload"})
    check(not refused["ok"] and f"{path}:6:12: " in refused["error"] and "permission" in refused["error"], refused)
    check(f"{path}:6:12: " in json.dumps(r.troubles()), r.troubles())
    equal(len(journal(r, "policy")), 3, "policies: a broken mapping file changes nothing, of the configuration neither")
    said(r, agent, {**ask, "what": "answered"})
    equal(said(r, agent, ask), ["shall I push?"], "the old one holds")
    os.unlink(path)
    r.quietbell("reload")
    equal([t["what"] for t in r.troubles() if t["key"] == "config"], [], "mended")
    equal(said(r, agent, {**ask, "id": 8}), ["shall I push?"], "what is open stays, nothing new is understood")
    mappings = [[m["agent"] for m in body.get("mappings", ())] for body in journal(r, "policy")]
    equal(mappings, [[], ["robot"], ["robot"], []], "what held, by the journal")
    texts = [m for body in journal(r, "policy") for m in body.get("mappings", ())]
    equal(texts[0]["text"], AGENT, "its text")
    check(texts[0]["hash"] != texts[1]["hash"] and len(texts[0]["hash"]) == 16, texts)
    daemon.stop()


@case
def whose_it_is(r):
    ask = {"hook_event_name": "PermissionRequest", "session_id": "s1", "tool_name": "Bash", "tool_input": {"command": "x"}}
    notice = {"hook_event_name": "Notification", "sessionId": "s1", "timestamp": 1, "notification_type": "permission_prompt",
              "message": "Run command: x"}
    qwen = {**ask, "transcript_path": "/home/dev/.qwen/projects/-x/chats/s1.jsonl", "timestamp": "T"}
    outer = ["CLAUDECODE", "CLAUDE_PROJECT_DIR", "COPILOT_CLI", "QWEN_CODE_SESSION_ID", "GEMINI_SESSION_ID"]
    equal(agent_of(r, "claude-code", ask), ["claude-code"], "nothing says otherwise")
    equal(agent_of(r, "claude-code", notice, ["COPILOT_CLI", "CLAUDE_PROJECT_DIR"]), ["copilot"], "Copilot, Claude's hook file")
    equal(agent_of(r, "claude-code", {**ask, "timestamp": 1}, ["COPILOT_CLI"]), [], "Copilot's PermissionRequest is none")
    equal(agent_of(r, "claude-code", {**ask, "transcript_path": "/home/dev/.claude/projects/-x/s1.jsonl"}, outer),
          ["claude-code"], "Claude Code in a shell of the others")
    equal(agent_of(r, "claude-code", qwen, ["QWEN_CODE_SESSION_ID", "CLAUDE_PROJECT_DIR", "GEMINI_PROJECT_DIR"]), ["qwen"],
          "Qwen, Claude's hook file")
    equal(agent_of(r, "codex", ask, outer), ["codex"], "Codex in a shell of the others")
    equal(agent_of(r, "unheard-of", qwen), ["qwen"], "a name that nobody knows")


if __name__ == "__main__":
    rig.main()
