"""OpenAI Codex. Its hooks run in a background process (`codex app-server`) that the first TUI starts, and only after
the person has reviewed them: the driver does, in the dialog that Codex opens."""
import agent


class Agent(agent.Agent):
    name = "codex"
    package, version, program = "@openai/codex", "0.169.0", "codex"
    ready = r"(?m)^›"
    asks_once = True
    dialogs = ((r"Trust all and continue", ("2", 0.3, "Enter")),)
    permission = r"made-{mark}\n(.*\n)*.*1\. Yes"
    allow, deny, interrupt = ("y",), ("Escape",), ("C-c",)
    allow_is_told_late = True
    rounds_of_turn, turns = 4, 12

    def configure(self, home, url, env):
        env["STUB_KEY"] = "dummy"
        self.write(home + "/.codex/config.toml", f"""
model = "stub-model"
model_provider = "stub"
approval_policy = "on-request"
sandbox_mode = "workspace-write"
check_for_update_on_startup = false
[model_providers.stub]
name = "stub"
base_url = "{url}/v1"
env_key = "STUB_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
[projects."{self.live.cwd}"]
trust_level = "trusted"
""")
