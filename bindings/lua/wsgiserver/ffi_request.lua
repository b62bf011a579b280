-- The requests of wsgiserver.ffi.
local ffi = require "ffi"

local M = {}
local methods = {}
local lib -- set by the first request

local GONE, EOF = -2, 0
local MOST_HEADERS, WINDOW = 128, 64 * 1024

local reasons = {
    [200] = "OK", [201] = "Created", [202] = "Accepted", [204] = "No Content", [206] = "Partial Content",
    [301] = "Moved Permanently", [302] = "Found", [303] = "See Other", [304] = "Not Modified",
    [307] = "Temporary Redirect", [308] = "Permanent Redirect", [400] = "Bad Request",
    [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed",
    [409] = "Conflict", [410] = "Gone", [413] = "Content Too Large", [415] = "Unsupported Media Type",
    [422] = "Unprocessable Content", [429] = "Too Many Requests", [500] = "Internal Server Error",
    [501] = "Not Implemented", [502] = "Bad Gateway", [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
}

local function check(name, status)
    if status >= 0 then return status end
    local what = status == GONE and "the request has ended" or "failed"
    error(("wsgiserver: %s: %s (%s)"):format(name, what, ffi.string(lib.wsgi_status_name(status))), 3)
end

local function status_text(status)
    if type(status) == "string" and not status:match "^%d%d%d$" then return status end
    local code = tonumber(status)
    if not code or code < 100 or code > 599 or code % 1 ~= 0 then
        error("wsgiserver: " .. tostring(status) .. " is no status, which are 100 to 599", 4)
    end
    return ("%d %s"):format(code, reasons[code] or "Status")
end

-- A wsgi_str lends the text, so the Lua strings are kept in `kept` as long as the array is used.
local list = ffi.new("wsgi_header[?]", MOST_HEADERS)
local kept = {} -- luacheck: ignore 241

local function add(count, name, value)
    local kind = type(value)
    if type(name) ~= "string" then
        error("wsgiserver: the name of a header is a " .. type(name) .. ", not a text", 5)
    elseif kind ~= "string" and kind ~= "number" then
        error(("wsgiserver: the value of the header '%s' is a %s"):format(name, kind), 5)
    elseif count == MOST_HEADERS then
        error("wsgiserver: more than " .. MOST_HEADERS .. " headers", 5)
    end
    value = tostring(value)
    kept[2 * count + 1], kept[2 * count + 2] = name, value
    local header = list[count]
    header.name.ptr, header.name.len = name, #name
    header.value.ptr, header.value.len = value, #value
    return count + 1
end

local function take_headers(headers)
    local count = 0
    for name, value in pairs(headers or {}) do
        if type(value) == "table" then
            for _, each in ipairs(value) do count = add(count, name, each) end
        else
            count = add(count, name, value)
        end
    end
    return count
end

local function str(text) return ffi.new("wsgi_str", text, #text) end

-- All of the answer: status (a number or "200 OK"), headers, body.
function methods:respond(status, headers, body)
    local text, count = status_text(status), take_headers(headers)
    body = body or ""
    check("respond", lib.wsgi_respond(self.handle, self.id, str(text), list, count, body, #body))
end

-- Its beginning; then write, and finish.
function methods:start(status, headers)
    local text, count = status_text(status), take_headers(headers)
    check("start", lib.wsgi_start_response(self.handle, self.id, str(text), list, count, 0))
end

function methods:write(...)
    for i = 1, select("#", ...) do
        local piece = tostring((select(i, ...)))
        check("write", lib.wsgi_write(self.handle, self.id, piece, #piece, 0))
    end
end

function methods:finish() check("finish", lib.wsgi_finish(self.handle, self.id)) end
function methods:abort() check("abort", lib.wsgi_abort(self.handle, self.id)) end

ffi.cdef "int fileno(void *);"

-- The rest of the answer from a file: its name, or an open one.
function methods:sendfile(file, offset, length)
    local opened
    if type(file) == "string" then
        opened = assert(io.open(file, "rb"))
        file = opened
    end
    local status = lib.wsgi_send_file(self.handle, self.id, ffi.C.fileno(file), offset or 0, length or -1)
    if opened then opened:close() end
    check("sendfile", status)
end

local window = ffi.new("char[?]", WINDOW)

local function read_bytes(self, most)
    local pieces = {}
    while most > 0 do
        local got = tonumber(lib.wsgi_request_read(self.handle, self.id, window, math.min(most, WINDOW), 0))
        check("read", got)
        if got == EOF then break end
        pieces[#pieces + 1] = ffi.string(window, got)
        most = most - got
    end
    return table.concat(pieces)
end

local function read_line(self)
    local line = ""
    repeat
        local got = tonumber(lib.wsgi_request_readline(self.handle, self.id, window, WINDOW))
        check("read", got)
        line = line .. ffi.string(window, got)
    until got == EOF or line:sub(-1) == "\n"
    return line
end

-- So many bytes, "a": all that is left, "l": a line without its end; nil at the end of the body.
function methods:read(what)
    if type(what) == "number" then
        local bytes = read_bytes(self, what)
        return (what == 0 or bytes ~= "") and bytes or nil
    end
    what = (what or "a"):gsub("^%*", "")
    if what == "a" then return read_bytes(self, math.huge) end
    if what ~= "l" then error("wsgiserver: read takes a number of bytes, 'a' or 'l'", 2) end
    local line = read_line(self)
    return line ~= "" and (line:gsub("\n$", "")) or nil
end

-- false while the client waits, else what has happened.
function methods:aborted()
    local status = check("aborted", lib.wsgi_request_aborted(self.handle, self.id))
    return status > 0 and ({ "half-closed", "left", "stopping" })[status] or false
end

-- The request is answered later than in its turn of the loop.
function methods:detach()
    check("detach", lib.wsgi_request_detach(self.handle, self.id))
    self.detached = true
end

-- In so many seconds it is over: 503 if nothing was sent.
function methods:deadline(seconds)
    check("deadline", lib.wsgi_request_set_deadline(self.handle, self.id, seconds * 1000))
end

local value = ffi.new "wsgi_str"

local function value_text()
    if value.ptr ~= nil then return ffi.string(value.ptr, value.len) end
end

local key_numbers

local function number_of(key)
    if not key_numbers then
        key_numbers = {}
        for number = 1, math.huge do
            local name = lib.wsgi_key_name(number)
            if name == nil then break end
            key_numbers[ffi.string(name)] = number
        end
    end
    return key_numbers[key]
end

local function find_pair(request, key)
    local environ = ffi.new "wsgi_environ"
    environ.struct_size = ffi.sizeof "wsgi_environ"
    check("env", lib.wsgi_request_environ(request.handle, request.id, environ))
    for i = 0, tonumber(environ.count) - 1 do
        local pair = environ.pairs[i]
        if ffi.string(pair.key.ptr, pair.key.len) == key then
            return ffi.string(pair.value.ptr, pair.value.len)
        end
    end
end

-- request.env.KEY: looked up when it is asked for; nil if there is none.
local Environ = {}
function Environ.__index(environ, key)
    local request, number = rawget(environ, 1), number_of(key)
    if not number then return find_pair(request, key) end
    check("env", lib.wsgi_request_get(request.handle, request.id, number, value))
    return value_text()
end

-- request.headers.host, request.headers["User-Agent"]
local Headers = {}
function Headers.__index(headers, name)
    local request = rawget(headers, 1)
    check("headers", lib.wsgi_request_header(request.handle, request.id, str(name), value))
    return value_text()
end

local fields = {
    env = function(request) return setmetatable({ request }, Environ) end,
    headers = function(request) return setmetatable({ request }, Headers) end,
    method = function(request) return request.env.REQUEST_METHOD end,
    path = function(request) return request.env.PATH_INFO end,
    query = function(request) return request.env.QUERY_STRING or "" end,
}

local Request = {}
function Request.__index(request, name)
    if methods[name] then return methods[name] end
    local make = fields[name]
    if not make then return nil end
    local made = make(request)
    rawset(request, name, made)
    return made
end

-- A request; it keeps its server.
function M.new(library, server, id)
    lib = library
    return setmetatable({ handle = server.handle, id = id, server = server, detached = false }, Request)
end

return M
