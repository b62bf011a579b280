local helper = require "helper"
local wsgiserver = require "wsgiserver"

-- Both flavours have to do the same. A client's side runs in a process of its own, since the loop has
-- this thread.
local flavours = { wsgiserver = wsgiserver }
if type(jit) == "table" then flavours["wsgiserver.ffi"] = require "wsgiserver.ffi" end

local function client(port, script)
    local path = helper.write("client.lua", ([[
        local helper = require "helper"
        local function ask(path, options) return helper.ask(%d, path, options) end
        %s]]):format(port, script))
    return assert(io.popen(helper.interpreter() .. " " .. path, "r"))
end

for name, flavour in pairs(flavours) do
    describe("pull with " .. name, function()
        teardown(helper.remove_folder)

        local function new(options)
            options.bind = "127.0.0.1:0"
            options.library = name == "wsgiserver.ffi" and os.getenv "WSGISERVER_LIBRARY" or nil
            if name == "wsgiserver" then options.log = false end
            local server = flavour.new(options)
            server:start()
            return server
        end

        it("answers requests in a loop, until the server is stopped", function()
            local server = new { timeout = 5 }
            local output = client(server:port(), [[
                for i = 1, 5 do
                    local answer = ask("/path?q=" .. i, { body = "line\nbody " .. i })
                    print(answer.status, answer.headers["x-count"], answer.body)
                end
                ask "/stop"]])
            local count = 0
            for request in server:requests(10) do
                count = count + 1
                if request.path == "/stop" then
                    request:respond(204)
                    server:stop()
                else
                    request:respond(200, { ["X-Count"] = count, ["X-List"] = { "a", "b" } }, table.concat({
                        request.method, request.query, request.headers.HOST, request.env.HTTP_HOST,
                        tostring(request.env.HTTP_NONE), request:read "l", request:read(4), request:read "a",
                        tostring(request:read(1)),
                    }, "|"))
                end
            end
            for i = 1, 5 do
                assert.equal(("200\t%d\tPOST|q=%d|test|test|nil|line|body| %d|nil"):format(i, i, i), output:read "*l")
            end
            output:close()
            assert.equal(6, count)
        end)

        it("streams, sends files and detaches", function()
            local server = new { }
            local output = client(server:port(), [[
                print(ask("/stream").body, ask("/file").body, ask("/detach").body, ask("/none").status)
                print(ask("/half").body)
                ask "/stop"]])
            local file = helper.write("pulled.txt", "0123456789")
            local detached
            for request in server:requests(10) do
                if detached then
                    detached:respond(200, {}, "not answered here")
                    detached = nil
                end
                if request.path == "/stream" then
                    assert.is_false(request:aborted())
                    request:start(200, {})
                    request:write("one ", "two")
                    request:finish()
                elseif request.path == "/file" then
                    request:start(200, {})
                    request:sendfile(file, 3, 4)
                elseif request.path == "/detach" then
                    request:detach()
                    request:respond(200, {}, "detached")
                elseif request.path == "/half" then
                    request:start(200, {})
                    request:write "half"
                elseif request.path == "/stop" then
                    request:respond(204)
                    server:stop()
                end -- "/none": without an answer, which is 500
            end
            assert.equal("one two\t3456\tdetached\t500", output:read "*l")
            assert.equal("half", output:read "*l")
            output:close()
        end)

        it("ends its loop when the time is up, and goes on in another", function()
            local server = new { }
            for _ in server:requests(0.02) do error "nobody asked" end
            local output = client(server:port(), [[ print(ask("/").body) ]])
            for request in server:requests(10) do
                request:respond("200 Fine", {}, "in time")
                break
            end
            assert.equal("in time", output:read "*l")
            output:close()
            server:stop()
            for _ in server:requests(10) do error "it has stopped" end
        end)

        it("says what is wrong", function()
            local server = new { }
            local output = client(server:port(), [[ print(ask("/").status) ]])
            for request in server:requests(10) do
                assert.has_error(function() request:respond({}) end)
                assert.has_error(function() request:respond(1000) end)
                assert.has_error(function() request:respond(200, { "x" }) end)
                assert.has_error(function() request:respond(200, { x = true }) end)
                assert.has_error(function() request:read "x" end)
                request:respond(200)
                local worked, problem = pcall(request.respond, request, 200)
                assert.is_false(worked)
                assert.is_truthy(problem:find("the request has ended", 1, true))
                break
            end
            assert.equal("200", output:read "*l")
            output:close()
            server:stop()
            assert.has_error(function() flavour.new { bind = "127.0.0.1:0", colour = "red" } end)
            assert.has_error(function() flavour.new { } end)
        end)
    end)
end

describe("pull", function()
    it("is not for a server with an application", function()
        local server = wsgiserver.new { bind = "127.0.0.1:0", app = "return print" }
        assert.has_error(function() server:requests() end)
        server:close()
        server = wsgiserver.new { bind = "127.0.0.1:0" }
        assert.has_error(function() server:run() end)
        server:close()
    end)

    it("leaves a request that outlives its server an error", function()
        local server = wsgiserver.new { bind = "127.0.0.1:0", log = false }
        server:start()
        local output = client(server:port(), [[ pcall(ask, "/") ]])
        local kept
        for request in server:requests(10) do
            kept = request
            break
        end
        server:close()
        server = nil -- luacheck: ignore 311
        collectgarbage()
        assert.has_error(function() kept:respond(200) end, "wsgiserver: the server has been closed")
        kept = nil
        collectgarbage()
        output:close()
        helper.remove_folder()
    end)
end)

describe("wsgiserver.cdef", function()
    it("declares what the header does", function()
        local function plain(text) return (text:gsub("//[^\n]*", ""):gsub("%s+", " ")) end
        local header = plain(helper.read(os.getenv "WSGISERVER_FFI_HEADER"))
        local declared = plain(require "wsgiserver.cdef")
        local checked = 0
        for part in (declared:gsub("%b{}", function(body) return body:gsub(";", "\1") end)):gmatch "[^;]+;" do
            part = part:gsub("\1", ";"):gsub("^ ", "")
            assert.is_truthy(header:find(part, 1, true), part)
            checked = checked + 1
        end
        assert.is_true(checked > 30)
    end)
end)
