-- The benchmark's Prosody, in addition to prosody/prosody.cfg.lua: all tuning is here and in that file,
-- and is the same for all subjects (ours, the floor, the peer). With BENCH_ARCHIVE, the port of a MariaDB,
-- it is the peer's: anonymous users, and every message archived there.

Include "../../../prosody/loopback.cfg.lua"

local Lua = Lua or _G; -- 13 requires this name for Lua's own functions, 0.12 does not have it
local host = ENV_XMPP_HOST or "localhost";

allow_registration = true;
-- As in production. (No limits at all, as in loopback.cfg.lua, means mod_limits' default of 10 kB/s.)
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

-- For the floor: links without the privilege, which get no presence.
for _, name in Lua.ipairs({ "u000", "u001" }) do
	Component(name.."."..host)
		component_secret = ENV_XMPP_LINK_SECRET;
		component_conflict_resolve = "kick_old";
end
