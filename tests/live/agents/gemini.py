"""Gemini CLI. Its hooks come with every event that it has; a turn asks the model once for each round."""
import agent


class Agent(agent.Agent):
    name = "gemini"
    package, version, program, node = "@google/gemini-cli", "0.61.0", "gemini", 20
    ready = r"Type your message"
    ready_hold_s = 3
    permission = r"made-{mark}\n(.*\n)*.*1\. Allow once"
    allow, deny, interrupt = ("1",), ("Escape",), ("C-c",)
    allow_is_told_late = True
    rounds_of_turn, turns = 10, 12

    def configure(self, home, url, env):
        env.update(GEMINI_API_KEY="dummy", GOOGLE_GEMINI_BASE_URL=url, GEMINI_MODEL="gemini-2.5-flash")
        self.write(home + "/.gemini/settings.json", {
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "privacy": {"usageStatisticsEnabled": False}, "telemetry": {"enabled": False},
            "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}}})
