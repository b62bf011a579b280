// TLS.
#ifndef WSGISERVER_SSL_HPP
#define WSGISERVER_SSL_HPP

#include "handlers.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace wsgi {

// Certificates, a key, and who speaks TLS with them. For one certificate the server's options
// certificate and private_key do the same. May be given to several servers.
class ssl_adapter {
public:
    // Names of PEM files; "" for a key that is in the certificate's file, and for no chain. name is
    // "builtin", "pyopenssl", or what was registered with the server.
    ssl_adapter(const std::string& certificate, const std::string& private_key,
                const std::string& chain = "", const std::string& name = "builtin",
                const wsgi_server* server = nullptr) {
        detail::error_slot error;
        error.check(wsgi_ssl_adapter_new(server, name.c_str(), certificate.c_str(),
                                         private_key.c_str(), chain.c_str(), &handle_,
                                         error.out()),
                    "wsgi_ssl_adapter_new");
    }
    ssl_adapter(ssl_adapter&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ssl_adapter& operator=(ssl_adapter&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~ssl_adapter() { wsgi_ssl_adapter_free(handle_); }

    // Like "client_auth" to "required". Before a server has it, like all that changes it.
    ssl_adapter& set(const std::string& name, const std::string& value) {
        detail::error_slot error;
        error.check(wsgi_ssl_adapter_set(handle_, name.c_str(), value.c_str(), error.out()),
                    "wsgi_ssl_adapter_set");
        return *this;
    }

    // Called, as const, with the name of a key's file: std::optional<std::string>, its password.
    // One that throws has none.
    template <class Ask>
    ssl_adapter& set_password(Ask ask) {
        auto box = std::make_unique<Ask>(std::move(ask));
        detail::check(wsgi_ssl_adapter_set_password(handle_, ask_for_password<Ask>, box.release(),
                                                    detail::delete_it<Ask>),
                      "wsgi_ssl_adapter_set_password");
        return *this;
    }

    // A certificate for another name; name "": for those that it says itself.
    ssl_adapter& add_sni(const std::string& name, const std::string& certificate,
                         const std::string& private_key, const std::string& chain = "") {
        detail::error_slot error;
        error.check(wsgi_ssl_adapter_add_sni(handle_, name.c_str(), certificate.c_str(),
                                             private_key.c_str(), chain.c_str(), error.out()),
                    "wsgi_ssl_adapter_add_sni");
        return *this;
    }

    // Reads the files again; if they are not in order all stays as it was.
    void reload() const {
        detail::error_slot error;
        error.check(wsgi_ssl_adapter_reload(handle_, error.out()), "wsgi_ssl_adapter_reload");
    }

    wsgi_ssl_adapter* native() const noexcept { return handle_; }

private:
    template <class Ask>
    static std::size_t ask_for_password(void* ask, const char* file, char* buffer,
                                        std::size_t capacity) noexcept {
        try {
            std::optional<std::string> password = (*static_cast<const Ask*>(ask))(file);
            if (!password || password->size() > capacity) return 0;
            return password->copy(buffer, capacity);
        } catch (...) {
            return 0;
        }
    }

    wsgi_ssl_adapter* handle_ = nullptr;
};

// One connection's TLS of the host's own, without input and output; what the functions of
// wsgi_ssl_table do. Driven by one thread at a time. One that throws ends its connection.
class ssl_session {
public:
    ssl_session() = default;
    ssl_session(const ssl_session&) = delete;
    ssl_session& operator=(const ssl_session&) = delete;
    virtual ~ssl_session() = default;

    // How many encrypted bytes of the client were taken.
    virtual std::size_t feed(std::string_view encrypted) = 0;
    // Encrypted bytes for the client: how many, 0 if there are none.
    virtual std::size_t take(char* buffer, std::size_t capacity) = 0;
    virtual bool is_handshaking() = 0;
    // Plaintext of the client: how many bytes, 0 at its end, nothing if there are none now.
    virtual std::optional<std::size_t> read(char* buffer, std::size_t capacity) = 0;
    // How many bytes of plaintext were taken.
    virtual std::size_t write(std::string_view plaintext) = 0;
    virtual void close() {}
    // Calls put(key, value) for each variable of the environ.
    virtual void environ(const std::function<void(const std::string&, std::string_view)>&) {}
};

// Makes sessions; on any thread, several at once.
class ssl_factory {
public:
    ssl_factory() = default;
    ssl_factory(const ssl_factory&) = delete;
    ssl_factory& operator=(const ssl_factory&) = delete;
    virtual ~ssl_factory() = default;

    virtual std::unique_ptr<ssl_session> wrap() = 0;
    // Reads certificates again; throws if they are not in order.
    virtual void reload() {}
};

namespace detail {

template <class Call>
wsgi_status tls_status(Call&& call) noexcept {
    try {
        return call();
    } catch (...) {
        return WSGI_E_FATAL_SSL_ALERT;
    }
}

inline ssl_session& session_of(void* session) noexcept {
    return *static_cast<ssl_session*>(session);
}

inline wsgi_status tls_wrap(void* factory, void** session) noexcept {
    return tls_status([&] {
        *session = static_cast<ssl_factory*>(factory)->wrap().release();
        return *session != nullptr ? WSGI_OK : WSGI_E_FATAL_SSL_ALERT;
    });
}

inline wsgi_status tls_feed(void* session, const void* data, std::size_t length,
                            std::size_t* taken) noexcept {
    return tls_status([&] {
        *taken = session_of(session).feed({static_cast<const char*>(data), length});
        return WSGI_OK;
    });
}

inline wsgi_status tls_take(void* session, void* buffer, std::size_t capacity,
                            std::size_t* count) noexcept {
    return tls_status([&] {
        *count = session_of(session).take(static_cast<char*>(buffer), capacity);
        return WSGI_OK;
    });
}

inline std::int32_t tls_is_handshaking(void* session) noexcept {
    return tls_status([&] { return session_of(session).is_handshaking() ? 1 : 0; });
}

inline wsgi_status tls_read(void* session, void* buffer, std::size_t capacity,
                            std::size_t* count) noexcept {
    return tls_status([&] {
        auto got = session_of(session).read(static_cast<char*>(buffer), capacity);
        *count = got.value_or(0);
        return got ? WSGI_OK : WSGI_AGAIN;
    });
}

inline wsgi_status tls_write(void* session, const void* data, std::size_t length,
                             std::size_t* taken) noexcept {
    return tls_status([&] {
        *taken = session_of(session).write({static_cast<const char*>(data), length});
        return WSGI_OK;
    });
}

inline void tls_close(void* session) noexcept {
    tls_status([&] { return session_of(session).close(), WSGI_OK; });
}

inline void tls_environ(void* session, wsgi_ssl_put_fn put, void* context) noexcept {
    tls_status([&] {
        session_of(session).environ([&](const std::string& key, std::string_view value) {
            put(context, key.c_str(), value.data(), value.size());
        });
        return WSGI_OK;
    });
}

inline void tls_free(void* session) noexcept { delete static_cast<ssl_session*>(session); }

inline wsgi_status tls_reload(void* factory) noexcept {
    return tls_status([&] { return static_cast<ssl_factory*>(factory)->reload(), WSGI_OK; });
}

inline void tls_free_factory(void* factory) noexcept {
    delete static_cast<ssl_factory*>(factory);
}

inline wsgi_ssl_table tls_table() noexcept {
    wsgi_ssl_table table = {};
    table.struct_size = sizeof table;
    table.wrap = tls_wrap;
    table.feed = tls_feed;
    table.take = tls_take;
    table.is_handshaking = tls_is_handshaking;
    table.read = tls_read;
    table.write = tls_write;
    table.close = tls_close;
    table.environ = tls_environ;
    table.free = tls_free;
    table.reload = tls_reload;
    return table;
}

}  // namespace detail

}  // namespace wsgi

#endif
