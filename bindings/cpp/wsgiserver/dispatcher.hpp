// Several applications by path.
#ifndef WSGISERVER_DISPATCHER_HPP
#define WSGISERVER_DISPATCHER_HPP

#include "request.hpp"

namespace wsgi {

// The longest prefix of the path that fits wins; where none does the answer is 404. It is an
// application itself: give it to a server with std::move, or, to add and remove while the server
// serves, with std::ref.
class path_info_dispatcher {
public:
    path_info_dispatcher() {
        detail::check(wsgi_path_info_dispatcher_new(&handle_), "wsgi_path_info_dispatcher_new");
    }
    path_info_dispatcher(path_info_dispatcher&& other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)) {}
    path_info_dispatcher& operator=(path_info_dispatcher&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~path_info_dispatcher() { wsgi_path_info_dispatcher_free(handle_); }

    template <class App>
    path_info_dispatcher& add(const std::string& prefix, App app) {
        static_assert(detail::is_app<App>, "to be called, as const, with a wsgi::request&");
        auto box = std::make_unique<App>(std::move(app));
        detail::error_slot error;
        error.check(wsgi_path_info_dispatcher_add(handle_, prefix.c_str(), detail::app_entry<App>,
                                                  box.release(), detail::delete_it<App>,
                                                  error.out()),
                    "wsgi_path_info_dispatcher_add");
        return *this;
    }

    path_info_dispatcher& remove(const std::string& prefix) {
        detail::error_slot error;
        error.check(wsgi_path_info_dispatcher_remove(handle_, prefix.c_str(), error.out()),
                    "wsgi_path_info_dispatcher_remove");
        return *this;
    }

    void operator()(request& request) const {
        request.set_result(wsgi_path_info_dispatcher_app(handle_, request.id(),
                                                         request.native_environ(),
                                                         request.native_responder()));
    }

    wsgi_path_info_dispatcher* native() const noexcept { return handle_; }

private:
    wsgi_path_info_dispatcher* handle_ = nullptr;
};

}  // namespace wsgi

#endif
