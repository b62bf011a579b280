-- What the specs share: servers that end with their test, and a client that hides nothing.
local socket = require "socket"
local wsgiserver = require "wsgiserver"

local M = {}
local running = {}

-- Seconds until what does not come is a failure.
local PATIENCE = 30

-- A server on a free port that has started; `finish` ends it.
function M.serve(options)
    options.bind = options.bind or "127.0.0.1:0"
    options.threads = options.threads or 1
    if options.log == nil then options.log = false end
    local server = wsgiserver.new(options)
    running[#running + 1] = server
    return server:start()
end

function M.finish()
    for _, server in ipairs(running) do server:close() end
    running = {}
end

function M.connect(port)
    local client = assert(socket.connect("127.0.0.1", port))
    client:settimeout(PATIENCE)
    return client
end

-- Reads one answer off the connection.
function M.read_answer(client)
    local line = assert(client:receive "*l")
    local answer = { status = tonumber(line:match "^HTTP/1.1 (%d+)"), line = line, headers = {}, body = "" }
    for header in function() return assert(client:receive "*l") end do
        if header == "" then break end
        local name, value = header:match "^([^:]+): ?(.*)$"
        name = name:lower()
        answer.headers[name] = answer.headers[name] and answer.headers[name] .. ", " .. value or value
    end
    if answer.headers["transfer-encoding"] == "chunked" then
        answer.body, answer.cut = M.read_chunks(client)
    else
        local length = tonumber(answer.headers["content-length"] or 0)
        answer.cut = false
        if length > 0 then -- LuaSocket waits even for nothing
            local body, _, part = client:receive(length)
            answer.body, answer.cut = body or part, body == nil
        end
    end
    return answer
end

function M.read_chunks(client)
    local body = ""
    while true do
        local size = tonumber(client:receive "*l" or "", 16)
        if not size then return body, true end
        local chunk = size == 0 and "" or client:receive(size)
        if not chunk then return body, true end
        body = body .. chunk
        client:receive "*l"
        if size == 0 then return body, false end
    end
end

function M.request_text(path, options)
    options = options or {}
    local lines = { (options.method or (options.body and "POST" or "GET")) .. " " .. path .. " HTTP/1.1", "Host: test" }
    for name, value in pairs(options.headers or {}) do lines[#lines + 1] = name .. ": " .. value end
    if options.body then lines[#lines + 1] = "Content-Length: " .. #options.body end
    return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (options.body or "")
end

-- One request on a connection of its own, and its answer.
function M.ask(server, path, options)
    local client = M.connect(type(server) == "number" and server or server:port())
    assert(client:send(M.request_text(path or "/", options)))
    local answer = M.read_answer(client)
    client:close()
    return answer
end

-- The result of the function as soon as it is true; an error if it does not become so.
function M.wait_for(what)
    local deadline = socket.gettime() + PATIENCE
    repeat
        local result = what()
        if result then return result end
        socket.sleep(0.005)
    until socket.gettime() > deadline
    error("it did not come true in " .. PATIENCE .. " seconds", 2)
end

local folder

-- A folder of this run's own.
function M.folder()
    if not folder then
        folder = os.tmpname()
        os.remove(folder)
        assert(os.execute("mkdir " .. folder))
    end
    return folder
end

function M.write(name, text)
    local path = M.folder() .. "/" .. name
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    return path
end

function M.read(path)
    local file = io.open(path, "rb")
    local text = file and file:read "*a" or ""
    if file then file:close() end
    return text
end

function M.remove_folder()
    if folder then os.execute("rm -r " .. folder) end
    folder = nil
end

-- How this interpreter is called, and finds what this one finds.
function M.interpreter()
    local at = -1
    while arg[at - 1] do at = at - 1 end
    return ("LUA_PATH='%s' LUA_CPATH='%s' exec %s"):format(package.path, package.cpath,
        os.getenv "LUA_UNDER_TEST" or arg[at])
end

return M
