#!/bin/sh
# Starts ejabberd. The first start creates a self-signed certificate, unless there is one, and the accounts.
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

# The values of this installation, around the shared configuration; in memory, because it contains the link's secret.
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

# Without the package's ejabberdctl.cfg: the folder of its pid file does not exist here.
ctl() { ejabberdctl --ctl-config /dev/null --config /tmp/ejabberd.yml --logs /tmp --spool "$state" "$@"; }

ctl foreground &
server=$!
trap 'ctl stop; wait "$server"; exit 0' TERM INT
until ctl status >/dev/null 2>&1; do
  kill -0 "$server" || exit 1
  sleep 1
done

# Only once, so that a password that an agent changes later is kept.
if [ "${DEMO:-yes}" = yes ] && [ ! -e "$state/accounts-made" ]; then
  while read -r name password; do
    ctl register "$name" "$host" "$password"
  done </run/couplet/ejabberd/accounts
  touch "$state/accounts-made"
fi

wait "$server"
