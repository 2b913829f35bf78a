#!/usr/bin/env bash
# The demo: builds, starts a private Prosody and the gateway with its defaults (a SQLite file, an
# in-process cache), creates the tenant `demo` with the agents alice and bob and the supervisor carol,
# prints the addresses and runs until Ctrl-C.
#
#   deploy/demo.sh            HTTP_PORT=8080 XMPP_PORT=5222 STATE_DIR=target/demo in the environment
#   deploy/demo.sh --check    plays one scripted conversation instead; exits with 0 or 1
#
# Installs what is missing; changes nothing else outside the checkout. Accounts, secrets and
# conversations are kept in STATE_DIR; delete it to start over.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh

check=
case "${1:-}" in
  '') ;;
  --check) check=1 ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

# Chooses the ports and the folder of the state.
settle() {
  if [ -n "$check" ]; then # may run next to a running demo, and always starts with an empty folder
    rm -rf "${STATE_DIR:=target/demo-check}"
    read -r some other <<<"$(free_ports 2)"
    : "${HTTP_PORT:=$some}" "${XMPP_PORT:=$other}"
  fi
  HTTP_PORT="${HTTP_PORT:-8080}"
  export XMPP_PORT="${XMPP_PORT:-5222}"
  mkdir -p "${STATE_DIR:=target/demo}"
  STATE_DIR="$(cd "$STATE_DIR" && pwd)"
  url="http://localhost:$HTTP_PORT"
}
agents=(alice bob carol)
umask 077

couplet() { "$ROOT/target/debug/couplet" "$@" --config "$STATE_DIR/couplet.toml"; }

install_missing() {
  need_packages ca-certificates curl build-essential openssl python3 prosody prosody-modules
  need_node
  need_rust
}

build() {
  say "building (the first time takes some minutes)"
  npm_ci widget
  npm --prefix widget run build --silent >&2
  npm_ci deploy/demo
  [ -z "$check" ] || npm_ci tests/check
  # The development profile: builds in a fifth of the time, is fast enough for a demo, and is shared with
  # the tests. The benchmark measures the release build.
  cargo build --locked --bin couplet >&2
}

