#!/usr/bin/env python3
"""Every recorded session through `quietbell replay`, against its ground truth: each need is there, opened and
resolved when it should be and by that evidence, with that kind, and there is no other; and of its alerts nothing
stays on the screen when no need is left. Then replay itself: what it does with bad lines, options and commands.

    test_recordings.py [AGENT RECORDINGS_FOLDER]     messages, or the raw recordings of the agents' test bench

Prints `ok NAME` or `not ok NAME: why` per recording, then `N passed, M failed`."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
QUIETBELL = pathlib.Path(os.environ.get("BUILD", TESTS.parent / "build")).resolve() / "quietbell"
RECORDINGS = TESTS / "recordings"
TRUTH = RECORDINGS / "truth"
FILES = {"/.claude/sessions/": "session-file", "/.claude/projects/": "transcript", "/.gemini/": "chat",
         "/.copilot/": "events-file", "/.codex/": "rollout", "/.qwen/": "chat"}
AGAIN = "the same request again"  # the core's word for a need that is opened again within 10 s


def read_truth(agent):
    """{recording: [need]}; a need is a dict, with its kind changes in "changes"."""
    truth = {}
    for line in (TRUTH / f"{agent}.txt").read_text().splitlines():
        words = line.split(" #")[0].split() if not line.startswith("#") else []
        if not words:
            continue
        needs = truth.setdefault(words[0], [])
        if words[1] == "none":
            continue
        if words[1] == ">":
            needs[-1]["changes"].append((words[2], int(words[3]), words[4]))
            continue
        resolved = None if words[5] == "-" else int(words[5])
        needs.append({"session": words[1], "kind": words[2], "opened": int(words[3]), "opened_by": words[4],
                      "resolved": resolved, "resolved_by": words[6] if resolved is not None else None, "changes": []})
    return truth


def at_ms_of(row):
    return row["at_ms"] if "at_ms" in row else row["received_at_ns"] // 1000000


def payload_of(row):
    """Of a message, or of a raw row: its stdin, else its last argument."""
    if "payload" in row:
        return row["payload"]
    try:
        return json.loads(row.get("stdin") or (row.get("argv") or ["{}"])[-1])
    except ValueError:
        return {}


def name_of(row, payload):
    """What the agent calls the message: most say it in the payload, each in its own member; files as mappings do."""
    if row.get("type") == "file":
        return next(name for part, name in FILES.items() if part in row["path"])
    for key in ("hook_event_name", "hookName", "agent_action_name", "type", "osc"):
        if isinstance(payload.get(key), str):
            return payload[key]
    return (row.get("event") or payload.get("event") or "").rpartition(":")[2]


def read_recording(path):
    """(start, {(offset, event, thread)}): what is there to be evidence."""
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    rows = [row for row in rows if not row.get("event", "").startswith("@")]  # what the person did
    start = min(at_ms_of(row) for row in rows)
    seen = set()
    for row in rows:
        payload = payload_of(row)
        thread = payload.get("agent_id") or payload.get("child") or payload.get("id" if row.get("agent") == "osc" else "") or ""
        seen.add((at_ms_of(row) - start, name_of(row, payload), thread))
    return start, seen


def replay(path, *options):
    run = subprocess.run([QUIETBELL, "replay", "--json", *options, path], capture_output=True, text=True, timeout=60)
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()], run.stderr


def needs_of(happened, start, problems):
    """What the replay says, as needs in the order of their opening; reopened ones are needs of their own here."""
    needs, open_by_id, open_by_session = [], {}, {}
    for line in happened:
        what, at = line["what"], line["at_ms"] - start
        if what == "need_opened":
            if line["need"] in open_by_id or line["session"] in open_by_session:
                problems.append(f"opened twice: {line['kind']} at {at}")
            need = {"session": line["session"], "kind": line["kind"], "opened": at, "opened_by": line["reason"],
                    "resolved": None, "resolved_by": None, "changes": [], "id": line["need"]}
            needs.append(need)
            open_by_id[line["need"]] = open_by_session[line["session"]] = need
        elif what == "need_changed":
            open_by_id[line["need"]]["changes"].append((line["kind"], at, line["reason"]))
        elif what == "need_resolved":
            need = open_by_id.pop(line["need"])
            open_by_session.pop(line["session"])
            need["resolved"], need["resolved_by"] = at, line["reason"]
    return needs


def same_session(found, wanted):
    first, _, last = wanted.partition("…")
    return found.startswith(first) and found.endswith(last)


def same_evidence(found, wanted):
    """wanted: EVENT or EVENT@THREAD; found: "EVENT" or "EVENT of sub-agent THREAD"."""
    event, _, thread = wanted.partition("@")
    name, _, who = found.partition(" of sub-agent ")
    return name == event and who.startswith(thread) and bool(who) == bool(thread)


def is_evidence(seen, offset, wanted):
    event, _, thread = wanted.partition("@")
    return any(at == offset and name == event and who.startswith(thread) for at, name, who in seen)


def show(need):
    until = f"{need['resolved']} {need['resolved_by']}" if need["resolved"] is not None else "-"
    return f"{need['kind']} {need['opened']} {need['opened_by']} to {until}"


def same_need(found, wanted):
    if not same_session(found["session"], wanted["session"]) or found["kind"] != wanted["kind"]:
        return False
    if found["opened"] != wanted["opened"] or found["resolved"] != wanted["resolved"]:
        return False
    opened_by = wanted["opened_by"].split("@")[0]  # an opening names no thread
    if found["opened_by"] not in (opened_by, AGAIN):
        return False
    if wanted["resolved"] is not None and not same_evidence(found["resolved_by"], wanted["resolved_by"]):
        return False
    return [change[:2] for change in found["changes"]] == [change[:2] for change in wanted["changes"]]


def check_truth(wanted, seen, problems):
    """The table itself: every piece of evidence in it must be in the recording."""
    for need in wanted:
        pieces = [(need["opened"], need["opened_by"])] + [change[1:] for change in need["changes"]]
        if need["resolved"] is not None:
            pieces.append((need["resolved"], need["resolved_by"]))
        for offset, event in pieces:
            if not is_evidence(seen, offset, event):
                problems.append(f"the truth names {event} at {offset}, which is not in the recording")


def check_alerts(happened, problems):
    """What is shown at the end holds only open needs; nothing is told of a resolved need; ids are not used again."""
    shown, opened, rung = {}, set(), {}
    for line in happened:
        if line["what"] == "need_opened":
            opened.add(line["need"])
        elif line["what"] == "need_resolved":
            opened.discard(line["need"])
        elif line["what"] == "alert":
            joined = [need for need in line["needs"] if need not in shown.get(line["alert"], [])]
            shown[line["alert"]] = line["needs"]
            closed = [need for need in line["needs"] if need not in opened]
            if closed:
                problems.append(f"alert {line['alert']} shows what is resolved: {closed}")
            if line["audible"]:
                for need in joined or line["needs"]:  # it rings for those that joined
                    rung[need, line["receiver"]] = rung.get((need, line["receiver"]), 0) + 1
        elif line["what"] == "alert_withdrawn":
            shown.pop(line["alert"], None)
    left = {need for needs in shown.values() for need in needs}
    if left - opened:
        problems.append(f"still shown at the end, though resolved: {sorted(left - opened)}")
    return rung


def check(path, wanted):
    problems = []
    start, seen = read_recording(path)
    check_truth(wanted, seen, problems)
    code, happened, errors = replay(path)
    if code:
        problems.append(f"exit code {code}: {errors.strip()}")
    found = needs_of(happened, start, problems)
    left = list(found)
    for need in wanted:
        match = next((one for one in left if same_need(one, need)), None)
        if match:
            left.remove(match)
        else:
            problems.append(f"missing: {show(need)}")
    problems += [f"extra: {show(need)}" for need in left]
    rung = check_alerts(happened, problems)
    rises = {}
    for need in found:
        rises[need["id"]] = 1 + len(need["changes"])
    problems += [f"need {need} rang {n} times" for (need, _), n in rung.items() if n > rises.get(need, 1)]
    return problems


# ---- replay itself ------------------------------------------------------------------------------------


def event(at_ms, state, **more):
    return {"type": "event", "at_ms": at_ms, "agent": "shell", "session": "s1", "state": state, **more}


def play(lines, *options, config=None):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "day.jsonl")
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
        if config is not None:
            pathlib.Path(folder, "c.yaml").write_text(config)
            options += ("-c", str(pathlib.Path(folder, "c.yaml")))
        return replay(path, *options)


def told(happened):
    return [(line["at_ms"], line["what"], line["kind"]) for line in happened]


HOUR = 3600 * 1000
DAY = [event(1000, "blocked", kind="permission", request="r1", title="t"), event(61000, "working")]


def goes_on_after_bad_lines():
    code, happened, errors = play([DAY[0], "{nonsense", {"type": "hook", "at_ms": 2000, "agent": "nobody", "payload": {}},
                                   "", DAY[1]])
    assert code == 1, code
    assert "day.jsonl:2: no JSON" in errors and "day.jsonl:3: no mapping" in errors, errors
    assert [what for _, what, _ in told(happened)] == ["need_opened", "alert", "need_resolved", "alert_withdrawn"], happened


def sorts_and_counts_once():
    twice = {**DAY[0], "id": "00000000000000ab"}
    code, happened, _ = play([DAY[1], twice, {**twice, "at_ms": 3000}])
    assert code == 0
    assert told(happened) == [(1000, "need_opened", "permission"), (4000, "alert", "permission"),
                              (61000, "need_resolved", "permission"), (61000, "alert_withdrawn", "permission")], happened


def messages_come_before_deadlines():
    _, happened, _ = play([DAY[0], {**DAY[1], "at_ms": 4000}])  # settled at 4000, answered at 4000
    assert told(happened) == [(1000, "need_opened", "permission"), (4000, "need_resolved", "permission")], happened


def the_tail_is_a_day_and_expires_nothing():
    rule = "preset: none\nreceivers: { p: { plugin: terminal } }\nrules:\n  - set: { settle: %s, hold: never, expire: 10m }\n"
    _, happened, _ = play(DAY[:1], config=rule % "23h")
    assert told(happened) == [(1000, "need_opened", "permission"), (1000 + 23 * HOUR, "alert", "permission")], happened
    _, happened, _ = play(DAY[:1], config=rule % "25h")
    assert told(happened) == [(1000, "need_opened", "permission")], happened
    _, happened, _ = play(DAY[:1] + [event(20 * HOUR, "note")], config=rule % "2s")  # before the tail it does expire
    assert [what for _, what, _ in told(happened)] == ["need_opened", "alert", "need_resolved", "alert_withdrawn"], happened


def the_person_acts():
    ack = {"type": "command", "at_ms": 9000, "command": "ack", "session": "s1"}
    file = {"type": "file", "at_ms": 9500, "path": "/x", "content": "y"}
    code, happened, _ = play([DAY[0], ack, file, DAY[1]])
    assert code == 0
    assert (9000, "alert_withdrawn", "permission") in told(happened), happened
    assert told(happened)[-1] == (61000, "need_resolved", "permission"), happened


def prints_for_a_person():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "day.jsonl")
        path.write_text("\n".join(json.dumps(line) for line in DAY))
        run = subprocess.run([QUIETBELL, "replay", path], capture_output=True, text=True, timeout=60)
        path.write_text("")
        empty = subprocess.run([QUIETBELL, "replay", path], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and run.stdout.splitlines()[-1] == "2 events, 1 need, 1 alert, 1 ring", run.stdout
    assert empty.returncode == 0 and empty.stdout == "0 events, 0 needs, 0 alerts, 0 rings\n", empty.stdout


def refuses_wrong_arguments():
    for arguments, code in (([], 2), (["--what"], 2), (["/nowhere.jsonl"], 1), (["-c"], 2), (["a", "b"], 2),
                            (["-c", "/nowhere.yaml", "/nowhere.jsonl"], 1)):
        run = subprocess.run([QUIETBELL, "replay", *arguments], capture_output=True, text=True, timeout=60)
        assert run.returncode == code and run.stderr, (arguments, run)
    code, happened, errors = play(DAY, config="ruls: []\n")
    assert code == 1 and "did you mean rules?" in errors and not happened, errors


CASES = [goes_on_after_bad_lines, sorts_and_counts_once, messages_come_before_deadlines,
         the_tail_is_a_day_and_expires_nothing, the_person_acts, prints_for_a_person, refuses_wrong_arguments]


def run_case(case):
    try:
        case()
    except AssertionError as why:
        return [str(why) or "failed"]
    return []


def recordings_of(agent, folder):
    """{name in the truth table: file}; the test bench's names say more."""
    files = {}
    for path in sorted(folder.glob("*.jsonl")):
        name = path.name.removesuffix(".jsonl")
        if folder.parent != RECORDINGS and agent != "claude-code":
            if not name.endswith("hooks"):
                continue
            name = name.removesuffix(".hooks").removeprefix(f"{agent}-")
            name = {"running-project-claude-settings-hooks": "claude-hooks"}.get(name, name)
        files[name] = path
    return files


def check_agent(agent, folder):
    truth, files, results = read_truth(agent), recordings_of(agent, folder), []
    names = set(files) | (set(truth) if folder.parent == RECORDINGS else set())
    for name in sorted(names):
        if name not in truth or name not in files:
            problems = ["there is no truth for it" if name in files else "there is no recording of it"]
        else:
            problems = check(files[name], truth[name])
        results.append((f"{agent}/{name}", problems))
    return results


def main():
    results = []
    if len(sys.argv) > 2:
        results = check_agent(sys.argv[1], pathlib.Path(sys.argv[2]))
    else:
        for path in sorted(TRUTH.glob("*.txt")):
            results += check_agent(path.stem, RECORDINGS / path.stem)
    passed = failed = 0
    results += [(case.__name__, run_case(case)) for case in CASES]
    for name, problems in results:
        print(f"not ok {name}: {'; '.join(problems)}" if problems else f"ok {name}")
        failed += bool(problems)
        passed += not problems
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
