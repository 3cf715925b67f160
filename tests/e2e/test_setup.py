#!/usr/bin/env python3
"""quietbell setup and doctor, on homes as people have them.

Bar 3 of the issue for every agent: no file, an empty file, a rich file, a read-only file, a broken file, a
linked file: right result or a refusal that changes nothing; twice changes nothing; --remove gives the old bytes."""
import json
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
import time

from rig import BUILD, Failed, case, check, equal, main, wait_for

HOOK = BUILD + "/quietbell-hook"
FILES = {
    "claude-code": ".claude/settings.json", "codex": ".codex/hooks.json", "gemini": ".gemini/settings.json",
    "qwen": ".qwen/settings.json", "copilot": ".copilot/hooks/quietbell.json", "cursor": ".cursor/hooks.json",
    "windsurf": ".codeium/windsurf/hooks.json", "opencode": ".config/opencode/plugin/quietbell.js",
}
JSON_AGENTS = [agent for agent in FILES if agent != "opencode"]
HAND = ["aider", "goose", "crush", "auggie", "amp"]
RICH = {
    "groups": '{\n    "model": "x",\n    "hooks": {\n        "Stop": [\n            {\n                "hooks": [\n'
              '                    { "type": "command", "command": "say done" }\n                ]\n            }\n'
              '        ],\n        "SessionEnd": []\n    },\n    "env": {"SECRET": "s3cret"}\n}\n',
    "flat": '{\n  "version": 1,\n  "hooks": {\n    "stop": [ {"command": "say done"} ],\n'
            '    "post_cascade_response": [{"command": "x", "show_output": true}]\n  }\n}',
}
# A comment everywhere, a comma too many where the agent reads it.
ODD = {
    "gemini": '// mine\n{\n  /* all */ "hooks": { // here\n    "AfterTool": [ /* none */ ] // yes\n  } // end\n}\n// last\n',
    "cursor": '{\n  "hooks": {\n    "stop": [\n      {"command": "x",}, // mine\n    ],\n  },\n}\n',
}
ODD["qwen"], ODD["windsurf"], ODD["copilot"] = ODD["gemini"], ODD["cursor"], ODD["cursor"]


def home(rig):
    rig.env.pop("XDG_CONFIG_HOME", None)  # opencode's folder is under the home then
    return rig.env["HOME"]


def run(rig, *args, status=0, **more):
    done = subprocess.run([BUILD + "/quietbell", *args], env=rig.env, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=60, **more)
    if status is not None:
        check(done.returncode == status, f"{args}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done


def setup(rig, agent, *args, status=0):
    return run(rig, "setup", "--agent", agent, *args, status=status)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)


def tree(top):
    """Everything below a folder: kind, mode, inode and bytes of each entry."""
    seen = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            seen[path] = (status.st_mode, status.st_ino, os.readlink(path) if os.path.islink(path) else
                          read(path) if stat.S_ISREG(status.st_mode) else None)
    return seen


def rich(agent):
    return RICH["flat" if agent in ("copilot", "cursor", "windsurf") else "groups"]


def check_hooks(path, agent):
    """The file is JSON, and each event calls the hook client once."""
    text = read(path).decode()
    if agent == "opencode":
        check(json.dumps(HOOK) in text, "the plugin does not name the hook client")
        return
    value = json.loads(re.sub(r"//.*|/\*.*?\*/", "", re.sub(r",(\s*(//.*\n\s*)*[]}])", r"\1", text)))
    calls = []
    for event, entries in value["hooks"].items():
        for hook in [h for e in entries for h in e.get("hooks", [e])]:
            line = hook.get("command") or hook.get("bash")
            words = [line, *hook["args"]] if "args" in hook else line.split()
            if words[0] == HOOK:
                equal(words, [HOOK, agent, event], "the command line")
                calls.append(event)
    equal(len(calls), len(set(calls)), "calls for an event")
    check(len(calls) >= 2, f"{path}: {calls}")


