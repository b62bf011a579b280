local helper = require "helper"
local socket = require "socket"

describe("the states of the workers", function()
    after_each(helper.finish)
    teardown(helper.remove_folder)

    it("are one for each thread, and init runs once in each", function()
        local log = helper.write("inits", "")
        local server = helper.serve {
            threads = 4,
            init = ("local file = io.open(%q, 'a') file:write 'x' file:close() answer = 'made by init'"):format(log),
            app = function(request) request:respond(200, {}, answer) end,
        }
        for _ = 1, 20 do assert.equal("made by init", helper.ask(server).body) end
        assert.equal("xxxx", helper.read(log))
    end)

    it("are made one at a time", function()
        local mark = helper.folder() .. "/being_made"
        local server = helper.serve {
            threads = 6,
            init = ([[
                local other = io.open(%q)
                if other then error "two at once" end
                io.open(%q, "w"):close()
                require("socket").sleep(0.005)
                os.remove(%q)]]):format(mark, mark, mark),
            app = "return function(request) request:respond(200, {}, 'made') end",
        }
        assert.equal("made", helper.ask(server).body)
    end)

    it("wait at the same time: eight calls of 50 ms are answered within 70 ms", function()
        local server = helper.serve {
            threads = 8,
            init = "wait = require('socket').sleep",
            app = function(request) wait(0.05) request:respond(200, {}, "slept") end,
        }
        local function round()
            local clients = {}
            for i = 1, 8 do clients[i] = helper.connect(server:port()) end
            local begun = socket.gettime()
            for i = 1, 8 do clients[i]:send(helper.request_text "/") end
            for i = 1, 8 do assert.equal("slept", helper.read_answer(clients[i]).body) end
            local took = socket.gettime() - begun
            for i = 1, 8 do clients[i]:close() end
            return took
        end
        round()
        -- others may be using this machine as well: the best of a few is what the server does
        local best, deadline = math.huge, socket.gettime() + 10
        repeat best = math.min(best, round()) until best < 0.07 or socket.gettime() > deadline
        assert.is_true(best < 0.07, best)
    end)

    it("are closed when the server stops, and made anew when it starts", function()
        local log = helper.write("ends", "")
        local server = helper.serve {
            threads = 3,
            init = ([[
                ended = newproxy and newproxy(true) or setmetatable({}, {
                    __gc = function() local file = io.open(%q, 'a') file:write 'x' file:close() end })
                if newproxy then getmetatable(ended).__gc = function()
                    local file = io.open(%q, 'a') file:write 'x' file:close() end end]]):format(log, log),
            app = function(request) request:respond(200, {}, "ok") end,
        }
        server:stop()
        assert.equal("xxx", helper.read(log))
        server:start()
        assert.equal("ok", helper.ask(server).body)
        server:close()
        assert.equal("xxxxxx", helper.read(log))
    end)

    it("share nothing but what is posted", function()
        local server = helper.serve {
            threads = 2,
            app = function(request) request.server:post("from " .. request.path) request:respond(204) end,
        }
        helper.ask(server, "/a")
        assert.equal("from /a", server:receive(5))
        local text, why = server:receive(0.01)
        assert.is_nil(text)
        assert.equal("timeout", why)
        server:stop()
        assert.equal("stopped", select(2, server:receive()))
    end)

    it("do not grow with the requests", function()
        local server = helper.serve {
            wsapi = function(env)
                local sent = false
                return 200, { ["Content-Length"] = #env.PATH_INFO, Path = env.HTTP_X_NOT_THERE },
                    function()
                        if sent then return nil end
                        sent = true
                        return env.PATH_INFO
                    end
            end,
        }
        local function resident() return tonumber(helper.read("/proc/self/statm"):match "^%d+ (%d+)") * 4 end
        local client = helper.connect(server:port())
        local batch = helper.request_text("/path"):rep(100)
        local function requests(count)
            for _ = 1, count / 100 do
                client:send(batch)
                for _ = 1, 100 do
                    repeat local line = client:receive "*l" until line == ""
                    client:receive(5)
                end
            end
        end
        requests(20000)
        local before = resident()
        requests(60000)
        client:close()
        assert.is_true(resident() - before < 2000, resident() - before)
    end)
end)

describe("an application that goes wrong", function()
    local log, server
    setup(function() log = helper.write("wrong.log", "") end)
    after_each(helper.finish)
    teardown(helper.remove_folder)

    local function serve(app, kind) server = helper.serve { [kind or "app"] = app, log = log } end
    local function logged(what)
        return helper.wait_for(function() return helper.read(log):find(what, 1, true) end)
    end
    -- The state must be as good as before.
    local function still_serves()
        assert.equal("fine", helper.ask(server, "/fine").body)
    end

    it("before its answer: 500, a traceback in the log", function()
        serve(function(request)
            if request.path == "/fine" then return request:respond(200, {}, "fine") end
            local function inner() error "it broke here" end
            inner()
        end)
        local answer = helper.ask(server)
        assert.equal(500, answer.status)
        assert.equal("", answer.body)
        logged "it broke here"
        logged "stack traceback:"
        still_serves()
    end)

    it("with an error that is no text", function()
        serve(function(request)
            if request.path == "/fine" then return request:respond(200, {}, "fine") end
            error(setmetatable({}, { __tostring = function() return "an odd error" end }))
        end)
        assert.equal(500, helper.ask(server).status)
        logged "an odd error"
        still_serves()
    end)

    it("in the middle of its iterator: the answer is cut", function()
        serve(function(env)
            if env.PATH_INFO == "/fine" then return 200, {}, "fine" end
            local count = 0
            return 200, {}, function()
                count = count + 1
                if count == 2 then error "no more" end
                return "some"
            end
        end, "wsapi")
        local answer = helper.ask(server)
        assert.equal("some", answer.body)
        assert.is_true(answer.cut)
        logged "no more"
        still_serves()
    end)

    it("after the last piece of a declared length: the answer is whole", function()
        serve(function(env)
            if env.PATH_INFO == "/fine" then return 200, {}, "fine" end
            local sent
            return 200, { ["Content-Length"] = 3 }, function()
                if sent then error "too late" end
                sent = true
                return "all"
            end
        end, "wsapi")
        local answer = helper.ask(server)
        assert.equal("all", answer.body)
        assert.is_false(answer.cut)
        logged "too late"
        still_serves()
    end)

    it("with results of the wrong types", function()
        serve(function(env)
            local results = {
                ["/status"] = { {}, {}, "" },
                ["/number"] = { 99, {}, "" },
                ["/fraction"] = { 200.5, {}, "" },
                ["/headers"] = { 200, "Content-Type: text/plain", "" },
                ["/name"] = { 200, { "Content-Type" }, "" },
                ["/value"] = { 200, { ["X-Value"] = true }, "" },
                ["/list"] = { 200, { ["X-Value"] = { {} } }, "" },
                ["/body"] = { 200, {}, 5 },
                ["/piece"] = { 200, {}, function() return {} end },
                ["/injected"] = { 200, { ["X-Value"] = "a\r\nX-More: b" }, "" },
                ["/fine"] = { 200, {}, "fine" },
            }
            return (unpack or table.unpack)(results[env.PATH_INFO], 1, 3)
        end, "wsapi")
        local messages = {
            status = "the status is a table",
            number = "99 is no status",
            fraction = "the status is no whole number",
            headers = "the headers are a string",
            name = "the name of a header is a number",
            value = "the value of the header 'X-Value' is a boolean",
            list = "the value of the header 'X-Value' is a table",
            body = "the third result of the application is a number",
            piece = "the iterator gave a table",
            injected = "WSGI_E_HEADER",
        }
        for path, message in pairs(messages) do
            local answer = helper.ask(server, "/" .. path)
            assert.equal(500, answer.status, path)
            assert.is_nil(answer.headers["x-more"])
            logged(message)
        end
        still_serves()
    end)

    it("without an answer: 500", function()
        serve(function(request) if request.path == "/fine" then request:respond(200, {}, "fine") end end)
        assert.equal(500, helper.ask(server).status)
        logged "gave no answer"
        still_serves()
    end)

    it("by answering twice", function()
        serve(function(request)
            request:respond(200, {}, "fine")
            if request.path ~= "/fine" then request:respond(200, {}, "again") end
        end)
        assert.equal("fine", helper.ask(server).body)
        logged "wsgiserver: respond:"
        still_serves()
    end)

    it("by keeping a request: an error, not another's answer", function()
        serve(function(request)
            if request.path == "/fine" then return request:respond(200, {}, "fine") end
            if not kept then
                kept = { request, request.env, request.headers }
                return request:respond(200, {}, "kept")
            end
            local list = {}
            for i, use in ipairs {
                function() return kept[1]:respond(200, {}, "late") end,
                function() return kept[1].path end,
                function() return kept[2].HTTP_USER_AGENT end,
                function() return kept[2].SOMETHING_ELSE end,
                function() return kept[3].host end,
                function() return kept[1]:read "a" end,
                function() return kept[1]:aborted() end,
            } do
                local worked, problem = pcall(use)
                list[i] = worked and "worked" or tostring(problem):match "the request has ended" or problem
            end
            request:respond(200, {}, table.concat(list, ", "))
        end)
        assert.equal("kept", helper.ask(server).body)
        assert.equal(("the request has ended, "):rep(6) .. "the request has ended", helper.ask(server).body)
        still_serves()
    end)

    it("by calling os.exit", function()
        serve(function(request)
            if request.path == "/fine" then return request:respond(200, {}, "fine") end
            os.exit(3)
        end)
        assert.equal(500, helper.ask(server).status)
        logged "os.exit is not for a worker"
        still_serves()
    end)

    it("by not reading a large body", function()
        serve(function(request) request:respond(200, {}, "fine") end)
        local client = helper.connect(server:port())
        -- the server may close before all is sent, but not before its answer
        client:send(helper.request_text("/", { body = ("x"):rep(4 * 1024 * 1024) }))
        assert.equal("fine", helper.read_answer(client).body)
        client:close()
        still_serves()
    end)

    it("by running out of stack", function()
        serve(function(request)
            if request.path == "/fine" then return request:respond(200, {}, "fine") end
            local function deeper(n) return 1 + deeper(n + 1) end
            deeper(1)
        end)
        assert.equal(500, helper.ask(server).status)
        logged "stack overflow"
        still_serves()
    end)

    it("by yielding outside of a coroutine", function()
        serve(function(request)
            if request.path == "/fine" then return request:respond(200, {}, "fine") end
            coroutine.yield(1)
        end)
        assert.equal(500, helper.ask(server).status)
        still_serves()
    end)

    -- the other interpreters have no fork
    if type(jit) == "table" then
        it("by returning in a child that it forked: only the parent answers", function()
            serve [[
                local ffi = require "ffi"
                ffi.cdef "int fork(void); int waitpid(int, int *, int);"
                return function(request)
                    if request.path ~= "/forks" then return request:respond(200, {}, "fine") end
                    local child, status = ffi.C.fork(), ffi.new "int[1]"
                    if child == 0 then return 200, {}, "child" end
                    ffi.C.waitpid(child, status, 0)
                    request:respond(200, {}, "child ended with " .. status[0] / 256)
                end]]
            for _ = 1, 3 do
                assert.equal("child ended with 70", helper.ask(server, "/forks").body)
                for _ = 1, 20 do assert.equal("fine", helper.ask(server, "/fine").body) end
            end
        end)
    end

    it("is no news when the client has left", function()
        serve(function(request)
            if request.path == "/fine" then return request:respond(200, {}, "fine") end
            request:start(200, {})
            while true do request:write(("x"):rep(65536)) end
        end)
        local before = #helper.read(log)
        local client = helper.connect(server:port())
        client:send(helper.request_text "/endless")
        client:receive(100)
        client:close()
        still_serves()
        assert.is_nil(helper.read(log):find("stack traceback", before + 1, true))
    end)
end)

describe("a server object", function()
    it("that is collected while running stops", function()
        local port
        do
            local server = require("wsgiserver").new { bind = "127.0.0.1:0", threads = 2,
                app = function(request) request:respond(200, {}, "ok") end }
            server:start()
            port = server:port()
            assert.equal("ok", helper.ask(port).body)
        end
        collectgarbage()
        collectgarbage()
        assert.is_nil((socket.connect("127.0.0.1", port)))
    end)

    it("that was closed says so", function()
        local server = require("wsgiserver").new { bind = "127.0.0.1:0" }
        assert.is_true(server:close())
        server:close()
        for _, name in ipairs { "start", "stop", "run", "port", "stats", "requests", "receive" } do
            assert.has_error(function() server[name](server) end, "wsgiserver: the server has been closed")
        end
    end)

    it("that a worker does not come back to is left be", function()
        local file = helper.write("came_back", "")
        local server = helper.serve { threads = 1, shutdown_timeout = 0.02, environ = { FILE = file },
            init = "wait = require('socket').sleep",
            app = function(request)
                local name = request.env.FILE
                request.server:post "here"
                repeat wait(0.01) until io.open(name .. ".left")
                local out = io.open(name, "w")
                out:write(tostring(pcall(request.respond, request, 200)))
                out:close()
            end }
        local client = helper.connect(server:port())
        client:send(helper.request_text "/")
        assert.equal("here", server:receive(10))
        assert.is_false(server:close())
        helper.write("came_back.left", "")
        helper.wait_for(function() return helper.read(file) == "false" end)
        client:close()
        helper.remove_folder()
    end)

    it("tells a port that is taken, and can be made by the hundred", function()
        local server = helper.serve { app = "return print" }
        local worked, problem = pcall(helper.serve, { bind = server:address(), app = "return print" })
        assert.is_false(worked)
        assert.is_truthy(tostring(problem):find(tostring(server:port()), 1, true))
        helper.finish()
        for _ = 1, 100 do
            require("wsgiserver").new { bind = "127.0.0.1:0", threads = 1, app = "return print" }:start():close()
        end
    end)
end)
