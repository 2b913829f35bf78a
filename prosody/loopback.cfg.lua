-- For a private Prosody on loopback (demo, tests), read through XMPP_LOCAL: settings that must never be
-- used on a server that others can reach.

run_as_root = true;                  -- containers often run as root
c2s_require_encryption = false;      -- loopback needs no certificate
allow_unencrypted_plain_auth = true; -- so that any client library can log in
consider_websocket_secure = true;
consider_bosh_secure = true;
limits = {};
modules_disabled = { "s2s" };        -- no federation
s2s_ports = {};
