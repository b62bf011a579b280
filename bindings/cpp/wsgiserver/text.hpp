// Headers, and the pairs and fields that are lent; queries, cookies, percent-decoding.
#ifndef WSGISERVER_TEXT_HPP
#define WSGISERVER_TEXT_HPP

#include "error.hpp"

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

namespace wsgi {

// A response header; it lends its strings.
struct header : wsgi_header {
    constexpr header() noexcept : wsgi_header{} {}
    constexpr header(std::string_view its_name, std::string_view its_value) noexcept
        : wsgi_header{{its_name.data(), its_name.size()}, {its_value.data(), its_value.size()}} {}
};
static_assert(sizeof(header) == sizeof(wsgi_header), "an array of one is an array of the other");

// Several headers: a list in braces, an array or a container of them. For parameters only, as it
// lends them.
class headers {
public:
    constexpr headers() noexcept = default;
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winit-list-lifetime"
#endif
    // The list lives until the end of the call that it is written in.
    constexpr headers(std::initializer_list<header> list) noexcept
        : data_(list.begin()), size_(list.size()) {}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
    constexpr headers(const wsgi_header* data, std::size_t size) noexcept
        : data_(data), size_(size) {}
    template <std::size_t N>
    constexpr headers(const header (&array)[N]) noexcept : data_(array), size_(N) {}
    template <class Container, class Data = decltype(std::declval<const Container&>().data()),
              class = std::enable_if_t<std::is_convertible_v<Data, const wsgi_header*>>>
    constexpr headers(const Container& container) noexcept
        : data_(container.data()), size_(container.size()) {}

    constexpr const wsgi_header* data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }

private:
    const wsgi_header* data_ = nullptr;
    std::size_t size_ = 0;
};

// A pair of an environ or a field of a request: both strings are lent. key_id is the number of a
// well-known key (WSGI_KEY_...), or 0.
struct pair {
    std::string_view key;
    std::string_view value;
    std::uint32_t key_id;

    pair(const wsgi_pair& raw) noexcept
        : key(detail::text_of(raw.key)), value(detail::text_of(raw.value)), key_id(raw.key_id) {}
};

// A field behind a chunked body.
struct trailer {
    std::string_view name;
    std::string_view value;

    trailer(const wsgi_header& raw) noexcept
        : name(detail::text_of(raw.name)), value(detail::text_of(raw.value)) {}
};

// An array that the library lends, seen as Items.
template <class Item, class Raw>
class lent_range {
public:
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Item;
        using difference_type = std::ptrdiff_t;
        using pointer = const Item*;
        using reference = Item;

        iterator() noexcept = default;
        explicit iterator(const Raw* at) noexcept : at_(at) {}
        Item operator*() const noexcept { return Item(*at_); }
        iterator& operator++() noexcept {
            ++at_;
            return *this;
        }
        iterator operator++(int) noexcept { return iterator(at_++); }
        friend bool operator==(iterator a, iterator b) noexcept { return a.at_ == b.at_; }
        friend bool operator!=(iterator a, iterator b) noexcept { return a.at_ != b.at_; }

    private:
        const Raw* at_ = nullptr;
    };

    lent_range(const Raw* data, std::size_t size) noexcept : data_(data), size_(size) {}

    iterator begin() const noexcept { return iterator(data_); }
    iterator end() const noexcept { return iterator(data_ + size_); }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    Item operator[](std::size_t index) const noexcept { return Item(data_[index]); }

private:
    const Raw* data_;
    std::size_t size_;
};

using pairs = lent_range<pair, wsgi_pair>;
using trailers = lent_range<trailer, wsgi_header>;

// Decodes %XX; with plus (queries and forms) a + is a space.
inline std::string percent_decode(std::string_view text, bool plus = false) {
    std::string decoded(text.size(), '\0');
    decoded.resize(detail::count(
        wsgi_percent_decode(text.data(), text.size(), plus, &decoded[0], decoded.size()),
        "wsgi_percent_decode"));
    return decoded;
}

// A query or an urlencoded form, to go over: `for (auto [name, value] : wsgi::query(text))`. Both
// are as they were sent, for percent_decode with plus; value.data() is nullptr where there was no
// `=`.
class query {
public:
    struct item {
        std::string_view name;
        std::string_view value;
    };

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = item;
        using difference_type = std::ptrdiff_t;
        using pointer = const item*;
        using reference = const item&;

        iterator() noexcept = default;
        explicit iterator(std::string_view text) noexcept : rest_(detail::lend(text)) { ++*this; }
        const item& operator*() const noexcept { return item_; }
        const item* operator->() const noexcept { return &item_; }
        iterator& operator++() noexcept {
            wsgi_str name{}, value{};
            more_ = wsgi_query_next(&rest_, &name, &value) == 1;
            item_ = {detail::text_of(name), detail::text_of(value)};
            return *this;
        }
        void operator++(int) noexcept { ++*this; }
        friend bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.more_ == b.more_ && (!a.more_ || a.rest_.len == b.rest_.len);
        }
        friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

    private:
        wsgi_str rest_{};
        item item_{};
        bool more_ = false;
    };

    explicit query(std::string_view text) noexcept : text_(text) {}

    iterator begin() const noexcept { return iterator(text_); }
    iterator end() const noexcept { return iterator(); }

    // The first value of this name, decoded; the name is compared decoded too.
    std::optional<std::string> get(std::string_view name) const {
        for (const item& it : *this)
            if (percent_decode(it.name, true) == name) return percent_decode(it.value, true);
        return std::nullopt;
    }

private:
    std::string_view text_;
};

// The first cookie of this name in the value of a Cookie header, a slice of that.
inline std::optional<std::string_view> cookie(std::string_view header, std::string_view name) {
    wsgi_str value{};
    detail::check(wsgi_cookie_get(detail::lend(header), detail::lend(name), &value),
                  "wsgi_cookie_get");
    if (value.ptr == nullptr) return std::nullopt;
    return detail::text_of(value);
}

// Like "HTTP_HOST" for WSGI_KEY_HTTP_HOST; nullptr for a number that no key has.
inline const char* key_name(std::uint32_t key_id) noexcept { return wsgi_key_name(key_id); }

}  // namespace wsgi

#endif
