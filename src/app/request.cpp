#include "proapi/request.hpp"

#include "app/request_state.hpp"
#include "http/url.hpp"
#include "proapi/errors.hpp"

namespace proapi {

const std::string& Request::method() const {
    return state_->info().head.method;
}
const std::string& Request::path() const {
    return state_->view().path;
}
const Params& Request::path_params() const {
    return state_->view().path_params;
}
const Params& Request::query_params() const {
    return state_->view().query_params;
}
const Headers& Request::headers() const {
    return state_->view().headers;
}
const Params& Request::cookies() const {
    return state_->view().cookies;
}
const Client& Request::client() const {
    return state_->view().client;
}
const std::string& Request::url() const {
    return state_->view().url;
}
std::string_view Request::body() const {
    return state_->body();
}

Json Request::json() const {
    try {
        return parse_json(body());
    } catch (const std::invalid_argument& error) {
        throw HTTPException(400, std::string("The body is not what it should be: ") + error.what() + "\n");
    }
}

Params Request::form() const {
    static constexpr std::string_view form_type = "application/x-www-form-urlencoded";
    const std::string type = headers().get("content-type", "");
    if (!http::equals_ignoring_case(std::string_view(type).substr(0, type.find_first_of("; \t")), form_type))
        throw HTTPException(415, "Expected a body of the type application/x-www-form-urlencoded.\n");
    return Params(http::parse_query(body()));
}

}  // namespace proapi
