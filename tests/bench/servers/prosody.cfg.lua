-- The benchmark's Prosody, on top of prosody/prosody.cfg.lua: what is tuned stands here and in that
-- file, and is the same for all who are measured (ours, the floor, the peer). With BENCH_ARCHIVE,
-- the port of a MariaDB, it is the peer's: anonymous users, and every message archived there.

Include "../../../prosody/loopback.cfg.lua"

local Lua = Lua or _G; -- 13 wants Lua's own functions by this name, 0.12 does not know it
local host = ENV_XMPP_HOST or "localhost";

allow_registration = true;
-- As in production. (No limits at all, as on loopback else, means mod_limits' own 10 kB/s.)
limits = { c2s = { rate = "1mb/s"; burst = "2s" } };
log = { warn = "*console" };

if ENV_BENCH_ARCHIVE then
	storage = { archive = "sql" };
	sql = {
		driver = "MySQL"; host = "127.0.0.1"; port = Lua.tonumber(ENV_BENCH_ARCHIVE);
		database = "archive"; username = "archive"; password = "archive";
	};
	archive_expires_after = "never";

	VirtualHost(host)
		modules_enabled = { "register", "mam" };

	VirtualHost("anon."..host)
		authentication = "anonymous";
		modules_enabled = { "mam" };
else
	VirtualHost(host)
		modules_enabled = { "register" };
end

-- Where the floor stands: links without the privilege, which are told of nobody's presence.
for _, name in Lua.ipairs({ "u000", "u001" }) do
	Component(name.."."..host)
		component_secret = ENV_XMPP_LINK_SECRET;
		component_conflict_resolve = "kick_old";
end
