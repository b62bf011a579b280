local helper = require "helper"

local command = os.getenv "WSGISERVER_LUA" or "bin/wsgiserver-lua"

-- Starts the command; what it prints goes to files. Its process is the one of `pid`.
local function start(arguments)
    local folder = helper.folder()
    local script = ("%s %s %s >%s/out 2>%s/err"):format(helper.interpreter(), command, arguments, folder, folder)
    os.remove(folder .. "/out")
    os.remove(folder .. "/err")
    local path = helper.write("start.sh", "echo $$\n" .. script .. "\n")
    local process = io.popen("sh " .. path .. "; echo $?", "r")
    local started = { process = process, pid = process:read "*l" }
    function started.output() return helper.read(folder .. "/out") end
    function started.errors() return helper.read(folder .. "/err") end
    function started.port()
        return helper.wait_for(function()
            return tonumber(started.output():match "listening on http://127%.0%.0%.1:(%d+)")
        end)
    end
    function started.signal(name) os.execute(("kill -%s %s"):format(name, started.pid)) end
    function started.code() return tonumber(process:read "*a":match "(%d+)%s*$") end
    return started
end

local application = "return function(env) return 200, {}, 'path ' .. env.PATH_INFO end"

describe("wsgiserver-lua", function()
    teardown(helper.remove_folder)

    it("serves a file and ends with Ctrl-C, once", function()
        local served = start("-b 127.0.0.1:0 -t 2 " .. helper.write("app.lua", application))
        assert.equal("path /x", helper.ask(served.port(), "/x").body)
        served.signal "INT"
        assert.equal(0, served.code())
        assert.equal("", served.errors())
    end)

    it("answers what is in work before it ends, however often it is told to", function()
        local begun = helper.write("begun", "")
        helper.write("slow.lua", ([[
            return function(env)
                local file = io.open(%q, "w")
                file:write "yes"
                file:close()
                repeat require("socket").sleep(0.01) until io.open(%q)
                return 200, {}, "slow"
            end]]):format(begun, begun .. ".told"))
        local served = start("--bind=127.0.0.1:0 --threads=2 --statistics yes " .. helper.folder() .. "/slow.lua")
        local client = helper.connect(served.port())
        client:send(helper.request_text "/")
        helper.wait_for(function() return helper.read(begun) == "yes" end)
        for _ = 1, 3 do served.signal "TERM" end
        helper.write("begun.told", "")
        assert.equal("slow", helper.read_answer(client).body)
        client:close()
        assert.equal(0, served.code())
    end)

    it("ends with a Ctrl-C that comes while its threads start", function()
        -- the first state is made before, the second one by its thread
        local loaded = helper.folder() .. "/loaded"
        local app = helper.write("interrupted.lua", ([[
            local marker = io.open(%q)
            if marker then
                marker:close()
                io.popen("kill -INT $PPID"):close()
            end
            io.open(%q, "w"):close()
            return function() end]]):format(loaded, loaded))
        local served = start("-b 127.0.0.1:0 -t 2 " .. app)
        assert.equal(0, served.code())
        assert.equal("", served.errors())
    end)

    it("gives request objects with --object, runs --init, writes --log", function()
        local log = helper.write("command.log", "")
        helper.write("object.lua", [[
            local wsgiserver = require "wsgiserver"
            return function(request)
                wsgiserver.log("a word of the application")
                request:respond(200, {}, greeting .. request.path)
            end]])
        local served = start(("--object --init 'greeting = \"hello \"' --log %s -b 127.0.0.1:0 -t 1 %s/object.lua")
            :format(log, helper.folder()))
        assert.equal("hello /y", helper.ask(served.port(), "/y").body)
        served.signal "INT"
        assert.equal(0, served.code())
        assert.is_truthy(helper.read(log):find("a word of the application", 1, true))
    end)

    it("makes its states anew with --reload when a file has changed", function()
        helper.write("part.lua", "return 'one'")
        local app = helper.write("reloaded.lua", [[
            local part = require "part"
            return function(env) return 200, {}, part end]])
        local served = start("--reload -b 127.0.0.1:0 -t 2 " .. app)
        local port = served.port()
        local function body() return helper.ask(port).body end
        assert.equal("one", body())
        helper.write("part.lua", "return 'two, longer'")
        for _ = 1, 6 do assert.equal("two, longer", body()) end
        helper.write("part.lua", "return +")
        local answer = helper.ask(port)
        assert.equal(500, answer.status)
        assert.is_truthy(answer.body:find("part.lua:1:", 1, true))
        helper.write("part.lua", "return 'three'")
        for _ = 1, 6 do assert.equal("three", body()) end
        helper.write("reloaded.lua", "return function(env) return 200, {}, 'a new application' end")
        for _ = 1, 6 do assert.equal("a new application", body()) end
        served.signal "INT"
        assert.equal(0, served.code())
    end)

    it("says once in the log what is wrong with a file, and in each answer", function()
        local app = helper.write("broken.lua", "return function(env) return 200, {}, 'fine' end")
        local served = start("--reload -b 127.0.0.1:0 -t 2 " .. app)
        local port = served.port()
        local function told() return select(2, served.errors():gsub("broken.lua:1:", "")) end
        assert.equal("fine", helper.ask(port).body)
        for count, text in ipairs { "return +", "return *" } do
            helper.write("broken.lua", text)
            for _ = 1, 20 do assert.equal(500, helper.ask(port).status) end
            assert.equal(count, told())
        end
        helper.write("broken.lua", "return function(env) return 200, {}, 'mended' end")
        for _ = 1, 6 do assert.equal("mended", helper.ask(port).body) end
        helper.write("broken.lua", "return *")
        assert.equal(500, helper.ask(port).status)
        assert.equal(3, told())
        served.signal "INT"
        assert.equal(0, served.code())
    end)

    it("changes to the folder of a WSAPI application's file, not with --object", function()
        local folder = helper.folder()
        os.execute("mkdir -p " .. folder .. "/site")
        helper.write("greeting.lua", "return 'hello'")
        helper.write("init.lua", "greeting = require 'greeting'")
        helper.write("site/note.txt", "of the site")
        helper.write("site/site.lua", [[
            local note = io.open("note.txt")
            return function(env)
                return 200, {}, table.concat({ greeting, note and note:read "*a" or "none", env.APP_PATH }, "|")
            end]])
        helper.write("site/object.lua", [[
            local note = io.open("note.txt")
            return function(request) request:respond(200, {}, note and "there" or "not there") end]])
        local path = helper.interpreter():gsub("LUA_PATH='", "LUA_PATH='./?.lua;", 1)
        local function run(arguments)
            helper.write("run.sh", ("echo $$\ncd %s\n%s %s -b 127.0.0.1:0 -t 1 %s\n")
                :format(folder, path, command, arguments))
            local process = io.popen("sh " .. folder .. "/run.sh", "r")
            local pid, port = process:read "*l", process:read "*l":match ":(%d+)$"
            local body = helper.ask(tonumber(port)).body
            os.execute("kill -INT " .. pid)
            process:close()
            return body
        end
        local real = io.popen("cd " .. folder .. "/site && pwd -P"):read "*l"
        assert.equal("hello|of the site|" .. real, run "--init init.lua --log relative.log --access-log access.log site/site.lua")
        assert.is_truthy(helper.read(folder .. "/access.log"):find("GET / HTTP/1.1", 1, true))
        assert.is_truthy(io.open(folder .. "/relative.log"))
        assert.equal("not there", run "--object site/object.lua")
    end)

    it("says what it can do", function()
        for option, what in pairs { ["--help"] = "usage: wsgiserver%-lua", ["--help-options"] = "%-%-max%-connections",
            ["--version"] = "wsgiserver%-lua %d+%.%d+%.%d+" } do
            local told = start(option)
            assert.equal(0, told.code())
            assert.is_truthy(told.output():find(what), option)
        end
    end)

    it("says in one line what is wrong, and ends with 2", function()
        for arguments, what in pairs {
            [""] = "an application is missing",
            ["a.lua b.lua"] = "one application",
            ["-x a.lua"] = "unknown option '-x'",
            ["a.lua --bind"] = "--bind needs a value",
            ["--colour red 'return print'"] = 'no option "colour"',
            ["missing.lua"] = "missing.lua",
            ["--threads many 'return print'"] = "many",
            ["no.such.module"] = "module 'no.such.module' not found",
        } do
            local told = start(arguments)
            assert.equal(2, told.code(), arguments)
            assert.is_truthy(told.errors():find("^wsgiserver%-lua: "), told.errors())
            assert.is_truthy(told.errors():find(what, 1, true), told.errors())
        end
    end)

    it("says that a port is taken, and ends with 1", function()
        local served = start "-b 127.0.0.1:0 -t 1 'return print'"
        local port = served.port()
        local other = start(("-b 127.0.0.1:%d -t 1 'return print'"):format(port))
        assert.equal(1, other.code())
        assert.is_truthy(other.errors():find(tostring(port), 1, true))
        os.execute("kill -INT " .. served.pid)
        assert.equal(0, served.code())
    end)
end)
