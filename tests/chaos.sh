#!/usr/bin/env bash
# Faults under load, then the verdict on the delivery contract. Exits 0 only if it held.
#
#   tests/chaos.sh [--seconds S] [--seed N] [--server prosody|ejabberd] [--nodes K]
#                  [--mutant NAME] [--prove]        and more, see --help
#
# Starts everything it needs (MariaDB, Redis, the XMPP server, the nodes) and stops it. What a run saw
# is in target/chaos/: record.jsonl, verdict.json, costs.md, timeline.svg, and the nodes' logs.
# Needs the packages that tests/run.sh installs.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh
need_rust

mkdir -p target/chaos
exec 9>target/chaos/lock
flock --nonblock 9 || die "another run is under way here"

# All that this run starts carries this mark. What does so now was left by one that was killed.
mark="COUPLET_CHAOS=$PWD/target/chaos"
clear_left "$mark"

cargo build --quiet --locked -p couplet --features chaos --bin couplet
# A copy: the next ordinary build puts its own in that place. Beside it and then moved: a program that
# runs cannot be written to.
cp target/debug/couplet target/chaos/couplet.new
mv target/chaos/couplet.new target/chaos/couplet
cargo build --quiet --locked -p couplet-chaos

# However the checker ends, nothing it started lives on.
finish() {
  local status=$?
  trap - EXIT
  clear_left "$mark"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# It dies with this shell, and what it starts dies with it.
env "$mark" setpriv --pdeathsig KILL -- target/debug/chaos "$@" 9>&- &
wait $!
