#!/usr/bin/env python3
"""Made the folders AGENT-files/ beside this file: convert_files.py AGENTS_FOLDER

Takes the recordings of Claude Code whose sessions occur in the log of a file watch that ran at the same time
(AGENTS_FOLDER/claude-code/state/fswatch.jsonl), and puts `file` lines between their hooks: the status file at each
change, and those lines of the transcript that a mapping may read. The log has only the beginning of each line; the
whole ones come from AGENTS_FOLDER/claude-code/transcripts, where the session's is there.

Of the other agents the session's file was kept (AGENTS_FOLDER/AGENT/files), not when it grew: each line that counts
is taken as seen 20 ms after its own stamp.
"""
import datetime
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
HOME = "/home/dev/.claude"
COUNTS = ("[Request interrupted by user", "User rejected tool use", '"turn_duration"', '"isApiErrorMessage":true')
KEEP = """type subtype sessionId timestamp cwd isSidechain toolUseResult isApiErrorMessage error message
    pendingBackgroundAgentCount""".split()


def cut(value):
    if isinstance(value, str):
        return value[:120]
    if isinstance(value, list):
        return [cut(item) for item in value]
    if isinstance(value, dict):
        return {key: cut(item) for key, item in value.items() if key != "usage"}
    return value


def transcripts(folder):
    """{(session, timestamp): [lines that count]}"""
    found = {}
    for path in sorted((folder / "transcripts").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            tight = json.dumps(row, separators=(",", ":"), ensure_ascii=False)
            if "timestamp" in row and any(word in tight for word in COUNTS):
                kept = {key: cut(row[key]) for key in KEEP if key in row}
                found.setdefault((row.get("sessionId"), row["timestamp"]), []).append(
                    json.dumps(kept, separators=(",", ":"), ensure_ascii=False))
    return found


OTHERS = {  # agent: its file, where that lies, what counts, and which members of a line are read
    "codex": ("codex-rollout-sample.jsonl", "/home/dev/.codex/sessions/2026/11/23/rollout-2026-11-23T17-40-59-"
              "01a2097f-2e4c-7051-9ade-fb6deb3d555e.jsonl", ("session_meta", "task_started", "task_complete", "turn_aborted"),
              ("type", "turn_id", "reason", "error", "last_agent_message", "thread_source", "originator", "id", "turn_attribution")),
    "gemini": ("gemini-chat-sample.jsonl", "/home/dev/.gemini/tmp/gemini/chats/session-2026-11-23T17-40-cccac72d.jsonl",
               ('"startTime"', "Request cancelled.", '"error"'), ()),
    "copilot": ("copilot-events-sample.jsonl", "/home/dev/.copilot/session-state/db62cbe6-52ea-4dd6-99e8-d62f3e3eec38/"
                "events.jsonl", ("permission.", "human_response.recorded", '"abort"', "session.error", "session.shutdown",
                                 "user.message"),
                ("content", "requestId", "permissionRequest", "result", "reason", "errorType", "message")),
    "qwen": ("qwen-chat-sample.jsonl", "/home/dev/.qwen/projects/-home-dev-src-qwen/chats/"
             "4ceb43c0-f183-4725-8703-444264565661.jsonl", ('"cancelled"',), ()),
}


def other(agent, folder):
    name, path, counts, members = OTHERS[agent]
    rows = [json.loads(line) for line in (HERE / agent / "s1.jsonl").read_text().splitlines()]
    for line in (folder / agent / "files" / name).read_text().splitlines():
        row = json.loads(line)
        tight = json.dumps(row, separators=(",", ":"), ensure_ascii=False)
        if "$set" in row or not any(word in tight for word in counts) or row.get("type") in ("hook.start", "hook.end"):
            continue
        for key in ("payload", "data"):
            if members and key in row:
                row[key] = {member: cut(row[key][member]) for member in members if member in row[key]}
        stamp = datetime.datetime.fromisoformat((row.get("timestamp") or row["startTime"]).replace("Z", "+00:00"))
        rows.append({"type": "file", "at_ms": round(stamp.timestamp() * 1000) + 20, "path": path,
                     "content": json.dumps(cut(row), separators=(",", ":"), ensure_ascii=False)})
    rows.sort(key=lambda row: row["at_ms"])
    out = HERE / f"{agent}-files"
    out.mkdir(exist_ok=True)
    (out / "s1.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def claude_code(agents):
    folder = agents / "claude-code"
    lines_of = transcripts(folder)
    seen = []  # (session, file line)
    session_of = {}
    for line in (folder / "state/fswatch.jsonl").read_text().splitlines():
        row = json.loads(line)
        message = {"type": "file", "at_ms": row["t"] // 1000000, "path": HOME + row["p"]}
        if row["p"].startswith("/sessions/"):
            if row["ev"] == "del":
                seen.append((session_of.get(row["p"]), {**message, "content": None, "head": session_of.get(row["p"])}))
                continue
            try:
                session_of[row["p"]] = json.loads(row["d"])["sessionId"]
            except ValueError:
                pass  # half written: the watch reads it again
            seen.append((session_of.get(row["p"]), {**message, "content": row["d"]}))
        elif row["p"].startswith("/projects/") and row["p"].count("/") == 3 and isinstance(row.get("d"), list):
            session = pathlib.Path(row["p"]).stem
            for entry in row["d"]:
                for text in lines_of.pop((session, entry[3]), []):
                    seen.append((session, {**message, "content": text}))
    out = HERE / "claude-code-files"
    out.mkdir(exist_ok=True)
    for path in sorted((HERE / "claude-code").glob("*.jsonl")):
        hooks = [json.loads(line) for line in path.read_text().splitlines()]
        sessions = {row["payload"]["session_id"] for row in hooks if "session_id" in row.get("payload", {})}
        begin, end = hooks[0]["at_ms"] - 1000, hooks[-1]["at_ms"] + 1000
        files = [row for session, row in seen if session in sessions and begin <= row["at_ms"] <= end]
        if not files or path.stem.startswith(("p-", "syn-")):
            continue  # runs without a person have no status
        rows = sorted(hooks + files, key=lambda row: row["at_ms"])
        (out / path.name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def main():
    agents = pathlib.Path(sys.argv[1])
    claude_code(agents)
    for agent in OTHERS:
        other(agent, agents)


if __name__ == "__main__":
    main()
