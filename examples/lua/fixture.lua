-- `fixture`: the application that wire tests talk to; what it does on which path is written at the top
-- of examples/c/fixture.c. What WSAPI has no words for goes by env["wsgiserver.request"].
local WINDOW, LARGEST = 64 * 1024, 2 ^ 30

local function once(text)
    return function()
        local piece = text
        text = nil
        return piece
    end
end

-- A text in the iterator's place is the whole body; Content-Length is added behind the other headers.
local function answer(body)
    return "200 OK", { ["Content-Type"] = "text/plain" }, body
end

-- A body that fits in the window is answered in one piece; a longer one as it is read.
local function echo_body(env)
    local input = env.input
    local body = input:read(WINDOW)
    if not body then return answer(env.REQUEST_METHOD == "POST" and "" or "OK") end
    if #body < WINDOW then return answer(body) end
    return "200 OK", { ["Content-Type"] = "text/plain" }, function()
        local piece = body
        body = body and input:read(WINDOW)
        return piece
    end
end

local function lines(env, name_of)
    local list = {}
    for key, value in pairs(env()) do
        local name = type(value) == "string" and name_of(key)
        if name then list[#list + 1] = name .. ": " .. value .. "\n" end
    end
    return answer(table.concat(list))
end

-- "HTTP_X_FORWARDED_FOR" is written as "X-Forwarded-For".
local function header_name(key)
    local name = key:match "^HTTP_(.+)" or key:match "^CONTENT_.+"
    return name and (name:gsub("_", "-"):gsub("(%a)([%w]*)", function(first, rest)
        return first .. rest:lower()
    end))
end

local function start(env, status, headers, ...)
    local request = env["wsgiserver.request"]
    request:start(status, headers)
    request:write(...)
end

local function declare(length, body)
    return "200 OK", { ["Content-Type"] = "text/plain", ["Content-Length"] = length }, once(body)
end

local routes = {
    ["/echo"] = function(env)
        while env.input:read(4096) do end -- a body that is cut short is an error here too
        return lines(env, header_name)
    end,
    ["/environ"] = function(env) return lines(env, function(key) return key end) end,
    ["/204"] = function() return 204 end,
    ["/304"] = function() return 304, { ETag = '"fixture"' } end,
    ["/close"] = function()
        return 200, { ["Content-Type"] = "text/plain", Connection = "close" }, "OK"
    end,
    ["/restart"] = function(env)
        local request = env["wsgiserver.request"]
        request:start("200 OK", { ["X-First"] = 1 })
        request:restart("503 Service Unavailable", { ["X-Second"] = 2 })
        request:write "later"
    end,
    ["/inform"] = function(env)
        local request = env["wsgiserver.request"]
        request:inform(100)
        request:inform(103, { Link = "</style.css>; rel=preload" })
        return answer "OK"
    end,
    ["/trailers"] = function(env)
        start(env, 200, { ["Content-Type"] = "text/plain" }, "sum")
        env["wsgiserver.request"]:trailer("X-Sum", "3")
    end,
    ["/interrupt"] = function(env) env["wsgiserver.request"]:interrupt() end,
    ["/error"] = function() error "the fixture fails" end,
    ["/error-after-head"] = function()
        local piece = once "begun"
        return 200, {}, function() return piece() or error "the fixture fails" end
    end,
    ["/error-after-end"] = function(env)
        env["wsgiserver.request"]:respond(200, { ["Content-Type"] = "text/plain" }, "ended")
        error "the fixture fails"
    end,
    ["/short"] = function() return declare(10, "four") end,
    ["/long"] = function() return declare(4, "fourandten") end,
    ["/bad-header"] = function() return 200, { ["X-Split"] = "one\r\nX-Injected: two" }, "accepted" end,
    ["/hop-by-hop"] = function()
        local hops = { ["Transfer-Encoding"] = "gzip", Connection = "keep-alive", ["Keep-Alive"] = "timeout=99" }
        return 200, hops, "accepted"
    end,
    ["/twice"] = function(env)
        env["wsgiserver.request"]:start(200, {})
        env["wsgiserver.request"]:start(200, {})
    end,
    ["/none"] = function() end,
    ["/write-first"] = function(env) env["wsgiserver.request"]:write "too early" end,
}

local numbered = {
    ["/sleep/"] = function(env, milliseconds)
        require("socket").sleep(milliseconds / 1000)
        return answer "OK"
    end,
    -- The script that started the server answers when the time has come: see serve.lua.
    ["/detach/"] = function(env, milliseconds)
        local request = env["wsgiserver.request"]
        request.server:post(request:detach() .. " " .. milliseconds)
    end,
    ["/large/"] = function(env, size) return answer(("x"):rep(size)) end,
    ["/stream/"] = function(env, pieces)
        local piece = ("x"):rep(1024)
        return 200, { ["Content-Type"] = "text/plain" }, function()
            pieces = pieces - 1
            return pieces >= 0 and piece or nil
        end
    end,
}

return function(env)
    local path = env.HTTP_X_FIXTURE
    if path == "" then path = env.PATH_INFO end
    if routes[path] then return routes[path](env) end
    local route, digits = path:match "^(/%a+/)(%d+)$"
    local number = tonumber(digits)
    if number and #digits <= 10 and number <= LARGEST and numbered[route] then
        return numbered[route](env, number)
    end
    return echo_body(env)
end
