-- Starts one of the example applications on 127.0.0.1, by WSAPI.
--
--     serve.lua APPLICATION PORT [--bind ADDR ...] [--name VALUE ...]
--
-- The arguments, the output and the exit codes are those of examples/c/serve.c.
local wsgiserver = require "wsgiserver"
local socket = require "socket"

local folder = arg[0]:match "^(.*)/" or "."
local applications = { hello = true, fixture = true }

local function usage(message)
    io.stderr:write("serve: ", message, "\n",
        "usage: serve.lua APPLICATION PORT [--bind ADDR ...] [--name VALUE ...]\n",
        "applications:\n  hello\n  fixture\noptions (--threads is numthreads):\n")
    for _, option in ipairs(wsgiserver.options()) do
        io.stderr:write(("  %-24s %s (default: %s)\n"):format(option.name, option.help, option.default))
    end
    os.exit(2)
end

local function read_arguments()
    if not applications[arg[1]] then usage("unknown application '" .. tostring(arg[1]) .. "'") end
    local port = tonumber(tostring(arg[2]):match "^%d+$")
    if not port or port > 65535 then usage "the port is a number from 0 to 65535" end
    local options = { wsapi = { file = folder .. "/" .. arg[1] .. ".lua" }, signals = true }
    for i = 3, #arg, 2 do
        local name, value = arg[i]:match "^%-%-(.+)", arg[i + 1]
        if not name then usage("unknown argument '" .. arg[i] .. "'") end
        if not value then usage(arg[i] .. " needs a value") end
        name = name:gsub("-", "_")
        if name == "bind" then
            options.bind = options.bind or {}
            table.insert(options.bind, value)
        else
            options[name] = value
        end
    end
    options.bind = options.bind or "127.0.0.1:" .. port
    return options
end

-- Requests that /detach/N has left with us, until their time has come.
local later = {}

local function answer_those_that_are_due(server)
    local now, next_due = socket.gettime(), nil
    for name, due in pairs(later) do
        if due <= now then
            later[name] = nil
            local request = server:request(name)
            -- an error if the client has left or the server has stopped meanwhile
            pcall(request.respond, request, 200, { ["Content-Type"] = "text/plain" }, "OK")
        elseif not next_due or due < next_due then
            next_due = due
        end
    end
    return next_due and next_due - now
end

local made, server = pcall(wsgiserver.new, read_arguments())
if not made then usage(server) end
local started, problem = pcall(server.start, server)
if not started then
    io.stderr:write("serve: ", tostring(problem), "\n")
    os.exit(1)
end
for _, address in ipairs(server:addresses()) do
    local is_unix = address:find "^@" or address:find "^unix:"
    local scheme = server:option "certificate" ~= "" and "https://" or "http://"
    print("listening on " .. (is_unix and "" or scheme) .. address)
end
io.stdout:flush()

while true do
    local text, why = server:receive(answer_those_that_are_due(server))
    if text then
        local name, milliseconds = text:match "^(%S+) (%d+)$"
        later[name] = socket.gettime() + milliseconds / 1000
    elseif why == "stopped" then
        break
    end
end
server:wait()
