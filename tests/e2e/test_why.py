#!/usr/bin/env python3
"""`quietbell why`: what it says in the situations in which a person asks. (time limit: 120 s)

Each case makes a situation with the real daemon and compares whole sentences, with the rule's name, file and line, as
the client prints them. Durations are shortened to T, because time passes while a case runs. The line of a rule is
looked up in the configuration by the rule's name, so that the file may change."""
import json
import os
import re
import time

import rig
from rig import case, check, equal, hook_message, wait_for, wall_ms

RULES = """
preset: none
receivers:
  out:    { plugin: %(plugin)s, path: %(dir)s/out }
  small:  { plugin: %(plugin)s, path: %(dir)s/small, budget: 1/h }
  phone:  { plugin: %(plugin)s, path: %(dir)s/phone }
  broken: { plugin: %(plugin)s, path: %(dir)s/broken, outcome: retry }
focus: { dnd: {}, meeting: {} }
rules:
  - name: everything
    set: { to: out, settle: 0, hold: never, group_by: [session], at_most: 20m, inhibit: [] }
  - name: slow to settle
    match: { repository: "settle*" }
    set: { settle: 1h }
  - name: half an hour's batch
    match: { repository: "batch*" }
    set: { batch: 30m }
  - name: at a good moment
    match: { repository: "moment*" }
    set: { hold: breakpoint }
  - name: twice a day
    match: { repository: "digest*" }
    set: { digest: ["%(later)s"] }
  - name: nobody wants these
    match: { repository: "nobody*" }
    set: { to: [] }
  - name: only to see
    match: { repository: "silent*" }
    set: { silent: true }
  - name: on the small one
    match: { repository: "small*" }
    set: { to: small }
  - name: production
    match: { repository: "critical*" }
    set: { urgency: critical }
  - name: ring again
    match: { repository: "repeat*" }
    set: { repeat: { every: 1s, times: 2 } }
  - name: nobody came
    match: { repository: "escalate*" }
    set: { escalate: [{ after: 1s, to: phone }, { after: 2h, to: small }] }
  - name: on the broken one
    match: { repository: "broken*" }
    set: { to: broken }
  - name: not what I look at
    match: { repository: "look*" }
    set: { inhibit: [session, board] }
  - name: passes in focus
    during: dnd
    match: { repository: "open*" }
    set: { hold: never }
  - name: shut until the end
    during: dnd
    match: { repository: "shut*" }
    set: { hold: focus-end }
"""


class World:
    """A daemon with those rules, and four sessions at work, so that what is held for a good moment is held."""

    def __init__(self, r):
        later = time.strftime("%H:%M", time.gmtime(time.time() + 6 * 3600))
        self.rig, self.text = r, RULES % {"plugin": rig.RECORDER, "dir": r.dir, "later": later}
        self.later = later
        r.daemon(self.text)
        for i in range(4):
            r.post(f"busy{i}", None, state="working", repository=f"busy{i}")
        r.wait_serving("out", "small", "phone", "broken")

    def line(self, rule):
        return next(i for i, line in enumerate(self.text.split("\n"), 1) if "name: " + rule in line)

    def by(self, rule):
        """What stands behind a sentence that a rule decided."""
        return f"  [{rule}, {self.rig.config_path}:{self.line(rule)}]"

    def ask(self, repository, kind="permission", title="Bash: ls", **more):
        """A session of that repository asks; its need's id."""
        self.rig.post("s-" + repository, kind, repository=repository, title=title, **more)
        return self.rig.need("s-" + repository)["id"]

    def why(self, *of):
        return spans(self.rig.quietbell("why", *of))

    def decision(self, of):
        """The sentences from the decision on, as they are printed."""
        lines = re.findall(r"^ +\d+\. (.*)$", self.why(of), re.M)
        at = next(i for i, line in enumerate(lines) if line.startswith("decision: "))
        return lines[at:]

    def steps(self, of):
        return re.findall(r"^ +\d+\. (.*)$", self.why(of), re.M)


