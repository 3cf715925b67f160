"""What the driver has to know of an agent; one file each in agents/, with a class Agent(agent.Agent)."""
import json
import os


class Agent:
    name = ""               # as in plugins/agents/NAME.yaml
    package = ""            # npm
    version = ""            # pinned
    program = ""            # in node_modules/.bin
    node = 0                # major version of Node.js that it needs; where the machine's is older, ours is installed
    ready = r""             # on the screen: it takes a prompt
    ready_hold_s = 1        # how long that has to stand: dialogs may come over it
    dialogs = ()            # (pattern, keys) answered on the way there
    asks_once = False       # the first dialog comes in each home that has hooks, before all else
    permission = r""        # on the screen: it asks to run a command (which has {mark} in it)
    allow = deny = interrupt = ()   # keys, as tmux names them
    allow_is_told_late = False      # no hook and no file says that it was allowed before the command has ended
    fail_status = 400       # one that it does not try again
    failed = ("failure",)   # kinds that a failure may be told as
    failed_screen = r"{mark}-failed"    # on the screen
    submit_pause_s = 0.15   # between the text and Enter: some take a fast Enter for a pasted line end
    notice_s = 0            # it says an open prompt again after this long
    idle_notice_s = 0       # and that it waits, this long after a turn
    rounds_of_turn = 0      # bar 6: rounds of a tool in a turn, where its hooks come with tools …
    turns = 4               # … and turns of each arm
    many_note = ""          # what is to be said of its figures

    also = ()               # (package, version) that it would fetch itself

    def __init__(self, live):
        self.live = live

    def keys(self, what, text):
        """Keys that allow, deny or interrupt what is asked on a screen with this text."""
        return getattr(self, what)

    def configure(self, home, url, env):
        """Writes its settings below `home`, so that it speaks to the model at `url`; may add to `env`."""

    def argv(self):
        return [self.live.bin(self.name, self.program)]

    def prepared(self, home, env):
        """After `quietbell setup`, before the start."""

    @staticmethod
    def write(path, content):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content, indent=2) + "\n")
