#!/bin/sh
# Starts ejabberd. At the first start it gets a certificate of its own making, unless one is there, and the accounts.
set -eu
host=${XMPP_HOST:-localhost}
state=/var/lib/ejabberd
umask 077

if [ ! -e "$state/ejabberd.pem" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -subj "/CN=$host" -addext "subjectAltName=DNS:$host,DNS:*.$host" \
    -keyout "$state/key.pem" -out "$state/certificate.pem"
  cat "$state/certificate.pem" "$state/key.pem" >"$state/ejabberd.pem"
fi

# The values of this place around the configuration that all share; in memory, for it holds the link's secret.
cat >/tmp/ejabberd.yml <<VALUES
define_macro:
  XMPP_HOST: "$host"
  LINKS: "^chat\\\\.$(printf %s "$host" | sed 's/\./\\\\./g')\$"
  LINK_SECRET: "$(cat /run/couplet/ejabberd/link-secret)"
  C2S_INTERFACE: "::"
  C2S_PORT: 5222
  HTTP_INTERFACE: "::"
  HTTP_PORT: 5280
  COMPONENT_INTERFACE: "0.0.0.0"
  COMPONENT_PORT: 5347
  TLS_REQUIRED: true
  UPLOAD_URL: "http://$host:5280/upload"
  UPLOAD_DIRECTORY: "$state/upload"
certfiles: [$state/ejabberd.pem]
include_config_file: [/etc/ejabberd/couplet.yml]
VALUES

# Without the package's ejabberdctl.cfg: its pid file is in a folder that is not here.
ctl() { ejabberdctl --ctl-config /dev/null --config /tmp/ejabberd.yml --logs /tmp --spool "$state" "$@"; }

ctl foreground &
server=$!
trap 'ctl stop; wait "$server"; exit 0' TERM INT
until ctl status >/dev/null 2>&1; do
  kill -0 "$server" || exit 1
  sleep 1
done

# Once: a password that an agent changed later stays changed.
if [ "${DEMO:-yes}" = yes ] && [ ! -e "$state/accounts-made" ]; then
  while read -r name password; do
    ctl register "$name" "$host" "$password"
  done </run/couplet/ejabberd/accounts
  touch "$state/accounts-made"
fi

wait "$server"
