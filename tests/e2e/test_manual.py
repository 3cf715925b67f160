#!/usr/bin/env python3
"""Every example in the manuals and the README is a file that `quietbell check` takes.

Prints `ok NAME` or `not ok NAME: why` per example, then `N passed, M failed`; exit 1 on a failure."""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIENT = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "quietbell"))
ESCAPES = ((r"\-", "-"), (r"\(dq", '"'), (r"\&", ""), (r"\e", "\\"), (r"\ ", " "))
TOP = ("preset:", "receivers:", "focus:", "rules:", "policy:", "accept_uids:")


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def manual(path):
    """The examples of a manual page: what stands between .EX and .EE."""
    for block in re.findall(r"^\.EX\n(.*?)^\.EE", text_of(path), re.M | re.S):
        for escape, char in ESCAPES:
            block = block.replace(escape, char)
        yield block


def readme():
    yield from re.findall(r"^```yaml\n(.*?)^```", text_of("README.md"), re.M | re.S)


def check(text):
    """"" if `quietbell check` takes it; secrets and calendars are where the example says."""
    with tempfile.TemporaryDirectory(prefix="qb-manual.") as home:
        environment = {"HOME": home, "PATH": os.environ["PATH"]}
        for name in re.findall(r"\w+_file: *([\w./-]+)", text):
            with open(os.path.join(home, name), "w", encoding="utf-8") as f:
                f.write("https://example.org/hook\n")
            os.chmod(os.path.join(home, name), 0o600)
        for name in re.findall(r"calendar: *([\w./-]+\.ics)", text):
            with open(os.path.join(home, name), "w", encoding="utf-8") as f:
                f.write("BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n")
        for name in re.findall(r"\w+_env: *(\w+)", text):
            environment[name] = "https://example.org/hook"
        path = os.path.join(home, "quietbell.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        ran = subprocess.run([CLIENT, "check", path], env=environment, capture_output=True, text=True, timeout=20)
        return "" if ran.returncode == 0 else f"exit {ran.returncode}: {ran.stdout}{ran.stderr}"


def main():
    passed = failed = 0
    for source, blocks, least in (("router/quietbell-rules.5", list(manual("router/quietbell-rules.5")), 5),
                                  ("router/quietbell.yaml.5", list(manual("router/quietbell.yaml.5")), 1),
                                  ("README.md", list(readme()), 1)):
        examples = [b for b in blocks if any(line.startswith(TOP) for line in b.splitlines())]
        for n, text in enumerate(examples, 1):
            why = check(text)
            print(f"not ok {source}, example {n}: {why}" if why else f"ok {source}, example {n}")
            passed, failed = passed + (not why), failed + bool(why)
        if len(examples) < least:
            print(f"not ok {source}: {len(examples)} examples, there should be {least}")
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
