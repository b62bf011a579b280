-- WSAPI applications on libwsgiserver. Needs nothing of the wsapi package.
--
--     require("wsapi.wsgiserver").run(app, { bind = "127.0.0.1:8080", threads = 4 })
--
-- The application is a module's or a file's name, source text, a module that was required, or a
-- function without upvalues; see the README for what it may be and for the options.
local wsgiserver = require "wsgiserver"

local M = {}

-- A server for the application that does not run yet: server:run(), or server:start() and stop().
function M.new(app, options)
    local all = { wsapi = app, bind = "127.0.0.1:8080" }
    for name, value in pairs(options or {}) do
        if name ~= "ready" then all[name] = value end
    end
    return wsgiserver.new(all)
end

-- Serves until it is stopped, by SIGINT and SIGTERM too. `options.ready(server)` is called when it
-- accepts connections.
function M.run(app, options)
    M.new(app, options):run(options and options.ready)
end

return M
