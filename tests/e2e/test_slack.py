#!/usr/bin/env python3
"""Slack, with real parts: the hook client, the daemon, the webhook plugin, an HTTP receiver. (time limit: 150 s)

The five of test_popup.py in deep work, in one batch; and a receiver that says 429, 500, hangs, breaks or is gone."""
import glob
import json
import os
import time

import rig
from rig import ask_at_once, case, check, equal, five, slack_text, wait_for

DEEP_WORK = """
preset: eager
receivers:
  popup: { plugin: desktop }
  team:  { plugin: webhook, format: slack, url_file: slack.url }
focus: { deep-work: {} }
rules:
  - name: in deep work, one batch to Slack
    during: deep-work
    match: { kind: [permission, question] }
    set: { to: team, batch: 3s }
"""

SLACK = """
preset: none
receivers:
  team: { plugin: webhook, format: slack, url_file: slack.url%s }
rules: [ { set: { settle: 0, hold: never, group_by: [session] } } ]
"""


@case
def five_in_deep_work_are_one_message(r):
    desktop, slack = r.desktop(), r.receiver()
    r.daemon(DEEP_WORK)
    r.wait_serving("popup", "team")
    agents = five(r)
    r.quietbell("focus", "on", "deep-work")
    ask_at_once(agents)
    equal(len(r.needs()), 5, "needs")
    agents[1].answer()
    agents[3].answer()
    equal(slack.requests, [], "messages before the batch's end")
    slack.wait_requests(1)
    needs = {n["session"]: n for n in r.needs()}
    told_ms = needs[agents[0].session]["told_ms"]
    opened_ms = min(n["opened_ms"] for n in needs.values() if n["told"])
    check(2990 <= told_ms - opened_ms < 4000, f"the batch took {told_ms - opened_ms} ms")
    text = slack_text(slack.bodies()[0])
    for word in ("payments", "webshop", "main", "checkout-v2", "permission", "question", "claude-code",
                 "git push origin main", "Keep the old checkout behind a flag?"):
        check(word in text, f"no \"{word}\" in {text}")
    for word in ("Which token lifetime", "npm install", "Split ledger"):
        check(word not in text, f"\"{word}\" in {text}")
    equal([needs[a.session]["told"] for a in (agents[0], agents[4], agents[2])], [True, True, False], "told")
    equal(needs[agents[2].session]["decision"], "hold", "the plan, which the rule does not let pass")
    equal(desktop.popups(), [], "popups in deep work")

    # the focus ends: what was told is told; the plan was walled and comes now
    r.quietbell("focus", "off", "deep-work")
    popup = desktop.wait_popups(1)[0]
    check("plan" in popup["title"] + popup["body"] and "refactor-ledger" in popup["body"], f"{popup}")
    check("git push" not in popup["body"] and "old checkout" not in popup["body"], f"told again: {popup}")
    wait_for(lambda: all(n["told"] for n in r.needs()), "all told")
    for agent in (agents[0], agents[4], agents[2]):
        agent.answer()
    desktop.shows(0)
    equal(len(desktop.popups()), 1, "Notify calls")
    equal(len(slack.requests), 1, "Slack messages in all")


@case
def walled_then_one_gathered_alert(r):
    """No rule lets anything pass: the focus' end brings one alert for both repositories, one ring."""
    desktop, slack = r.desktop(), r.receiver()
    r.daemon("preset: eager\nreceivers: { popup: { plugin: desktop } }\nfocus: { dnd: {} }\nrules: [ { set: { settle: 1s } } ]\n")
    agents = five(r)
    r.quietbell("focus", "on", "dnd")
    ask_at_once(agents)
    agents[0].answer()
    agents[2].answer()
    wait_for(lambda: time.time() * 1000 - max(n["opened_ms"] for n in r.needs()) > 1100, "settled behind the wall")
    equal([n["told"] for n in r.needs()], [False] * 3, "told behind the wall")
    equal(desktop.popups(), [], "popups behind the wall")
    r.quietbell("focus", "off")
    popup = desktop.wait_popups(1)[0]
    wait_for(lambda: all(n["told"] for n in r.needs()), "all told")
    for word in ("payments", "webshop", "fix-auth", "checkout-v2", "npm install"):
        check(word in popup["title"] + popup["body"], f"no \"{word}\" in {popup}")
    desktop.shows(1)
    equal(len(desktop.popups()), 1, "Notify calls")
    check(popup["rings"], "it does not ring")
    equal(slack.requests, [], "Slack messages")


@case
def slack_answers_429_with_retry_after(r):
    slack = r.receiver()
    slack.script = [(429, {"Retry-After": "2"}, b"rate_limited")]
    r.daemon(SLACK % "")
    r.post("s1", title="first")
    first, second = slack.wait_requests(2)
    check(1.9 <= second["at_s"] - first["at_s"] < 6, f"tried again after {second['at_s'] - first['at_s']:.1f} s")
    equal(first["headers"]["Idempotency-Key"], second["headers"]["Idempotency-Key"], "idempotency keys")
    wait_for(lambda: r.receiver_row("team")["delivered"] == 1, "delivered")
    equal(len(slack.requests), 2, "requests")
    wait_for(lambda: not r.troubles(), "no troubles")


