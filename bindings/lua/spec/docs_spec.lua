-- Each block of Lua in the README is a script that serves, but for those that are files for others.
local helper = require "helper"

local function blocks()
    local list, readme = {}, helper.read "README.md"
    for kind, text in readme:gmatch "```lua([^\n]*)\n(.-)```" do list[#list + 1] = { kind = kind, text = text } end
    return list
end

local function free_port()
    local socket = assert(require("socket").bind("127.0.0.1", 0))
    local _, port = socket:getsockname()
    socket:close()
    return tonumber(port)
end

-- Runs the command in the folder of this run, asks for a page, and ends it with the signal.
local function serves(command, port, signal)
    local path = helper.write("start.sh", ("echo $$\ncd %s\n%s\n"):format(helper.folder(), command))
    local process = io.popen("sh " .. path .. "; echo code $?", "r")
    local pid = process:read "*l"
    local answered, answer = pcall(helper.wait_for, function()
        local worked, answer = pcall(helper.ask, port, "/page")
        return worked and answer
    end)
    os.execute("kill -" .. signal .. " " .. pid .. " 2>/dev/null")
    local code = process:read "*a":match "code (%d+)"
    assert.is_true(answered, answer)
    assert.equal(200, answer.status)
    return code
end

describe("the README", function()
    teardown(helper.remove_folder)
    local count = 0

    for number, block in ipairs(blocks()) do
        local file, is_ffi = block.kind:match "file=(%S+)", block.text:find("wsgiserver.ffi", 1, true)
        if file then
            setup(function() helper.write(file, block.text) end)
        elseif type(jit) == "table" or not is_ffi then
            count = count + 1
            it("has block " .. number .. ", which serves", function()
                local port = free_port()
                local script = block.text:gsub("127%.0%.0%.1:8080", "127.0.0.1:" .. port)
                if is_ffi then
                    script = script:gsub("bind = ", ("library = %q, bind = "):format(os.getenv "WSGISERVER_LIBRARY"))
                end
                local command = helper.interpreter() .. " " .. helper.write("block.lua", script)
                -- without the C module there is nobody who makes an orderly end of a signal
                local code = serves(command, port, is_ffi and "TERM" or "INT")
                if not is_ffi then assert.equal("0", code) end
            end)
        end
    end

    it("has a command that serves", function()
        local port = free_port()
        local line = helper.read "README.md":match "\n    (wsgiserver%-lua [^\n]+)\n"
        local command = line:gsub("127%.0%.0%.1:8080", "127.0.0.1:" .. port):gsub("^wsgiserver%-lua", "")
        command = helper.interpreter() .. " " .. os.getenv "WSGISERVER_LUA" .. command
        assert.equal("0", serves(command, port, "INT"))
        assert.is_true(count >= 6)
    end)
end)
