-- Prosody for Couplet: the server that agents log in to, and the gateway's component link.
-- One file for production, docker compose, the demo and the tests. For Prosody 0.12 and 13, with
-- mod_privilege of the community modules (Debian: prosody-modules).
--
-- Environment variables set what differs between installations:
--   XMPP_HOST                 agents' domain                            localhost
--   XMPP_LINKS                component domains, separated by spaces    chat.<XMPP_HOST>
--   XMPP_LINK_SECRET[_FILE]   secret of the component link              (required)
--   XMPP_STATE                data directory                            (Prosody's own)
--   XMPP_CERTIFICATES         directory of certificates                 certs
--   XMPP_INTERFACE, XMPP_PORT                     agents' clients       *, 5222
--   XMPP_HTTP_INTERFACE, XMPP_HTTP_PORT           HTTP, without TLS     127.0.0.1, 5280
--                             (several interfaces are separated by spaces)
--   XMPP_COMPONENT_INTERFACE, XMPP_COMPONENT_PORT component link        127.0.0.1, 5347
--   XMPP_HTTP_URL             how clients reach the HTTP port, if not directly
--   XMPP_WEB_ORIGINS          origins that web clients may come from    any
--   XMPP_ARCHIVE              how long a message archive is kept, or off  1d
--   XMPP_LOCAL                a further file, read last, that may override anything here

local Lua = Lua or _G; -- 13 requires this name for Lua's own functions, 0.12 does not have it

local function words(text)
	local list = {};
	for word in text:gmatch("%S+") do list[#list + 1] = word; end
	return list;
end

local function link_secret()
	if not ENV_XMPP_LINK_SECRET_FILE then return ENV_XMPP_LINK_SECRET; end
	local file = Lua.assert(Lua.io.open(ENV_XMPP_LINK_SECRET_FILE));
	local secret = file:read("l");
	file:close();
	return secret;
end

local host = ENV_XMPP_HOST or "localhost";
local upload_host = "upload."..host;
local links = words(ENV_XMPP_LINKS or ("chat."..host));
local secret = Lua.assert(link_secret(), "set XMPP_LINK_SECRET or XMPP_LINK_SECRET_FILE");
local archive = ENV_XMPP_ARCHIVE or "1d";
local http_port = Lua.tonumber(ENV_XMPP_HTTP_PORT) or 5280;
local is_0_12 = (Lua.prosody.version or ""):match("^0%.") ~= nil;

-- (Options cannot be read back, so the list is built in a local variable first.)
local modules = {
	"disco", "roster", "saslauth", "tls", "ping", "time", "version", "uptime",
	"blocklist", "bookmarks", "carbons", "pep", "private", "vcard4", "vcard_legacy",
	"smacks",      -- phones lose their network often: resume without loss
	"csi_simple",  -- saves phone battery between chats
	"limits",
	"websocket", "bosh",
	"privilege",   -- lets the link put customers into agents' rosters (XEP-0356)
	-- Pidfile and orderly stop on SIGTERM: a module in 0.12, part of the core in later versions.
	is_0_12 and "posix" or nil,
}
-- The transcript is in the gateway's database. A second archive here is the most expensive setting of all
-- (three to ten times less throughput), so its retention is short: enough for an agent's second device to
-- catch up.
if archive ~= "off" then
	modules[#modules + 1] = "mam";
	archive_expires_after = archive;
end
modules_enabled = modules;

data_path = ENV_XMPP_STATE;
pidfile = ENV_XMPP_STATE and (ENV_XMPP_STATE.."/prosody.pid") or "/run/prosody/prosody.pid";
certificates = ENV_XMPP_CERTIFICATES or "certs";
log = { info = "*console" };

-- Three times the throughput of the default collector.
gc = { mode = "generational" };
-- With Nagle's algorithm on, a stanza waits up to 40 ms for the gateway's delayed acknowledgement.
network_settings = { nagle = false };

authentication = "internal_hashed";
c2s_require_encryption = true;
s2s_secure_auth = true;

-- The default of 10 kB/s stalls a client with a large roster, and an agent who pastes a log.
limits = {
	c2s = { rate = "1mb/s", burst = "2s" };
	s2sin = { rate = "1mb/s", burst = "2s" };
};
-- How long a client may be gone before the server reports it. An agent's conversations wait for this time
-- and 30 s more, and messages that a lost client had not confirmed come back to the gateway only then.
smacks_hibernation_time = 30;
smacks_max_queue_size = 2000;

c2s_interfaces = words(ENV_XMPP_INTERFACE or "*");
c2s_ports = { Lua.tonumber(ENV_XMPP_PORT) or 5222 };

-- A component stream has no TLS: use only loopback, a private network or a tunnel.
component_interfaces = { ENV_XMPP_COMPONENT_INTERFACE or "127.0.0.1" };
component_ports = { Lua.tonumber(ENV_XMPP_COMPONENT_PORT) or 5347 };

-- No TLS: by default only for the reverse proxy on this machine.
http_interfaces = words(ENV_XMPP_HTTP_INTERFACE or "127.0.0.1");
http_ports = { http_port };
https_ports = {}; -- the reverse proxy provides TLS
http_default_host = host;
if ENV_XMPP_HTTP_URL then
	http_external_url = ENV_XMPP_HTTP_URL;
	-- Behind a proxy with TLS, our socket is unencrypted but the browser's connection is not.
	local behind_tls = ENV_XMPP_HTTP_URL:match("^https:") ~= nil;
	consider_websocket_secure = behind_tls;
	consider_bosh_secure = behind_tls;
end
-- By default web clients of any origin may connect (agents still need their password).
if ENV_XMPP_WEB_ORIGINS then access_control_allow_origins = words(ENV_XMPP_WEB_ORIGINS); end

-- For each link, only what the gateway uses: it writes customers into the rosters of the agents who serve
-- them, and sees who is available.
local privileges = {};
for _, domain in Lua.ipairs(links) do
	privileges[domain] = { roster = "both", presence = "managed_entity" };
end
privileged_entities = privileges;

VirtualHost(host)
	disco_items = { { upload_host, "Files" } };

Component(upload_host) "http_file_share"
	http_host = host;
	http_file_share_access = { host };
	http_file_share_size_limit = 16 * 1024 * 1024;
	http_file_share_expires_after = 7 * 24 * 3600; -- the gateway keeps its own copy

for _, domain in Lua.ipairs(links) do
	Component(domain)
		component_secret = secret;
		-- Needed here as well as on the VirtualHost: this instance sees the link log in.
		modules_enabled = { "privilege" };
		-- "kick_new", the default, would lock out the gateway until the server notices that a
		-- frozen node's stream is dead. The gateway's lease decides who may connect; a node
		-- that is disconnected checks its lease before it reconnects, so two never compete.
		component_conflict_resolve = "kick_old";
end

if ENV_XMPP_LOCAL then Include(ENV_XMPP_LOCAL); end
