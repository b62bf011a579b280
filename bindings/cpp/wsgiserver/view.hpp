// What a client has sent: WSGI's environ, and the request without one.
#ifndef WSGISERVER_VIEW_HPP
#define WSGISERVER_VIEW_HPP

#include "text.hpp"

#include <optional>

namespace wsgi {

// The environ (PEP 3333): pairs to go over or to look for. All is lent until the request ends.
class environment {
public:
    environment() noexcept { raw_.struct_size = sizeof raw_; }
    explicit environment(const wsgi_environ& raw) noexcept : raw_(raw) {}

    pairs::iterator begin() const noexcept { return pairs(raw_.pairs, raw_.count).begin(); }
    pairs::iterator end() const noexcept { return pairs(raw_.pairs, raw_.count).end(); }
    std::size_t size() const noexcept { return raw_.count; }

    // "" for what is not there.
    std::string_view operator[](std::string_view key) const noexcept {
        return find(key).value_or(std::string_view());
    }
    std::optional<std::string_view> find(std::string_view key) const noexcept {
        for (const pair& it : *this)
            if (it.key == key) return it.value;
        return std::nullopt;
    }

    // The first so many pairs are the same for the whole server, the next for the connection.
    std::size_t server_count() const noexcept { return raw_.server_count; }
    std::size_t connection_count() const noexcept { return raw_.connection_count; }

    const wsgi_environ& native() const noexcept { return raw_; }
    wsgi_environ* out() noexcept { return &raw_; }

private:
    wsgi_environ raw_{};
};

// The request as it was sent. All is lent until the request ends.
class request_view {
public:
    request_view() noexcept { raw_.struct_size = sizeof raw_; }

    std::string_view method() const noexcept { return detail::text_of(raw_.method); }
    // As it was sent, in whichever form.
    std::string_view target() const noexcept { return detail::text_of(raw_.target); }
    // Percent-decoded once, but for %2F.
    std::string_view path() const noexcept { return detail::text_of(raw_.path); }
    std::string_view query() const noexcept { return detail::text_of(raw_.query); }
    std::string_view protocol() const noexcept { return detail::text_of(raw_.protocol); }
    std::string_view scheme() const noexcept { return detail::text_of(raw_.scheme); }
    // In order, with the names as the client wrote them.
    pairs fields() const noexcept { return {raw_.fields, raw_.count}; }
    // Not there for a chunked body.
    std::optional<std::uint64_t> content_length() const noexcept {
        if (raw_.content_length < 0) return std::nullopt;
        return static_cast<std::uint64_t>(raw_.content_length);
    }
    // 0 or 1, of HTTP/1.
    unsigned version_minor() const noexcept { return raw_.version_minor; }

    const wsgi_view& native() const noexcept { return raw_; }
    wsgi_view* out() noexcept { return &raw_; }

private:
    wsgi_view raw_{};
};

}  // namespace wsgi

#endif