def connect_twice_and_remove(rig, agent, path, before):
    """before: the bytes of the file, or None. Returns what setup printed."""
    out = setup(rig, agent, "--yes").stdout
    check_hooks(path, agent)
    after = tree(home(rig))
    again = setup(rig, agent, "--yes")
    check("connected already" in again.stdout, again.stdout)
    check(tree(home(rig)) == after, "the second time changed something")
    setup(rig, agent, "--remove", "--yes")
    if before is None:
        check(not os.path.lexists(path), "the file is still there")
    else:
        equal(read(path), before, "after --remove")
    check(not os.path.exists(path + ".quietbell-backup"), "a backup is left")
    done = setup(rig, agent, "--remove", "--yes")
    check("is not connected" in done.stdout, done.stdout)
    return out


# ---- bar 3 ----------------------------------------------------------------------------------------------------

@case
def no_file(rig):
    for agent, file in FILES.items():
        path = f"{home(rig)}/{file}"
        setup(rig, agent, "--dry-run")
        check(not os.path.exists(path), f"--dry-run made {path}")
        connect_twice_and_remove(rig, agent, path, None)


@case
def empty_file(rig):
    for agent in JSON_AGENTS:
        for text in (b"", b"\n"):
            path = f"{home(rig)}/{FILES[agent]}"
            write(path, text, 0o640)
            connect_twice_and_remove(rig, agent, path, text)
            equal(stat.S_IMODE(os.stat(path).st_mode), 0o640, "its mode")
            os.unlink(path)


@case
def rich_file(rig):
    for agent in JSON_AGENTS:
        path, text = f"{home(rig)}/{FILES[agent]}", rich(agent).encode()
        write(path, text, 0o600)
        setup(rig, agent, "--yes")
        equal(read(path + ".quietbell-backup"), text, "the backup")
        check(b"say done" in read(path), "the person's own hook")
        setup(rig, agent, "--remove", "--yes")
        connect_twice_and_remove(rig, agent, path, text)
        equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "its mode")


@case
def odd_file(rig):
    for agent, text in ODD.items():
        path = f"{home(rig)}/{FILES[agent]}"
        write(path, text)
        connect_twice_and_remove(rig, agent, path, text.encode())
    for agent in ("claude-code", "codex"):  # they read plain JSON only, and drop the whole file
        write(f"{home(rig)}/{FILES[agent]}", ODD["gemini"])
        before = tree(home(rig))
        done = setup(rig, agent, "--yes", status=1)
        check(":1:1: " in done.stderr and "comment" in done.stderr, done.stderr)
        check(tree(home(rig)) == before, "a refusal changed something")


@case
def read_only_file(rig):
    for agent, file in FILES.items():
        path = f"{home(rig)}/{file}"
        if agent == "opencode":  # only its folder can be
            os.makedirs(os.path.dirname(path))
            os.chmod(os.path.dirname(path), 0o555)
        else:
            write(path, rich(agent), 0o444)
        before = tree(home(rig))
        done = setup(rig, agent, "--yes", status=1)
        check("read-only" in done.stderr and "chmod u+w" in done.stderr, done.stderr)
        check(tree(home(rig)) == before, f"{agent}: a refusal changed something")
        os.chmod(os.path.dirname(path), 0o755)


@case
def read_only_folder(rig):
    for agent in JSON_AGENTS:
        path = f"{home(rig)}/{FILES[agent]}"
        write(path, rich(agent))
        os.chmod(os.path.dirname(path), 0o555)
        before = tree(home(rig))
        check("is read-only" in setup(rig, agent, "--yes", status=1).stderr, agent)
        check(tree(home(rig)) == before, f"{agent}: a refusal changed something")
        os.chmod(os.path.dirname(path), 0o755)


@case
def broken_file(rig):
    broken = {'{\n  "a": 1,\n  "hooks": {\n': r":4:1: ", '{"key": "s3cret" 1}': r":1:18: ", "[]": r":1:1: ", '{"hooks": 7}': r":1:11: ", '{"a": 1} x': r":1:10: ",
              b'{\n"a": "\xff"}': r":2:7: ", '{"hooks": {}, "hooks": {}}': r":1:24: "}
    for agent in JSON_AGENTS:
        for text, place in broken.items():
            path = f"{home(rig)}/{FILES[agent]}"
            write(path, text)
            before = tree(home(rig))
            for more in ([], ["--remove"]):
                done = setup(rig, agent, "--yes", *more, status=1)
                check(re.search(re.escape(path) + place, done.stderr), f"{text!r}: {done.stderr}")
                check("s3cret" not in done.stdout + done.stderr, "a line of the file is shown")
                check(tree(home(rig)) == before, "a refusal changed something")