def spans(text):
    """Durations, whose seconds depend on the moment, as T; ages of clocks and ids stay."""
    return re.sub(r"\b\d+ (?:s|m|h|d|min)(?: \d+ (?:s|m|h))?\b", "T", text)


def says(world, of, *lines):
    equal(world.decision(of), list(lines), f"why {of}")


# ---- held, each for its cause ---------------------------------------------------------------------------------

@case
def held_by_its_rules(r):
    w = World(r)
    says(w, w.ask("settle"), "decision: hold; it settles for another T" + w.by("slow to settle"))
    says(w, w.ask("batch"), "decision: hold; its batch is due in T" + w.by("half an hour's batch"))
    says(w, w.ask("moment"), "decision: hold for a good moment: a prompt you send, a commit, your return; in T at the "
         "latest" + w.by("at a good moment"))
    says(w, w.ask("digest"), "decision: hold for another T, until its time of day" + w.by("twice a day"))
    check("waits for a time of day: " + w.later + w.by("twice a day") in w.steps("digest"), w.steps("digest"))
    says(w, w.ask("nobody"), "decision: drop; the rules send it to nobody: the board only" + w.by("nobody wants these"))
    # all of one, as it is printed
    need = r.need("s-batch")
    equal(w.why(need["id"]), f"""need {need['id']}: permission in batch (shell, session s-batch)
  Bash: ls
  opened T ago, due in T
   1. permission: Bash: ls, T ago
   2. goes to out{w.by('everything')}
   3. its urgency is normal, as of its kind
   4. settles for T{w.by('everything')}
   5. waits in a batch of T{w.by("half an hour's batch")}
   6. decision: hold; its batch is due in T{w.by("half an hour's batch")}
""", "why of the batch")


@case
def held_by_focus(r):
    w = World(r)
    r.quietbell("focus", "on", "dnd")
    says(w, w.ask("else"), "decision: hold until focus dnd ends")
    check("focus dnd is on, and no rule for it lets this pass" in w.steps("else"), w.steps("else"))
    says(w, w.ask("shut"), "decision: hold until focus dnd ends" + w.by("shut until the end"))
    check("focus dnd is on, and a rule for it holds this until it ends" + w.by("shut until the end") in w.steps("shut"),
          w.steps("shut"))
    check("hold: focus-end, so it waits while any focus is on" + w.by("shut until the end") in w.steps("shut"),
          w.steps("shut"))
    w.ask("open")
    wait_for(lambda: r.alerts() and r.alerts()[0]["delivered"], "delivered")
    says(w, "open", "decision: told T ago on out: no rule holds it",
         f"alert {r.need('s-open')['alerts'][0]} on out, version 1: delivered")
    check("focus dnd is on, but a rule for it lets this pass" + w.by("passes in focus") in w.steps("open"),
          w.steps("open"))
    w.ask("critical")
    wait_for(lambda: r.need("s-critical")["told"], "told")
    check("is critical: dnd does not hold it" + w.by("production") in w.steps("critical"), w.steps("critical"))
    equal(w.decision("critical")[0], "decision: told T ago on out: it is critical", "critical")
    # two of them, and what comes when both are over
    r.quietbell("focus", "on", "meeting")
    says(w, "else", "decision: hold until focus dnd, meeting ends")
    r.quietbell("focus", "off")
    wait_for(lambda: r.need("s-else")["told"], "told")
    equal(w.decision("else")[0], "decision: told T ago on out: what held it back was over", "released")
    check("could not be told for T: a focus, a snooze or your own look held it back" in w.steps("else"),
          w.steps("else"))


@case
def held_by_the_person(r):
    w = World(r)
    need = w.ask("a")
    r.quietbell("snooze", need, "30m")
    says(w, need, "decision: hold; it is snoozed for another T")
    # its place is in front of them; then they look away
    message = hook_message("look-1")
    message["context"].update(repository="look", place={"tmux": "/tmp/t", "pane": "%5"})
    r.quietbell("presence", "active", "--pane", "%5", "--tmux", "/tmp/t")
    equal(r.ask(message)["ok"], True, "the hook")
    says(w, "look", "decision: hold; its place is in front of you" + w.by("not what I look at"))
    r.quietbell("presence", "--nowhere")
    says(w, "look", "decision: hold; you have just seen it: for another T" + w.by("not what I look at"))
    # they answer from the board
    r.quietbell("next")
    says(w, w.ask("look2"), "decision: hold; you are answering from the board" + w.by("not what I look at"))
    need = w.ask("b")
    r.quietbell("ack", need)
    says(w, need, "decision: hold; it was acknowledged, and stays silent until something new comes")


