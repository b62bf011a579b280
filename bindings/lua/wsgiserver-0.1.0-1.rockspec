rockspec_format = "3.0"
package = "wsgiserver"
version = "0.1.0-1"
source = {
    url = "file://.",
    dir = ".",
}
description = {
    summary = "A thread-pooled HTTP/1.1 server with a Lua state for each worker thread",
    detailed = [[
        WSAPI applications, request objects, or a loop that pulls requests, on libwsgiserver, which has to
        be installed: WSGISERVER_DIR is its prefix.]],
    license = "MIT OR Apache-2.0",
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.1, < 5.5" }
external_dependencies = {
    WSGISERVER = { header = "wsgiserver.h", library = "wsgiserver" },
}
build = {
    type = "builtin",
    modules = {
        wsgiserver = {
            sources = {
                "src/answer.c", "src/body.c", "src/compat.c", "src/entry.c", "src/environ.c", "src/error.c",
                "src/head.c", "src/log.c", "src/mailbox.c", "src/module.c", "src/options.c", "src/program.c",
                "src/pull.c", "src/request.c", "src/server.c", "src/shared.c", "src/signals.c", "src/tls.c",
                "src/watch.c", "src/worker.c",
            },
            incdirs = { "src", "$(WSGISERVER_INCDIR)" },
            libdirs = { "$(WSGISERVER_LIBDIR)" },
            libraries = { "wsgiserver", "pthread" },
        },
        ["wsgiserver.cdef"] = "wsgiserver/cdef.lua",
        ["wsgiserver.ffi"] = "wsgiserver/ffi.lua",
        ["wsgiserver.ffi_request"] = "wsgiserver/ffi_request.lua",
        ["wsapi.wsgiserver"] = "wsapi/wsgiserver.lua",
    },
    install = {
        bin = { "bin/wsgiserver-lua" },
    },
}
