#!/usr/bin/env bash
# Starts the unmodified docker-compose.yml on a Docker engine and plays the scripted conversation through it: a
# customer's socket on one side, an agent's XMPP login on the other. Exits with 0 or 1.
#
#   tests/compose.sh [--server prosody|ejabberd] [--keep]
#
# Uses a Docker engine that is already running. Otherwise starts one for the test, with images and layers in
# target/compose (so the second run is quick); if that engine cannot reach an image registry, it builds stand-ins for
# the public images (tests/standins). --keep leaves the containers and the engine running.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/lib.sh

server=prosody keep=
while [ $# -gt 0 ]; do
  case "$1" in
    --server) server=${2:?}; shift ;;
    --keep) keep=1 ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
  shift
done

state="$PWD/target/compose"
sockets= # folder of the sockets of our own engine
up=      # set once there are containers to remove
mkdir -p "$state"

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

take_down() { compose down --volumes --remove-orphans --timeout 10 >/dev/null 2>&1 || true; }

finish() {
  local status=$?
  trap - EXIT
  if [ "$status" -ne 0 ] && [ -n "$up" ]; then
    compose ps >&2 || true
    compose logs --no-color --tail=30 >&2 || true
  fi
  if [ -n "$keep" ]; then
    say "still running; to use it: export DOCKER_HOST=${DOCKER_HOST:-} COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-}"
    exit "$status"
  fi
  [ -z "$up" ] || take_down
  if [ -n "$sockets" ]; then
    halt "$state" dockerd
    rm -rf "$sockets"
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

start_engine() {
  [ "$(id -u)" -eq 0 ] || die "no Docker engine is running here, and only root can start one"
  command -v dockerd >/dev/null || need_packages docker.io
  halt "$state" dockerd # left by --keep
  sockets="$(mktemp -d /tmp/couplet-docker.XXXXXX)" # not in target: a socket's path may have at most 107 bytes
  export DOCKER_HOST="unix://$sockets/docker.sock"
  launch "$state" dockerd dockerd --host "$DOCKER_HOST" --data-root "$state/docker" --exec-root "$sockets/exec" \
    --pidfile "$sockets/docker.pid" --storage-driver overlay2
  await 60 "$state" dockerd docker info
  docker image prune --force --filter until=48h >/dev/null # layers of old builds
}

need_node
if ! docker info >/dev/null 2>&1; then
  start_engine
  if ! docker image inspect debian:bookworm-slim >/dev/null 2>&1 &&
    ! docker pull --quiet debian:bookworm-slim >/dev/null 2>&1; then
    say "cannot reach an image registry: building stand-ins from Debian packages"
    need_rust
    need_packages debootstrap
    tests/standins/build.sh
  fi
fi
docker compose version >/dev/null 2>&1 || need_packages docker-compose
# A client without its BuildKit plug-in would fail instead of using the classic builder.
docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0

read -r HTTP_PORT XMPP_PORT EJABBERD_HTTP_PORT EJABBERD_XMPP_PORT <<<"$(free_ports 4)"
export HTTP_PORT XMPP_PORT EJABBERD_HTTP_PORT EJABBERD_XMPP_PORT
export PUBLIC_URL="http://localhost:$HTTP_PORT" EJABBERD_PUBLIC_URL="http://localhost:$EJABBERD_HTTP_PORT"
export COMPOSE_PROJECT_NAME=couplet-test
case "$server" in
  prosody) export COMPOSE_PROFILES='' service=gateway url="$PUBLIC_URL" c2s="$XMPP_PORT" ;;
  ejabberd) export COMPOSE_PROFILES=ejabberd service='gateway-ejabberd' url="$EJABBERD_PUBLIC_URL" c2s="$EJABBERD_XMPP_PORT" ;;
  *) die "no server $server" ;;
esac

take_down # removes what an interrupted run left: this must be a first start
up=1
SECONDS=0
compose build >"$state/build.log" 2>&1 || { tail -n 40 "$state/build.log" >&2; die "an image does not build"; }
say "built in $SECONDS s"

SECONDS=0
compose up -d
healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$(compose ps -q "$service")")" = healthy ]; }
until healthy; do
  [ "$SECONDS" -lt 180 ] || die "the gateway is not healthy after $SECONDS s"
  sleep 1
done
compose ps
say "up in $SECONDS s"

npm_ci tests/check
accounts="$(compose exec -T "$server" cat "/run/couplet/$server/accounts")"
ALICE_PASSWORD="$(awk '$1 == "alice" { print $2 }' <<<"$accounts")" \
  node tests/check/check.mjs --url "$url" --c2s "127.0.0.1:$c2s" \
  --transcript "docker exec $(compose ps -q "$service") couplet transcript export --tenant demo --format json"
say "the conversation through $server worked in both directions"
