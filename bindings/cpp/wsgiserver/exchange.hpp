// A request by its number, and its answer.
#ifndef WSGISERVER_EXCHANGE_HPP
#define WSGISERVER_EXCHANGE_HPP

#include "stream.hpp"
#include "text.hpp"
#include "view.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace wsgi {

// What a client has done: still there, ended its own sending, or left.
enum class client { there = 0, half_closed = 1, left = 2 };

namespace detail {

template <class T>
void delete_it(void* it) noexcept {
    delete static_cast<T*>(it);
}

}  // namespace detail

// A server's request and the answer to it, to be copied as one likes. It owns nothing: when the
// request has ended all calls fail with WSGI_GONE. It must not be used when the server is gone. Any
// thread may call; a second one that comes meanwhile gets WSGI_BUSY.
class exchange {
public:
    exchange() noexcept = default;
    exchange(wsgi_server* server, wsgi_request id) noexcept : server_(server), id_(id) {}

    wsgi_server* native_server() const noexcept { return server_; }
    wsgi_request id() const noexcept { return id_; }

    // ---- What the client has sent. Strings are lent until the request ends.

    request_view view() const {
        request_view view;
        detail::check(wsgi_request_view(server_, id_, view.out()), "wsgi_request_view");
        return view;
    }

    environment environ() const {
        environment environ;
        detail::check(wsgi_request_environ(server_, id_, environ.out()), "wsgi_request_environ");
        return environ;
    }

    // The first field of this name, in whatever case.
    std::optional<std::string_view> header(std::string_view name) const {
        wsgi_str value{};
        detail::check(wsgi_request_header(server_, id_, detail::lend(name), &value),
                      "wsgi_request_header");
        return optional_text(value);
    }

    // What the environ has under a key's number, WSGI_KEY_... .
    std::optional<std::string_view> get(std::uint32_t key_id) const {
        wsgi_str value{};
        detail::check(wsgi_request_get(server_, id_, key_id, &value), "wsgi_request_get");
        return optional_text(value);
    }

    std::string peer_addr() const {
        return described("wsgi_request_peer_addr", wsgi_request_peer_addr);
    }
    std::string local_addr() const {
        return described("wsgi_request_local_addr", wsgi_request_local_addr);
    }
    // A certificate that the client has shown, as DER: index 0 is its own. "" where there is none.
    std::string peer_certificate(std::size_t index = 0) const {
        auto copy = [&](char* buffer, std::size_t capacity, std::size_t* length) {
            wsgi_status status = wsgi_request_peer_certificate(server_, id_, index, buffer,
                                                               capacity, length);
            return status == WSGI_E_STATE ? (*length = 0, WSGI_OK) : status;
        };
        return detail::written("wsgi_request_peer_certificate", copy);
    }
    // Names the request in logs.
    std::string name() const { return described("wsgi_request_id", wsgi_request_id); }

    // ---- The body.

    // The number of bytes, 0 at the end.
    std::size_t read(void* buffer, std::size_t capacity) {
        return detail::count(try_read(buffer, capacity), "wsgi_request_read");
    }
    // The number of bytes or a status; with WSGI_NONBLOCK it does not wait but says WSGI_AGAIN.
    std::int64_t try_read(void* buffer, std::size_t capacity, std::uint32_t flags = 0) noexcept {
        return wsgi_request_read(server_, id_, buffer, capacity, flags);
    }

    // The rest of the body; WSGI_E_MAX_SIZE_EXCEEDED if that is more than `most` bytes.
    std::string read_all(std::size_t most = static_cast<std::size_t>(-1)) {
        std::string body;
        for (std::size_t filled = 0;;) {
            if (body.size() - filled < 4096) body.resize(body.size() * 2 + 16384);
            std::size_t got = read(&body[filled], body.size() - filled);
            filled += got;
            if (filled > most) detail::fail(WSGI_E_MAX_SIZE_EXCEEDED, "read_all");
            if (got == 0) {
                body.resize(filled);
                return body;
            }
        }
    }

    // A line with its LF, or as much of it as fits; 0 bytes are the end.
    std::size_t readline(void* buffer, std::size_t capacity) {
        return detail::count(wsgi_request_readline(server_, id_, buffer, capacity),
                             "wsgi_request_readline");
    }
    // A whole line with its LF, of at most `most` bytes; false at the end.
    bool readline(std::string& line, std::size_t most = 65536) {
        line.clear();
        char part[512];
        while (line.size() < most) {
            std::size_t room = most - line.size();
            std::size_t got = readline(part, room < sizeof part ? room : sizeof part);
            line.append(part, got);
            if (got == 0 || line.back() == '\n') return !line.empty();
        }
        detail::fail(WSGI_E_MAX_SIZE_EXCEEDED, "readline");
    }

