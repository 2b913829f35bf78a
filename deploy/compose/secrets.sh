#!/bin/sh
# First start: creates the secrets that the other containers read, each in a folder that only its reader may open.
# Secrets in the environment are used, the others are random. Existing secrets are kept: a password that a database
# or an XMPP server already uses cannot be changed by changing a file here.
set -eu
umask 077
cd /run/couplet

die() { echo "secrets: $*" >&2; exit 1; }

# secret NAME [GIVEN]: prints the secret of that name; creates it if there is none yet.
secret() {
  mkdir -p kept
  if [ ! -s "kept/$1" ]; then
    case ${2:-} in
    *[!A-Za-z0-9._~-]*) die "$1 may contain only letters, digits and . _ ~ - (it is part of a URL)" ;;
    '') od -An -N18 -tx1 /dev/urandom | tr -d ' \n' >"kept/$1.new" ;;
    *) printf %s "$2" >"kept/$1.new" ;;
    esac
    mv "kept/$1.new" "kept/$1" # whole or not at all
  fi
  cat "kept/$1"
}

# give UID READER NAME VALUE: writes the file READER/NAME, which only that user may read.
give() {
  mkdir -p "$2"
  printf '%s\n' "$4" >"$2/$3"
  chown -R "$1:$1" "$2"
}

database=$(secret database-password "${MYSQL_PASSWORD:-}")
give 0 mysql root-password "$(secret database-root-password "${MYSQL_ROOT_PASSWORD:-}")"
give 0 mysql password "$database"
give 10001 gateway database-url "mysql://couplet:$database@mysql/couplet"
give 10001 gateway database-url-ejabberd "mysql://couplet:$database@mysql/couplet_ejabberd"

link=$(secret link-secret "${LINK_SECRET:-}")
accounts="alice $(secret alice "${ALICE_PASSWORD:-}")
bob $(secret bob "${BOB_PASSWORD:-}")
carol $(secret carol "${CAROL_PASSWORD:-}")"
give 10001 gateway link-secret "$link"
give 10002 prosody link-secret "$link"
give 10002 prosody accounts "$accounts"
give 10003 ejabberd link-secret "$link"
give 10003 ejabberd accounts "$accounts"

chmod 711 .
echo "secrets: ready. The agents' names and passwords: docker compose exec prosody cat /run/couplet/prosody/accounts"
