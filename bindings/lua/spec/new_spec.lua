local helper = require "helper"
local wsgiserver = require "wsgiserver"

-- What wsgiserver.new says of these options.
local function complaint(options)
    options.bind = options.bind or "127.0.0.1:0"
    if options.log == nil then options.log = false end
    local made, problem = pcall(wsgiserver.new, options)
    assert.is_false(made)
    return tostring(problem)
end

local function says(options, ...)
    local text = complaint(options)
    for _, part in ipairs { ... } do assert.is_truthy(text:find(part, 1, true), text) end
end

describe("wsgiserver.new", function()
    after_each(helper.finish)
    teardown(helper.remove_folder)

    it("wants a table with an address", function()
        assert.has_error(function() wsgiserver.new() end)
        local made, problem = pcall(wsgiserver.new, { app = "return print" })
        assert.is_false(made)
        assert.is_truthy(problem:find("bind is missing", 1, true))
        says({ bind = 80 }, "bind is a number")
        says({ bind = { "127.0.0.1:0", {} } }, "bind is a table")
        says({ bind = "nowhere" }, "nowhere", "WSGI_E_BIND")
    end)

    it("takes the server's options by name and says what it does not know", function()
        local server = wsgiserver.new { bind = "127.0.0.1:0", timeout = 2.5, nodelay = false, threads = 3 }
        assert.equal("2.5", server:option "timeout")
        assert.equal("0", server:option "nodelay")
        assert.equal("3", server:option "threads")
        assert.has_error(function() server:option "colour" end, "wsgiserver: no option 'colour'")
        server:close()
        says({ timeoutt = 5 }, "timeoutt", "the options are")
        says({ timeout = "soon" }, "timeout", "soon")
        says({ timeout = {} }, "the option 'timeout' is a table")
        says({ "stray" }, "the name of an option is a number")
        says({ log = 5 }, "log is a number")
        says({ environ = { 5 } }, "environ")
    end)

    it("says what is wrong with an application", function()
        says({ app = "no.such.module" }, "app: module 'no.such.module' not found")
        says({ app = "missing.lua" }, "app: cannot open", "missing.lua")
        says({ app = helper.write("bad.lua", "return +") }, "bad.lua:1:")
        says({ wsapi = "return +" }, "wsapi:", "near '+'")
        says({ app = helper.write("number.lua", "return 5") }, "number.lua' returned a number")
        says({ app = "return nil" }, "returned a nil")
        says({ app = "return { walk = print }" }, "table without a function 'run'")
        says({ app = "error 'no database'" }, "app:", "no database")
        says({ app = "error({})" }, "app:", "table")
        says({ app = 5 }, "app is a number")
        says({ app = {} }, "app is a table")
        says({ app = print }, "app is a C function")
        says({ app = "return print", wsapi = "return print" }, "exclude each other")
        says({ app = "return print", init = "error 'no cache'" }, "init:", "no cache")
        says({ init = "x = 1" }, "init is for the states of workers")
        says({ app = "return print", threads = 0 }, "at least one thread")
    end)

    it("refuses a function with an upvalue, by its name", function()
        local database = {}
        says({ app = function(request) request:respond(200, {}, database.name) end },
            "app is a function that uses 'database'", "a Lua state of its own")
    end)

    it("closes what it made when something is wrong", function()
        for _ = 1, 50 do complaint { app = "return 5" } end
        collectgarbage()
    end)
end)

describe("an application", function()
    after_each(helper.finish)
    teardown(helper.remove_folder)

    it("may be a function", function()
        local server = helper.serve { app = function(request) request:respond(200, {}, tostring(math.floor(7.5))) end }
        assert.equal("7", helper.ask(server).body)
    end)

    it("may be a file, whose folder is on package.path", function()
        helper.write("neighbour.lua", "return 'the neighbour'")
        local name = helper.write("app.lua", [[
            local text = require "neighbour"
            return function(request) request:respond(200, {}, text) end]])
        assert.equal("the neighbour", helper.ask(helper.serve { app = name }).body)
        assert.equal("the neighbour", helper.ask(helper.serve { app = { file = name } }).body)
    end)

    it("may be source text or bytecode", function()
        local source = "local n = 0 return function(request) n = n + 1 request:respond(200, {}, 'call ' .. n) end"
        local server = helper.serve { app = source }
        helper.ask(server)
        assert.equal("call 2", helper.ask(server).body)
        assert.equal("call 1", helper.ask(helper.serve { app = { code = string.dump((loadstring or load)(source)) } }).body)
    end)

    it("may be a module, by its name or itself, and package.path is carried over", function()
        helper.write("spec_app.lua", [[
            local M, count = {}, 0
            function M.run(request) count = count + 1 request:respond(200, {}, "run " .. count) end
            return M]])
        local before = package.path
        package.path = helper.folder() .. "/?.lua;" .. before
        local by_name = helper.serve { app = "spec_app" }
        local itself = helper.serve { app = require "spec_app" }
        package.path = before
        assert.equal("run 1", helper.ask(by_name).body)
        assert.equal("run 1", helper.ask(itself).body)
        assert.equal("run 2", helper.ask(itself).body)
    end)
end)
