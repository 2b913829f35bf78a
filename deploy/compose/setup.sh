#!/bin/sh
# Migrates the database to the gateway's version and creates the demo's tenant and agents. Idempotent.
set -eu
host=${XMPP_HOST:-localhost}

couplet migrate

if [ "${DEMO:-yes}" != yes ]; then exit 0; fi
couplet tenant show demo >/dev/null 2>&1 ||
  couplet tenant add demo --name Demo --origin "$COUPLET__HTTP__PUBLIC_URL"

# agent NAME ROLE
agent() {
  couplet agent list --tenant demo --json | grep -qF "\"$1@$host\"" ||
    couplet agent add --tenant demo "$1@$host" --name "$(echo "$1" | sed 's/./\u&/')" --role "$2"
}
agent alice agent
agent bob agent
agent carol supervisor

echo "setup: tenant demo with the agents alice, bob and the supervisor carol at $host"