@case
def slack_waits_and_the_answered_is_not_sent(r):
    """While Slack says 429, one need is answered and one is new: what is sent is what is open then."""
    slack = r.receiver()
    slack.script = [(429, {"Retry-After": "2"}, b"")]
    r.daemon(SLACK % "" + "\n")
    r.post("s1", title="first-need")
    slack.wait_requests(1)
    wait_for(lambda: r.receiver_row("team")["retried"] == 1, "the refusal")
    trouble = next(t for t in r.troubles() if "team" in t["what"])
    check("429" in trouble["what"] and trouble["todo"], f"{trouble}")
    check("429" in r.quietbell("status"), "status does not say it")
    r.post("s1", state="working")
    r.post("s2", title="second-need")
    slack.wait_requests(2)
    wait_for(lambda: r.receiver_row("team")["delivered"] == 1, "delivered")
    text = slack_text(slack.bodies()[1])
    check("second-need" in text and "first-need" not in text, text)
    equal(len(slack.requests), 2, "requests")


@case
def slack_breaks_in_every_way(r):
    """500, a connection that breaks, a hang: each is tried again, with the same key, until it is there."""
    slack = r.receiver()
    slack.script = [(500, {}, b""), "close", "hang"]
    r.daemon(SLACK % ", timeout: 1s")
    r.post("s1", title="first")
    slack.wait_requests(4, 30)
    wait_for(lambda: r.receiver_row("team")["delivered"] == 1, "delivered")
    equal(len({q["headers"]["Idempotency-Key"] for q in slack.requests}), 1, "keys")
    gaps = [b["at_s"] - a["at_s"] for a, b in zip(slack.requests, slack.requests[1:])]
    check(gaps[0] >= 0.9 and gaps[-1] > gaps[0], f"no back-off: {gaps}")
    r.post("s2", title="second")
    slack.wait_requests(5)
    equal([t for t in r.troubles() if "team" in t["key"]], [], "troubles after it works again")


@case
def a_dead_receiver_is_told_elsewhere(r):
    """404: the give-up is told on the fallback, and status says what to do."""
    desktop, slack = r.desktop(), r.receiver()
    slack.script = [(404, {}, b"no_service")] * 100
    r.daemon("""
preset: none
receivers:
  team:  { plugin: webhook, format: slack, url_file: slack.url, give_up: 2s, fallback: popup }
  popup: { plugin: desktop }
rules: [ { set: { to: team, settle: 0, hold: never } } ]
""")
    r.wait_serving("popup", "team")
    r.post("s1", title="first-need", repository="payments")
    popup = desktop.wait_popups(1)[0]
    check("first-need" in popup["title"] + popup["body"] and popup["rings"], f"{popup}")
    trouble = next(t for t in r.troubles() if "team" in t["what"])
    check("404" in trouble["what"] or "make a new one" in trouble["what"], f"{trouble}")
    check("quietbell test team" in r.quietbell("status"), r.quietbell("status"))
    r.post("s1", state="working")
    desktop.shows(0)


@case
def secrets_stay_secret(r):
    """The URL is in no log, status, store, process list or error; the file must be private."""
    slack = r.receiver()
    slack.script = [(500, {}, b""), (404, {}, slack.url.encode())]
    daemon = r.daemon(SLACK % ", give_up: 1s", args=["-v"])
    r.post("s1", title="first")
    slack.wait_requests(2)
    wait_for(lambda: r.receiver_row("team")["failed"] == 1, "the failure")
    said = [daemon.log(), json.dumps(r.status()), r.quietbell("status"), r.quietbell("why", r.needs()[0]["id"]),
            r.quietbell("check", r.config_path), json.dumps(r.troubles())]
    for pid in [daemon.pid, r.receiver_row("team")["pid"]]:
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
                said.append(file.read())
    r.daemons[0].stop()
    for path in glob.glob(r.state + "/quietbell.db*"):
        with open(path, encoding="latin-1") as file:
            said.append(file.read())
    check(len(said) >= 11, "something was not looked at")
    for text in said:
        check(slack.secret not in text and "s3cretpath" not in text, "the secret in: " + text[:300])
    os.chmod(r.dir + "/config/quietbell/slack.url", 0o666)
    daemon = r.daemon(ready=False)
    check(daemon.wait() != 0, "a secret that others may write is taken")
    check("slack.url" in daemon.log(), daemon.log())


@case
def generic_is_signed_and_grouped(r):
    hook = r.receiver("hook.url")
    r.secret("hook.key", "whsec_a2V5a2V5a2V5a2V5a2V5a2V5\n")
    r.daemon("""
preset: none
receivers:
  hook: { plugin: webhook, format: generic, url_file: hook.url, secret_file: hook.key }
rules: [ { set: { settle: 0, hold: never } } ]
""")
    r.post("s1", title="first", repository="payments", worktree="fix", branch="b")
    request = hook.wait_requests(1)[0]
    body = json.loads(request["body"])
    equal(body["type"], "alert", "type")
    need = body["alert"]["needs"][0]
    equal((need["repository"], need["worktree"], need["branch"], need["kind"], need["title"]),
          ("payments", "fix", "b", "permission", "first"))
    for header in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        check(header in request["headers"], f"no {header}")


if __name__ == "__main__":
    rig.main()