# Creates the secrets in STATE_DIR, once.
make_secrets() {
  local name
  [ -s "$STATE_DIR/link-secret" ] || random_secret >"$STATE_DIR/link-secret"
  [ -s "$STATE_DIR/accounts" ] ||
    for name in "${agents[@]}"; do printf '%s %s\n' "$name" "$(random_secret | cut -c1-12)"; done >"$STATE_DIR/accounts"
  # A self-signed certificate, for clients that refuse to log in without TLS.
  mkdir -p "$STATE_DIR/certs"
  [ -s "$STATE_DIR/certs/localhost.key" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 3650 -subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:upload.localhost \
    -keyout "$STATE_DIR/certs/localhost.key" -out "$STATE_DIR/certs/localhost.crt" 2>"$STATE_DIR/openssl.log"
}
password_of() { sed -n "s/^$1 //p" "$STATE_DIR/accounts"; }

prosody_up() {
  local name
  export XMPP_LINK_SECRET_FILE="$STATE_DIR/link-secret" XMPP_CERTIFICATES="$STATE_DIR/certs" \
    XMPP_COMPONENT_PORT="$component_port" XMPP_HTTP_PORT="$prosody_http_port"
  # A client may resolve localhost to either.
  export XMPP_INTERFACE="127.0.0.1 ::1" XMPP_HTTP_INTERFACE="127.0.0.1 ::1"
  prosody_settings "$STATE_DIR" "$ROOT/prosody/loopback.cfg.lua"
  for name in "${agents[@]}"; do
    [ -s "$STATE_DIR/data/localhost/accounts/$name.dat" ] ||
      prosodyctl --config "$ROOT/prosody/prosody.cfg.lua" register "$name" localhost "$(password_of "$name")" \
        >"$STATE_DIR/prosodyctl.log" 2>&1 || { cat "$STATE_DIR/prosodyctl.log" >&2; die "could not register $name"; }
  done
  start_prosody "$STATE_DIR"
  await 30 "$STATE_DIR" prosody c2s_answers "$XMPP_PORT" localhost
}

# The customer's page, the agent's Converse.js, and the address of the XMPP server for it.
assemble_site() {
  rm -rf "$STATE_DIR/site"
  cp -r deploy/demo/site "$STATE_DIR/site"
  cp -r deploy/demo/node_modules/converse.js/dist "$STATE_DIR/site/converse"
  printf '{"websocket":"ws://localhost:%d/xmpp-websocket","domain":"localhost","accounts":[%s]}\n' \
    "$prosody_http_port" "$(printf '"%s@localhost",' "${agents[@]}" | sed 's/,$//')" >"$STATE_DIR/site/agent.json"
}

gateway_up() {
  cat >"$STATE_DIR/couplet.toml" <<TOML
[http]
listen = "localhost:$HTTP_PORT"
public_url = "$url"
site = "$STATE_DIR/site"

[admin]
listen = "127.0.0.1:$admin_port"

[database]
url = "sqlite://$STATE_DIR/couplet.db?mode=rwc"

[cache]
url = "memory://"

[[links]]
domain = "chat.localhost"
server = "127.0.0.1:$component_port"
secret_file = "$STATE_DIR/link-secret"
upload_hosts = ["http://localhost:$prosody_http_port/file_share"] # loopback: a private address must be named
TOML
  couplet migrate >&2
  couplet tenant show demo >/dev/null 2>&1 ||
    couplet tenant add demo --name Halyard --origin "$url" --link chat.localhost >&2
  local name role
  for name in "${agents[@]}"; do
    role=agent
    [ "$name" != carol ] || role=supervisor
    couplet agent list --tenant demo --json | grep -qF "\"$name@localhost\"" ||
      couplet agent add --tenant demo "$name@localhost" --name "${name^}" --role "$role" >&2
  done
  launch "$STATE_DIR" couplet env -C "$STATE_DIR" "$ROOT/target/debug/couplet" serve --config "$STATE_DIR/couplet.toml"
  await 30 "$STATE_DIR" couplet curl -fsS --noproxy '*' -o /dev/null "http://127.0.0.1:$HTTP_PORT/readyz"
}

finish() {
  local status=$?
  trap - EXIT INT TERM
  halt "$STATE_DIR" couplet # first: it closes its streams in order
  halt "$STATE_DIR" prosody
  exit "$status"
}

# Instructions for Dino, which does not ask for a port and lets nobody accept an unknown certificate.
for_dino() {
  if [ "$XMPP_PORT" = 5222 ]; then
    printf 'Dino        trust the certificate first, as root: cp %s/certs/localhost.crt\n' "$STATE_DIR"
    printf '                  /usr/local/share/ca-certificates/couplet-demo.crt; update-ca-certificates'
  else
    printf 'Dino        only if the demo runs with XMPP_PORT=5222: it has no setting for the port'
  fi
}

introduce() {
  local name
  cat <<TEXT

  Couplet's demo is running.

    customer     $url             (examples/ and appearance/ show how to embed it)
    agent        $url/agent      (Converse.js in the browser)
    or your own XMPP client, on this machine, with

TEXT
  for name in "${agents[@]}"; do
    printf '      %-18s %s%s\n' "$name@localhost" "$(password_of "$name")" "$([ "$name" != carol ] || echo '   (supervisor)')"
  done
  cat <<TEXT

    server localhost, port $XMPP_PORT, STARTTLS with a self-signed certificate:

      Profanity   /connect alice@localhost server localhost port $XMPP_PORT tls trust
      mcabber     set server = localhost · port = $XMPP_PORT · tls = 1 · ssl_ignore_checks = 1
      Gajim       Advanced Settings: that host and port; then "Add to Trusted Certificates"
      Pidgin      Advanced: "Use encryption if available", that port and server; then "Accept"
      $(for_dino)

    logs, state  $STATE_DIR

  Press Ctrl-C to stop.

TEXT
}

install_missing
settle
for port in "$HTTP_PORT" "$XMPP_PORT"; do
  ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null ||
    die "port $port is in use; set HTTP_PORT and XMPP_PORT to free ones (and STATE_DIR, if another demo runs)"
done
build
read -r component_port prosody_http_port admin_port <<<"$(free_ports 3)"
trap finish EXIT
trap 'exit 0' INT TERM
export LIFE_OF=$$ # the servers are stopped when this shell ends, for whatever reason
make_secrets
prosody_up
assemble_site
gateway_up

if [ -n "$check" ]; then
  ALICE_PASSWORD="$(password_of alice)" node tests/check/check.mjs --url "$url" --c2s "127.0.0.1:$XMPP_PORT" \
    --transcript "'$ROOT/target/debug/couplet' transcript export --tenant demo --format json --config '$STATE_DIR/couplet.toml'"
else
  introduce
  wait -n || true # for either server
  die "a server stopped: see $STATE_DIR/couplet.log and $STATE_DIR/prosody.log"
fi
