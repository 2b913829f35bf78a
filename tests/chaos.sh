#!/usr/bin/env bash
# Injects faults under load, then checks the delivery contract. Exits with 0 only if it held.
#
#   tests/chaos.sh [--seconds S] [--seed N] [--server prosody|ejabberd] [--nodes K]
#                  [--mutant NAME] [--prove]        for more options see --help
#
# Starts everything it needs (MariaDB, Redis, the XMPP server, the nodes) and stops it. The results are in
# target/chaos/: record.jsonl, verdict.json, costs.md, timeline.svg, and the nodes' logs. Needs the packages
# that tests/run.sh installs.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh
need_rust

mkdir -p target/chaos
exec 9>target/chaos/lock
flock --nonblock 9 || die "another run is in progress here"

# Every process of a run has this mark in its environment. Processes that have it now were left by a run
# that was killed.
mark="COUPLET_CHAOS=$PWD/target/chaos"
clear_left "$mark"

cargo build --quiet --locked -p couplet --features chaos --bin couplet
# A copy, because the next ordinary build overwrites the original. Written under another name and then
# moved, because a running program cannot be overwritten.
cp target/debug/couplet target/chaos/couplet.new
mv target/chaos/couplet.new target/chaos/couplet
cargo build --quiet --locked -p couplet-chaos

# Stops everything that was started, however the checker ends.
finish() {
  local status=$?
  trap - EXIT
  clear_left "$mark"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The checker dies with this shell, and the processes it starts die with it.
env "$mark" setpriv --pdeathsig KILL -- target/debug/chaos "$@" 9>&- &
wait $!
