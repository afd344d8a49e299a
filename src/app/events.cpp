#include "proapi/events.hpp"

#include <algorithm>

#include "app/log.hpp"
#include "app/site.hpp"
#include "http/text.hpp"
#include "service/log.hpp"

namespace proapi {

EventError::EventError(const std::string& text, std::string kind, Json errors)
    : std::runtime_error(text), more_(std::make_shared<const More>(std::move(kind), std::move(errors))) {}

namespace detail {

namespace {

// While the messages of one array are refused, no other connection is served.
constexpr std::size_t max_batch = 1000;
constexpr std::size_t max_shown_name_octets = 100;
// What quotes a message adds levels to it: its answer must not be too deep to be written.
constexpr std::size_t max_quoted_depth = max_json_depth - 16;

[[nodiscard]] bool is_within_depth(const Json& value, std::size_t depth) {
    if (!value.is_structured()) return true;
    if (depth == 0) return false;
    return std::ranges::all_of(value, [depth](const Json& each) { return is_within_depth(each, depth - 1); });
}

[[nodiscard]] std::string_view octets_in(const Message& message) noexcept {
    if (const auto* text = std::get_if<std::string>(&message)) return *text;
    const auto& bytes = std::get<Bytes>(message);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// "x: Field required".
[[nodiscard]] std::string describe_error(const Json& error) {
    std::string place;
    for (const Json& part : error["loc"]) {
        if (!place.empty()) place += '.';
        place += part.is_string() ? part.get_ref<const std::string&>() : part.dump();
    }
    return (place.empty() ? "the message" : place) + ": " + error["msg"].get_ref<const std::string&>();
}

[[nodiscard]] EventError make_error(std::string kind, Json error) {
    if (!is_within_depth(error["input"], max_quoted_depth)) error["input"] = nullptr;
    const std::string text = describe_error(error);
    return EventError(text, std::move(kind), Json::array({std::move(error)}));
}

}  // namespace

EventRules::EventRules(EventsOptions options, Site& site) : options_(std::move(options)), site_(site) {
    const bool has_data = options_.data.has_value();
    if (options_.tag == options_.id || (has_data && (options_.data == options_.tag || options_.data == options_.id)))
        throw std::invalid_argument("events(): expected different names of members as tag, data and id, got " +
                                    options_.tag + (has_data ? ", " + *options_.data : "") + " and " + options_.id);
    make_reply_ = [tag = options_.tag](const Json& id, const Json& result) -> std::optional<Json> {
        return std::optional<Json>(std::in_place, Json{{tag, "reply"}, {"id", id}, {"result", result}});
    };
    make_error_ = [tag = options_.tag](const Json& id, const EventError& error) -> std::optional<Json> {
        Json answer = {{tag, "error"}, {"detail", error.errors().empty() ? Json(error.what()) : error.errors()}};
        if (!id.is_null()) answer["id"] = id;
        return std::optional<Json>(std::in_place, std::move(answer));
    };
}

void EventRules::add(std::string_view name, std::source_location where) {
    site_.require_not_serving("on()");
    const auto first = std::ranges::find(names_, name, &Name::text);
    if (first != names_.end())
        throw RouteError("message \"" + std::string(name) + "\": expected one handler for each name, but it has one: " +
                             first->where.file_name() + ":" + std::to_string(first->where.line()),
                         where);
    names_.push_back({std::string(name), where});
}

void EventRules::set_reply(MakeReply make) {
    site_.require_not_serving("reply()");
    make_reply_ = std::move(make);
}

void EventRules::set_error(MakeError make) {
    site_.require_not_serving("error()");
    make_error_ = std::move(make);
}

Task<> EventRules::serve(WebSocketConnection websocket, MessageCaller& handlers) const {
    if (!websocket.accepted()) {
        if (websocket.closed()) co_return;  // refused
        co_await websocket.accept();
    }
    while (auto message = co_await websocket.next()) {
        const std::optional<Json> answer = co_await answer_whole(websocket, handlers, *std::move(message));
        if (answer) co_await websocket.send_json(*answer);
    }
}

Task<std::optional<Json>> EventRules::answer_whole(WebSocketConnection websocket, MessageCaller& handlers,
                                                   Message message) const {
    Json parsed;
    std::string fault;
    try {
        parsed = parse_json(octets_in(message));
    } catch (const std::invalid_argument& error) {
        fault = error.what();
    }
    if (!fault.empty()) {
        Json error = make_json_error("json_invalid", Json::array(), "JSON decode error", nullptr);
        error["ctx"] = {{"error", fault}};
        co_return refuse_malformed(std::move(error), parsed);
    }
    if (!options_.batch || !parsed.is_array()) co_return co_await answer(websocket, handlers, std::move(parsed));
    if (parsed.empty())
        co_return refuse_malformed(
            make_json_error("too_short", Json::array(), "List should have at least 1 item, not 0", parsed), parsed);
    if (parsed.size() > max_batch)
        co_return refuse_malformed(make_json_error("too_long", Json::array(),
                                                   "List should have at most " + std::to_string(max_batch) +
                                                       " items, not " + std::to_string(parsed.size()),
                                                   nullptr),
                                   parsed);
    Json answers = Json::array();
    for (Json& each : parsed) {
        std::optional<Json> one = co_await answer(websocket, handlers, std::move(each));
        if (one) answers.push_back(*std::move(one));
    }
    if (answers.empty()) co_return std::nullopt;
    co_return std::optional<Json>(std::in_place, std::move(answers));
}

Task<std::optional<Json>> EventRules::answer(WebSocketConnection websocket, MessageCaller& handlers,
                                             Json message) const {
    if (!message.is_object())
        co_return refuse_malformed(
            make_json_error("dict_type", Json::array(), "Input should be a valid dictionary", message), message);
    const auto tag = message.find(options_.tag);
    if (tag == message.end())
        co_return refuse_malformed(make_json_error("missing", Json::array({options_.tag}), "Field required", message),
                                   message);
    if (!tag->is_string())
        co_return refuse_malformed(
            make_json_error("string_type", Json::array({options_.tag}), "Input should be a valid string", *tag),
            message);
    std::optional<Json> id;
    if (const auto given = message.find(options_.id); given != message.end()) id.emplace(*given);
    if (id && !is_within_depth(*id, max_quoted_depth))
        co_return refuse(nullptr, EventError("expected an id that is not nested so deeply", "malformed"), message);

    const auto& name = tag->get_ref<const std::string&>();
    const auto known = std::ranges::find(names_, name, &Name::text);
    if (known == names_.end())
        co_return refuse(id ? *id : Json(), EventError(describe_unknown(name), "unknown"), message);
    const auto handler = static_cast<std::size_t>(known - names_.begin());
    if (!options_.data) co_return co_await run(websocket, handlers, handler, std::move(id), message, message);
    const Json nothing = Json::object();
    const auto data = message.find(*options_.data);
    co_return co_await run(websocket, handlers, handler, std::move(id), data == message.end() ? nothing : *data,
                           message);
}

Task<std::optional<Json>> EventRules::run(WebSocketConnection websocket, MessageCaller& handlers, std::size_t handler,
                                          std::optional<Json> id, const Json& given, const Json& message) const {
    Json result;
    std::optional<Json> wrong;
    std::optional<EventError> error;
    try {
        MessageCall call = handlers.call(handler, given);
        if (Json* found = std::get_if<Json>(&call)) {
            wrong.emplace(std::move(*found));
        } else {
            result = co_await std::get<Task<Json>>(std::move(call));
        }
    } catch (const EventError& refused) {
        error.emplace(refused);
    } catch (const WebSocketDisconnect&) {
        throw;
    } catch (const Cancelled&) {
        throw;
    } catch (...) {
        if (!id) throw;
        logger().error("{}: the handler of the message {} failed: {}", service::escape_for_log(websocket.path()),
                       names_[handler].text, describe(std::current_exception()));
        error.emplace("internal error", "failed");
    }
    const Json id_or_null = id ? *id : Json();
    if (wrong) co_return refuse(id_or_null, make_error("invalid", *std::move(wrong)), message);
    if (error) co_return make_error_(id_or_null, *error);
    if (!id) co_return std::nullopt;
    co_return make_reply_(*id, result);
}

std::optional<Json> EventRules::refuse(const Json& id, const EventError& error, const Json& message) const {
    if (options_.invalid == InvalidMessage::close)
        throw WebSocketMessageError(WebSocketMessageError::Fault::content, error.what(), message.dump());
    return make_error_(id, error);
}

std::optional<Json> EventRules::refuse_malformed(Json error, const Json& message) const {
    return refuse(nullptr, make_error("malformed", std::move(error)), message);
}

std::string EventRules::describe_unknown(std::string_view name) const {
    std::string text = "expected one of ";
    for (const Name& each : names_) text += (&each == names_.data() ? "" : ", ") + each.text;
    return text + ", got " + service::escape_for_log(http::shortened(name, max_shown_name_octets));
}

}  // namespace detail

}  // namespace proapi
