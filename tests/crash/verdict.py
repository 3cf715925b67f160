"""What became of it all: the rig's journals against the database and the receivers' own logs.

judge() returns (name, faults, what): a check passed if it has no faults. Every check is sound: what it calls a
fault breaks a promise, whatever the timing was. The stamps compared are the daemon's own: an alert's at_ms is
the moment of the turn that handed it over, an input's wall_ms that of the turn that took it.
"""
import collections
import json
import os
import sqlite3

PLUGINS = {"popup": "desktop", "chat": "webhook", "lines": "terminal"}  # by receiver
RECEIVERS = tuple(PLUGINS.values())
KINDS = "permission question plan login failure limit stalled custom review".split()  # most urgent first
SHOWN_MAX = 8
CUT_OFF_MS = 240


def id_text(packed):
    return f"{packed >> 20}.{packed & 0xfffff}"


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line for line in file if line.endswith("\n")]


def said(folder):
    rows = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".said"):
            rows += [dict(json.loads(line), speaker=name[:4]) for line in lines(os.path.join(folder, name))]
    return rows


class Delivery:
    """One version of one alert on its way to one receiver, as the tap saw it."""

    def __init__(self, t, message):
        alert = message["alert"]
        self.t, self.type, self.alert, self.version = t, message["type"], alert["id"], alert["version"]
        self.at, self.audible = alert.get("at_ms", t), alert.get("audible", False)
        self.needs = [(need["id"], need["session"], need["title"]) for need in alert.get("needs", [])]
        self.ranks = {need["id"]: KINDS.index(need["kind"]) for need in alert.get("needs", [])}
        self.title, self.outcome = alert.get("title"), None

    def rings(self, receiver):
        """Whether the person hears, or reads, it as news."""
        if receiver == "desktop":
            return self.audible
        return self.audible or self.type == "deliver"  # a line, a message

    def __str__(self):
        needs = [need[0] for need in self.needs]
        return (f"{self.type} of {self.alert} version {self.version}{' audible' if self.audible else ''} at {self.at} "
                f"with {', '.join(needs[:4])}{f' and {len(needs) - 4} more' if len(needs) > 4 else ''}: {self.outcome}")


def deliveries(path):
    """All of one receiver, in the order the taps saw them; each with its outcome, None if there was no answer."""
    found, waiting = [], {}
    for line in lines(path):
        try:
            t, pid, way, text = line.split(" ", 3)
            message = json.loads(text)
        except ValueError:
            continue  # half a line: the tap was killed
        if way == ">" and message["type"] in ("deliver", "update", "withdraw"):
            delivery = waiting[pid, message["id"]] = Delivery(int(t), message)
            found.append(delivery)
        elif way == "<" and message["type"] == "result" and (pid, message["id"]) in waiting:
            waiting.pop((pid, message["id"])).outcome = message["outcome"]
    return found


class Evidence:
    def __init__(self, folder, database, kills):
        self.folder, self.kills, self.said = folder, kills, said(folder)
        self.db = sqlite3.connect(database)
        self.integrity = [row[0] for row in self.db.execute("PRAGMA integrity_check")]
        self.inputs = {}  # seq: (wall_ms, type, body)
        self.by_id = collections.defaultdict(list)
        self.by_mark = collections.defaultdict(list)
        for seq, message_id, wall_ms, kind, body in self.db.execute(
                "SELECT seq, message_id, wall_ms, type, body FROM input ORDER BY seq"):
            self.inputs[seq] = (wall_ms, kind, body)
            if message_id is not None:
                self.by_id[message_id & (2 ** 64 - 1)].append(seq)
        for seq, text in self.db.execute("SELECT seq, text FROM raw ORDER BY seq"):
            self.by_mark[json.loads(text).get("payload", {}).get("crash_mark")].append(seq)
        self.deliveries = {name: deliveries(os.path.join(folder, name + ".log")) for name in RECEIVERS}

    def seqs(self, row):
        return self.by_id[int(row["id"], 16)] if "id" in row else self.by_mark[row["mark"]]

    def outcomes(self, receiver):
        """(alert, version, wall_ms) of each delivery that the daemon has on record as delivered."""
        for wall_ms, kind, body in self.inputs.values():
            if kind == "outcome" and '"delivered"' in body:
                body = json.loads(body)
                if body["outcome"] == "delivered" and PLUGINS[body["receiver"]] == receiver:
                    yield body["alert"], body["version"], wall_ms


# ---- what came in ------------------------------------------------------------------------------------------------

def cut_off(row):
    """A hook that may have come to its hard limit (245 ms): it takes the agent's side, and promised nothing."""
    return row.get("took_ms", 0) >= CUT_OFF_MS