    // The fields behind a chunked body, once it was read to its end.
    wsgi::trailers trailers() const {
        const wsgi_header* data = nullptr;
        std::size_t size = 0;
        detail::check(wsgi_request_trailers(server_, id_, &data, &size), "wsgi_request_trailers");
        return {data, size};
    }

    // ---- The answer in one piece. Content-Length is added; it never waits for the client.

    void respond(std::string_view status, headers fields = {}, std::string_view body = {}) {
        detail::check(try_respond(status, fields, body), "wsgi_respond");
    }
    wsgi_status try_respond(std::string_view status, headers fields = {},
                            std::string_view body = {}) noexcept {
        return wsgi_respond(server_, id_, detail::lend(status), fields.data(), fields.size(),
                            body.data(), body.size());
    }

    // The head as one text, "200 OK\r\nName: value".
    void respond_flat(std::string_view head, std::string_view body = {}) {
        detail::check(try_respond_flat(head, body), "wsgi_respond_flat");
    }
    wsgi_status try_respond_flat(std::string_view head, std::string_view body = {}) noexcept {
        return wsgi_respond_flat(server_, id_, head.data(), head.size(), body.data(), body.size());
    }

    // ---- The answer by pieces. Those that write wait while the client does not take it.

    void start_response(std::string_view status, headers fields = {}) {
        detail::check(try_start_response(status, fields), "wsgi_start_response");
    }
    // With restart it replaces what was set before, as long as no head was sent (WSGI's exc_info).
    void restart_response(std::string_view status, headers fields = {}) {
        detail::check(try_start_response(status, fields, 1), "wsgi_start_response");
    }
    wsgi_status try_start_response(std::string_view status, headers fields = {},
                                   std::int32_t restart = 0) noexcept {
        return wsgi_start_response(server_, id_, detail::lend(status), fields.data(), fields.size(),
                                   restart);
    }

    void start_response_flat(std::string_view head, bool restart = false) {
        detail::check(wsgi_start_response_flat(server_, id_, head.data(), head.size(), restart),
                      "wsgi_start_response_flat");
    }

    void write(std::string_view data) { detail::check(try_write(data), "wsgi_write"); }
    // With WSGI_NONBLOCK it does not wait but says WSGI_AGAIN.
    wsgi_status try_write(std::string_view data, std::uint32_t flags = 0) noexcept {
        return wsgi_write(server_, id_, data.data(), data.size(), flags);
    }

    // One piece that lies in several parts.
    void writev(std::initializer_list<std::string_view> parts) {
        writev(parts.begin(), parts.size());
    }
    void writev(const std::string_view* parts, std::size_t count) {
        // So many at a time; more become another piece.
        constexpr std::size_t most = 16;
        while (count > 0) {
            wsgi_str lent[most];
            std::size_t now = count < most ? count : most;
            for (std::size_t i = 0; i < now; i++) lent[i] = detail::lend(parts[i]);
            detail::check(wsgi_writev(server_, id_, lent, now, 0), "wsgi_writev");
            parts += now, count -= now;
        }
    }

    // Writes a buffer that is given away: a std::string, a std::vector<char>, whatever has data()
    // and size(). It is moved, not copied, and destroyed when it was sent, on some thread.
    template <class Buffer>
    void write_owned(Buffer buffer) {
        auto box = std::make_unique<Buffer>(std::move(buffer));
        const void* data = box->data();
        std::size_t size = box->size() * sizeof *box->data();
        // From here on the library deletes it, whatever becomes of the call.
        detail::check(wsgi_write_owned(server_, id_, data, size, detail::delete_it<Buffer>,
                                       box.release()),
                      "wsgi_write_owned");
    }
    // The same for one that several requests share.
    template <class Buffer>
    void write_owned(std::shared_ptr<Buffer> buffer) {
        using holder = std::shared_ptr<Buffer>;
        auto box = std::make_unique<holder>(std::move(buffer));
        const void* data = (*box)->data();
        std::size_t size = (*box)->size() * sizeof *(*box)->data();
        detail::check(wsgi_write_owned(server_, id_, data, size, detail::delete_it<holder>,
                                       box.release()),
                      "wsgi_write_owned");
    }
    // Bytes that stay as they are for ever.
    void write_static(std::string_view data) {
        detail::check(wsgi_write_owned(server_, id_, data.data(), data.size(), nullptr, nullptr),
                      "wsgi_write_owned");
    }

    void flush() { detail::check(try_flush(), "wsgi_flush"); }
    wsgi_status try_flush(std::uint32_t flags = 0) noexcept {
        return wsgi_flush(server_, id_, flags);
    }

    // The body, or the rest of one, from a file; length -1: to its end.
    void send_file(int fd, std::int64_t offset = 0, std::int64_t length = -1) {
        detail::check(wsgi_send_file(server_, id_, fd, offset, length), "wsgi_send_file");
    }

