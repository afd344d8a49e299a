// Response: the result of an HTTP handler: text, JSON, octets, a file, or a body that is streamed. Handlers may return
// std::string (HTML), Json, Bytes or nothing (204) instead.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "proapi/errors.hpp"
#include "proapi/fields.hpp"
#include "proapi/json.hpp"
#include "proapi/task.hpp"

namespace proapi {

namespace detail {

class StreamState;
struct OpenFile;

// The part was written when this object was created. Awaiting it waits if the outgoing buffer was above its high-water
// mark, until that has drained, and returns whether the client is still connected.
class WriteOperation final : public Operation {
public:
    WriteOperation(std::shared_ptr<StreamState> state, bool is_full, bool has_ended) noexcept;
    WriteOperation(WriteOperation&&) noexcept;
    ~WriteOperation() override;
    [[nodiscard]] bool await_ready();
    void await_suspend(std::coroutine_handle<> waiting);
    bool await_resume() const;

private:
    std::shared_ptr<StreamState> state_;
    bool is_full_, has_ended_;
};

}  // namespace detail

// The body of a streamed response.
class BodyWriter {
public:
    // Sends the next part at once. Await the result to slow down to the client's pace and to learn whether the client
    // is still connected.
    detail::WriteOperation write(std::string_view part) const;

    explicit BodyWriter(std::shared_ptr<detail::StreamState> state) noexcept : state_(std::move(state)) {}

private:
    std::shared_ptr<detail::StreamState> state_;
};

// A file of ProAPI::static_files(), as the server has found it for one request: the whole file, the range that the
// client asked for, or nothing if the client has it already. Middleware gets it as the body of a response; it can be
// sent, not read.
class FoundFile {
public:
    // Internal.
    explicit FoundFile(std::shared_ptr<detail::OpenFile> file) noexcept : file_(std::move(file)) {}
    [[nodiscard]] detail::OpenFile& open_file() const noexcept { return *file_; }

private:
    std::shared_ptr<detail::OpenFile> file_;
};

struct Response {
    using Stream = std::function<Task<>(BodyWriter)>;

    // The body: octets, a file's path, a coroutine function that writes it, or a file that middleware has received.
    std::variant<std::string, std::filesystem::path, Stream, FoundFile> body;
    int status_code = 200;
    Headers headers;
    // Text types get "; charset=utf-8" unless they name a charset; a Content-Type in `headers` takes precedence. If
    // this is empty, a file's type depends on its extension, and octets have none.
    std::string media_type;
    // The older names of status_code and media_type.
    int& status = status_code;
    std::string& content_type = media_type;

    Response() = default;
    explicit Response(std::string content, int with_status_code = 200, Headers with_headers = {},
                      std::string with_media_type = "text/html")
        : body(std::move(content)),
          status_code(with_status_code),
          headers(std::move(with_headers)),
          media_type(std::move(with_media_type)) {}
    Response(const Response& other)
        : body(other.body), status_code(other.status_code), headers(other.headers), media_type(other.media_type) {}
    Response(Response&& other) noexcept
        : body(std::move(other.body)),
          status_code(other.status_code),
          headers(std::move(other.headers)),
          media_type(std::move(other.media_type)) {}
    Response& operator=(const Response& other) { return *this = Response(other); }
    Response& operator=(Response&& other) noexcept {
        body = std::move(other.body);
        status_code = other.status_code;
        headers = std::move(other.headers);
        media_type = std::move(other.media_type);
        return *this;
    }
    ~Response() = default;

    // Throws std::invalid_argument (see write_json).
    [[nodiscard]] static Response json(const Json& content, int status_code = 200);
    // Supports validators, conditional requests and ranges. A missing file is answered with 404.
    [[nodiscard]] static Response file(std::filesystem::path path, std::string media_type = {});
    // The head is sent with the first part, or when `write` first waits. An exception that leaves `write` before that
    // becomes the response, as if the handler had thrown it; after that it closes the connection abruptly. For HEAD,
    // `write` runs to the same point and is then destroyed.
    [[nodiscard]] static Response stream(Stream write, std::string media_type = "application/octet-stream");
};

namespace detail {

template <class R>
inline constexpr bool is_response_value =
    std::is_void_v<R> || std::is_same_v<R, Response> || std::is_same_v<R, Bytes> || std::is_same_v<R, Json> ||
    std::is_convertible_v<R, std::string_view>;

// References, pointers, std::string_view, std::span and similar types, and any class that converts to std::string_view
// and is trivially copyable: the text that they refer to may be destroyed before it is sent.
template <class R>
inline constexpr bool refers_to_others =
    !std::is_void_v<R> &&
    (std::is_reference_v<R> || std::is_pointer_v<std::decay_t<R>> || std::ranges::enable_view<std::remove_cvref_t<R>> ||
     std::ranges::enable_borrowed_range<std::remove_cvref_t<R>> ||
     (std::is_convertible_v<R, std::string_view> && std::is_trivially_copyable_v<R>));

// A literal. A handler that is not a coroutine may return it: its octets are copied while all arguments of the handler
// are still alive.
template <class R>
inline constexpr bool is_literal = std::is_same_v<std::remove_cv_t<R>, const char*>;

template <class R>
[[nodiscard]] Response to_response(R&& value) {
    using V = std::remove_cvref_t<R>;
    if constexpr (std::is_same_v<V, Response>) {
        return std::forward<R>(value);
    } else if constexpr (std::is_same_v<V, Json>) {
        return Response::json(value);
    } else if constexpr (std::is_same_v<V, Bytes>) {
        return Response(std::string(reinterpret_cast<const char*>(value.data()), value.size()), 200, {},
                        "application/octet-stream");
    } else {
        return Response(std::string(std::string_view(value)));
    }
}

}  // namespace detail
}  // namespace proapi