@case
def not_a_file(rig):
    for agent in FILES:
        path = f"{home(rig)}/{FILES[agent]}"
        os.makedirs(path)
        before = tree(home(rig))
        check("no regular file" in setup(rig, agent, "--yes", status=1).stderr, agent)
        check(tree(home(rig)) == before, "a refusal changed something")
        os.rmdir(path)
        os.mkfifo(path)
        check("no regular file" in setup(rig, agent, "--yes", status=1).stderr, agent)
        os.unlink(path)
        os.symlink(os.path.basename(path), path)
        check("circle" in setup(rig, agent, "--yes", status=1).stderr, agent)


@case
def linked_file(rig):
    for agent in JSON_AGENTS:
        path, real = f"{home(rig)}/{FILES[agent]}", f"{home(rig)}/dotfiles/{agent}.json"
        text = rich(agent).encode()
        os.makedirs(os.path.dirname(path))
        write(real, text, 0o604)
        os.symlink(real, path + ".middle")
        os.symlink(os.path.basename(path) + ".middle", path)  # a link to a link, one of them relative
        out = connect_twice_and_remove(rig, agent, path, text)
        check("stays one" in out, out)
        check(os.path.islink(path) and os.path.islink(path + ".middle"), "the link is gone")
        equal(stat.S_IMODE(os.stat(real).st_mode), 0o604, "its mode")
        equal(sorted(os.listdir(os.path.dirname(real))), sorted(f"{a}.json" for a in JSON_AGENTS[:JSON_AGENTS.index(agent) + 1]),
              "in the dotfiles")


@case
def link_to_nothing(rig):
    path, real = home(rig) + "/.claude/settings.json", home(rig) + "/dotfiles/settings.json"
    os.makedirs(os.path.dirname(path))
    os.symlink("../dotfiles/settings.json", path)
    check("not there" in setup(rig, "claude-code", "--yes", status=1).stderr, "its folder is missing")
    os.makedirs(os.path.dirname(real))
    setup(rig, "claude-code", "--yes")
    check_hooks(real, "claude-code")
    check(os.path.islink(path), "the link is gone")
    setup(rig, "claude-code", "--remove", "--yes")
    check(os.path.islink(path) and not os.path.exists(real), "after --remove")


# ---- removing from a file that went on living ---------------------------------------------------------------

@case
def removes_only_ours(rig):
    path = home(rig) + "/.claude/settings.json"
    write(path, RICH["groups"])
    setup(rig, "claude-code", "--yes")
    value = json.loads(read(path))
    value["new"] = 1
    value["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "another"}]})
    value["hooks"]["PreToolUse"][0]["hooks"].append({"type": "command", "command": "guest"})
    write(path, json.dumps(value, indent=2))  # as an agent writes it anew
    check("connected already" in setup(rig, "claude-code", "--yes").stdout, "the same hooks, set in otherwise")
    setup(rig, "claude-code", "--remove", "--yes")
    expected = json.loads(RICH["groups"])
    expected["new"] = 1
    expected["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "another"}]})
    expected["hooks"]["PreToolUse"] = [{"hooks": [{"type": "command", "command": "guest"}]}]
    got = json.loads(read(path))
    got["hooks"].setdefault("SessionEnd", [])
    equal(got, expected, "after --remove")


@case
def keeps_another_plugin_file(rig):
    path = home(rig) + "/.config/opencode/plugin/quietbell.js"
    write(path, "export const Mine = 1\n")
    before = tree(home(rig))
    check("is not quietbell's" in setup(rig, "opencode", "--yes", status=1).stderr, "a file of another")
    check("is not connected" in setup(rig, "opencode", "--remove", "--yes").stdout, "a file of another")
    check(tree(home(rig)) == before, "a refusal changed something")


@case
def changed_meanwhile(rig):
    """The person takes a while to answer, and the agent writes its file."""
    path = home(rig) + "/.claude/settings.json"
    write(path, "{}\n")
    child, terminal = pty.fork()
    if child == 0:
        os.execve(BUILD + "/quietbell", ["quietbell", "setup", "--agent", "claude-code"], rig.env)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 4096)
    write(path, '{"agent": "wrote"}\n')
    os.write(terminal, b"y\n")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(terminal)
    equal(status, 1, "exit status")
    equal(read(path), b'{"agent": "wrote"}\n', "the file")
    equal(os.listdir(os.path.dirname(path)), ["settings.json"], "in the folder")


# ---- asking, finding, paths ---------------------------------------------------------------------------------

def on_terminal(rig, answer, *args):
    child, terminal = pty.fork()
    if child == 0:
        os.execve(BUILD + "/quietbell", ["quietbell", "setup", *args], rig.env)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, answer)
    try:
        while more := os.read(terminal, 4096):
            shown += more
    except OSError:
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


