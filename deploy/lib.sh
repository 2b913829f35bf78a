# shellcheck shell=bash
# Functions shared by the demo and the tests: installing missing packages, finding free ports, starting
# a private server and waiting until it responds. To be sourced, not run.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# need_packages PACKAGE…: installs the Debian packages that are missing.
need_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "installing: ${missing[*]}"
  local no_services=/usr/sbin/policy-rc.d made=
  # The packages must not start their own servers: only ours should run on this machine.
  if ! [ -e "$no_services" ]; then
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$no_services && chmod +x $no_services"
    made=1
  fi
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=600)
  local log status=0
  log="$(mktemp)"
  { as_root "${apt[@]}" update && as_root "${apt[@]}" install --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 </dev/null || status=$?
  [ -z "$made" ] || as_root rm -f "$no_services"
  [ "$status" -eq 0 ] || { tail -20 "$log" >&2; die "could not install ${missing[*]}"; }
  rm -f "$log"
}

need_rust() {
  PATH="$PATH:$HOME/.cargo/bin"
  command -v cargo >/dev/null && return 0
  say "installing Rust" # Debian's is too old
  curl -fsS https://sh.rustup.rs | sh -s -- -y --quiet --profile minimal -c clippy -c rustfmt --no-modify-path >&2
}

need_node() {
  { command -v node && command -v npm; } >/dev/null || need_packages nodejs npm
}

# npm_ci FOLDER: installs npm's packages, and again only when the lock file has changed.
npm_ci() {
  local stamp="$1/node_modules/.couplet-lock"
  cmp -s "$1/package-lock.json" "$stamp" && return 0
  npm --prefix "$1" ci --no-audit --no-fund --loglevel=error </dev/null >&2
  cp "$1/package-lock.json" "$stamp"
}

# free_ports COUNT: prints ports on which nothing listens. They are below the range of outgoing
# connections, so that none of those takes one before the server starts.
free_ports() {
  python3 - "$1" <<'PY'
import random, socket, sys
held = []
for port in random.sample(range(20000, 32000), 12000):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", port))
    except OSError:
        continue
    held.append(s)
    if len(held) == int(sys.argv[1]):
        break
print(*(s.getsockname()[1] for s in held))
PY
}

random_secret() { od -An -N18 -tx1 /dev/urandom | tr -d ' \n'; }

# keep FILE COMMAND…: runs COMMAND in a session of its own (so that Ctrl-C reaches only us) and writes its
# process id to FILE. If LIFE_OF names a process, COMMAND is killed when that process ends.
keep() {
  local file=$1 child life ended=
  shift
  # The child dies with this shell, so killing either is enough.
  setsid setpriv --pdeathsig KILL -- "$@" &
  child=$!
  echo "$child" >"$file"
  if [ -n "${LIFE_OF:-}" ]; then
    tail --pid="$LIFE_OF" -f /dev/null &
    life=$!
    wait -n -p ended "$child" "$life" || true
    [ "$ended" = "$child" ] || kill -KILL -- "-$child" 2>/dev/null || true
    kill "$life" 2>/dev/null || true
  fi
  wait "$child" 2>/dev/null || true
}

# launch DIR NAME COMMAND…: runs COMMAND in the background, with its output in DIR/NAME.log and its process
# id in DIR/NAME.pid. For LIFE_OF in the environment see keep.
launch() {
  local dir=$1 name=$2
  shift 2
  rm -f "$dir/$name.pid"
  # keep runs in a session of its own too, without inherited files that somebody waits to be closed.
  # shellcheck disable=SC2016 # expanded there
  setsid bash -c '. "$0"; keep "$@"' "$ROOT/deploy/lib.sh" "$dir/$name.pid" "$@" \
    >"$dir/$name.log" 2>&1 </dev/null &
  until [ -s "$dir/$name.pid" ] || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
  born "$(cat "$dir/$name.pid")" >"$dir/$name.born" || true
}

# born PID: when the process started, in ticks since boot. Distinguishes two processes with the same id.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# running DIR NAME: whether the process that launch started still runs. A process that reuses its id does
# not count.
running() {
  local pid now
  [ -r "$1/$2.pid" ] || return 1
  pid="$(cat "$1/$2.pid")"
  now="$(born "$pid")"
  [ -n "$now" ] && { ! [ -s "$1/$2.born" ] || [ "$now" = "$(cat "$1/$2.born")" ]; }
}

# halt DIR NAME: stops what launch started: SIGTERM first, after 10 s SIGKILL.
halt() {
  local dir=$1 name=$2 pid
  if ! running "$dir" "$name"; then
    rm -f "$dir/$name.pid"
    return 0
  fi
  pid="$(cat "$dir/$name.pid")"
  kill -TERM "$pid" 2>/dev/null || true
  for _ in {1..100}; do
    if ! running "$dir" "$name"; then
      rm -f "$dir/$name.pid"
      return 0
    fi
    sleep 0.1
  done
  say "$name did not stop on SIGTERM; killing it"
  rm -f "$dir/$name.pid"
  kill -KILL -- "-$pid" 2>/dev/null || true
}

# clear_left NAME=VALUE: kills every process that has this in its environment, except this shell: processes
# left by an earlier run that was killed. Never by program name, which others may use too.
clear_left() {
  local file pid found=
  for file in /proc/[0-9]*/environ; do
    pid="${file#/proc/}" pid="${pid%/environ}"
    case "$pid" in "$$" | "$BASHPID") continue ;; esac
    grep -qzxF "$1" "$file" 2>/dev/null || continue
    kill -KILL "$pid" 2>/dev/null && found="$found $pid"
  done
  [ -z "$found" ] || say "killed processes left by an earlier run:$found"
}

# await SECONDS DIR NAME TEST…: waits until TEST succeeds. Fails early, showing the log, if NAME dies.
await() {
  local seconds=$1 dir=$2 name=$3
  shift 3
  local deadline=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    if ! running "$dir" "$name"; then
      tail -20 "$dir/$name.log" >&2
      die "$name stopped during its start (log: $dir/$name.log)"
    fi
    if [ "$SECONDS" -ge "$deadline" ]; then
      tail -20 "$dir/$name.log" >&2
      die "$name is not ready after $seconds s (log: $dir/$name.log)"
    fi
    sleep 0.1
  done
}

# xmpp_answers PORT NAMESPACE TO: whether the server answers a stream header. An open port alone proves
# nothing.
xmpp_answers() (
  tag=
  exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
  printf "<stream:stream xmlns='%s' xmlns:stream='http://etherx.jabber.org/streams' to='%s' version='1.0'>" "$2" "$3" >&3
  while IFS= read -r -t 2 -d '>' tag <&3; do
    case "$tag" in *"<stream:stream"*id=*) exit 0 ;; esac
  done
  exit 1
)
c2s_answers() { xmpp_answers "$1" jabber:client "$2"; }
component_answers() { xmpp_answers "$1" jabber:component:accept "$2"; }

# prosody_settings DIR LOCAL: exports the settings of a private Prosody with the configuration in prosody/:
# on loopback, state in DIR/data, LOCAL read last, and other XMPP_… variables of the environment (see
# prosody.cfg.lua).
prosody_settings() {
  mkdir -p "$1/data"
  export XMPP_STATE="$1/data" XMPP_LOCAL="$2" XMPP_INTERFACE="${XMPP_INTERFACE:-127.0.0.1}"
  export XMPP_CERTIFICATES="${XMPP_CERTIFICATES:-$1/data}"
}
start_prosody() { # DIR, after prosody_settings
  launch "$1" prosody prosody -F --config "$ROOT/prosody/prosody.cfg.lua"
}
