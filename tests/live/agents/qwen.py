"""Qwen Code. It speaks OpenAI's chat completions here."""
import agent


class Agent(agent.Agent):
    name = "qwen"
    package, version, program, node = "@qwen-code/qwen-code", "0.24.4", "qwen", 22
    ready = r"Type your message"
    ready_hold_s = 10       # it takes no keys before its own start is over
    permission = r"made-{mark}\n(.*\n)*.*1\. Yes"
    allow, deny, interrupt = ("1",), ("Escape",), ("C-c",)
    rounds_of_turn, turns = 5, 12

    def configure(self, home, url, env):
        env.update(OPENAI_API_KEY="dummy", OPENAI_BASE_URL=url + "/v1", OPENAI_MODEL="stub-model")
        self.write(home + "/.qwen/settings.json", {
            "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
            "privacy": {"usageStatisticsEnabled": False}, "telemetry": {"enabled": False},
            "tools": {"approvalMode": "default"},
            "security": {"auth": {"selectedType": "openai"}, "folderTrust": {"enabled": False}}})
