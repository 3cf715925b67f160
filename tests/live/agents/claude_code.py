"""Claude Code. A dummy key that is approved beforehand; Esc at a prompt is both its No and its interrupt."""
import re

import agent

KEY = "sk-ant-dummy-key-for-the-stub-0000"


class Agent(agent.Agent):
    name = "claude-code"
    package, version, program = "@anthropic-ai/claude-code", "2.1.331", "claude"
    ready = r"(?m)^\s*❯|\? for shortcuts"
    permission = r"made-{mark}\n(.*\n)*.*1\. Yes"
    dialogs = ((r"No, keep manual mode", ("Down", 0.3, "Enter")),)
    ready_hold_s = 3
    allow, interrupt = ("1",), ("Escape",)
    notice_s, idle_notice_s = 6, 60
    rounds_of_turn, turns = 5, 12

    def keys(self, what, text):
        """No stands at the end of a menu whose length depends."""
        return re.search(r"(\d)\. No", text).groups() if what == "deny" else super().keys(what, text)

    def configure(self, home, url, env):
        env.update(ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY=KEY, DISABLE_AUTOUPDATER="1", DISABLE_TELEMETRY="1",
                   CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_ERROR_REPORTING="1")
        self.write(home + "/.claude/settings.json", {"permissions": {"defaultMode": "default"}})
        self.write(home + "/.claude.json", {
            "hasCompletedOnboarding": True, "numStartups": 3, "theme": "dark",
            "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
            "projects": {self.live.cwd: {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}}})