@case
def asks(rig):
    path = home(rig) + "/.codex/hooks.json"
    for answer in (b"n\n", b"\n", b"yeah\n", b"\x04"):
        status, shown = on_terminal(rig, answer, "--agent", "codex")
        check(status == 0 and "left as it is" in shown and not os.path.exists(path), f"{answer}: {status} {shown}")
    status, shown = on_terminal(rig, b"y\n", "--agent", "codex")
    check(status == 0 and "/hooks" in shown and "+++ " + path in shown, shown)
    check_hooks(path, "codex")
    os.unlink(path)
    done = setup(rig, "codex", status=1)
    check("no terminal" in done.stderr and "--yes" in done.stderr and not os.path.exists(path), done.stderr)
    check("+++ " + path in done.stdout, done.stdout)


@case
def shows_the_diff_inert(rig):
    path = home(rig) + "/.claude/settings.json"
    write(path, '{\n  "a": "\u009b31m \u202e x"\n}\n')
    status, shown = on_terminal(rig, b"n\n", "--agent", "claude-code")
    check(status == 0 and '"a": "?31m ? x"' in shown, shown)
    out = setup(rig, "claude-code", "--dry-run").stdout  # into a file it is exact, and patch(1) takes it
    patch = out[out.index("--- "):out.index("Nothing was changed")]
    diff = json.loads(setup(rig, "claude-code", "--json").stdout)["agents"][0]["diff"]
    equal(diff.strip(), patch.strip(), "the diff in JSON")
    copy = rig.dir + "/copy.json"
    shutil.copy(path, copy)
    if shutil.which("patch"):
        subprocess.run(["patch", "-s", copy], input=patch, text=True, check=True)
        setup(rig, "claude-code", "--yes")
        equal(read(copy), read(path), "the diff, applied")


@case
def finds_agents(rig):
    rig.env["PATH"] = rig.dir + "/bin:/usr/bin:/bin"
    write(rig.dir + "/bin/qwen", "#!/bin/sh\n", 0o755)
    os.makedirs(home(rig) + "/.gemini")
    os.makedirs(home(rig) + "/.config/goose")
    done = run(rig, "setup", "--yes")
    for name in ("Qwen Code: connected", "Gemini CLI: connected", "goose: by hand", "Not on this machine: aider"):
        check(name in done.stdout, done.stdout)
    equal(sorted(n for n in os.listdir(home(rig)) if n[0] == "."), [".config", ".gemini", ".qwen"], "folders")
    done = json.loads(run(rig, "setup", "--json").stdout)
    equal({a["agent"]: a["state"] for a in done["agents"]},
          {"gemini": "unchanged", "qwen": "unchanged", "goose": "by hand"}, "--json")
    run(rig, "setup", "--remove", "--yes")
    check(not os.path.exists(home(rig) + "/.qwen/settings.json"), "--remove without --agent")


