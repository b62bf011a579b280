local helper = require "helper"

-- What the application makes of a request.
local function ask(app, path, options)
    return helper.ask(helper.serve { app = app }, path, options)
end

describe("a request", function()
    after_each(helper.finish)
    teardown(helper.remove_folder)

    it("has an environ, looked up when it is touched", function()
        local answer = ask(function(request)
            local env = request.env
            request:respond(200, {}, table.concat({
                env.REQUEST_METHOD, env.PATH_INFO, env.QUERY_STRING, env.HTTP_USER_AGENT, env.HTTP_X_OWN,
                tostring(env.HTTP_NOT_SENT), tostring(env.nonsense), tostring(env[5]), tostring(request.env == env),
                env["wsgi.url_scheme"],
            }, "|"))
        end, "/a%20b?c=d", { headers = { ["User-Agent"] = "spec", ["X-Own"] = "mine" } })
        assert.equal("GET|/a b|c=d|spec|mine|nil|nil|nil|true|http", answer.body)
    end)

    it("shows all of its environ when it is called", function()
        local answer = ask(function(request)
            local count, method = 0, nil
            for key, value in pairs(request.env()) do
                count = count + 1
                if key == "REQUEST_METHOD" then method = value end
            end
            request:respond(200, {}, method .. " " .. tostring(count > 15))
        end)
        assert.equal("GET true", answer.body)
    end)

    it("has its headers in any case, and as a table", function()
        local answer = ask(function(request)
            local all = request:headers()
            request:respond(200, {}, table.concat({
                request.headers["x-OWN"], tostring(request.headers.nothing), all["x-own"], all.cookie, all.host,
            }, "|"))
        end, "/", { headers = { ["X-Own"] = "1", ["x-own"] = "2", Cookie = "a=b" } })
        assert.is_truthy(answer.body:match "^[12]|nil|[12], [12]|a=b|test$", answer.body)
    end)

    it("has fields for what is asked for most", function()
        local answer = ask(function(request)
            request:respond(200, {}, table.concat({
                request.method, request.path, request.query, request:id(), request:peer(),
                tostring(request):match "^wsgiserver.request", tostring(request.nothing), request.server:port(),
            }, "|"))
        end, "/path?query")
        assert.is_truthy(answer.body:match "^GET|/path|query|%x+%-1|127%.0%.0%.1:%d+|wsgiserver%.request|nil|%d+$")
    end)

    it("reads its body by length, by line, and to the end", function()
        local server = helper.serve { app = function(request)
            local list = { request:read(3), request:read "l", request:read "L", request:read "*l" }
            for line in request:lines() do
                list[#list + 1] = "<" .. line .. ">"
                if line == "five" then break end
            end
            list[#list + 1] = request:read "a"
            list[#list + 1] = tostring(request:read(10)) .. tostring(request:read "l") .. tostring(request:readsome())
            request:respond(200, {}, table.concat(list, "|"))
        end }
        local answer = helper.ask(server, "/", { body = "onerest\ntwo\nthree\nfour\nfive\nthe end" })
        assert.equal("one|rest|two\n|three|<four>|<five>|the end|nilnilnil", answer.body)
    end)

    it("reads large and chunked bodies", function()
        local server = helper.serve { app = function(request)
            local whole = request:read(1000000)
            request:respond(200, {}, #whole .. " " .. tostring(request:read(1)))
        end }
        assert.equal("700000 nil", helper.ask(server, "/", { body = ("x"):rep(700000) }).body)
        local client = helper.connect(server:port())
        client:send "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n2\r\n!!\r\n0\r\n\r\n"
        assert.equal("7 nil", helper.read_answer(client).body)
        client:close()
    end)

    it("reads an upload as it comes with deliver_at_head", function()
        local server = helper.serve { deliver_at_head = true, app = function(request)
            for piece in function() return request:readsome() end do request.server:post(piece) end
            request:respond(200, {}, "read")
        end }
        local client = helper.connect(server:port())
        client:send "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
        for _, piece in ipairs { "a", "b", "c" } do
            client:send("1\r\n" .. piece .. "\r\n")
            assert.equal(piece, server:receive(10))
        end
        client:send "0\r\n\r\n"
        assert.equal("read", helper.read_answer(client).body)
        client:close()
    end)

    it("does not read more than max_request_body_size, however it is framed", function()
        local server = helper.serve { max_request_body_size = 100000, app = function(request)
            request:respond(200, {}, #(request:read "a" or ""))
        end }
        for _, path in ipairs { "/", "/again" } do
            local client = helper.connect(server:port())
            client:send("POST " .. path .. " HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
            local chunk = "4000\r\n" .. ("x"):rep(0x4000) .. "\r\n"
            for _ = 1, 7 do client:send(chunk) end
            assert.equal(413, helper.read_answer(client).status)
            client:close()
        end
        assert.equal(413, helper.ask(server, "/", { body = ("x"):rep(100001) }).status)
    end)

    it("does not read what was sent wrong, and the client is told", function()
        local server = helper.serve { deliver_at_head = true, app = function(request)
            local worked, problem = pcall(request.read, request, "a")
            request.server:post(tostring(worked) .. " " .. problem.status .. " " .. ("text: " .. problem))
            error(problem)
        end }
        local client = helper.connect(server:port())
        client:send "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"
        assert.equal(400, helper.read_answer(client).status)
        client:close()
        assert.is_truthy(server:receive(5):match "^false WSGI_E_BODY text: wsgiserver: read: .*malformed")
    end)

    it("answers in one call, with headers of several values", function()
        local answer = ask(function(request)
            request:respond("201 Made", { ["X-Number"] = 5, ["X-Half"] = 0.5, ["X-List"] = { "a", 2 } }, "body")
        end)
        assert.equal("HTTP/1.1 201 Made", answer.line)
        assert.equal("5", answer.headers["x-number"])
        assert.equal("0.5", answer.headers["x-half"])
        assert.equal("a, 2", answer.headers["x-list"])
        assert.equal("4", answer.headers["content-length"])
        assert.equal("body", answer.body)
    end)

    it("is answered by what the application returns", function()
        local server = helper.serve { app = function(request)
            if request.path == "/text" then return 200, { ["X-Own"] = 1 }, "a text" end
            return 404, nil, coroutine.wrap(function() coroutine.yield "an " coroutine.yield "iterator" end)
        end }
        assert.equal("a text", helper.ask(server, "/text").body)
        assert.equal("an iterator", helper.ask(server, "/").body)
    end)

    it("answers with more headers than are usual", function()
        local answer = ask(function(request)
            local headers = {}
            for i = 1, 60 do headers["X-" .. i] = i + 0.5 end
            request:respond("200", headers)
        end)
        assert.equal("HTTP/1.1 200 OK", answer.line)
        assert.equal("60.5", answer.headers["x-60"])
    end)

    it("answers piece by piece", function()
        local answer = ask(function(request)
            request:start(200, { ["Content-Type"] = "text/plain" })
            request:write("one, ", "two, ", 3)
            request:flush()
            request:write ", four"
            request:trailer("X-Sum", "4")
            request:finish()
        end)
        assert.equal("one, two, 3, four", answer.body)
        assert.equal("chunked", answer.headers["transfer-encoding"])
    end)

    it("sends files by name, open, and in parts", function()
        local name = helper.write("file.txt", "0123456789")
        local server = helper.serve {
            environ = { FILE = name },
            app = function(request)
                request:start(200, {})
                if request.path == "/name" then return request:sendfile(request.env.FILE) end
                if request.path == "/none" then return request:sendfile(request.env.FILE .. ".none") end
                local file = io.open(request.env.FILE)
                request:sendfile(file, 2, 5)
                file:close()
            end,
        }
        assert.equal("0123456789", helper.ask(server, "/name").body)
        assert.equal("23456", helper.ask(server, "/part").body)
        assert.equal(500, helper.ask(server, "/none").status)
    end)

    it("informs, restarts, and gives up", function()
        local server = helper.serve { app = function(request)
            if request.path == "/abort" then return request:abort() end
            request:inform(103, { Link = "</style.css>" })
            request:start(200, {})
            request:restart(503, {})
            request:write "later"
        end }
        local client = helper.connect(server:port())
        client:send(helper.request_text "/")
        assert.equal(103, helper.read_answer(client).status)
        assert.equal(503, helper.read_answer(client).status)
        client:close()
        assert.equal(500, helper.ask(server, "/abort").status)
    end)

    it("knows whether its client has left", function()
        local server = helper.serve { app = function(request)
            request.server:post(tostring(request:aborted()))
            repeat local what = request:aborted() until what
            request.server:post(request:aborted())
        end }
        local client = helper.connect(server:port())
        client:send(helper.request_text "/")
        assert.equal("false", server:receive(10))
        client:close()
        assert.is_truthy(({ left = true, ["half-closed"] = true })[server:receive(10)])
    end)

    it("is answered later, by any state that knows its name", function()
        local server = helper.serve { threads = 1, app = function(request)
            if request.path == "/now" then return request:respond(200, {}, "now") end
            request.server:post(request:detach())
        end }
        local client = helper.connect(server:port())
        client:send(helper.request_text "/later")
        local name = server:receive(10)
        assert.equal("now", helper.ask(server, "/now").body) -- it holds no worker
        local request = server:request(name)
        assert.equal("/later", request.path)
        request:respond(200, {}, "later")
        assert.equal("later", helper.read_answer(client).body)
        assert.has_error(function() request:respond(200, {}, "again") end)
        assert.has_error(function() server:request "no such name" end)
        client:close()
    end)

    it("is over with its deadline", function()
        local server = helper.serve { app = function(request)
            request:detach()
            request:deadline(0.05)
        end }
        assert.equal(503, helper.ask(server).status)
    end)

    it("can end the server", function()
        local server = helper.serve { app = function(request)
            if request.path == "/interrupt" then return request:interrupt() end
            request:respond(200, {}, "ok")
            request.server:stop()
        end }
        assert.equal("ok", helper.ask(server).body)
        server:wait()
        server:start()
        local client = helper.connect(server:port())
        client:send(helper.request_text "/interrupt")
        server:wait()
        client:close()
    end)

    it("logs no failure of an application whose client leaves", function()
        local log = helper.write("left.log", "")
        local server = helper.serve { log = log, app = function(request)
            request:log "reading"
            request:read "*a"
        end }
        local client = helper.connect(server:port())
        -- more than is read before the application is called
        local head = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n"
        assert(client:send(head .. ("x"):rep(70000)))
        helper.wait_for(function() return helper.read(log):find "reading" end)
        client:close()
        server:stop()
        assert.is_nil(helper.read(log):find "failed")
    end)

    it("logs no failure of an application that goes on after its client has left", function()
        local log = helper.write("gone.log", "")
        local server = helper.serve { log = log, app = function(request)
            request:start(200, {})
            local piece = ("x"):rep(65536)
            while pcall(request.write, request, piece) do end
            request:log "again"
            request:write(piece)
        end }
        local client = helper.connect(server:port())
        assert(client:send(helper.request_text "/"))
        assert(client:receive(100))
        client:close()
        helper.wait_for(function() return helper.read(log):find "again" end)
        server:stop()
        assert.is_nil(helper.read(log):find "WSGI_E_")
        assert.is_nil(helper.read(log):find "failed")
    end)

    it("writes to the log", function()
        local log = helper.write("request.log", "")
        local server = helper.serve { log = log, app = function(request)
            request:log "a word"
            request:log("warning", "a warning")
            require("wsgiserver").log("error", "from the module")
            request:respond(200)
        end }
        helper.ask(server)
        local text = helper.wait_for(function()
            local all = helper.read(log)
            return all:find "from the module" and all
        end)
        assert.is_truthy(text:find "info +a word\n")
        assert.is_truthy(text:find "warning +a warning\n")
    end)

    it("says which argument is wrong", function()
        local server = helper.serve { app = function(request)
            local list = {}
            for _, use in ipairs {
                function() request:respond() end,
                function() request:respond(200, {}, {}) end,
                function() request:read "x" end,
                function() request:read(-1) end,
                function() request:write(nil) end,
                function() request.respond({}, 200) end,
                function() request:log("loud", "text") end,
                function() request:deadline(-1) end,
            } do
                local worked, problem = pcall(use)
                list[#list + 1] = worked and "worked" or tostring(problem)
            end
            request:respond(200, {}, table.concat(list, "\n"))
        end }
        local body = helper.ask(server).body
        assert.is_nil(body:find("worked", 1, true))
        for _, what in ipairs { "the status is a nil", "string expected", "'a', 'l' or 'L'", "not a number of bytes",
            "wsgiserver.request expected", "not one of debug", "not a number of seconds" } do
            assert.is_truthy(body:find(what, 1, true), what .. " in " .. body)
        end
    end)
end)

describe("statistics", function()
    after_each(helper.finish)

    it("count the requests", function()
        local server = helper.serve { statistics = true, threads = 2, app = "return function(r) r:respond(200) end" }
        helper.ask(server)
        local stats = helper.wait_for(function()
            local now = server:stats()
            return now.requests == 1 and now
        end)
        assert.is_true(stats.enabled)
        assert.truthy(server:stats("json"):find('"accepts":1,', 1, true))
        assert.truthy(server:stats("prometheus"):find("\nwsgiserver_accepts_total 1\n", 1, true))
        assert.truthy(server:stats("text"):find("\nAccepts: 1\n", 1, true))
        assert.has_error(function() server:stats("xml") end)
        assert.equal(2, stats.threads)
        assert.equal(1, stats.accepts)
    end)
end)
