#!/usr/bin/env bash
# The benchmark: the gateway, the peer and the floor, side by side on this machine. See
# docs/benchmarks.md.
#
#   tests/bench.sh [--quick] [--json FILE] [--only PLAY,…] [--server prosody|ejabberd] [--publish]
#                                                       for more options see --help
#
# Starts everything it needs (MariaDB, Redis, the XMPP servers, the gateway in its release build) and
# stops it. The results are in target/bench/: results.jsonl, benchmarks.md, pictures, and the logs.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh
need_packages prosody prosody-modules ejabberd mariadb-server redis-server lua-dbi-mysql erlang-p1-mysql
need_rust

mkdir -p target/bench
exec 9>target/bench/lock
flock --nonblock 9 || die "another run is in progress here"
rm -rf target/bench/run

cargo build --quiet --locked --release -p couplet --bin couplet
cargo build --quiet --locked --release -p couplet-bench

# Each customer is an open file, in the gateway and in the generator.
ulimit -n "$(ulimit -Hn)"

# Stops everything that was started, however the run ends.
finish() {
  local status=$? file pid
  trap - EXIT
  for file in target/bench/run/*/*.pid target/bench/run/*/*/{mariadb,redis,prosody,ejabberd}.pid; do
    [ -r "$file" ] || continue
    pid="$(cat "$file")"
    rm -f "$file"
    kill -KILL "$pid" 2>/dev/null || true
  done
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

target/release/bench "$@" 9>&-
