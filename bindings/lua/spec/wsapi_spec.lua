local helper = require "helper"

local function ask(app, path, options)
    return helper.ask(helper.serve { wsapi = app }, path, options)
end

describe("a WSAPI application", function()
    after_each(helper.finish)
    teardown(helper.remove_folder)

    it("gives a status, headers and an iterator", function()
        local answer = ask(function(env)
            local function hello()
                coroutine.yield "Hello "
                coroutine.yield(env.PATH_INFO)
            end
            return 200, { ["Content-Type"] = "text/html", ["Set-Cookie"] = { "a=1", "b=2" }, ["X-Count"] = 2 },
                coroutine.wrap(hello)
        end, "/world")
        assert.equal("HTTP/1.1 200 OK", answer.line)
        assert.equal("Hello /world", answer.body)
        assert.equal("a=1, b=2", answer.headers["set-cookie"])
        assert.equal("2", answer.headers["x-count"])
    end)

    it("gives its status in each way that is allowed", function()
        for status, line in pairs { ["404"] = "404 Not Found", ["404 Nope"] = "404 Nope", [299] = "299 Status" } do
            local server = helper.serve { wsapi = ("return function() return %s, {}, '' end")
                :format(type(status) == "string" and "'" .. status .. "'" or status) }
            assert.equal("HTTP/1.1 " .. line, helper.ask(server).line)
        end
    end)

    it("reads missing keys as empty texts, and PATH_INFO is never empty", function()
        local answer = ask(function(env)
            return 200, {}, table.concat({ env.HTTP_X, env.NOTHING, env.CONTENT_TYPE, env.PATH_INFO,
                env.SCRIPT_NAME, tostring(rawget(env, "PATH_INFO")), tostring(rawget(env, "SERVER_NAME")) }, "|")
        end)
        assert.equal("|||/||/|nil", answer.body)
    end)

    it("has CGI's GATEWAY_INTERFACE", function()
        local answer = ask(function(env)
            local listed = env()
            return 200, {}, env.GATEWAY_INTERFACE .. " " .. tostring(rawget(listed, "GATEWAY_INTERFACE"))
        end)
        assert.equal("CGI/1.1 CGI/1.1", answer.body)
    end)

    it("may change its environ", function()
        local answer = ask(function(env)
            env.OWN = "own"
            env.PATH_INFO = "/changed"
            return 200, {}, env.OWN .. env.PATH_INFO
        end, "/path")
        assert.equal("own/changed", answer.body)
    end)

    it("has variables from the option environ", function()
        local server = helper.serve { environ = { APP_PATH = "/srv/app", SERVER_NAME = "example" },
            wsapi = function(env) return 200, {}, env.APP_PATH .. " " .. env.SERVER_NAME end }
        assert.equal("/srv/app example", helper.ask(server).body)
    end)

    it("knows the length of a chunked body that is there", function()
        local server = helper.serve { wsapi = function(env)
            local length = tonumber(env.CONTENT_LENGTH)
            return 200, {}, table.concat({ length, env.input.length, env.input:read(length),
                env.HTTP_TRANSFER_ENCODING }, "|")
        end }
        local client = helper.connect(server:port())
        client:send "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n2\r\n!!\r\n0\r\n\r\n"
        assert.equal("7|7|hello!!|", helper.read_answer(client).body)
        client:close()
    end)

    it("reads its input as WSAPI says", function()
        local answer = ask(function(env)
            local input = env.input
            local list = { input.length, input:read(4), input:read(2), input:read(), tostring(input:read(5)) }
            return 200, {}, table.concat(list, "|")
        end, "/", { body = "onetwothree" })
        assert.equal("11|onet|wo|three|nil", answer.body)
        answer = ask(function(env) return 200, {}, tostring(env.input:read(10)) .. tostring(env.input.length) end)
        assert.equal("nilnil", answer.body)
    end)

    it("reads its input line by line", function()
        local answer = ask(function(env)
            local list = {}
            for line in env.input:lines() do list[#list + 1] = line end
            return 200, {}, table.concat(list, "|")
        end, "/", { body = "a\nb\n\nc" })
        assert.equal("a|b||c", answer.body)
    end)

    it("writes to env.error", function()
        local log = helper.write("wsapi.log", "")
        local server = helper.serve { log = log, wsapi = function(env)
            env.error:write("something ", 5, "\n")
            return 200, {}, ""
        end }
        helper.ask(server)
        helper.wait_for(function() return helper.read(log):find("something 5\n", 1, true) end)
    end)

    it("may give pieces that are no texts but can be made ones", function()
        local answer = ask(function()
            local left = { 5, setmetatable({}, { __tostring = function() return " pieces" end }) }
            return 200, {}, function() return table.remove(left, 1) end
        end)
        assert.equal("5 pieces", answer.body)
    end)

    it("may have an iterator that is called like a function", function()
        local answer = ask(function()
            local done
            return 200, {}, setmetatable({}, { __call = function()
                if done then return nil end
                done = true
                return "called"
            end })
        end)
        assert.equal("called", answer.body)
    end)

    it("answers with an error {status, text}", function()
        local answer = ask(function() error { 404, "no such page" } end)
        assert.equal(404, answer.status)
        assert.equal("no such page", answer.body)
        assert.equal(500, ask(function() error { "no status" } end).status)
    end)

    it("is told all of its environ by pairs, where Lua can", function()
        local answer = ask(function(env)
            local found
            for key, value in pairs(_VERSION == "Lua 5.1" and env() or env) do
                if key == "REQUEST_METHOD" then found = value end
            end
            return 200, {}, tostring(found)
        end)
        assert.equal("GET", answer.body)
    end)

    it("may answer with wsgiserver's own request", function()
        local answer = ask(function(env)
            env["wsgiserver.request"]:respond(200, {}, "itself")
        end)
        assert.equal("itself", answer.body)
    end)

    -- Posts "asked" when the iterator is asked for the first piece, and "collected" when it was given up.
    local waiting = [[
        return function(env)
            local server = env["wsgiserver.request"].server
            local asked = false
            return 200, { ["Content-Type"] = "text/event-stream" }, function()
                if not asked then server:post "asked" end
                asked = true
                require("socket").sleep(0.01)
                return env.PATH_INFO == "/ping" and asked and ": ping\n\n" or ""
            end
        end]]

    it("has its head sent by an empty piece", function()
        local server = helper.serve { wsapi = waiting }
        local client = helper.connect(server:port())
        client:send(helper.request_text "/")
        assert.equal("HTTP/1.1 200 OK", client:receive "*l")
        repeat local line = client:receive "*l" until line == ""
        client:close()
    end)

    it("gives up an iterator of empty pieces when the client has left", function()
        local log = helper.write("left.log", "")
        for _, leaves in ipairs { "resets", "closes" } do
            local server = helper.serve { wsapi = waiting, log = log }
            local client = helper.connect(server:port())
            client:send(helper.request_text "/")
            if leaves == "resets" then client:setoption("linger", { on = true, timeout = 0 }) end
            repeat local line = client:receive "*l" until line == ""
            client:close()
            -- with one thread, this waits for the end of the other
            local other = helper.connect(server:port())
            other:send(helper.request_text "/ping")
            assert.equal("HTTP/1.1 200 OK", other:receive "*l", leaves)
            other:close()
            server:close()
        end
        assert.is_nil(helper.read(log):find("traceback", 1, true))
    end)

    it("answers a client that half-closes and reads, in spite of an empty piece", function()
        local server = helper.serve { wsapi = function()
            local pieces = { "one", "", "two" }
            return 200, {}, function() return table.remove(pieces, 1) end
        end }
        local client = helper.connect(server:port())
        client:send(helper.request_text "/")
        client:shutdown "send"
        assert.equal("onetwo", helper.read_answer(client).body)
        client:close()
    end)

    it("gives header values with bytes above 7F as they are", function()
        local answer = ask(function()
            return 200, { ["Content-Disposition"] = "attachment; filename=\"\230\150\135\228\187\182\"" }, ""
        end)
        assert.equal("attachment; filename=\"\230\150\135\228\187\182\"", answer.headers["content-disposition"])
    end)

    it("has the path of a target decoded once", function()
        local server = helper.serve { wsapi = function(env) return 200, {}, env.PATH_INFO .. " " .. env.REQUEST_URI end }
        for target, path in pairs {
            ["/caf%C3%A9"] = "/caf\195\169", ["/%E9"] = "/\233", ["/a%2Fb"] = "/a%2Fb", ["/a%252Fb"] = "/a%2Fb",
            ["//x"] = "//x", ["/a/../b"] = "/a/../b", ["/;p"] = "/;p", ["/%"] = "/%", ["/%zz"] = "/%zz",
            ["/+"] = "/+", ["http://test/x"] = "/x",
        } do
            local answer = helper.ask(server, target)
            assert.equal(path, answer.body:match "^(%S*) ")
        end
    end)

    it("is sent as it comes, before the next piece is made", function()
        local server = helper.serve { wsapi = [[
            local go
            return function(env)
                local request, count = env["wsgiserver.request"], 0
                return 200, {}, function()
                    count = count + 1
                    if count == 1 then return "first" end
                    if count == 2 then
                        request.server:post "ready"
                        return "second"
                    end
                end
            end]] }
        local client = helper.connect(server:port())
        client:send(helper.request_text "/")
        repeat local line = client:receive "*l" until line == ""
        client:receive "*l"
        assert.equal("first", client:receive(5))
        assert.equal("ready", server:receive(5))
        client:close()
    end)
end)

describe("wsapi.wsgiserver", function()
    after_each(helper.finish)
    teardown(helper.remove_folder)

    it("runs an application until it is stopped", function()
        local client, port, server
        require("wsapi.wsgiserver").run(function(env)
            env["wsgiserver.request"].server:stop()
            return 200, {}, "the last"
        end, { bind = "127.0.0.1:0", threads = 2, log = false, ready = function(started)
            server = started
            port = started:port()
            client = helper.connect(port)
            client:send(helper.request_text "/")
        end })
        assert.equal("the last", helper.read_answer(client).body)
        assert.is_truthy(port and server)
        client:close()
    end)

    it("tells an application that does not load", function()
        assert.has_error(function() require("wsapi.wsgiserver").run("no.such.module", { bind = "127.0.0.1:0" }) end)
    end)
end)