@case
def honours_variables(rig):
    top = rig.dir
    for agent, variable, file in (("claude-code", "CLAUDE_CONFIG_DIR", "settings.json"), ("codex", "CODEX_HOME", "hooks.json"),
                                  ("gemini", "GEMINI_CLI_HOME", ".gemini/settings.json"),
                                  ("copilot", "COPILOT_HOME", "hooks/quietbell.json"),
                                  ("opencode", "XDG_CONFIG_HOME", "opencode/plugin/quietbell.js")):
        rig.env[variable] = f"{top}/elsewhere {agent}"
        setup(rig, agent, "--yes")
        check_hooks(f"{top}/elsewhere {agent}/{file}", agent)
    equal(os.listdir(rig.env["HOME"]), [], "in the home")


@case
def by_hand(rig):
    for agent in HAND:
        done = setup(rig, agent)
        check("by hand" in done.stdout and HOOK in done.stdout, done.stdout)
        equal(os.listdir(rig.env["HOME"]), [], "in the home")


@case
def a_new_agent_is_a_mapping_file(rig):
    path = rig.dir + "/config/quietbell/agents/acme.yaml"
    head = 'agent: acme\nsession: id\nevent: event\nrows:\n  - on: "*"\n    note: true\n'
    write(path, head + """install:
  title: Acme
  folder: .acme
  file: deep/hooks.json
  shape: flat
  command: run
  more: { limit: 3, quiet: true, how: soft }
  version: 2
  events: [begin, ask: "a|b"]
  todo: say hello
""")
    os.makedirs(home(rig) + "/.acme")
    rig.env["XDG_CONFIG_HOME"] = rig.dir + "/config"
    done = run(rig, "setup", "--yes")
    check("Acme: connected\n  still to do: say hello" in done.stdout, done.stdout)
    hook = {"limit": 3, "quiet": True, "how": "soft"}
    equal(json.loads(read(home_of(rig) + "/.acme/deep/hooks.json")),
          {"version": 2, "hooks": {e: [{"run": f"{HOOK} acme {e}", **hook}] for e in ("begin", "ask")}}, "its file")
    run(rig, "setup", "--remove", "--yes")
    equal(os.listdir(home_of(rig) + "/.acme"), [], "after --remove")
    for section, words in (("  file: x\n", "folder"), ("  shape: round\n  folder: a\n  file: b\n", "shape"),
                           ("  folder: /etc\n  file: passwd\n  events: [a]\n", "relative"),
                           ("  folder: a\n  file: ../b\n  events: [a]\n", "relative"),
                           ("  shape: hand\n", "todo"), ("  evnts: [a]\n", "did you mean events")):
        write(path, head + "install:\n" + section)
        done = run(rig, "setup", "--agent", "acme", "--yes", status=2)
        check("acme.yaml:" in done.stderr and words in done.stderr, f"{section}: {done.stderr}")


def home_of(rig):
    return rig.env["HOME"]


@case
def refuses_nonsense(rig):
    done = setup(rig, "claude", status=2)
    check("no agent" in done.stderr and "agents: aider" in done.stderr, done.stderr)
    check("did you mean codex" in setup(rig, "codx", status=2).stderr, "a suggestion")
    run(rig, "setup", "claude-code", status=2)
    run(rig, "doctor", "x", status=2)


@case
def keeps_the_line_across_versions(rig):
    """Installed under a version, with a link on the PATH: the link is what agents call, for ever."""
    def install(version):
        folder = f"{rig.dir}/opt/quietbell-{version}"
        os.makedirs(folder)
        for name in ("quietbell", "quietbell-hook"):
            shutil.copy2(f"{BUILD}/{name}", folder)
            link = f"{rig.dir}/bin/{name}"
            if os.path.lexists(link):
                os.unlink(link)
            os.symlink(f"{folder}/{name}", link)
        return folder
    os.makedirs(rig.dir + "/bin")
    old, path = install("1"), home(rig) + "/.codex/hooks.json"
    rig.env["PATH"] = rig.dir + "/bin:/usr/bin:/bin"
    subprocess.run([rig.dir + "/bin/quietbell", "setup", "--agent", "codex", "--yes"], env=rig.env, check=True, capture_output=True)
    first = read(path)
    check(f"{rig.dir}/bin/quietbell-hook codex Stop".encode() in first and b"quietbell-1" not in first, first)
    new = install("2")
    shutil.rmtree(old)
    for program in (rig.dir + "/bin/quietbell", new + "/quietbell"):
        for env in (rig.env, {**rig.env, "PATH": "/usr/bin:/bin"}):
            done = subprocess.run([program, "setup", "--agent", "codex", "--yes"], env=env, check=True, capture_output=True)
            check(b"connected already" in done.stdout, done.stdout)
    equal(read(path), first, "the hooks")


