"""opencode. Its hooks are a plugin that it loads: it hands events on beside the turn, and a tool that asks nobody
gives none; so bar 6 counts whole turns."""
import shutil

import agent


class Agent(agent.Agent):
    name = "opencode"
    package, version, program = "opencode-ai", "1.18.33", "opencode"
    also = (("@opencode-ai/plugin", version),)  # which it fetches when there are plugins, and waits a minute for
    ready = r"Ask anything|ctrl\+p commands"
    ready_hold_s = 3
    permission = r"Permission required\n(.*\n)*.*made-{mark} *\n(.*\n)*.*Allow once"
    turns = 34
    allow, deny, interrupt = ("Enter",), ("Right", "Right", "Enter"), ("Escape",)

    def configure(self, home, url, env):
        env.update(OPENCODE_DISABLE_AUTOUPDATE="1", OPENCODE_DISABLE_MODELS_FETCH="1")
        folder = env["XDG_CONFIG_HOME"] + "/opencode"
        shutil.copytree(self.live.installed(self.also[0][0]), folder)
        self.write(folder + "/opencode.json", {
            "$schema": "https://opencode.ai/config.json", "autoupdate": False, "share": "disabled",
            "model": "stub/stub-model", "small_model": "stub/stub-model",
            "permission": {"bash": {"*": "ask", "pwd": "allow"}},
            "provider": {"stub": {"npm": "@ai-sdk/openai-compatible", "name": "stub",
                                  "options": {"baseURL": url + "/v1", "apiKey": "dummy"},
                                  "models": {"stub-model": {"name": "stub",
                                                            "limit": {"context": 100000, "output": 4000}}}}}})