def lost(evidence):
    return [f"{row['mark']} ({row['what']}, answered {row.get('seq')}, after {row.get('took_ms')} ms) is not there"
            for row in evidence.said if "again" not in row and not evidence.seqs(row) and not cut_off(row)]


def twice(evidence):
    faults = [f"{row['mark']} is there as {evidence.seqs(row)}"
              for row in evidence.said if "again" not in row and len(evidence.seqs(row)) > 1]
    # each question was asked once: a reason that counts more was stepped twice
    for title, count in evidence.db.execute("SELECT title, count FROM reason WHERE count > 1"):
        faults.append(f"\"{title}\" counts {count}")
    return faults


def answers(evidence):
    faults = []
    for row in evidence.said:
        if "id" not in row:
            continue
        if "refused" in row:
            faults.append(f"{row['mark']} was refused: {row['refused']}")
        elif evidence.seqs(row) and row["seq"] not in evidence.seqs(row):
            faults.append(f"{row['mark']} is there as {evidence.seqs(row)} but was answered {row['seq']}")
        elif row.get("again", row["seq"]) != row["seq"]:
            faults.append(f"{row['mark']} was answered {row['again']}, then {row['seq']}")
    return faults


def hooks(evidence):
    return [f"{row['mark']} ended with {row['status']}, {row['noise']} bytes of output"
            for row in evidence.said if "status" in row and (row["status"] or row["noise"])]


# ---- what was judged -----------------------------------------------------------------------------------------------

def answered_at(evidence):
    """By the journals alone: {session: [(seq, wall_ms) where nothing it asked was open any more]}, and the
    sessions that have something open at the end."""
    order = sorted((evidence.seqs(row)[0], row["session"], row) for row in evidence.said
                   if "again" not in row and evidence.seqs(row))
    open_marks, closed, balanced = collections.defaultdict(set), set(), collections.defaultdict(list)
    for seq, session, row in order:
        if "closes" in row:
            closed.add(row["closes"])
            open_marks[session].discard(row["closes"])
        if "opens" in row and row["opens"] not in closed:
            open_marks[session].add(row["opens"])
        if not open_marks[session]:
            balanced[session].append((seq, evidence.inputs[seq][0]))
    return balanced, {session for session, marks in open_marks.items() if marks}


def state(evidence, still_open):
    """The open needs are those of the sessions that were not answered."""
    there = {row[0] for row in evidence.db.execute(
        "SELECT s.session FROM need n JOIN session s ON s.id = n.session_id WHERE coalesce(n.resolved_ms, 0) = 0")}
    return ([f"session {s} asks and has no need" for s in sorted(still_open - there)] +
            [f"session {s} was answered and has a need" for s in sorted(there - still_open)])


def untold(evidence):
    """What is open at the end was told and arrived: wherever it stands in an alert, and somewhere. (Not everywhere:
    a receiver that comes back is not given what was delivered elsewhere meanwhile.)"""
    faults, places = [], collections.defaultdict(list)
    arrived = {name: {need[0] for d in found if d.outcome == "delivered" for need in d.needs}
               for name, found in evidence.deliveries.items()}
    for need_id, receiver in evidence.db.execute(
            "SELECT l.need_id, r.name FROM line l JOIN alert a ON a.id = l.alert_id "
            "JOIN receiver r ON r.slot = a.receiver"):
        places[need_id].append(PLUGINS[receiver])
    for need_id, session in evidence.db.execute(
            "SELECT n.id, s.session FROM need n JOIN session s ON s.id = n.session_id "
            "WHERE coalesce(n.resolved_ms, 0) = 0"):
        need = id_text(need_id)
        faults += [f"need {need} of {session} never arrived on {name}"
                   for name in places[need_id] if need not in arrived[name]]
        if not places[need_id]:
            faults.append(f"need {need} of {session} stands in no alert")
    return faults


# ---- what was told ---------------------------------------------------------------------------------------------------

