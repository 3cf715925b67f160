#!/usr/bin/env python3
"""Popups, with real parts: the hook client, the daemon, the desktop plugin, a bus, dunst, a screen. (time limit: 120 s)

Five sessions in two repositories ask: one popup a repository, one ring; answered ones go in place, silently.
The picture of it is $BUILD/screens/popup.png."""
import os
import signal
import time

import rig
from rig import ask_at_once, case, check, equal, five, wait_for

CONFIG = """
preset: eager
receivers:
  popup: { plugin: desktop }
focus: { dnd: {} }
"""
# Who answers from the board is told nothing for a minute; here the next popup is the point.
ANSWERING = CONFIG + "rules: [ { set: { inhibit: session } } ]\n"


def told(r, count):
    """Every one of `count` open needs is told and its alert delivered in its newest version."""
    wait_for(lambda: len([n for n in r.needs() if n["told"]]) == count and
             all(a["delivered"] == a["version"] for a in r.alerts()),
             lambda: f"{count} told needs: {[(n['kind'], n['told'], n['why']) for n in r.needs()]}")


@case
def five_sessions_two_popups_one_ring(r):
    desktop = r.desktop()
    r.daemon(CONFIG)
    agents = five(r)
    equal(r.needs(), [], "needs before anybody asked")
    ask_at_once(agents)
    equal(len(r.needs()), 5, "needs")
    desktop.shows(2)
    told(r, 5)
    popups = desktop.wait_popups(2)
    equal(len(popups), 2, "Notify calls")
    equal(desktop.rings(), 1, "rings")
    # the first of both rings; which is which is told by its words
    payments = next(p for p in popups if "payments" in p["title"])
    webshop = next(p for p in popups if "webshop" in p["title"])
    for popup, words in ((payments, ("fix-auth", "refactor-ledger", "main", "permission", "question", "plan",
                                     "git push origin main", "Which token lifetime", "Split ledger.c")),
                         (webshop, ("checkout-v2", "main", "permission", "question", "npm install",
                                    "Keep the old checkout"))):
        for word in words:
            check(word in popup["title"] + "\n" + popup["body"], f"no \"{word}\" in {popup['title']}\n{popup['body']}")
        equal(popup["replaces"], 0, "a first popup's replaces_id")
        equal(popup["urgency"], 1, "urgency")
    check("webshop" not in payments["body"] and "payments" not in webshop["body"], "groups are mixed")
    picture = desktop.screenshot("popup.png")
    check(os.path.getsize(picture) > 2000, "the picture is empty")

    # one is answered: in place, without a sound
    agents[0].answer()
    popups = desktop.wait_popups(3)
    update = popups[2]
    equal(update["replaces"], payments["id"], "the update's replaces_id")
    equal(update["id"], payments["id"], "the updated popup's id")
    check(not update["rings"], "an answered need rings")
    check("git push" not in update["body"] and "Which token lifetime" in update["body"], update["body"])
    desktop.shows(2)

    # two of the others: down to one need, then none
    agents[1].answer()
    update = desktop.wait_popups(4)[3]
    check("plan" in update["title"] and "refactor-ledger" in update["body"], f"the last one left: {update}")
    desktop.screenshot("popup-one-left.png")
    agents[2].answer()
    desktop.shows(1)
    agents[4].answer()
    agents[3].answer()
    desktop.shows(0)
    wait_for(lambda: not r.needs() and not r.alerts(), "an empty board")
    popups = desktop.popups()
    equal(sum(p["rings"] for p in popups), 1, "rings in all")
    equal({p["id"] for p in popups}, {payments["id"], webshop["id"]}, "popup ids in all")
    equal(sorted(desktop.closed()), sorted([(payments["id"], 3), (webshop["id"], 3)]), "closed by us")
    equal(len(desktop.history()), 2, "popups in dunst's history")
    check(all(need["told"] for need in r.needs(all=True)), "told")


@case
def five_one_after_the_other_ring_once(r):
    """Spread over nearly the second that P5 leaves (GATHER_MS): still one popup a repository and one ring."""
    desktop = r.desktop()
    r.daemon(CONFIG)
    agents = five(r)
    began = time.monotonic()
    for number, (agent, (tool, tool_input)) in enumerate(zip(agents, rig.ASKS)):
        wait_for(lambda: time.monotonic() - began >= number * 0.19, "its turn")
        agent.begin_ask(tool, tool_input)
        agent.finish()
    desktop.shows(2)
    told(r, 5)
    desktop.wait_popups(2)
    equal(desktop.rings(), 1, f"rings: {[(p['title'], p['rings']) for p in desktop.popups()]}")
    equal(len({p["id"] for p in desktop.popups()}), 2, "popups")


@case
def a_late_notice_says_nothing_new(r):
    """Claude Code's notice, seconds after its dialog, joins the open request."""
    desktop = r.desktop()
    r.daemon(CONFIG)
    agent = r.agent(r.repository("payments")).start()
    agent.ask("git push")
    desktop.shows(1)
    told(r, 1)
    agent.hook("Notification", notification_type="permission_prompt", message="Claude needs your permission")
    wait_for(lambda: r.needs()[0]["count"] == 2, "the notice counted")
    agent.answer()
    desktop.shows(0)
    equal(desktop.rings(), 1, "rings")
    equal(len({p["id"] for p in desktop.popups()}), 1, "popups")