@case
def held_by_the_budget(r):
    w = World(r)
    w.ask("small1")
    wait_for(lambda: r.need("s-small1")["told"], "told")
    says(w, w.ask("small2"), "decision: hold; the budget of small is used up: silently in T at the latest")


# ---- told, and what follows -----------------------------------------------------------------------------------

@case
def told_and_why_then(r):
    w = World(r)
    moment = w.ask("moment")
    w.ask("else")
    wait_for(lambda: r.need("s-moment")["told"], "told")
    equal(w.decision(moment)[0], "decision: told T ago on out: it came along with what was told there anyway", "along")
    w.ask("silent")
    wait_for(lambda: r.need("s-silent")["told"], "told")
    equal(w.decision("silent")[0], "decision: told T ago on out, silently: no rule holds it", "silent")
    check("is shown, never rings" + w.by("only to see") in w.steps("silent"), w.steps("silent"))
    # nobody answers
    w.ask("repeat")
    wait_for(lambda: "has rung again 2 times" in " ".join(w.decision("repeat")), "two rings more")
    equal(w.decision("repeat")[:2], ["decision: told T ago on out: no rule holds it",
                                     "has rung again 2 times, as nobody answered" + w.by("ring again")], "repeat")
    w.ask("escalate")
    equal(w.decision("escalate")[1], "goes to phone in T, if nobody has come" + w.by("nobody came"), "before")
    wait_for(lambda: "it went on" in " ".join(w.decision("escalate")), "the escalation")
    equal(w.decision("escalate")[1:3], ["nobody had come after T: it went on to phone" + w.by("nobody came"),
                                        "goes to small in T, if nobody has come" + w.by("nobody came")], "after")
    # where it does not arrive
    w.ask("broken")
    wait_for(lambda: "it is down" in " ".join(w.decision("broken")), "a receiver that is down")
    equal(w.decision("broken")[-1], f"alert {r.need('s-broken')['alerts'][0]} on broken, version 1: deferred; it is "
          "down: told to", "broken")


@case
def told_at_a_good_moment(r):
    """The default preset's deferral, with a word of the person's own."""
    path = r.dir + "/out"
    r.daemon(f"preset: default\nreceivers: {{ popup: {{ plugin: {rig.RECORDER}, path: {path} }} }}\n"
             "rules: [ { name: soon, set: { settle: 0, at_most: 5m } } ]\n"
             "policy: { few: 0, middle: 2h, breakpoint: 0s }\n")
    r.post("m0", "review", state="done", repository="m0", title="The turn is over")
    steps = spans(r.quietbell("why", "m0"))
    check(f"decision: hold for a good moment: a prompt you send, a commit, your return; in T at the latest  "
          f"[everything at a breakpoint, " in steps, steps)

    def comes():
        r.quietbell("break")
        return r.need("m0")["told"]
    wait_for(comes, "told at a breakpoint", 60)
    text = spans(r.quietbell("why", "m0"))
    check("decision: told T ago on popup: a good moment: you said so" in text, text)


# ---- resolved -------------------------------------------------------------------------------------------------