def repeats(evidence, receiver):
    """Needs told twice. Returns faults, and how many duplicates there were that a kill explains."""
    faults, duplicates, seen, ranks, last, used = [], 0, {}, {}, {}, collections.defaultdict(set)
    delivered = collections.defaultdict(list)
    for alert, version, wall_ms in evidence.outcomes(receiver):
        delivered[alert].append((version, wall_ms))
    kills = [t for t, who in evidence.kills if who in ("daemon", receiver)]
    for d in sorted(evidence.deliveries[receiver], key=lambda d: d.at):
        if d.type == "withdraw":
            continue
        for need, _, _ in d.needs:
            if seen.get(need, d.alert) != d.alert:
                faults.append(f"need {need} was in alert {seen[need]}, now: {d}")
        # A more urgent kind is a rise and rings once more: so it is when an answer is overtaken by the next question.
        new = [need for need, rank in d.ranks.items() if rank < ranks.get(need, len(KINDS))]
        ranks.update((need, min(rank, ranks.get(need, rank))) for need, rank in d.ranks.items())
        seen.update((need, d.alert) for need, _, _ in d.needs)
        if not d.rings(receiver):
            continue
        before = last.get(d.alert)
        last[d.alert] = d
        if new or not d.needs:
            continue
        if not before:  # told silently before, and rings now: a ring it owed would have come with a first delivery
            faults.append(f"rings though nothing is new: {d}")
            continue
        between = [i for i, t in enumerate(kills) if before.at <= t <= d.at and i not in used[d.alert]]
        if any(version >= before.version and wall_ms < d.at for version, wall_ms in delivered[d.alert]):
            faults.append(f"told again though its arrival was on record: {before}; {d}")
        elif not between:
            faults.append(f"told again, and nothing was killed since: {before}; {d}")
        elif d.version < before.version:
            faults.append(f"told again with an older version: {before}; {d}")
        else:
            duplicates += 1
            used[d.alert].add(between[0])
    return faults, duplicates


def late(evidence, receiver, balanced):
    """Needs told after they were answered."""
    faults = []
    for d in evidence.deliveries[receiver]:
        for need, session, _ in d.needs:
            opened = int(need.split(".")[0])
            end = next((wall_ms for seq, wall_ms in balanced[session] if seq >= opened), None)
            if end is not None and d.at > end:
                faults.append(f"need {need} of {session} was answered at {end}, and told: {d}")
    return faults


def left_behind(evidence, receiver):
    """Alerts that are over, and were, or may have been, shown: the last word about each is its withdrawal."""
    there = {id_text(row[0]) for row in evidence.db.execute("SELECT id FROM alert WHERE open")}
    last = {}
    for d in evidence.deliveries[receiver]:
        last[d.alert] = d
    return [f"alert {alert} is over, and the last word was: {d}" for alert, d in last.items()
            if alert not in there and (d.type != "withdraw" or d.outcome != "delivered")]


def arrived(evidence, receiver):
    """What a plugin called delivered is at the far end."""
    if receiver == "webhook":
        there = set()
        for line in lines(os.path.join(evidence.folder, "http.log")):
            alert = json.loads(line)["alert"]
            there.add((alert["id"], alert["version"]))
        return [f"the server never got {d}" for d in evidence.deliveries[receiver]
                if d.outcome == "delivered" and d.type != "withdraw" and (d.alert, d.version) not in there]
    if receiver == "terminal":
        there = "".join(lines(os.path.join(evidence.folder, "terminal.txt")))
        words = set(there.split())
        return [f"\"{title}\" was never printed" for d in evidence.deliveries[receiver]
                if d.outcome == "delivered" and d.rings(receiver) for _, _, title in d.needs
                if title.split()[-1] not in words]
    shown = {json.loads(line).get("title") for line in lines(os.path.join(evidence.folder, "popups.log"))}
    return [f"\"{d.title}\" was never shown" for d in evidence.deliveries[receiver]
            if d.outcome == "delivered" and d.type != "withdraw" and d.rings(receiver) and d.title not in shown]


def judge(evidence, more):
    """more: (name, faults) that the rig saw itself."""
    balanced, still_open = answered_at(evidence)
    checks = [("acknowledged messages lost", lost(evidence)),
              ("messages counted twice", twice(evidence)),
              ("answers that do not hold", answers(evidence)),
              ("hooks that failed or spoke", hooks(evidence)),
              ("needs that do not match what was said", state(evidence, still_open)),
              ("open needs that were not told", untold(evidence))]
    for receiver in RECEIVERS:
        faults, duplicates = repeats(evidence, receiver)
        checks.append((f"needs told twice on {receiver}", faults, f"{duplicates} duplicates, each by a kill"))
        checks.append((f"needs told on {receiver} after their answer", late(evidence, receiver, balanced)))
        checks.append((f"deliveries to {receiver} that never arrived", arrived(evidence, receiver)))
        if receiver != "webhook":  # which cannot take anything back
            checks.append((f"alerts left on {receiver} after their end", left_behind(evidence, receiver)))
    checks.append(("integrity_check", [] if evidence.integrity == ["ok"] else evidence.integrity))
    checks += more
    return [(c[0], c[1], c[2] if len(c) > 2 else "") for c in checks]
