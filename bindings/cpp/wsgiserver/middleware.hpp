// Middleware: what stands between an application and the request that it answers.
#ifndef WSGISERVER_MIDDLEWARE_HPP
#define WSGISERVER_MIDDLEWARE_HPP

#include "request.hpp"

namespace wsgi {

// Sees what an application says by start_response and write, and says it on, or something else:
//
//     class changing : public wsgi::middleware {
//         using middleware::middleware;
//         void write(std::string_view data) override { outer_.write(changed(data)); }
//     };
//     [](wsgi::request& request) { changing(request).call(application); }
//
// The rest of the request (respond, hijack, ...) goes past it. What the functions throw the
// application sees as a wsgi::error; call throws other exceptions again when it has returned.
class middleware {
public:
    // Not for a gateway's request.
    explicit middleware(request& outer) noexcept : outer_(outer) {}
    middleware(const middleware&) = delete;
    middleware& operator=(const middleware&) = delete;
    virtual ~middleware() = default;

    virtual void start_response(std::string_view status, headers fields, bool restart) {
        detail::check(outer_.try_start_response(status, fields, restart), "wsgi_start_response");
    }
    virtual void write(std::string_view data) { outer_.write(data); }

    template <class App>
    void call(const App& app) {
        if (outer_.native_environ() == nullptr) detail::fail(WSGI_E_STATE, "middleware");
        wsgi_responder responder{};
        responder.struct_size = sizeof responder;
        responder.context = this;
        responder.start_response = start_response_entry;
        responder.write = write_entry;
        request inner(outer_.id(), outer_.native_environ(), &responder);
        app(inner);
        outer_.set_result(inner.result());
        if (std::exception_ptr thrown = std::exchange(thrown_, nullptr))
            std::rethrow_exception(thrown);
    }

protected:
    request& outer_;

private:
    static wsgi_status start_response_entry(void* self, wsgi_str status, const wsgi_header* fields,
                                            std::size_t count, std::int32_t restart) noexcept {
        return static_cast<middleware*>(self)->guarded([&](middleware& it) {
            it.start_response(detail::text_of(status), headers(fields, count), restart != 0);
        });
    }

    static wsgi_status write_entry(void* self, const void* data, std::size_t size) noexcept {
        return static_cast<middleware*>(self)->guarded([&](middleware& it) {
            it.write(std::string_view(static_cast<const char*>(data), size));
        });
    }

    // The application is told a status; an exception of another kind waits for it to return.
    template <class Call>
    wsgi_status guarded(Call&& call) noexcept {
        try {
            call(*this);
            return WSGI_OK;
        } catch (const error& known) {
            return known.status();
        } catch (...) {
            thrown_ = std::current_exception();
            return WSGI_E_STATE;
        }
    }

    std::exception_ptr thrown_;
};

}  // namespace wsgi

#endif
