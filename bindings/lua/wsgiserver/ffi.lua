-- libwsgiserver for LuaJIT without a C module: a server whose requests are fetched in a loop.
--
--     local server = require("wsgiserver.ffi").new { bind = "127.0.0.1:8080" }
--     for request in server:requests() do request:respond(200, {}, "hi") end
--
-- The library never calls Lua, so nothing has to be kept from the JIT compiler. Any server option may
-- stand in `new` by its name; `library` says which file to load instead of libwsgiserver.
local ffi = require "ffi"
ffi.cdef(require "wsgiserver.cdef")
local answer = require "wsgiserver.ffi_request" -- uses what is declared here

local M = {}
local Server = {}
Server.__index = Server

local AGAIN, STOPPING, EVENT_REQUEST, EVENTS = -1, -22, 1, 16
local SLICE = 250 -- milliseconds
local lib

local function load_library(name)
    if lib then return end
    local candidates = name and { name } or { "wsgiserver", "libwsgiserver.so.0.1" }
    local problem
    for _, candidate in ipairs(candidates) do
        local loaded, found = pcall(ffi.load, candidate)
        if loaded then
            lib = found
            return
        end
        problem = problem or found
    end
    error("wsgiserver: " .. problem, 3)
end

local failure = ffi.new "wsgi_error *[1]"

local function check(status)
    if status >= 0 then return end
    local text = ("wsgiserver: %s (%s)"):format(ffi.string(lib.wsgi_error_message(failure[0])),
        ffi.string(lib.wsgi_status_name(status)))
    lib.wsgi_error_free(failure[0])
    failure[0] = nil
    error(text, 3)
end

-- The library's version.
function M.version()
    load_library()
    return ffi.string(lib.wsgi_version())
end

local function set_options(handle, options)
    for name, value in pairs(options) do
        if name ~= "bind" and name ~= "library" then
            if type(value) == "boolean" then value = value and 1 or 0 end
            check(lib.wsgi_server_set(handle, name, tostring(value), failure))
        end
    end
    local addresses = type(options.bind) == "table" and options.bind or { options.bind }
    if #addresses == 0 then error("wsgiserver: bind is missing: an address or a list of them", 3) end
    for _, address in ipairs(addresses) do
        check(lib.wsgi_server_listen(handle, address, failure))
    end
end

-- A server that does not run yet. Collected, it is stopped and freed.
function M.new(options)
    load_library(options.library)
    local out = ffi.new "wsgi_server *[1]"
    check(lib.wsgi_server_new(nil, nil, nil, nil, out, failure))
    local handle = ffi.gc(out[0], lib.wsgi_server_free)
    set_options(handle, options)
    return setmetatable({ handle = handle, events = ffi.new("wsgi_event[?]", EVENTS), next = 0, count = 0 },
        Server)
end

-- Binds; requests() does it as well.
function Server:start()
    if self.worker then return self end
    check(lib.wsgi_server_prepare(self.handle, failure))
    local out = ffi.new "wsgi_worker *[1]"
    check(lib.wsgi_worker_new(self.handle, out, failure))
    self.worker = ffi.gc(out[0], lib.wsgi_worker_free)
    return self
end

-- Stops: what is not answered within shutdown_timeout is cut.
function Server:stop()
    lib.wsgi_server_stop(self.handle, nil)
end

function Server:address()
    local text = ffi.new "char[512]"
    if lib.wsgi_server_bound_addr(self.handle, text, 512, nil) < 0 then
        error("wsgiserver: address: the server has not been started", 2)
    end
    return ffi.string(text)
end

-- The port of the first address; nil for a UNIX socket.
function Server:port()
    local address = self:address()
    if address:find "^@" or address:find "^unix:" then return nil end
    return tonumber(address:match ":(%d+)$")
end

-- Waits in slices, outside of compiled code: only there Lua looks whether Ctrl-C was pressed.
local function fetch(self, left)
    while true do
        while self.next < self.count do
            local event = self.events[self.next]
            self.next = self.next + 1
            if event.kind == EVENT_REQUEST then return answer.new(lib, self, event.request) end
        end
        self.next, self.count = 0, 0
        self.events[0].struct_size = ffi.sizeof "wsgi_event"
        local slice = math.min(left, SLICE)
        local count = lib.wsgi_worker_next(self.worker, self.events, EVENTS, slice)
        if count == AGAIN then
            left = left - slice
            if left <= 0 then return nil end
        elseif count == STOPPING then
            return nil
        elseif count < 0 then
            error("wsgiserver: requests: " .. ffi.string(lib.wsgi_status_name(count)), 2)
        else
            self.count = count
        end
    end
end
jit.off(fetch)

-- for request in server:requests([timeout]): starts the server if it does not run; the loop ends with
-- the server, or when no request has come for so many seconds. A request that a turn neither answers
-- nor detaches is ended with it: its client gets 500.
function Server:requests(timeout)
    self:start()
    local milliseconds = timeout and math.floor(timeout * 1000) or math.huge
    local last
    return function()
        if last and not last.detached then lib.wsgi_finish(self.handle, last.id) end
        last = fetch(self, milliseconds)
        return last
    end
end

return M
