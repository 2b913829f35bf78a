#!/usr/bin/env bash
# Private servers for the tests, on free loopback ports.
#
#   tests/servers.sh start [DIR]     Prosody, ejabberd, MariaDB, Redis; writes DIR/servers.json
#   tests/servers.sh stop  [DIR]
#   tests/servers.sh prosody|ejabberd start DIR [C2S_PORT COMPONENT_PORT HTTP_PORT]
#   tests/servers.sh mariadb|redis start DIR [PORT]
#   tests/servers.sh prosody|ejabberd|mariadb|redis stop DIR
#                                    one more server for a single test, for faults; writes DIR/server.json.
#                                    With the same DIR and ports it starts again with its stored data.
#
# DIR is target/servers by default. Needs the packages that tests/run.sh installs. Environment:
# SERVERS_PROSODY, read last instead of prosody/tests.cfg.lua; SERVERS_EJABBERD, an additional settings
# file; SERVERS_DOMAINS, the number of component domains.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh

HOST=localhost
DOMAINS="${SERVERS_DOMAINS:-200}" # on each server c000 … with the privilege, u000 … without

numbered() { local n; for ((n = 0; n < DOMAINS; n++)); do printf "$1%03d.%s " "$n" "$HOST"; done; }

# server_json C2S COMPONENT HTTP SECRET
server_json() {
  printf '{"c2s":%d,"component":%d,"http":%d,"host":"%s","secret":"%s"}' "$1" "$2" "$3" "$HOST" "$4"
}

secret_of() { # DIR; created once, so that a restarted server still accepts its links
  [ -s "$1/secret" ] || (umask 077 && random_secret >"$1/secret")
  cat "$1/secret"
}

prosody_start() ( # DIR C2S COMPONENT HTTP; in a subshell, because of its exports
  XMPP_LINKS="$(numbered c)" XMPP_LINK_SECRET="$(secret_of "$1")"
  export XMPP_HOST=$HOST XMPP_LINKS XMPP_LINK_SECRET XMPP_ARCHIVE=off
  export XMPP_PORT=$2 XMPP_COMPONENT_PORT=$3 XMPP_HTTP_PORT=$4
  prosody_settings "$1" "${SERVERS_PROSODY:-$PWD/prosody/tests.cfg.lua}"
  start_prosody "$1"
)

ejabberd_knows_privileges() { # see deploy/ejabberd/privilege.yml
  dpkg --compare-versions "$(dpkg-query -W -f '${Version}' ejabberd)" ge 24
}

ejabberd_start() { # DIR C2S COMPONENT HTTP
  mkdir -p "$1/spool" "$1/home"
  cat >"$1/ejabberd.yml" <<YML
define_macro:
  XMPP_HOST: "$HOST"
  LINKS: "^[cu][0-9]{3}\\\\.$HOST\$"
  PRIVILEGED_LINKS: "^c[0-9]{3}\\\\.$HOST\$"
  LINK_SECRET: "$(secret_of "$1")"
  C2S_INTERFACE: "127.0.0.1"
  C2S_PORT: $2
  COMPONENT_INTERFACE: "127.0.0.1"
  COMPONENT_PORT: $3
  HTTP_INTERFACE: "127.0.0.1"
  HTTP_PORT: $4
  TLS_REQUIRED: false
  UPLOAD_URL: "http://$HOST:$4/upload"
  UPLOAD_DIRECTORY: "$1/upload"
include_config_file:
  - $PWD/deploy/ejabberd/couplet.yml
$(ejabberd_knows_privileges && echo "  - $PWD/deploy/ejabberd/privilege.yml")
${SERVERS_EJABBERD:+  - $SERVERS_EJABBERD}
# Any number of agents may register themselves from one address.
registration_timeout: infinity
append_host_config:
  $HOST:
    modules:
      mod_register:
        ip_access: all
        password_strength: 0
YML
  # Not through ejabberdctl, which insists on its own user. Without a node name there is no shared epmd,
  # and without the busy wait an idle server uses no CPU.
  local ebin=(/usr/lib/*/ejabberd-*/ebin)
  HOME="$1/home" ERL_LIBS="${ebin[0]%/*/*}" ERL_CRASH_DUMP="$1/erl_crash.dump" \
    EJABBERD_CONFIG_PATH="$1/ejabberd.yml" EJABBERD_LOG_PATH="$1/ejabberd-full.log" \
    launch "$1" ejabberd erl -noinput +sbwt none +sbwtdcpu none +sbwtdio none \
    -mnesia dir "\"$1/spool\"" -s ejabberd
}

# xmpp_ready SERVER DIR C2S COMPONENT
xmpp_ready() {
  await 60 "$2" "$1" c2s_answers "$3" "$HOST"
  await 10 "$2" "$1" component_answers "$4" "c000.$HOST"
}