    void add_trailer(std::string_view name, std::string_view value) {
        detail::check(wsgi_add_trailer(server_, id_, detail::lend(name), detail::lend(value)),
                      "wsgi_add_trailer");
    }

    // An interim answer, 1xx.
    void inform(std::string_view status, headers fields = {}) {
        detail::check(
            wsgi_inform(server_, id_, detail::lend(status), fields.data(), fields.size()),
            "wsgi_inform");
    }

    void finish() { detail::check(try_finish(), "wsgi_finish"); }
    wsgi_status try_finish() noexcept { return wsgi_finish(server_, id_); }

    // 500 if nothing was sent, else the connection is cut.
    wsgi_status abort() noexcept { return wsgi_abort(server_, id_); }

    // ---- The rest.

    // Takes the connection over. With WSGI_NONBLOCK it does not wait: no stream means not yet.
    stream hijack(std::uint32_t flags = 0) {
        wsgi_stream* handle = nullptr;
        wsgi_status status = wsgi_request_hijack(server_, id_, flags, &handle);
        if (status != WSGI_AGAIN) detail::check(status, "wsgi_request_hijack");
        return stream(handle);
    }

    client client_state() const {
        return static_cast<client>(
            detail::count(wsgi_request_aborted(server_, id_), "wsgi_request_aborted"));
    }

    // Calls back, once, when the client leaves or half-closes before the request has ended. The
    // callback takes an exchange; it is to be short. What it throws is logged.
    template <class Callback>
    void on_abort(Callback callback) {
        struct box {
            Callback callback;
            wsgi_server* server;

            static void call(void* self, wsgi_request id) noexcept {
                exchange about(static_cast<box*>(self)->server, id);
                try {
                    static_cast<box*>(self)->callback(about);
                } catch (const std::exception& exception) {
                    about.try_log(WSGI_LEVEL_ERROR, exception.what());
                } catch (...) {
                    about.try_log(WSGI_LEVEL_ERROR, "on_abort threw no std::exception");
                }
            }
        };
        auto boxed = std::make_unique<box>(box{std::move(callback), server_});
        detail::check(wsgi_request_on_abort(server_, id_, box::call, boxed.release(),
                                            detail::delete_it<box>),
                      "wsgi_request_on_abort");
    }

    // Asks for events of a pull server: WSGI_WATCH_ABORTED, WSGI_WATCH_RELEASED or both.
    void watch(std::uint32_t what) {
        detail::check(wsgi_request_watch(server_, id_, what), "wsgi_request_watch");
    }

    // The request is over after so long, wherever it is; 0: no deadline any more.
    void set_deadline(std::chrono::milliseconds after) {
        detail::check(wsgi_request_set_deadline(server_, id_, after.count()),
                      "wsgi_request_set_deadline");
    }

    // Keeps something with the request, or with its connection, which deletes it at its end.
    template <class T>
    void set_data(std::unique_ptr<T> data) {
        detail::check(wsgi_request_set_data(server_, id_, data.release(), detail::delete_it<T>),
                      "wsgi_request_set_data");
    }
    template <class T>
    void set_connection_data(std::unique_ptr<T> data) {
        detail::check(wsgi_connection_set_data(server_, id_, data.release(), detail::delete_it<T>),
                      "wsgi_connection_set_data");
    }
    // What is kept, nullptr if there is nothing. T has to be the type that was given.
    template <class T>
    T* data() const {
        void* data = nullptr;
        detail::check(wsgi_request_data(server_, id_, &data), "wsgi_request_data");
        return static_cast<T*>(data);
    }
    template <class T>
    T* connection_data() const {
        void* data = nullptr;
        detail::check(wsgi_connection_data(server_, id_, &data), "wsgi_connection_data");
        return static_cast<T*>(data);
    }

    // Says something in the server's error log; a level is a WSGI_LEVEL_... .
    void log(std::int32_t level, std::string_view text) {
        detail::check(try_log(level, text), "wsgi_request_log");
    }
    wsgi_status try_log(std::int32_t level, std::string_view text) noexcept {
        return wsgi_request_log(server_, id_, level, text.data(), text.size());
    }

protected:
    wsgi_server* server_ = nullptr;
    wsgi_request id_ = 0;

private:
    static std::optional<std::string_view> optional_text(const wsgi_str& value) noexcept {
        if (value.ptr == nullptr) return std::nullopt;
        return detail::text_of(value);
    }

    template <class Function>
    std::string described(const char* name, Function function) const {
        return detail::written(name, [&](char* buffer, std::size_t capacity, std::size_t* length) {
            return function(server_, id_, buffer, capacity, length);
        });
    }
};

}  // namespace wsgi

#endif