@case
def installed_lines_work(rig):
    """The very words in the files, run as each agent runs them, reach the daemon's spool."""
    home(rig)
    for agent in JSON_AGENTS:
        setup(rig, agent, "--yes")
        value = json.loads(read(f"{rig.env['HOME']}/{FILES[agent]}"))
        for event, entries in value["hooks"].items():
            hook = entries[0]["hooks"][0] if "hooks" in entries[0] else entries[0]
            line = hook.get("command") or hook.get("bash")
            argv = [line, *hook["args"]] if "args" in hook else ["/bin/sh", "-c", line]
            done = subprocess.run(argv, input=b'{"session_id":"s"}', env=rig.env, capture_output=True, timeout=10)
            equal((done.returncode, done.stdout, done.stderr), (0, b"", b""), f"{agent} {event}")
    messages = [json.loads(read(f"{rig.spool}/{name}")) for name in os.listdir(rig.spool)]
    for agent in JSON_AGENTS:
        value = json.loads(read(f"{rig.env['HOME']}/{FILES[agent]}"))
        equal(sorted(m["event"] for m in messages if m["agent"] == agent), sorted(value["hooks"]), agent)


@case
def opencode_plugin_runs(rig):
    """The plugin file in node: few events start the hook client, in order; a thousand others start nothing."""
    node = shutil.which("node")
    if not node:
        print("# no node here: the plugin file is only looked at")
        return
    setup_home = home(rig)
    setup(rig, "opencode", "--yes")
    os.makedirs(rig.dir + "/src/repo")
    shutil.copy(setup_home + "/.config/opencode/plugin/quietbell.js", rig.dir + "/plugin.mjs")
    write(rig.dir + "/drive.mjs", """
import { Quietbell } from "./plugin.mjs"
const hooks = await Quietbell({ directory: process.argv[2] })
const say = (type, properties) => hooks.event({ event: { id: "evt", type, properties } })
for (let i = 0; i < 1000; i++) await say("message.part.delta", { sessionID: "s", delta: "x" })
await hooks.event({}); await hooks.event({ event: { type: "session.idle" } })
await say("session.created", { sessionID: "s", info: { id: "s", title: "New session - 1" } })
await say("session.updated", { sessionID: "s", info: { id: "s", title: "New session - 1" } })
await hooks["chat.message"]({ sessionID: "s" }, { parts: [{ type: "file" }, { type: "text", text: "Mend it" }] })
await hooks["chat.message"]({}, null); await hooks["chat.message"]()
for (let i = 0; i < 9; i++) await say("session.status", { sessionID: "s", status: { type: "busy" } })
for (let i = 1; i < 4; i++) for (let j = 0; j < 2; j++) await say("session.status", { sessionID: "s", status: { type: "retry", attempt: i } })
await say("session.created", { sessionID: "c", info: { id: "c", parentID: "s" } })
await say("session.updated", { sessionID: "s", info: { id: "s", title: "Mend it" } })
await say("permission.asked", { sessionID: "c", id: "per_1", permission: "bash" })
await say("permission.replied", { sessionID: "c", requestID: "per_1", reply: "reject" })
await say("session.status", { sessionID: "s", status: { type: "idle" } })
await say("session.idle", { sessionID: "s" }); await say("session.idle", { sessionID: "s" })
""")
    subprocess.run([node, rig.dir + "/drive.mjs", rig.dir + "/src/repo"], env=rig.env, check=True, timeout=60)
    got = [json.loads(read(f"{rig.spool}/{name}")) for name in sorted(os.listdir(rig.spool))]
    got.sort(key=lambda m: m["at_ms"])
    equal(sorted(m["event"] for m in got),
          sorted(["session.created", "chat.message", *["session.status"] * 4, "session.created", "session.updated", "permission.asked",
                  "permission.replied", "session.idle"]), "events")
    equal([m["event"] for m in got if m["event"].startswith("permission")], ["permission.asked", "permission.replied"], "order")
    asked = next(m for m in got if m["event"] == "permission.asked")
    equal((asked["payload"]["root"], asked["payload"]["child"]), ("s", "c"), "a child session's root")
    equal(asked["context"]["cwd"], rig.dir + "/src/repo", "cwd")
    equal(next(m for m in got if m["event"] == "chat.message")["payload"]["output"]["parts"][0]["text"], "Mend it", "the prompt")


