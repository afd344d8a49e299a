#include "proapi/request.hpp"

#include <stdexcept>

#include "app/form.hpp"
#include "app/request_state.hpp"
#include "http/form.hpp"
#include "http/text.hpp"
#include "proapi/errors.hpp"

namespace proapi {
namespace {

constexpr std::size_t max_reason_octets = 512;

}  // namespace

const detail::RequestState& Request::shared() const {
    if (!state_) throw std::logic_error("expected a Request, got one that was moved from");
    return *state_;
}

const std::string& Request::method() const {
    return shared().info().head.method;
}
const std::string& Request::path() const {
    return shared().view().path;
}
const Params& Request::path_params() const {
    return shared().view().path_params;
}
const Params& Request::query_params() const {
    return shared().view().query_params;
}
const Headers& Request::headers() const {
    return shared().view().headers;
}
const Params& Request::cookies() const {
    return shared().view().cookies;
}
const Client& Request::client() const {
    return shared().view().client;
}
std::string_view Request::client_certificate() const {
    return shared().view().client_certificate_text();
}
const std::string& Request::url() const {
    return shared().view().url;
}
bool Request::is_disconnected() const {
    if (!shared().is_on_own_thread())
        throw std::logic_error(
            "is_disconnected(): expected to be called in a handler that is a coroutine, got another thread");
    return shared().has_client_left();
}
std::unordered_map<std::string, std::any>& Request::state() const {
    return shared().attributes();
}
std::string_view Request::body() const {
    if (shared().streams_body())
        throw std::logic_error(
            "body(): expected a handler that gets the whole body, got one that reads it in parts: it takes a "
            "proapi::BodyStream");
    return shared().body();
}

Json Request::json() const {
    try {
        return parse_json(body());
    } catch (const std::invalid_argument& error) {
        throw HTTPException(400, std::string("The body: ") + error.what() + "\n");
    }
}

void Request::refuse_json(const std::string& why) {
    throw HTTPException(400, "The body: " + http::shortened(why, max_reason_octets) + "\n");
}

FormData Request::parse_form() const {
    auto form = http::parse_form(headers().get("content-type", ""), body());
    if (!form) throw detail::make_exception(form.error());
    FormData parts{Params(std::move(form->fields)), {}};
    parts.files.reserve(form->files.size());
    for (auto& [name, filename, content_type, data] : form->files)
        parts.files.push_back({std::move(name), std::move(filename), std::string(content_type), data, state_});
    return parts;
}

Params Request::form() const {
    return parse_form().fields;
}

std::vector<UploadFile> Request::files() const {
    return parse_form().files;
}

}  // namespace proapi