@case
def resolved_and_by_what(r):
    w = World(r)
    need = w.ask("settle1")
    r.post("s-settle1", None, state="working", repository="settle1")
    says(w, need, "decision: withdraw; it was resolved T ago, before it was told: so it never was (posted working)")
    need = w.ask("told")
    wait_for(lambda: r.need("s-told")["told"], "told")
    r.quietbell("resolve", need)
    says(w, need, "decision: withdraw; it was resolved T ago (resolved by hand)")
    # the agent's own answer, by its name; the end of its session; the death of its process
    agent = r.agent(r.repository("agent")).start()
    agent.ask("git push")
    need = r.need(agent.session)["id"]
    agent.answer()
    equal(w.decision(need), ["decision: withdraw; it was resolved T ago (PostToolUse)"]
          if r.need(agent.session)["told"] else
          ["decision: withdraw; it was resolved T ago, before it was told: so it never was (PostToolUse)"], "answered")
    agent.ask("git tag")
    need = r.need(agent.session)["id"]
    agent.process.kill()
    agent.process.wait()
    wait_for(lambda: not [n for n in r.needs() if n["id"] == need], "its death seen", 60)
    check(w.decision(need)[0].endswith("(its process is gone)"), w.decision(need))
    # asked by the session, it says both: what the session is, and how its last need ended
    text = w.why("s-settle1")
    check(text.startswith("session s-settle1: shell in settle1\n   1. it is working since T\n"
                          "   2. nothing of it asks for you now: its last need is resolved\n"), text)


# ---- a session that has no need -------------------------------------------------------------------------------

def heard(world, session):
    """What the client prints of what was heard, without the mapping's file and line; and those."""
    part = world.why(session).split("heard of it last:\n")
    check(len(part) == 2, f"nothing was heard: {part}")
    lines = [line.strip() for line in part[1].strip().split("\n")]
    return [re.sub(r"  \[.*\]$", "", line) for line in lines], [re.search(r"\[(.*)\]$", line) for line in lines]


@case
def why_was_i_not_told(r):
    w = World(r)
    root = os.path.join(rig.ROOT, "plugins/agents/claude-code.yaml")
    with open(root, encoding="utf-8") as file:
        rows = file.read().split("\n")

    def row(found):
        """The mapping's row that a sentence names."""
        name, line = found.group(1).rsplit(":", 1)
        check(name.endswith("claude-code.yaml"), name)
        return rows[int(line) - 1]

    def hook(session, event, **payload):
        equal(r.ask(hook_message(session, event, **payload))["ok"], True, event)

    hook("sub", "SessionStart", source="startup", model="m")
    hook("sub", "SubagentStop", agent_id="reviewer")
    said, where = heard(w, "sub")
    equal(said, ["SubagentStop of sub-agent reviewer, T ago: a sub-agent's work, or its end: only the main agent's end "
                 "asks for you",
                 "SessionStart, T ago: it goes on: it asks for nothing, and answers nothing that is open"], "sub-agent")
    check("on: SubagentStop" in row(where[0]), row(where[0]))
    check("nothing of it asks for you: there is no need to judge" in w.steps("sub"), w.steps("sub"))

    hook("print", "SessionStart", source="startup")
    hook("print", "Stop", background_tasks=[], last_assistant_message="Done it")
    equal(heard(w, "print")[0][0], "Stop (Done it), T ago: the turn is over, but the session was started without a "
          "person: nobody waits for it", "unattended")
    check("it was started without a person, so the end of its turn asks for nobody" in w.steps("print"), "steps")

    hook("wakes", "SessionStart", source="startup", model="m")
    hook("wakes", "Stop", background_tasks=[{"id": "b1"}])
    equal(heard(w, "wakes")[0][0], "Stop, T ago: the turn is over, but something runs in the background that will wake "
          "the session: nobody is needed yet", "waking")

    hook("fresh", "UserPromptSubmit", prompt="go")
    hook("fresh", "Notification", notification_type="permission_prompt", message="Claude needs your permission")
    equal(heard(w, "fresh")[0][0], "Notification (Claude needs your permission), T ago: a notice less than T after "
          "other signs of life, with nothing open: you were not waited for", "fresh")

    hook("note", "UserPromptSubmit", prompt="go")
    hook("note", "SomethingNew")
    equal(heard(w, "note")[0][0], "SomethingNew, T ago: a note: it says nothing of whether you are needed", "note")

    hook("late", "UserPromptSubmit", prompt="go")
    hook("late", "PermissionRequest", at_ms=wall_ms() - 60000)
    equal(heard(w, "late")[0][0], "PermissionRequest (Bash: ls), T ago: it is older than what is known of the session "
          "already: it may open nothing", "late")

    # a second notice of the same; then the person resolves it by hand, and the notice comes again
    hook("twice", "PermissionRequest")
    hook("twice", "Notification", notification_type="permission_prompt", message="Claude needs your permission")
    hook("twice", "PermissionRequest")
    equal(heard(w, "twice")[0], [
        "PermissionRequest (Bash: ls), T ago: it asks the same again: counted, no second need",
        "Notification (Claude needs your permission), T ago: a notice of what is open already: counted, no second need",
        "PermissionRequest (Bash: ls), T ago: it asks for you: it opened a need"], "twice")
    check("permission: Bash: ls, T ago, said more than once: still one need" in w.steps("twice"), w.steps("twice"))
    r.quietbell("resolve", r.need("twice")["id"])
    hook("twice", "Notification", notification_type="permission_prompt", message="Claude needs your permission")
    equal(heard(w, "twice")[0][0], "Notification (Claude needs your permission), T ago: a notice of what you resolved by "
          "hand: it does not come back for that", "hushed")
    hook("twice", "PermissionRequest")
    equal(heard(w, "twice")[0][0], "PermissionRequest (Bash: ls), T ago: it asks the same again within T: the same need, "
          "shown without a ring", "again")
    hook("twice", "PostToolUse")
    equal(heard(w, "twice")[0][0], "PostToolUse, T ago: it answers what was asked: the need was resolved", "answered")
    hook("twice", "SessionEnd", reason="prompt_input_exit")
    equal(heard(w, "twice")[0][0], "SessionEnd, T ago: the session is over, and nothing of it was open", "ended")
    w.rig.quietbell("why", "nobody", status=1)


