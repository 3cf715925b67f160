#!/usr/bin/env python3
"""Hooks that an agent runs through a helper: Qwen Code's StopFailure, as `make live` saw it. The helper ends with the
hook, and that is not the end of the session. The recording says which process ran each hook.

time limit: 120 s"""
import json
import sys
import time

from rig import BUILD, ROOT, case, check, equal, main, quiet, wait_for

HELPER = "import subprocess, sys; subprocess.run(sys.argv[1:])"


def play(r, agent, until):
    """Runs the recording's hooks up to an event; what another process than the session's ran, through a helper."""
    with open(ROOT + "/tests/recordings/qwen/helper.jsonl", encoding="utf-8") as file:
        messages = [json.loads(line) for line in file]
    for message in messages:
        hook = [BUILD + "/quietbell-hook", "qwen", message["event"]]
        helped = message["context"]["pid"] != messages[0]["context"]["pid"]
        argv = [sys.executable, "-ISc", HELPER, *hook] if helped else hook
        order = {"argv": argv, "stdin": json.dumps(message["payload"])}
        agent.process.stdin.write(json.dumps(order).encode() + b"\n")
        agent.process.stdin.flush()
        agent.finish()
        if message["event"] == until:
            return helped
    return False


@case
def its_end_is_not_the_sessions(r):
    r.daemon(quiet(r))
    agent = r.agent(r.repository("demo"), agent="qwen")
    check(play(r, agent, "StopFailure"), "the recording's StopFailure has no helper")
    equal([need["kind"] for need in r.needs()], ["failure"], "needs after the failure")
    end = time.monotonic() + 1
    while time.monotonic() < end:  # the daemon hears of a death at once
        equal([need["kind"] for need in r.needs()], ["failure"], "needs after the helper's end")
        time.sleep(0.05)


@case
def the_agents_death_still_is(r):
    r.daemon(quiet(r))
    agent = r.agent(r.repository("demo"), agent="qwen")
    play(r, agent, "StopFailure")
    equal(len(r.needs()), 1, "needs before the agent's death")
    agent.process.kill()
    agent.process.wait()
    wait_for(lambda: not r.needs(), "the end of the need")


if __name__ == "__main__":
    main()
