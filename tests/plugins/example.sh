#!/bin/sh
# A whole quietbell plugin: appends alerts to a file. Needs jq. See quietbell-plugin(7).
while IFS= read -r m; do case $(printf '%s' "$m" | jq -r .type) in
hello) path=$(printf '%s' "$m" | jq -r .settings.path)
    echo '{"type":"manifest","protocol":1,"name":"example","version":"1","role":"sender","can":[]}'
    echo '{"type":"ready"}' ;;
deliver) printf '%s' "$m" | jq -r .alert.title >>"$path"
    printf '%s' "$m" | jq -c '{type: "result", id: .id, outcome: "delivered"}' ;;
stop) exit 0 ;;
esac; done
