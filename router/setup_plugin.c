/* setup_plugin.c: the plugin file for agents that load JavaScript (opencode): it hands the few events that
 * open or close a need to the hook client, one after the other, and lets every other one pass at once. */
#include "setup.h"

#include "rules/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char first_line[] = "// quietbell:";
static const char hook_line[] = "\nconst HOOK = ";

/* No event of a piece of text is wanted. Statuses repeat, and an idle comes twice after an error: only
 * changes are sent. A child session's events carry its root, so that it counts as a thread of it: the mapping
 * of opencode reads `root` and `child`, and a prompt as what the chat.message hook gets. */
static const char plugin[] =
    " hands what %s needs from you to quietbelld.\n"
    "// Written by `quietbell setup`, which also brings it up to date; `quietbell setup --remove` removes it.\n"
    "import { spawn } from \"node:child_process\"\n"
    "import { closeSync, openSync, unlinkSync, writeFileSync } from \"node:fs\"\n"
    "import { tmpdir } from \"node:os\"\n"
    "%s%s\n"
    "const AGENT = \"%s\"\n"
    "const WANTED = new Set([\n"
    "  \"session.created\", \"session.updated\", \"session.status\", \"session.idle\", \"session.error\",\n"
    "  \"session.deleted\", \"permission.asked\", \"permission.replied\", \"question.asked\",\n"
    "  \"question.replied\", \"question.rejected\",\n"
    "])\n"
    "const WAITING_MAX = 64\n"
    "const KNOWN_MAX = 1000\n"
    "const TEXT_MAX = 4000\n"
    "\n"
    "const root = new Map() // of a child session\n"
    "const last = new Map() // state of a session, as sent\n"
    "const title = new Map()\n"
    "let waiting = 0\n"
    "let files = 0\n"
    "let queue = Promise.resolve()\n"
    "\n"
    "function remember(map, key, value) {\n"
    "  if (map.size >= KNOWN_MAX) map.clear()\n"
    "  map.set(key, value)\n"
    "}\n"
    "\n"
    "// A file that nobody else can open, for the hook client to read. What goes into a pipe waits for this loop's next\n"
    "// turn, and a busy one lets the hook client give up meanwhile.\n"
    "function held(text, folder) {\n"
    "  const path = `${folder}/quietbell-${process.pid}-${Date.now()}-${files++}`\n"
    "  writeFileSync(path, text, { flag: \"wx\", mode: 0o600 })\n"
    "  try {\n"
    "    return openSync(path, \"r\")\n"
    "  } finally {\n"
    "    unlinkSync(path)\n"
    "  }\n"
    "}\n"
    "\n"
    "function input(text) {\n"
    "  try {\n"
    "    return held(text, process.env.XDG_RUNTIME_DIR || tmpdir())\n"
    "  } catch {\n"
    "    return held(text, tmpdir())\n"
    "  }\n"
    "}\n"
    "\n"
    "function run(name, payload, cwd) {\n"
    "  return new Promise((done) => {\n"
    "    const stdin = input(JSON.stringify(payload))\n"
    "    try {\n"
    "      const timer = setTimeout(done, 1000)\n"
    "      const end = () => { clearTimeout(timer); done() }\n"
    "      const child = spawn(HOOK, [AGENT, name], { cwd, stdio: [stdin, \"ignore\", \"ignore\"] })\n"
    "      child.on(\"error\", end)\n"
    "      child.on(\"exit\", end)\n"
    "    } finally {\n"
    "      closeSync(stdin)\n"
    "    }\n"
    "  })\n"
    "}\n"
    "\n"
    "function send(name, payload, session, cwd) {\n"
    "  if (waiting >= WAITING_MAX) return\n"
    "  const parent = root.get(session)\n"
    "  const message = parent ? { ...payload, root: parent, child: session } : payload\n"
    "  waiting++\n"
    "  queue = queue.then(() => run(name, message, cwd)).catch(() => {}).then(() => { waiting-- })\n"
    "}\n"
    "\n"
    "// Whether an event says anything that was not said before.\n"
    "function isNews(event, session) {\n"
    "  const info = event.properties.info\n"
    "  if (event.type === \"session.created\") {\n"
    "    if (info?.parentID) remember(root, session, root.get(info.parentID) ?? info.parentID)\n"
    "  } else if (event.type === \"session.updated\") {\n"
    "    if (!info?.title || info.title.startsWith(\"New session\") || title.get(session) === info.title) return false\n"
    "    remember(title, session, info.title)\n"
    "  } else if (event.type === \"session.status\" || event.type === \"session.idle\") {\n"
    "    const status = event.properties.status\n"
    "    if (status?.type === \"idle\") return false // session.idle says it\n"
    "    const state = status ? status.type + (status.attempt ?? \"\") : \"idle\"\n"
    "    if (last.get(session) === state) return false\n"
    "    remember(last, session, state)\n"
    "  }\n"
    "  return true\n"
    "}\n"
    "\n"
    "export const Quietbell = async ({ directory }) => ({\n"
    "  event: async ({ event }) => {\n"
    "    if (!WANTED.has(event?.type)) return\n"
    "    try {\n"
    "      const session = event.properties?.sessionID ?? event.properties?.info?.id\n"
    "      if (session && isNews(event, session)) send(event.type, event, session, directory)\n"
    "    } catch {}\n"
    "  },\n"
    "  \"chat.message\": async (input, output) => {\n"
    "    try {\n"
    "      const text = output?.parts?.find((part) => part.type === \"text\")?.text ?? \"\"\n"
    "      const payload = { input: { sessionID: input.sessionID }, output: { parts: [{ type: \"text\", text: text.slice(0, TEXT_MAX) }] } }\n"
    "      if (input.sessionID) send(\"chat.message\", payload, input.sessionID, directory)\n"
    "    } catch {}\n"
    "  },\n"
    "})\n";

char *setup_plugin_text(const struct setup_agent *agent, const char *command)
{
    json_t *string = json_string(command);
    char *path = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL, *text = NULL;
    size_t room = sizeof first_line + sizeof plugin + sizeof hook_line + strlen(agent->title) +
                  strlen(agent->name) + (path ? strlen(path) : 2);

    text = must_alloc(room);
    int n = snprintf(text, room, "%s", first_line);
    snprintf(text + n, room - (size_t)n, plugin, agent->title, hook_line, path ? path : "\"\"",
             agent->name);
    free(path);
    json_decref(string);
    return text;
}

bool setup_plugin_ours(const struct setup_text *text, char **command)
{
    if (!text->bytes || strncmp(text->bytes, first_line, sizeof first_line - 1) != 0)
        return false;
    const char *line = strstr(text->bytes, hook_line);
    const char *begin = line ? line + sizeof hook_line - 1 : "";
    json_t *path = json_loadb(begin, strcspn(begin, "\r\n"), JSON_DECODE_ANY, NULL);
    if (json_is_string(path))
        *command = must_copy(json_string_value(path));
    json_decref(path);
    return true;
}
