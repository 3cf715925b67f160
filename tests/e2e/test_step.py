#!/usr/bin/env python3
"""`quietbell step`: the lines of a simulated world on stdin and stdout; needs no daemon. What is judged is
tests/unit/test_step.c's and AttnBench's (tests/attnbench): here are the lines.

Prints `ok NAME` or `not ok NAME: why` per case, then `N passed, M failed`."""
import json
import os
import subprocess
import sys
import tempfile

QUIETBELL = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "quietbell"))
START = [{"t": 0, "ev": "init", "cfg": {"kappa": 0.2, "h": {"PERM": 2}, "sensor": True, "unknown": [1]}}]
START += [{"t": 0, "ev": "session_start", "agent": f"a{i}", "repo": "r"} for i in range(5)]


def run(lines, *options):
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    with tempfile.TemporaryDirectory() as empty:
        ran = subprocess.run([QUIETBELL, "step", *options], input=text, capture_output=True, text=True, timeout=20,
                             env={"HOME": empty, "XDG_RUNTIME_DIR": empty})
    return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr


def each_line_is_answered():
    code, said, _ = run(START + [
        {"t": 10000, "ev": "permission", "agent": "a1", "crit": False}, {"t": 13000, "ev": "tick"},
        {"t": 20000, "ev": "breakpoint"}, {"t": 22000, "ev": "engaged", "on": True},
        {"t": 40000, "ev": "resolved", "agent": "a1"}, {"ev": "end"}, "after the end nothing is read"])
    assert code == 0
    assert said[0] == {"fx": "list", "items": []}, said
    assert said[1:7] == [{"deadline_ms": None}] * 6, said
    assert said[7:] == [
        {"deadline_ms": 13000}, {"deadline_ms": 310000},
        {"fx": "alert", "op": "create", "id": "x1", "audible": True, "items": ["a1"]}, said[10],
        {"fx": "list", "items": ["a1"]}, said[12],
        {"fx": "alert", "op": "withdraw", "id": "x1"}, {"fx": "list", "items": []}, said[15]], said
    assert all(set(said[i]) == {"deadline_ms"} for i in (10, 12, 15)), said


def a_configuration_has_its_own_numbers():
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("preset: none\nreceivers: { p: { plugin: terminal } }\nrules: [ { set: { settle: 1s, hold: never } } ]\n")
        file.flush()
        code, said, _ = run(START + [{"t": 10000, "ev": "question", "agent": "a1"}, {"t": 11000, "ev": "tick"}],
                            "-c", file.name)
    assert code == 0
    assert {"fx": "alert", "op": "create", "id": "x1", "audible": True, "items": ["a1"]} in said, said


def what_is_wrong_ends_it():
    for line, why in (("no JSON", "line 1: it is no JSON object"), ({"t": 1}, 'it has no "ev"'),
                      ({"ev": "tick"}, 'it has no "t"'), ({"t": 1, "ev": "dance"}, 'its "ev" is unknown'),
                      ({"t": 1, "ev": "plan"}, 'it has no "agent"'), ("[1]", "it is no JSON object"),
                      ('{"t":1,"ev":"tick","x":"' + "y" * 300000 + '"}', "longer than 256 KiB")):
        code, said, complaint = run([line])
        assert code == 1 and said == [] and why in complaint, (line if len(line) < 99 else why, code, complaint)
    code, _, complaint = run([], "-c", "/nowhere/at/all")
    assert code == 1 and "/nowhere/at/all" in complaint, complaint
    assert run([], "more")[0] == 2
    assert run([])[0] == 0


def main():
    failed = 0
    cases = [each_line_is_answered, a_configuration_has_its_own_numbers, what_is_wrong_ends_it]
    for case in cases:
        try:
            case()
            print(f"ok {case.__name__}")
        except AssertionError as why:
            failed += 1
            print(f"not ok {case.__name__}: {why}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