mariadb_start() { # DIR PORT
  mkdir -p "$1/tmp"
  # Loopback without a password is good enough for data that exists only during the run. Durability as in
  # production: data that a test considers stored has been flushed.
  [ -d "$1/data/mysql" ] || mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$1/data" \
    --auth-root-authentication-method=normal --skip-test-db >"$1/install.log" 2>&1 ||
    { cat "$1/install.log" >&2; die "MariaDB could not create its folder"; }
  launch "$1" mariadb mariadbd --no-defaults --user="$(id -un)" --datadir="$1/data" --tmpdir="$1/tmp" \
    --bind-address=127.0.0.1 --port="$2" --socket="$1/mysql.sock" --pid-file="$1/mysqld.pid" \
    --skip-name-resolve --max-connections=500 --innodb-flush-log-at-trx-commit=1 \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_bin
}
mariadb_answers() { mariadb-admin --no-defaults -h 127.0.0.1 -P "$1" -u root ping; }

redis_start() { # DIR PORT
  launch "$1" redis redis-server --bind 127.0.0.1 --port "$2" --dir "$1" --save '' --appendonly no
}
redis_answers() { redis-cli -p "$1" ping; }

one() { # prosody|ejabberd start|stop DIR [PORTS]
  local server=$1 action=$2 dir=${3:?a folder}
  mkdir -p "$dir"
  dir="$(cd "$dir" && pwd)"
  halt "$dir" "$server"
  [ "$action" = start ] || return 0
  local ports=("${@:4}")
  [ "${#ports[@]}" -eq 3 ] || read -ra ports <<<"$(free_ports 3)"
  "${server}_start" "$dir" "${ports[@]}"
  xmpp_ready "$server" "$dir" "${ports[@]:0:2}"
  (umask 077 && server_json "${ports[@]}" "$(secret_of "$dir")" >"$dir/server.json")
}

backend() { # mariadb|redis start|stop DIR [PORT]
  local server=$1 action=$2 dir=${3:?a folder} port=${4:-}
  mkdir -p "$dir"
  dir="$(cd "$dir" && pwd)"
  halt "$dir" "$server"
  [ "$action" = start ] || return 0
  [ -n "$port" ] || port="$(free_ports 1)"
  "${server}_start" "$dir" "$port"
  await 60 "$dir" "$server" "${server}_answers" "$port"
  printf '{"port":%d}\n' "$port" >"$dir/server.json"
}

stop_all() { # DIR
  local name halting=()
  for name in prosody ejabberd mariadb redis; do
    halt "$1/$name" "$name" &
    halting+=($!)
  done
  wait "${halting[@]}"
  rm -f "$1/servers.json"
}

start_all() { # DIR
  local dir=$1 name alive=1
  for name in prosody ejabberd mariadb redis; do running "$dir/$name" "$name" || alive=; done
  if [ -n "$alive" ] && [ -s "$dir/servers.json" ]; then
    say "already running: $dir/servers.json"
    return 0
  fi
  stop_all "$dir"
  rm -rf "$dir"/{prosody,ejabberd,mariadb,redis}
  mkdir -p "$dir"/{prosody,ejabberd,mariadb,redis}
  # shellcheck disable=SC2064 # expanded now: the local variable is gone later
  trap "stop_all '$dir'" EXIT # do not leave half a set of servers

  local p
  read -ra p <<<"$(free_ports 8)"
  prosody_start "$dir/prosody" "${p[@]:0:3}"
  ejabberd_start "$dir/ejabberd" "${p[@]:3:3}"
  redis_start "$dir/redis" "${p[6]}"
  mariadb_start "$dir/mariadb" "${p[7]}"
  xmpp_ready prosody "$dir/prosody" "${p[@]:0:2}"
  await 10 "$dir/redis" redis redis_answers "${p[6]}"
  await 60 "$dir/mariadb" mariadb mariadb_answers "${p[7]}"
  xmpp_ready ejabberd "$dir/ejabberd" "${p[@]:3:2}"

  (
    umask 077
    printf '{"prosody":%s,"ejabberd":%s,"mysql":{"url":"mysql://root@127.0.0.1:%d","port":%d},"redis":{"url":"redis://127.0.0.1:%d","port":%d}}\n' \
      "$(server_json "${p[@]:0:3}" "$(secret_of "$dir/prosody")")" \
      "$(server_json "${p[@]:3:3}" "$(secret_of "$dir/ejabberd")")" \
      "${p[7]}" "${p[7]}" "${p[6]}" "${p[6]}" >"$dir/servers.json.new"
  )
  mv "$dir/servers.json.new" "$dir/servers.json" # whole or not at all
  trap - EXIT
  say "ready in $SECONDS s: $dir/servers.json"
}

case "${1:-}" in
  start | stop)
    dir="${2:-target/servers}"
    mkdir -p "$dir"
    "${1}_all" "$(cd "$dir" && pwd)"
    ;;
  prosody | ejabberd) one "$@" ;;
  mariadb | redis) backend "$@" ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
