#!/usr/bin/env bash
# Builds local images under the names of the public ones that docker-compose.yml and deploy/Dockerfile use, from Debian
# packages and this machine's toolchains, for a Docker engine that cannot reach an image registry.
#
#   tests/standins/build.sh [debian|redis|mysql|rust|node]...      (all, without arguments)
#
# The images contain what this machine needs to reach its package mirrors (certificate authorities, settings of apt,
# npm and cargo), so that the real Dockerfile does not have to. Existing images are kept. Meant for a temporary engine:
# see tests/compose.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

present() { docker image inspect "$1" >/dev/null 2>&1; }

# Prints the Debian mirror that this machine uses, if it runs Debian.
mirror() {
  local used=""
  if grep -qs '^ID=debian' /etc/os-release; then
    # shellcheck disable=SC2016  # apt expands it
    used=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m1 '/debian/\?$') || true
  fi
  echo "${DEBIAN_MIRROR:-${used:-http://deb.debian.org/debian}}"
}

# base SUITE IMAGE: a minimal Debian with the certificate authorities of this machine.
base() {
  local suite=$1 image=$2 root=$work/$1
  # The archive's signature is checked against Debian's keys, but not its age, because a mirror may be a snapshot.
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$(mirror)" >"$work/log" 2>&1 ||
    { tail -n 20 "$work/log" >&2; return 1; }
  if [ -d /usr/local/share/ca-certificates ]; then
    cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
  fi
  chroot "$root" update-ca-certificates >/dev/null 2>&1
  {
    apt-config dump --no-empty --format '%f "%v";%n' Acquire::http Acquire::https 2>/dev/null || true # proxies
    echo 'Acquire::Check-Valid-Until "false";'
  } >"$root/etc/apt/apt.conf.d/90stand-in"
  # Packages must not start services in a container.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
  tar -C "$root" -c . | docker import -c 'CMD ["bash"]' -c 'LABEL couplet.stand-in=yes' - "$image" >/dev/null
  rm -rf "$root"
}

build_debian() {
  base bookworm debian:bookworm-slim
}

build_redis() {
  need debian
  docker build --quiet --tag redis:7 - <"$here/redis.Dockerfile" >/dev/null
}

# Debian 12 has no MySQL; unstable has a newer version than the image that this one replaces.
build_mysql() {
  present couplet-stand-in/debian:sid || base sid couplet-stand-in/debian:sid
  docker build --quiet --tag mysql:8.4 "$here/mysql" >/dev/null
}

# Copies this machine's compiler: nothing is downloaded.
build_rust() {
  need debian
  local toolchain
  toolchain=$(cd "$here/../.." && rustc --print sysroot)
  cp "$here/rust.Dockerfile" "$work/Dockerfile"
  mkdir -p "$work/cargo"
  cp ~/.cargo/config.toml "$work/cargo/" 2>/dev/null || true # mirrors, if set; never the credentials
  tar -c -C "$work" Dockerfile cargo -C "$toolchain" --exclude=share bin lib |
    docker build --quiet --tag rust:1.95-bookworm - >/dev/null
}

build_node() {
  need debian
  local prefix
  prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  cp "$here/node.Dockerfile" "$work/Dockerfile"
  tar -c -h -C "$work" Dockerfile -C "$prefix" bin/node lib/node_modules/npm |
    docker build --quiet --tag node:20-bookworm-slim --build-arg registry="$(npm config get registry 2>/dev/null)" - >/dev/null
}

declare -A image=(
  [debian]=debian:bookworm-slim [redis]=redis:7 [mysql]=mysql:8.4
  [rust]=rust:1.95-bookworm [node]=node:20-bookworm-slim
)

need() {
  present "${image[$1]}" && return
  echo "stand-in for ${image[$1]}"
  "build_$1"
}

[ $# -gt 0 ] || set -- debian redis mysql rust node
for name in "$@"; do need "$name"; done
