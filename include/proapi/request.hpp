// Request: one HTTP request, as its handler sees it: with its whole body, unless the handler takes a BodyStream. A
// cheap handle that belongs to the handler's thread. The data that its accessors refer to lives until the response is
// written, and after that as long as a copy of the request does. Every member function of a moved-from Request throws
// std::logic_error.
#pragma once

#include <any>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proapi/fields.hpp"
#include "proapi/form.hpp"
#include "proapi/json.hpp"

namespace proapi {

namespace detail {
class RequestState;
struct RequestAccess;
}  // namespace detail

class BodyStream;

class Request {
public:
    [[nodiscard]] const std::string& method() const;
    [[nodiscard]] const std::string& path() const;  // decoded
    [[nodiscard]] const Params& path_params() const;
    [[nodiscard]] const Params& query_params() const;
    [[nodiscard]] const Headers& headers() const;
    [[nodiscard]] const Params& cookies() const;
    [[nodiscard]] const Client& client() const;
    // The certificate that the client has proved to own, as PEM; empty if it presented none
    // (RunOptions::ssl_cert_reqs).
    [[nodiscard]] std::string_view client_certificate() const;
    [[nodiscard]] const std::string& url() const;

    // Data that the application keeps with the request, such as a middleware for the handler. All copies of the request
    // have the same.
    [[nodiscard]] std::unordered_map<std::string, std::any>& state() const;

    // Whether the client has left: the connection is lost, or the client has ended its side (some clients do that and
    // still read). For handlers that are coroutines, on their thread; throws std::logic_error elsewhere.
    [[nodiscard]] bool is_disconnected() const;

    // The octets of the body, uninterpreted. The lifetime of the view is described above; to keep it longer, keep a
    // copy of the request, or std::string(request.body()). Throws std::logic_error if the handler takes a BodyStream;
    // so do json(), form() and files().
    [[nodiscard]] std::string_view body() const;
    // Throws HTTPException(400) if the body is not JSON.
    [[nodiscard]] Json json() const;
    // The same, converted to a T, with numbers checked as by websocket.receive_json<T>(). Throws HTTPException(400) if
    // the body is not JSON or not of that type. JsonBody<T> as a handler's parameter is a 422 instead.
    template <class T>
    [[nodiscard]] T json() const {
        const Json value = json();
        try {
            detail::ConvertedJson<T> converted = detail::convert_json<T>(value);
            if (converted.altered_number)
                refuse_json("expected numbers that their types can hold, got " + converted.altered_number->dump());
            return std::move(converted.value);
        } catch (const Json::exception& error) {
            refuse_json(error.what());
        }
    }
    // The text fields of an application/x-www-form-urlencoded or multipart/form-data body (RFC 7578). Throws
    // HTTPException(415) for any other type, and 400 for a malformed multipart body.
    [[nodiscard]] Params form() const;
    // The files of a multipart/form-data body, in order; an urlencoded form has none. Throws the same as form().
    [[nodiscard]] std::vector<UploadFile> files() const;

    explicit Request(std::shared_ptr<const detail::RequestState> state) noexcept : state_(std::move(state)) {}

private:
    friend class BodyStream;
    friend struct detail::RequestAccess;
    // Throws std::logic_error if the request was moved from.
    [[nodiscard]] const detail::RequestState& shared() const;
    [[nodiscard]] FormData parse_form() const;
    // Throws HTTPException(400).
    [[noreturn]] static void refuse_json(const std::string& why);

    std::shared_ptr<const detail::RequestState> state_;
};

}  // namespace proapi
