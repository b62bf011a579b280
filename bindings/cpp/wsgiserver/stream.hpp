// A connection that was taken out of its server.
#ifndef WSGISERVER_STREAM_HPP
#define WSGISERVER_STREAM_HPP

#include "error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

namespace wsgi {

enum class direction : std::int32_t {
    read = WSGI_STREAM_READ,
    write = WSGI_STREAM_WRITE,
    both = WSGI_STREAM_BOTH,
};

// What request.hijack() gives. One thread may read while another writes; cancel, shutdown and
// set_deadline may be called from any thread. It may outlive its server. Destroying it ends the
// connection; no thread may be in a call then (cancel() brings it out).
class stream {
public:
    stream() noexcept = default;
    // Takes the handle over.
    explicit stream(wsgi_stream* handle) noexcept : handle_(handle) {}
    stream(stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    stream& operator=(stream&& other) noexcept {
        if (this != &other) {
            close();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    ~stream() { close(); }

    // What comes from the client: 0 bytes are the end.
    std::size_t read(void* buffer, std::size_t capacity) {
        return detail::count(try_read(buffer, capacity), "wsgi_stream_read");
    }
    // The number of bytes or a status; with WSGI_NONBLOCK it does not wait but says WSGI_AGAIN.
    std::int64_t try_read(void* buffer, std::size_t capacity, std::uint32_t flags = 0) noexcept {
        return wsgi_stream_read(handle_, buffer, capacity, flags);
    }

    // Sends all of it, or throws.
    void write(std::string_view data) {
        while (!data.empty())
            data.remove_prefix(detail::count(try_write(data), "wsgi_stream_write"));
    }
    // The number of bytes that were taken, or a status.
    std::int64_t try_write(std::string_view data, std::uint32_t flags = 0) noexcept {
        return wsgi_stream_write(handle_, data.data(), data.size(), flags);
    }

    std::size_t pending() const {
        return detail::count(wsgi_stream_pending(handle_), "wsgi_stream_pending");
    }

    void shutdown(direction which) {
        detail::check(wsgi_stream_shutdown(handle_, static_cast<std::int32_t>(which)),
                      "wsgi_stream_shutdown");
    }

    // From now on so long; without a duration: never.
    void set_deadline(direction which,
                      std::optional<std::chrono::milliseconds> after = std::nullopt) {
        std::int64_t milliseconds = after ? (after->count() < 0 ? 0 : after->count()) : -1;
        detail::check(
            wsgi_stream_set_deadline(handle_, static_cast<std::int32_t>(which), milliseconds),
            "wsgi_stream_set_deadline");
    }

    void cancel() noexcept { wsgi_stream_cancel(handle_); }

    // The descriptor, which stays the stream's; negative if there is no stream.
    int fd() const noexcept { return wsgi_stream_fd(handle_); }

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    wsgi_stream* native() const noexcept { return handle_; }
    // Gives the handle away, to be freed with wsgi_stream_free.
    wsgi_stream* release() noexcept { return std::exchange(handle_, nullptr); }

    void close() noexcept {
        wsgi_stream* handle = release();
        while (wsgi_stream_free(handle) == WSGI_BUSY) {
            wsgi_stream_cancel(handle);
            std::this_thread::yield();
        }
    }

private:
    wsgi_stream* handle_ = nullptr;
};

}  // namespace wsgi

#endif
