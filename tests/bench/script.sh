#!/bin/bash
# The hook client's job as people script it: payload on stdin, one message on the socket, one answer read.
# The payload goes in whole, with the context that quietbell-hook adds: process, place, repository, branch.
payload=$(cat)
top=$(git rev-parse --show-toplevel 2>/dev/null) && branch=$(git rev-parse --abbrev-ref HEAD 2>/dev/null)
jq -cn --argjson payload "$payload" --arg agent "$1" --arg event "$2" \
    --arg id "$(head -c 8 /dev/urandom | od -An -tx1 | tr -d ' \n')" --argjson at_ms "$(date +%s%3N)" \
    --argjson pid "$PPID" --arg host "$(hostname)" --arg cwd "$PWD" --arg repository "${top##*/}" \
    --arg branch "$branch" --arg tmux "$TMUX" --arg pane "$TMUX_PANE" \
    '{type: "hook", id: $id, at_ms: $at_ms, agent: $agent, event: $event, payload: $payload,
      context: {pid: $pid, host: $host, cwd: $cwd, repository: $repository, branch: $branch,
                place: {tmux: $tmux, pane: $pane}}}' |
    curl -s --max-time 1 --unix-socket "$QUIETBELL_SOCKET" --data-binary @- http://localhost/ |
    grep -q '"ok":true'
