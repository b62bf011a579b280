local helper = require "helper"
local wsgiserver = require "wsgiserver"

-- A certificate for the name and its key, made by openssl; the names of their files.
local function certificate(name)
    local base = helper.folder() .. "/" .. name
    assert(os.execute(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
        .. "-subj /CN=%s -addext subjectAltName=DNS:%s -keyout %s.key -out %s.pem 2>/dev/null"):format(name, name, base, base)))
    return base .. ".pem", base .. ".key"
end

-- An authority, a certificate that it has signed for this client, and the client's key.
local function client_certificate(name)
    local base = helper.folder() .. "/" .. name
    local authority, authority_key = certificate "authority.test"
    helper.write(name .. ".ext", "extendedKeyUsage=clientAuth\n")
    assert(os.execute(("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s -keyout %s.key -out %s.csr "
        .. "2>/dev/null && openssl x509 -req -in %s.csr -CA %s -CAkey %s -set_serial 1 -days 30 -extfile %s.ext -out %s.pem 2>/dev/null")
        :format(name, base, base, base, authority, authority_key, base, base)))
    return authority, base .. ".pem", base .. ".key"
end

-- What curl gets for this name, trusting this certificate.
local function curl(port, name, trusted, more)
    local process = io.popen(("curl -s --max-time 10 --noproxy '*' %s --cacert %s --resolve %s:%d:127.0.0.1 https://%s:%d/path")
        :format(more or "", trusted, name, port, name, port))
    local body = process:read "*a"
    process:close()
    return body
end

local application = "return function(env) return 200, {}, env['wsgi.url_scheme'] .. ' ' .. env.PATH_INFO .. ' ' .. env.HTTPS end"

describe("TLS", function()
    local cert, key, other_cert, other_key, client_ca, client_cert, client_key
    setup(function()
        cert, key = certificate "one.test"
        other_cert, other_key = certificate "two.test"
        client_ca, client_cert, client_key = client_certificate "client.test"
    end)
    after_each(helper.finish)
    teardown(helper.remove_folder)

    it("is spoken with the option tls", function()
        local server = helper.serve { wsapi = application, tls = { cert = cert, key = key } }
        assert.equal("https /path on", curl(server:port(), "one.test", cert))
        assert.equal("", curl(server:port(), "one.test", other_cert)) -- which it is not
    end)

    it("has certificates for other names", function()
        local server = helper.serve { wsapi = application, tls = {
            cert = cert, key = key, minimum_tls_version = "1.3",
            sni = { ["two.test"] = { cert = other_cert, key = other_key } },
        } }
        assert.equal("https /path on", curl(server:port(), "one.test", cert))
        assert.equal("https /path on", curl(server:port(), "two.test", other_cert))
    end)

    it("gives the application the client's certificate", function()
        local names = "env.SSL_CLIENT_VERIFY .. ' ' .. env.SSL_CLIENT_S_DN"
        local server = helper.serve {
            wsapi = "return function(env) return 200, {}, " .. names .. " end",
            tls = { cert = cert, key = key, client_auth = "optional", client_ca = client_ca },
        }
        assert.equal("NONE ", curl(server:port(), "one.test", cert))
        local shown = ("--cert %s --key %s"):format(client_cert, client_key)
        assert.equal("SUCCESS CN=client.test", curl(server:port(), "one.test", cert, shown))
    end)

    it("reads its certificate again", function()
        local copy, copied_key = helper.write("copy.pem", helper.read(cert)), helper.write("copy.key", helper.read(key))
        local server = helper.serve { wsapi = application, tls = { cert = copy, key = copied_key } }
        assert.equal("https /path on", curl(server:port(), "one.test", cert))
        helper.write("copy.pem", helper.read(other_cert))
        helper.write("copy.key", helper.read(other_key))
        server:reloadtls()
        assert.equal("https /path on", curl(server:port(), "two.test", other_cert))
        helper.write("copy.pem", "nothing")
        assert.has_error(function() server:reloadtls() end)
        assert.equal("https /path on", curl(server:port(), "two.test", other_cert))
    end)

    it("is spoken by the command", function()
        local path = helper.write("start.sh", ("echo $$\n%s %s -b 127.0.0.1:0 -t 1 --cert %s --key %s \"%s\"\n")
            :format(helper.interpreter(), os.getenv "WSGISERVER_LUA", cert, key, application))
        local process = io.popen("sh " .. path, "r")
        local pid = process:read "*l"
        local port = tonumber(process:read "*l":match "^listening on https://127%.0%.0%.1:(%d+)$")
        assert.equal("https /path on", curl(port, "one.test", cert))
        os.execute("kill -INT " .. pid)
        process:close()
    end)

    it("says what is wrong", function()
        local function says(tls, ...)
            local made, problem = pcall(wsgiserver.new, { bind = "127.0.0.1:0", log = false, wsapi = application, tls = tls })
            assert.is_false(made)
            for _, part in ipairs { ... } do
                assert.is_truthy(tostring(problem):find(part, 1, true), tostring(problem))
            end
        end
        says(5, "tls is a number")
        says({}, "tls: cert is missing")
        says({ cert = 5 }, "tls: cert is a number")
        says({ cert = "/nowhere/cert.pem", key = key }, "/nowhere/cert.pem", "WSGI_E_SSL")
        says({ cert = cert, key = other_key }, "WSGI_E_SSL")
        says({ cert = cert, key = key, colour = "red" }, "colour", "WSGI_E_OPTION")
        says({ cert = cert, key = key, ciphers = {} }, "tls: ciphers is a table")
        says({ cert = cert, key = key, sni = 5 }, "sni is a number")
        says({ cert = cert, key = key, sni = { ["two.test"] = {} } }, "two.test has no cert")
        says({ cert = cert, key = key, adapter = "none such" }, "none such")
    end)
end)
