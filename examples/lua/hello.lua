-- `hello`: 13 bytes the WSAPI way.
local headers = { ["Content-Type"] = "text/plain", ["Content-Length"] = 13 }

return function(env)
    local body = "Hello, world!"
    return 200, headers, function()
        local piece = body
        body = nil
        return piece
    end
end
