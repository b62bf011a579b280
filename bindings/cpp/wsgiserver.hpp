// libwsgiserver for C++17: the whole interface. Header-only; link with the library.
//
//     wsgi::server server("127.0.0.1:8070", [](wsgi::request& request) {
//         request.respond("200 OK", {{"Content-Type", "text/plain"}}, "Hello world!\n");
//     });
//     server.start();
//
// An application is anything that can be called, as const, with a wsgi::request&; it is called on
// several threads at once. What fails throws wsgi::error. Functions that begin with try_ return a
// status instead and throw nothing. No exception reaches the library: one that leaves an
// application is logged, and its client gets 500 or is cut.
//
// What is not said here is as wsgiserver.h says of the function that has the same name.
#ifndef WSGISERVER_HPP
#define WSGISERVER_HPP

#include "wsgiserver/dispatcher.hpp"
#include "wsgiserver/error.hpp"
#include "wsgiserver/handlers.hpp"
#include "wsgiserver/middleware.hpp"
#include "wsgiserver/request.hpp"
#include "wsgiserver/server.hpp"
#include "wsgiserver/ssl.hpp"
#include "wsgiserver/stream.hpp"
#include "wsgiserver/text.hpp"
#include "wsgiserver/worker.hpp"

#endif