@case
def why_without_a_word_more(r):
    """The alert told last, what is held, and what was heard and not worth telling."""
    w = World(r)
    text = w.why()
    check(text.startswith("   1. nothing that is remembered was told\n\nNothing is held.\n"), text)
    told = w.ask("else", title="Bash: make")
    wait_for(lambda: r.need("s-else")["told"], "told")
    batch = w.ask("batch")
    r.ask(hook_message("sub", "UserPromptSubmit", prompt="go"))
    r.ask(hook_message("sub", "SubagentStop", agent_id="reviewer"))
    alert = r.need("s-else")["alerts"][0]
    wait_for(lambda: r.alerts()[0]["delivered"] == 1, "delivered")
    text = w.why()
    check(text.startswith(f"alert {alert} on out\n   1. it is open on out, in version 1, with 1 need\n"), text)
    check(f"\nneed {told}: permission in else (shell, session s-else)\n" in text, text)
    check(f"\nheld:\n  {batch}  permission in batch: Bash: ls\n      decision: hold; its batch is due in T"
          + w.by("half an hour's batch") + "\n" in text, text)
    check("\nheard last, and not worth telling:\n  claude-code in x: SubagentStop of sub-agent reviewer, T ago: a "
          "sub-agent's work, or its end: only the main agent's end asks for you  [" in text, text)
    answer = json.loads(r.quietbell("--json", "why"))["why"]
    equal([h["need"]["id"] for h in answer["held"]], [batch], "held")
    equal(answer["heard"][0]["session"], "sub", "heard")
    check(answer["heard"][0]["line"] > 0, "line")


@case
def it_is_bounded_and_inert(r):
    """Only so much is remembered; what agents say is shown as plain text."""
    w = World(r)
    door = r.connect()
    for i in range(700):
        equal(door.ask(hook_message(f"many{i % 3}", "UserPromptSubmit", prompt="go"))["ok"], True, "hook")
    door.ask(hook_message("evil", "Note\x1b[31m\u202e", x=1))
    equal(len(json.loads(r.quietbell("--json", "why", "many1"))["why"]["heard"]), 8, "rows")
    text = r.quietbell("why", "evil")
    check("\x1b" not in text and "\u202e" not in text and "a note" in text, text)
    # a start later nothing was heard: it says so by saying nothing of it
    r.daemons[-1].stop()
    r.daemon()
    check("heard of it last" not in w.why("many1"), "what was heard before the start")


if __name__ == "__main__":
    rig.main()
