#!/bin/sh
# Starts Prosody. The first start creates a self-signed certificate, unless there is one, and the accounts.
set -eu
host=${XMPP_HOST:-localhost}

if [ ! -e "$XMPP_CERTIFICATES/$host.crt" ]; then
  mkdir -p "$XMPP_CERTIFICATES"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -subj "/CN=$host" -addext "subjectAltName=DNS:$host,DNS:*.$host" \
    -keyout "$XMPP_CERTIFICATES/$host.key" -out "$XMPP_CERTIFICATES/$host.crt"
fi

# Only once, so that a password that an agent changes later is kept.
if [ "${DEMO:-yes}" = yes ] && [ ! -e "$XMPP_STATE/accounts-made" ]; then
  while read -r name password; do
    prosodyctl register "$name" "$host" "$password"
  done </run/couplet/prosody/accounts
  touch "$XMPP_STATE/accounts-made"
fi

exec prosody -F
