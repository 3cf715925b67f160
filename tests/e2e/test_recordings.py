#!/usr/bin/env python3
"""Every recorded session through `quietbell replay`, against its ground truth: each need is there, opened and
resolved when it should be and by that evidence, with that kind, and there is no other; and of its alerts nothing
stays on the screen when no need is left.

    test_recordings.py [RECORDINGS_FOLDER]     messages, or the raw recordings of the agents' test bench

Prints `ok NAME` or `not ok NAME: why` per recording, then `N passed, M failed`."""
import json
import os
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
QUIETBELL = pathlib.Path(os.environ.get("BUILD", TESTS.parent / "build")).resolve() / "quietbell"
TRUTH = TESTS / "recordings" / "truth" / "claude-code.txt"
RECORDINGS = TESTS / "recordings" / "claude-code"
AGAIN = "the same request again"  # the core's word for a need that is opened again within 10 s


def read_truth():
    """{recording: [need]}; a need is a dict, with its kind changes in "changes"."""
    truth = {}
    for line in TRUTH.read_text().splitlines():
        words = line.split("#")[0].split()
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


def read_recording(path):
    """(start, {(offset, event, thread)}): what is there to be evidence."""
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    start = min(at_ms_of(row) for row in rows)
    seen = set()
    for row in rows:
        payload = row.get("payload")
        if payload is None and "stdin" in row:
            try:
                payload = json.loads(row["stdin"])
            except ValueError:
                payload = None
        thread = (payload or {}).get("agent_id", "")
        seen.add((at_ms_of(row) - start, row["event"], thread))
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
            shown[line["alert"]] = line["needs"]
            closed = [need for need in line["needs"] if need not in opened]
            if closed:
                problems.append(f"alert {line['alert']} shows what is resolved: {closed}")
            if line["audible"]:
                for need in line["needs"]:
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


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDINGS
    truth = read_truth()
    names = sorted(path.stem for path in folder.glob("*.jsonl"))
    passed = failed = 0
    for name in sorted(set(names) | (set(truth) if folder == RECORDINGS else set())):
        if name not in truth or name not in names:
            problems = ["there is no truth for it" if name in names else "there is no recording of it"]
        else:
            problems = check(folder / f"{name}.jsonl", truth[name])
        print(f"not ok {name}: {'; '.join(problems)}" if problems else f"ok {name}")
        failed += bool(problems)
        passed += not problems
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
