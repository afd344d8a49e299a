// Request: one HTTP request, whole, as its handler sees it. A cheap handle. It belongs to the handler's thread. What
// its members refer to lives until the response is written, and after that as long as a copy of the request does. One
// that was moved from throws std::logic_error, whatever it is asked.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proapi/fields.hpp"
#include "proapi/json.hpp"

namespace proapi {

namespace detail {
class RequestState;
}

// A file in a form. What the client calls it is no path to write to: it may be "../../etc/passwd", or empty.
struct UploadFile {
    std::string name;      // of the form's field; several files may have the same
    std::string filename;  // UTF-8
    std::string content_type = "text/plain";
    std::string_view data;              // octets, of the request's body
    std::shared_ptr<const void> owner;  // keeps the body: `data` lives as long as a copy of this file
};

class Request {
public:
    [[nodiscard]] const std::string& method() const;
    [[nodiscard]] const std::string& path() const;  // decoded
    [[nodiscard]] const Params& path_params() const;
    [[nodiscard]] const Params& query_params() const;
    [[nodiscard]] const Headers& headers() const;
    [[nodiscard]] const Params& cookies() const;
    [[nodiscard]] const Client& client() const;
    [[nodiscard]] const std::string& url() const;

    // Whether the client has left: the connection is lost, or it has ended its side (some that do that still read). For
    // handlers that are coroutines, on their thread: std::logic_error elsewhere.
    [[nodiscard]] bool is_disconnected() const;

    // Octets, whatever they mean. The view lives as the class says; one that is kept longer needs a copy of the
    // request, or std::string(request.body()).
    [[nodiscard]] std::string_view body() const;
    // Throws HTTPException(400) where the body is not JSON.
    [[nodiscard]] Json json() const;
    // The text fields of an application/x-www-form-urlencoded or multipart/form-data body (RFC 7578). Throws
    // HTTPException(415) for another type, 400 for a multipart body that is malformed.
    [[nodiscard]] Params form() const;
    // The files of a multipart/form-data body, in order; an urlencoded form has none. Throws as form() does.
    [[nodiscard]] std::vector<UploadFile> files() const;

    explicit Request(std::shared_ptr<const detail::RequestState> state) noexcept : state_(std::move(state)) {}

private:
    // Throws std::logic_error where it was moved from.
    [[nodiscard]] const detail::RequestState& state() const;

    std::shared_ptr<const detail::RequestState> state_;
};

}  // namespace proapi
