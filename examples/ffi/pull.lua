-- A pull server through LuaJIT's FFI: the library never calls Lua, so nothing has to be kept from
-- the JIT compiler.
--
--     luajit examples/ffi/pull.lua include/wsgiserver.ffi.h target/release/libwsgiserver.so [COUNT]
--
-- Ends after COUNT requests.
local ffi = require "ffi"
local header, library, count = arg[1], arg[2], tonumber(arg[3] or -1)

local file = assert(io.open(header))
ffi.cdef(file:read "*a") -- the file as it is
file:close()
local lib = ffi.load(library)

local out, err = ffi.new "wsgi_server *[1]", ffi.new "wsgi_error *[1]"

local function check(status)
    if status < 0 then error(ffi.string(lib.wsgi_error_message(err[0])), 0) end
end

local function str(text) -- lent: the caller keeps the Lua string
    return ffi.new("wsgi_str", text, #text)
end

-- No application (nil) makes a pull server.
check(lib.wsgi_server_new("127.0.0.1:0", nil, nil, nil, out, err))
local server = out[0]
check(lib.wsgi_server_start_background(server, err))
local worker_out = ffi.new "wsgi_worker *[1]"
check(lib.wsgi_worker_new(server, worker_out, err))
local worker = worker_out[0]
local address = ffi.new "char[64]"
lib.wsgi_server_bound_addr(server, address, 64, nil)
print("http://" .. ffi.string(address) .. "/")
io.stdout:flush()

local environ = ffi.new "wsgi_environ"
environ.struct_size = ffi.sizeof "wsgi_environ"
local ok, headers = "200 OK", ffi.new "wsgi_header[1]"
local name, value = "Content-Type", "text/plain"
headers[0].name, headers[0].value = str(name), str(value)

local function answer(request)
    if lib.wsgi_request_environ(server, request, environ) < 0 then return end -- the client has left
    local path = ""
    for i = 0, tonumber(environ.count) - 1 do
        local pair = environ.pairs[i]
        if ffi.string(pair.key.ptr, pair.key.len) == "PATH_INFO" then
            path = ffi.string(pair.value.ptr, pair.value.len)
        end
    end
    local body = "You asked for " .. path .. "\n"
    if lib.wsgi_respond(server, request, str(ok), headers, 1, body, #body) < 0 then
        lib.wsgi_abort(server, request)
    end
end

local events = ffi.new "wsgi_event[8]"
events[0].struct_size = ffi.sizeof "wsgi_event"
while count ~= 0 do
    local got = lib.wsgi_worker_next(worker, events, 8, 1000)
    if got < 0 and got ~= lib.WSGI_AGAIN then break end
    for i = 0, got - 1 do
        if events[i].kind == lib.WSGI_EVENT_REQUEST then
            answer(events[i].request)
            count = count - 1
        end
    end
end
lib.wsgi_server_stop(server, nil)
lib.wsgi_worker_free(worker)
lib.wsgi_server_free(server)