@case
def opencode_plugin_hands_over_a_file(rig):
    """Not a pipe: opencode fills that when its loop comes round, and a hook client that waits gives up (`make live`)."""
    node = shutil.which("node")
    if not node:
        print("# no node here: the plugin file is only looked at")
        return
    setup_home = home(rig)
    setup(rig, "opencode", "--yes")
    text = read(setup_home + "/.config/opencode/plugin/quietbell.js").decode()
    check(text.count(json.dumps(HOOK)) == 1, "the hook client's path in the plugin")
    write(rig.dir + "/plugin.mjs", text.replace(json.dumps(HOOK), json.dumps(rig.dir + "/hook")))
    write(rig.dir + "/hook", f"""#!{sys.executable} -IS
import os, stat, sys
with open({rig.dir + "/seen"!r}, "a") as file:
    mode = os.fstat(0).st_mode
    print(stat.S_ISREG(mode), oct(mode & 0o777), os.fstat(0).st_nlink, sys.argv[1:], sys.stdin.read(), file=file)
""", 0o755)
    write(rig.dir + "/drive.mjs", """
import { Quietbell } from "./plugin.mjs"
const hooks = await Quietbell({ directory: "/" })
await hooks.event({ event: { id: "evt", type: "session.idle", properties: { sessionID: "s" } } })
""")
    subprocess.run([node, rig.dir + "/drive.mjs"], env=rig.env, check=True, timeout=60)
    equal(read(rig.dir + "/seen").decode(), "True 0o600 0 ['opencode', 'session.idle'] "
          '{"id":"evt","type":"session.idle","properties":{"sessionID":"s"}}\n', "what the hook client got")
    equal(os.listdir(rig.run_dir), [], "files left behind")


# ---- doctor --------------------------------------------------------------------------------------------------

def findings(rig, *args, status=None):
    done = run(rig, "doctor", "--json", *args, status=status)
    value = json.loads(done.stdout)
    equal(value["ok"], done.returncode == 0, "ok")
    equal(done.returncode, 1 if any(f["level"] == "bad" for f in value["findings"]) else 0, "exit status")
    for finding in value["findings"]:
        check(finding["level"] == "ok" or finding.get("mend"), f"no mend: {finding}")
    return value["findings"]


def about(found, word, level=None):
    return [f for f in found if f["about"] == word and level in (None, f["level"])]


@case
def doctor_without_anything(rig):
    found = findings(rig, status=1)
    check(about(found, "daemon", "bad"), found)
    check(about(found, "hook client", "ok") and about(found, "agents", "warn"), found)
    check(not os.path.exists(rig.state) or os.listdir(rig.state) == [], "doctor made something")
    lines = run(rig, "doctor", status=1).stdout.splitlines()
    check(all(re.match(r"(ok  |warn|bad )  \S", line) for line in lines[:-1]), lines)
    check(any("quietbelld is not reachable" in line and "mend it: " in line for line in lines), lines)


@case
def doctor_when_all_is_well(rig):
    rig.configure("preset: none\nreceivers:\n  out: { plugin: terminal, path: %s/out }\nrules:\n  - set: { to: out }\n" % rig.dir)
    rig.daemon()
    rig.wait_serving("out")
    setup(rig, "claude-code", "--yes")
    found = findings(rig, status=0)
    check(not [f for f in found if f["level"] != "ok"], found)
    check(about(found, "claude-code", "ok") and about(found, "daemon", "ok") and about(found, "receiver", "ok"), found)
    check("All is well." in run(rig, "doctor").stdout, "the last line")


