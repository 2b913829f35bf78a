#!/usr/bin/env bash
# Installs what is missing, checks the formatting, lints, and runs every test against real servers:
# Prosody, ejabberd, MariaDB, Redis, a browser. Exits with 0 only if everything passed; nothing is skipped.
#
#   tests/run.sh [NEXTEST ARGUMENTS]      e.g. tests/run.sh -E 'test(transfer)'
#
# The output of each step is in target/run/; it is shown if the step fails. Nextest's is always shown.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh

logs="$ROOT/target/run"
servers="$ROOT/target/run/servers"
mkdir -p "$logs"

# step NAME COMMAND…
step() {
  local name=$1 started=$SECONDS log
  shift
  log="$logs/${name// /-}.log"
  printf '%-34s' "$name" >&2
  # In a subshell with -e: a command tested with "if" would continue after an error inside it.
  set +e
  (set -e; "$@") >"$log" 2>&1 </dev/null
  local status=$?
  set -e
  if [ "$status" -ne 0 ]; then
    say "FAILED after $((SECONDS - started)) s"
    tail -n 200 "$log" >&2
    die "$name (full output: $log)"
  fi
  say "ok  $((SECONDS - started)) s"
}

packages() {
  need_packages ca-certificates curl build-essential procps openssl python3 python3-venv shellcheck \
    valgrind prosody prosody-modules ejabberd mariadb-server redis-server chromium \
    firefox-esr fonts-dejavu-core tmux profanity
  need_node
}

nextest() {
  cargo nextest --version || cargo install --locked cargo-nextest
}

agents() { # the client library for tests/agents, in a virtual environment
  local venv="$ROOT/target/venv" wanted=tests/agents/requirements.txt
  cmp -s "$wanted" "$venv/requirements.txt" && return 0
  /usr/bin/python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$venv/requirements.txt"
}

npm_packages() {
  local folder
  for folder in widget tests/check tests/browser deploy/demo; do
    [ ! -e "$folder/package-lock.json" ] || npm_ci "$folder"
  done
}

shells() {
  shellcheck -x -P SCRIPTDIR/.. deploy/*.sh tests/*.sh .ci/run
}

bench() { # a few seconds of the benchmark, which fails if anything sent is lost or refused
  cargo build --workspace --bins --locked
  ulimit -n "$(ulimit -Hn)"
  target/debug/bench --quick --only saturate --subjects ours,floor --server prosody --seconds 1 --repeats 1 \
    --customers 300 --program target/debug/couplet --folder target/run/bench
}

slowest() { # the twenty tests that took longest
  python3 - "$ROOT/target/nextest/default/junit.xml" <<'PY'
import sys, xml.etree.ElementTree as tree
cases = [(float(case.get("time")), case) for case in tree.parse(sys.argv[1]).iter("testcase")]
for seconds, case in sorted(cases, key=lambda one: -one[0])[:20]:
    print(f"{seconds:7.1f} s  {case.get('classname')} {case.get('name')}")
PY
}

finish() {
  local status=$?
  trap - EXIT
  tests/servers.sh stop "$servers" || true
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

export CARGO_TERM_PROGRESS_WHEN=never
step "packages" packages
need_rust
step "cargo-nextest" nextest
step "python client" agents
step "npm packages" npm_packages
step "shellcheck" shells
step "widget: build" npm --prefix widget run build # first, because the gateway embeds it
step "widget: types and lint" npm --prefix widget run check
step "cargo fmt" cargo fmt --all --check
step "cargo clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
step "cargo clippy: chaos" cargo clippy -p couplet --bins --features chaos --locked -- -D warnings
step "what the images are built from" tests/image.sh
step "widget: tests" npm --prefix widget test
step "widget: in a browser" npm --prefix widget run test:browser
step "tests: build" cargo nextest run --workspace --locked --no-run
step "costs of the hot paths" tests/cost.sh
step "the benchmark runs" bench
step "servers" env LIFE_OF=$$ tests/servers.sh start "$servers"
export COUPLET_TEST_SERVERS="$servers/servers.json"
cargo nextest run --config-file tests/nextest.toml --workspace --locked --no-fail-fast "$@"
step "both sides in a browser" npm --prefix tests/browser test
step "faults under load" tests/chaos.sh --seconds 60 --seed 1
say "the slowest tests:"
slowest >&2
