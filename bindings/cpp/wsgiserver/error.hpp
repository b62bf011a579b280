// Statuses and errors.
#ifndef WSGISERVER_ERROR_HPP
#define WSGISERVER_ERROR_HPP

#include <wsgiserver.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace wsgi {

// A call that failed: its status, and as what() one line of text.
class error : public std::runtime_error {
public:
    error(wsgi_status status, const std::string& text)
        : std::runtime_error(text), status_(status) {}

    wsgi_status status() const noexcept { return status_; }

    // Like "WSGI_E_BIND".
    const char* name() const noexcept { return wsgi_status_name(status_); }

    // The client has left, or the server is stopping: nobody's mistake.
    bool is_end() const noexcept {
        return status_ == WSGI_GONE || status_ == WSGI_E_CLIENT || status_ == WSGI_E_STOPPING;
    }

private:
    wsgi_status status_;
};

namespace detail {

[[noreturn]] inline void fail(wsgi_status status, const char* function) {
    throw error(status, std::string(function) + ": " + wsgi_status_name(status));
}

inline void check(wsgi_status status, const char* function) {
    if (status < 0) fail(status, function);
}

// The same for functions that return a count as well.
inline std::size_t count(std::int64_t result, const char* function) {
    if (result < 0) fail(static_cast<wsgi_status>(result), function);
    return static_cast<std::size_t>(result);
}

// Where a function leaves the text of its error.
class error_slot {
public:
    error_slot() = default;
    error_slot(const error_slot&) = delete;
    error_slot& operator=(const error_slot&) = delete;
    ~error_slot() { wsgi_error_free(error_); }

    wsgi_error** out() noexcept { return &error_; }

    void check(wsgi_status status, const char* function) const {
        if (status >= 0) return;
        if (error_ == nullptr) fail(status, function);
        throw error(status, wsgi_error_message(error_));
    }

private:
    wsgi_error* error_ = nullptr;
};

inline wsgi_str lend(std::string_view text) noexcept { return {text.data(), text.size()}; }

inline std::string_view text_of(const wsgi_str& text) noexcept { return {text.ptr, text.len}; }

// Calls a function that writes text to a buffer, with a longer one until it fits.
template <class Function>
std::string written(const char* name, Function&& function) {
    std::string text(63, '\0');
    for (;;) {
        std::size_t length = 0;
        // A string has room for the NUL behind its end.
        wsgi_status status = function(&text[0], text.size() + 1, &length);
        if (status != WSGI_E_LENGTH) {
            check(status, name);
            text.resize(length);
            return text;
        }
        text.resize(length > text.size() ? length : text.size() * 2);
    }
}

}  // namespace detail

// The version of the library that is running, like "0.1.0".
inline const char* version() noexcept { return wsgi_version(); }

inline std::uint32_t abi_version() noexcept { return wsgi_abi_version(); }

}  // namespace wsgi

#endif