@case
def answered_before_it_settles(r):
    desktop = r.desktop()
    r.daemon(CONFIG)
    quick, slow = (r.agent(r.repository(name)).start() for name in ("quick", "slow"))
    quick.ask("ls")
    quick.answer()
    slow.ask("git push")
    desktop.shows(1)
    told(r, 1)
    check("slow" in desktop.wait_popups(1)[0]["title"], "title")
    equal(len(desktop.popups()), 1, "Notify calls")
    equal(r.need(quick.session)["told"], False, "told though answered")


@case
def critical_at_once(r):
    desktop = r.desktop()
    r.daemon(CONFIG + "rules:\n  - { match: { repository: payments }, set: { urgency: critical } }\n")
    r.wait_serving("popup")
    agent = r.agent(r.repository("payments")).start()
    agent.ask("git push")
    popup = desktop.wait_popups(1)[0]
    need = r.need(agent.session)
    check(need["told_ms"] - need["opened_ms"] < 1000, f"told after {need['told_ms'] - need['opened_ms']} ms")
    equal((popup["urgency"], popup["expire"], popup["rings"]), (2, 0, True), "urgency, expiry, ring")


@case
def buttons_act(r):
    desktop = r.desktop()
    r.daemon(ANSWERING)
    agent = r.agent(r.repository("payments")).start()
    for label, state in (("Acknowledge", "acked"), ("Snooze", "snoozed")):
        agent.ask("git push " + label)
        desktop.shows(1)
        told(r, 1)
        desktop.choose(label)
        desktop.run("dunstctl", "context")
        wait_for(lambda: r.needs()[0]["state"] == state, lambda: f"{state}: {r.needs()[0]['state']}")
        desktop.shows(0)
        check(agent.session in [n["session"] for n in r.needs()], "it left the board")
        agent.answer()
        wait_for(lambda: not r.needs(), "answered")
    equal(desktop.rings(), 2, "rings")


@case
def dismissed_by_hand_is_acknowledged(r):
    desktop = r.desktop()
    r.daemon(ANSWERING)
    agents = five(r)[:3]
    ask_at_once(agents)
    desktop.shows(1)
    told(r, 3)
    desktop.run("dunstctl", "close")
    wait_for(lambda: [n["state"] for n in r.needs()] == ["acked"] * 3,
             lambda: f"all acked: {[n['state'] for n in r.needs()]}")
    # a new reason of one of them is news again
    agents[0].begin_ask("Bash", {"command": "rm -rf build", "description": "Clean"})
    agents[0].finish()
    desktop.shows(1)
    popup = desktop.popups()[-1]
    check(popup["rings"] and popup["replaces"] == 0, f"a new reason: {popup}")
    equal(desktop.rings(), 2, "rings")


@case
def finished_turns_and_their_next_prompt(r):
    desktop = r.desktop()
    r.daemon(CONFIG + "rules: [ { set: { settle: 1s } } ]\n")
    agent = r.agent(r.repository("payments")).start("Mend the parser")
    agent.stop("The parser is mended.\nAll tests pass.")
    popup = desktop.wait_popups(1)[0]
    check("review" in popup["title"] and "The parser is mended." in popup["body"], f"{popup}")
    equal(popup["urgency"], 0, "urgency of a review")
    desktop.shows(1)
    agent.hook("UserPromptSubmit", prompt="Now the lexer")
    desktop.shows(0)


@case
def the_plugin_dies_and_the_popup_lives_on(r):
    desktop = r.desktop()
    r.daemon(CONFIG)
    payments = r.repository("payments")
    first, second = r.agent(payments).start(), r.agent(payments).start()
    first.ask("git push")
    desktop.shows(1)
    told(r, 1)
    row = r.receiver_row("popup")
    os.kill(row["pid"], signal.SIGKILL)
    wait_for(lambda: r.receiver_row("popup")["restarts"] == row["restarts"] + 1 and
             r.receiver_row("popup")["state"] == "serving", "a new plugin")
    second.ask("git tag")
    popups = desktop.wait_popups(2)
    equal(popups[-1]["id"], popups[0]["id"], "popup id after the plugin's death")
    desktop.shows(1)
    first.answer()
    second.answer()
    desktop.shows(0)
    equal(r.troubles(), [], "troubles")


@case
def another_notification_server(r):
    """dunst ends and another begins: what is open is shown again with the next change, under a new id."""
    desktop = r.desktop()
    r.daemon(CONFIG)
    payments = r.repository("payments")
    first, second = r.agent(payments).start(), r.agent(payments).start()
    first.ask("git push")
    desktop.shows(1)
    told(r, 1)
    desktop.unserve()
    second.ask("git tag")  # nobody shows it: it is tried again
    wait_for(lambda: r.receiver_row("popup")["retried"] > 0, "a retry")
    check(any("popup" in t["what"] and t["todo"] for t in r.troubles()), f"troubles: {r.troubles()}")
    desktop.serve()
    desktop.shows(1)
    told(r, 2)
    popup = desktop.popups()[-1]
    check("git push" in popup["body"] and "git tag" in popup["body"], popup["body"])
    equal(popup["replaces"], 0, "another server's id")
    wait_for(lambda: not r.troubles(), lambda: f"no troubles: {r.troubles()}")


@case
def a_test_alert(r):
    desktop = r.desktop()
    r.daemon(CONFIG)
    r.wait_serving("popup")
    r.quietbell("test", "popup")
    desktop.shows(1)
    r.quietbell("test", "nobody", status=1)


if __name__ == "__main__":
    rig.main()
