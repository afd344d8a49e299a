#include "proapi/parameters.hpp"

#include <algorithm>
#include <iterator>

#include "app/request_state.hpp"
#include "http/headers.hpp"
#include "http/text.hpp"
#include "proapi/websocket_connection.hpp"

namespace proapi {

namespace {

// What clients have sent may be no UTF-8, as in a header.
[[nodiscard]] std::string make_detail(const Json& errors) {
    const Json detail = {{"detail", errors}};
    return detail.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

RequestValidationError::RequestValidationError(Json errors)
    : HTTPException(422, make_detail(errors), {{"Content-Type", "application/json"}}),
      errors_(std::make_shared<const Json>(std::move(errors))) {}

namespace detail {

namespace {

constexpr std::size_t max_shown_octets = 100;

[[nodiscard]] std::string_view get_name(ParameterSource source) noexcept {
    switch (source) {
        case ParameterSource::query:
            return "query";
        case ParameterSource::header:
            return "header";
        case ParameterSource::cookie:
            return "cookie";
        case ParameterSource::form:
            break;
    }
    return "body";
}

// Pages of other sites can send some other types without asking first (CORS).
void require_json(const Headers& headers) {
    std::string_view type = headers.get("content-type").value_or("application/json");
    type = type.substr(0, type.find(';'));
    type = http::trim(type);
    const bool is_json = http::equals_ignoring_case(type, "application/json") ||
                         (type.size() > 5 && http::equals_ignoring_case(type.substr(type.size() - 5), "+json"));
    if (!is_json)
        throw HTTPException(
            415, "expected application/json as Content-Type, got " + http::shortened(type, max_shown_octets) + "\n");
}

}  // namespace

ParameterReader::ParameterReader(const Request& request)
    : query_(request.query_params()), cookies_(request.cookies()), headers_(request.headers()), request_(&request) {}

ParameterReader::ParameterReader(const WebSocketConnection& websocket)
    : query_(websocket.query_params()), cookies_(websocket.cookies()), headers_(websocket.headers()) {}

std::vector<std::string_view> ParameterReader::find(ParameterSource source, std::string_view name, bool all) {
    const Fields& fields = source == ParameterSource::query    ? static_cast<const Fields&>(query_)
                           : source == ParameterSource::header ? static_cast<const Fields&>(headers_)
                           : source == ParameterSource::cookie ? static_cast<const Fields&>(cookies_)
                                                               : static_cast<const Fields&>(form().fields);
    if (all) return fields.getlist(name);
    const auto last = fields.get(name);
    return last ? std::vector{*last} : std::vector<std::string_view>();
}

std::vector<UploadFile> ParameterReader::find_files(std::string_view name) {
    std::vector<UploadFile> found;
    std::ranges::copy_if(form().files, std::back_inserter(found), [&](const auto& file) { return file.name == name; });
    return found;
}

// A request without a Content-Type has an empty form: what it lacks is then a 422.
const FormData& ParameterReader::form() {
    if (!form_) form_.emplace(headers_.contains("content-type") ? RequestAccess::parse_form(*request_) : FormData());
    return *form_;
}

void ParameterReader::add_error(TextFault fault, Json location, Json input) {
    Json error = make_json_error(std::move(fault.type), std::move(location), std::move(fault.text), std::move(input));
    if (!fault.context.is_null()) error["ctx"] = std::move(fault.context);
    errors_.push_back(std::move(error));
}

void ParameterReader::add_missing(ParameterSource source, std::string_view name) {
    add_error({"missing", "Field required", nullptr}, Json::array({get_name(source), name}), nullptr);
}

void ParameterReader::add(ParameterSource source, std::string_view name, std::optional<std::size_t> index,
                          TextFault fault, std::string_view text) {
    Json location = Json::array({get_name(source), name});
    if (index) location.push_back(*index);
    add_error(std::move(fault), std::move(location), text);
}

std::optional<Json> ParameterReader::read_body(bool may_be_missing) {
    const std::string_view body = request_->body();
    if (body.empty()) {
        if (!may_be_missing) add_error({"missing", "Field required", nullptr}, Json::array({"body"}), nullptr);
        return std::nullopt;
    }
    require_json(headers_);
    try {
        return parse_json(body);
    } catch (const std::invalid_argument& error) {
        const Json context = {{"error", error.what()}};
        add_error({"json_invalid", "JSON decode error", context}, Json::array({"body"}), nullptr);
        return std::nullopt;
    }
}

void ParameterReader::add_body_error(Json error) {
    error["loc"].insert(error["loc"].begin(), "body");
    errors_.push_back(std::move(error));
}

void ParameterReader::finish() {
    if (!errors_.empty()) throw RequestValidationError(std::move(errors_));
}

}  // namespace detail
}  // namespace proapi