@case
def doctor_sees_hooks(rig):
    path = home(rig) + "/.claude/settings.json"
    os.makedirs(os.path.dirname(path))
    check("not connected" in about(findings(rig), "claude-code", "bad")[0]["what"], "none")
    setup(rig, "claude-code", "--yes")
    good = read(path)
    check(about(findings(rig), "claude-code", "ok"), "good")
    write(path, good.replace(BUILD.encode(), b"/gone"))
    check("not there" in about(findings(rig), "claude-code", "bad")[0]["what"], "a hook client that is gone")
    write(path, b'{"disableAllHooks": true,' + good[1:])
    check("disableAllHooks" in about(findings(rig), "claude-code", "bad")[0]["what"], "switched off")
    write(path, good[:-3])
    check(re.search(r":\d+:\d+: ", about(findings(rig), "claude-code", "bad")[0]["what"]), "broken")
    value = json.loads(good)
    del value["hooks"]["Stop"]
    write(path, json.dumps(value))
    check(about(findings(rig), "claude-code", "warn")[0]["mend"] == "quietbell setup --agent claude-code", "one is missing")


@case
def doctor_sees_codex_trust(rig):
    setup(rig, "codex", "--yes")
    folder = rig.env["HOME"] + "/.codex"
    events = json.loads(read(folder + "/hooks.json"))["hooks"]
    check("/hooks" in about(findings(rig), "codex", "warn")[0]["mend"], "no trust")
    write(folder + "/config.toml", "".join(
        f'[hooks.state."{folder}/hooks.json:{re.sub(r"(?<!^)(?=[A-Z])", "_", e).lower()}:0:0"]\ntrusted_hash="sha256:0"\n'
        for e in events))
    check(not about(findings(rig), "codex", "warn"), "all trusted")


@case
def doctor_sees_folders(rig):
    os.makedirs(rig.spool, 0o700)
    os.makedirs(rig.quarantine, 0o700)
    for n in range(3):
        write(f"{rig.spool}/000000000000{n}-000000000000000{n}.json", "{}")
    write(rig.quarantine + "/0000000000001-0000000000000001.json", "x")
    write(rig.quarantine + "/0000000000001-0000000000000001.json.reason", "x")
    found = findings(rig)
    check(about(found, "spool", "warn")[0]["what"].startswith("3 messages wait"), found)
    check(about(found, "quarantine", "warn")[0]["what"].startswith("1 message "), found)
    os.chmod(rig.state, 0o755)
    check("chmod 700" in about(findings(rig), "folders", "warn")[0]["mend"], "a folder for all to read")


@case
def doctor_sees_config_and_receivers(rig):
    rig.configure("receivers:\n  out: { plugin: /no/such/plugin }\nrules:\n  - set: { to: out }\n")
    rig.daemon()
    wait_for(lambda: about(findings(rig), "receiver", "bad"), "a receiver that is down")
    rig.configure("receivers: [\n")
    check(":" in about(findings(rig), "configuration", "bad")[0]["what"], "a broken file")


@case
def doctor_sees_the_desktop(rig):
    if not shutil.which("dunst") or not shutil.which("Xvfb"):
        raise Failed("dunst or Xvfb is missing")
    desktop = rig.desktop(server=False)
    rig.env.update(getattr(desktop, "env", {}))
    rig.configure("receivers:\n  popup: { plugin: desktop }\nrules:\n  - set: { to: popup }\n")
    found = findings(rig)
    check(about(found, "desktop"), found)
    desktop.serve()
    check("dunst shows popups" in about(findings(rig), "desktop", "ok")[0]["what"], "dunst runs")
    subprocess.run(["dunstctl", "set-paused", "true"], env=rig.env, check=True, timeout=10)
    paused = about(findings(rig), "desktop", "warn")[0]
    equal(paused["mend"], "dunstctl set-paused false", "what mends it")


@case
def doctor_sees_a_hanging_daemon(rig):
    daemon = rig.daemon()
    daemon.send(__import__("signal").SIGSTOP)
    try:
        began = time.monotonic()
        check("does not answer" in about(findings(rig), "daemon", "bad")[0]["what"], "a stopped daemon")
        check(time.monotonic() - began < 20, "it took too long")
    finally:
        daemon.send(__import__("signal").SIGCONT)


if __name__ == "__main__":
    main()
