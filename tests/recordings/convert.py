#!/usr/bin/env python3
"""Made the recordings beside this file: convert.py AGENTS_FOLDER

Reads AGENTS_FOLDER/claude-code/sessions/*.jsonl (one raw hook call a line, as a recorder saw it) and writes
claude-code/*.jsonl: the messages that quietbell-hook would have sent (design.md section 10), cut to the fields
that a mapping or a test reads. Long texts are cut, tool results and suggestions are left out. Files named
syn-*.jsonl were written by hand and are left alone.
"""
import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
TEXT = 80  # bytes kept of a text; the same for every event, so that equal inputs stay equal

KEEP = """session_id cwd hook_event_name source model reason prompt prompt_id tool_name tool_input agent_id agent_type
    notification_type message error last_assistant_message stop_hook_active mcp_server_name action trigger
    expansion_type command_name new_cwd worktree_path name teammate_name""".split()
MARKS = "CLAUDECODE CLAUDE_CODE_ENTRYPOINT CLAUDE_CODE_SESSION_ID CLAUDE_PROJECT_DIR".split()


def cut(value):
    if isinstance(value, str):
        return value[:TEXT]
    if isinstance(value, list):
        return [cut(item) for item in value]
    if isinstance(value, dict):
        return {key: cut(item) for key, item in value.items()}
    return value


def payload_of(raw):
    whole = json.loads(raw["stdin"])
    payload = {key: cut(whole[key]) for key in KEEP if key in whole}
    if "background_tasks" in whole:
        payload["background_tasks"] = [
            {key: task[key] for key in ("id", "type", "status") if key in task} for task in whole["background_tasks"]]
    if "tool_calls" in whole:
        payload["tool_calls"] = [{"tool_name": call["tool_name"]} for call in whole["tool_calls"]]
    return payload


def message_of(raw, name, number):
    env = raw["env"]
    place = {}
    if "TMUX" in env:
        place["tmux"] = env["TMUX"].split(",")[0]
    for key, variable in (("pane", "TMUX_PANE"), ("term", "TERM_PROGRAM")):
        if variable in env:
            place[key] = env[variable]
    return {
        "type": "hook",
        "id": hashlib.sha256(f"{name}:{number}".encode()).hexdigest()[:16],
        "at_ms": raw["received_at_ns"] // 1000000,
        "agent": raw.get("agent", "claude-code"),
        "event": raw["event"],
        "payload": payload_of(raw),
        "context": {
            "pid": raw["ppid"],
            "cwd": raw["hook_cwd"],
            "marks": [mark for mark in MARKS if mark in env],
            "place": place,
        },
    }


def convert(source, target):
    rows = [json.loads(line) for line in source.read_text().splitlines() if line.strip()]
    rows.sort(key=lambda row: row["received_at_ns"])
    with target.open("w") as out:
        for number, raw in enumerate(rows):
            out.write(json.dumps(message_of(raw, source.stem, number), separators=(",", ":"), ensure_ascii=False) + "\n")


def main():
    sessions = pathlib.Path(sys.argv[1]) / "claude-code" / "sessions"
    for source in sorted(sessions.glob("*.jsonl")):
        convert(source, HERE / "claude-code" / source.name)


if __name__ == "__main__":
    main()
