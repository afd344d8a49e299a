// Events: JSON messages that are dispatched by their name to handlers with typed parameters.
//
//   struct Draw { int x = 0, y = 0; };
//   NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Draw, x, y)
//
//   app.events("/board")
//       .on("draw", [](proapi::WebSocketConnection websocket, Draw draw) -> proapi::Task<> { ... })
//       .on("version", []() -> proapi::Task<int> { co_return 1; });
//
// A message is an object: {"type": "draw", "x": 1, "y": 2, "id": 7}. `type` is its name. If it has an `id`, the result
// of its handler is sent as the reply: {"type": "reply", "id": 7, "result": null}. The messages of a connection are
// handled one after the other, in order.
//
// What a handler keeps for one connection is a session: the object that the first function returns. Handlers take it by
// reference; it is destroyed when the connection has ended.
//
//   struct Player { std::string room; int moves = 0; };
//   app.events("/board/{room}", [](proapi::WebSocketConnection, std::string room) -> proapi::Task<Player> {
//          co_return Player{room};
//      }).on("draw", [](Player& player, Draw draw) -> proapi::Task<int> { co_return ++player.moves; });
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "proapi/handler.hpp"
#include "proapi/json_errors.hpp"

namespace proapi {

namespace detail {
class Site;
}

// A message that can't be handled, or that its handler refuses. The client gets it as a message, and the connection
// goes on.
class EventError : public std::runtime_error {
public:
    // `text`: what the client is told. `kind`: "refused", any text of the application's own, or what the framework
    // sets: "malformed" (not JSON, or no name), "unknown" (no handler has that name), "invalid" (not what the handler
    // takes), "failed" (the handler threw another exception). `errors`: an array of what is wrong with a message that
    // is invalid, as in RequestValidationError.
    explicit EventError(const std::string& text, std::string kind = "refused", Json errors = Json::array());
    [[nodiscard]] const std::string& kind() const noexcept { return more_->kind; }
    [[nodiscard]] const Json& errors() const noexcept { return more_->errors; }

private:
    struct More {
        std::string kind;
        Json errors;
    };
    std::shared_ptr<const More> more_;  // shared, so that copying can't throw
};

// What happens to a message that is malformed, unknown or invalid: the client gets an error as a message, or the
// connection is closed with 1007.
enum class InvalidMessage : std::uint8_t { reply, close };

// How messages look.
struct EventsOptions {
    std::string tag = "type";  // the member that is the name
    // The member that has what handlers take, by default an empty object; nullopt: the message itself.
    std::optional<std::string> data = std::nullopt;
    std::string id = "id";  // the member that a reply refers to
    InvalidMessage invalid = InvalidMessage::reply;
    // Whether a client may send several messages in an array, 1 to 1000. It gets their answers in one.
    bool batch = false;
};

namespace detail {

// The handler's task or, if the message is not what the handler takes, what is wrong with it.
using MessageCall = std::variant<Task<Json>, Json>;

// Calls the handlers of one connection.
class MessageCaller {
public:
    virtual ~MessageCaller() = default;
    // `handler`: its number, in the order of registration.
    [[nodiscard]] virtual MessageCall call(std::size_t handler, const Json& message) = 0;
};

// What does not depend on the types of handlers: names, and what is sent.
class EventRules {
public:
    // The message that answers one with this id, which is null if it has none; nullopt: no message.
    using MakeReply = std::function<std::optional<Json>(const Json& id, const Json& result)>;
    using MakeError = std::function<std::optional<Json>(const Json& id, const EventError& error)>;

    // Throws std::invalid_argument if two members have the same name.
    EventRules(EventsOptions options, Site& site);
    // Each throws std::logic_error while the application serves; add() throws RouteError for a name that has a handler.
    void add(std::string_view name, std::source_location where);
    void set_reply(MakeReply make);
    void set_error(MakeError make);
    // Accepts the connection, unless it is accepted or refused already, and handles its messages until it ends.
    [[nodiscard]] Task<> serve(WebSocketConnection websocket, MessageCaller& handlers) const;

private:
    struct Name {
        std::string text;
        std::source_location where;
    };

    [[nodiscard]] Task<std::optional<Json>> answer_whole(WebSocketConnection websocket, MessageCaller& handlers,
                                                         Message message) const;
    [[nodiscard]] Task<std::optional<Json>> answer(WebSocketConnection websocket, MessageCaller& handlers,
                                                   Json message) const;
    // `given`: what the handler takes; a part of `message`, which the caller keeps.
    [[nodiscard]] Task<std::optional<Json>> run(WebSocketConnection websocket, MessageCaller& handlers,
                                                std::size_t handler, std::optional<Json> id, const Json& given,
                                                const Json& message) const;
    [[nodiscard]] std::optional<Json> refuse(const Json& id, const EventError& error, const Json& message) const;
    [[nodiscard]] std::optional<Json> refuse_malformed(Json error, const Json& message) const;
    [[nodiscard]] std::string describe_unknown(std::string_view name) const;

    const EventsOptions options_;
    Site& site_;  // it owns the handler that owns this object
    std::vector<Name> names_;
    MakeReply make_reply_;
    MakeError make_error_;
};

// The session of handlers that have none.
struct NoSession {};
template <class Session>
using SessionOf = std::conditional_t<std::is_void_v<Session>, NoSession, Session>;

template <class R>
inline constexpr bool is_message_result = std::is_void_v<R> || std::is_constructible_v<Json, R>;

// What a message handler takes: [WebSocketConnection,] [Session&,] [the message].
template <class Session, class Parameters>
struct MessageParameters {
    using AfterConnection = PathArguments<WebSocketConnection, Parameters>;
    using AfterSession = PathArguments<SessionOf<Session>&, typename AfterConnection::list>;
    using AfterConstSession = PathArguments<const SessionOf<Session>&, typename AfterSession::list>;
    static constexpr bool has_connection = AfterConnection::has_first;
    static constexpr bool has_session = AfterSession::has_first || AfterConstSession::has_first;
    using list = typename AfterConstSession::list;
};

// The one type in the list; Json if there is none.
template <class List>
struct MessageType {
    static constexpr bool is_known = false;
    using type = Json;
};
template <>
struct MessageType<TypeList<>> {
    static constexpr bool is_known = true;
    using type = Json;
};
template <class T>
struct MessageType<TypeList<T>> {
    static constexpr bool is_known = true;
    using type = T;
};

template <class Session>
class MessageHandler {
public:
    virtual ~MessageHandler() = default;
    [[nodiscard]] virtual MessageCall call(const WebSocketConnection& websocket, SessionOf<Session>& session,
                                           const Json& message) = 0;
};

template <class R>
Task<Json> make_result(Task<R> task) {
    if constexpr (std::is_void_v<R>) {
        co_await std::move(task);
        co_return Json();
    } else {
        R result = co_await std::move(task);
        co_return Json(std::move(result));
    }
}

template <class Session, class F>
class TypedMessageHandler final : public MessageHandler<Session> {
    using Parameters = MessageParameters<Session, typename HandlerSignature<F>::parameters>;
    using Type = MessageType<typename Parameters::list>;
    using Given = std::remove_cvref_t<typename Type::type>;
    static constexpr bool has_message = !std::same_as<typename Parameters::list, TypeList<>>;

    using Result = TaskResult<typename HandlerSignature<F>::result>;
    static_assert(Result::is_task && is_message_result<typename Result::type>,
                  "a message handler returns proapi::Task<R>, R: void or a type that proapi::Json can be made of");
    static_assert(Type::is_known,
                  "a message handler takes a proapi::WebSocketConnection, the session by reference and one message, in "
                  "this order; each may be missing");
    static_assert(!std::is_reference_v<typename Type::type>,
                  "a coroutine outlives the call that starts it: take the message and the connection by value");
    static_assert(std::default_initializable<Given>,
                  "expected a type with a default constructor, which JSON then fills");
    static_assert(!holds_views<Given>,
                  "the message is destroyed before the handler ends: expected a type that holds its text, such as "
                  "std::string");

public:
    explicit TypedMessageHandler(F function) : function_(std::move(function)) {}
    [[nodiscard]] MessageCall call(const WebSocketConnection& websocket, SessionOf<Session>& session,
                                   const Json& message) override {
        Given value{};
        if constexpr (has_message) {
            if (auto error = read_json(message, value)) return MessageCall(std::in_place_type<Json>, *std::move(error));
        }
        return MessageCall(std::in_place_type<Task<Json>>, make_result(invoke(websocket, session, value)));
    }

private:
    [[nodiscard]] auto invoke(const WebSocketConnection& websocket, SessionOf<Session>& session, Given& value) {
        const auto with_rest = [&](auto&&... first) {
            if constexpr (has_message) {
                return std::invoke(function_, std::forward<decltype(first)>(first)..., std::move(value));
            } else {
                return std::invoke(function_, std::forward<decltype(first)>(first)...);
            }
        };
        if constexpr (Parameters::has_connection && Parameters::has_session) {
            return with_rest(WebSocketConnection(websocket), session);
        } else if constexpr (Parameters::has_connection) {
            return with_rest(WebSocketConnection(websocket));
        } else if constexpr (Parameters::has_session) {
            return with_rest(session);
        } else {
            return with_rest();
        }
    }

    F function_;
};

template <class F, class Answered>
concept MakesAnswer =
    std::copy_constructible<F> && std::is_invocable_v<F&, const Json&, const Answered&> &&
    std::is_convertible_v<std::invoke_result_t<F&, const Json&, const Answered&>, std::optional<Json>>;

template <class Answered, class F>
[[nodiscard]] auto make_answer(F function) {
    return [function = std::move(function)](const Json& id, const Answered& answered) mutable -> std::optional<Json> {
        using Result = std::invoke_result_t<F&, const Json&, const Answered&>;
        if constexpr (std::same_as<std::remove_cvref_t<Result>, std::optional<Json>>) {
            return std::invoke(function, id, answered);
        } else {
            return std::optional<Json>(std::in_place, std::invoke(function, id, answered));
        }
    };
}

}  // namespace detail

// The messages of one route: what ProAPI::events() returns. It lives as long as the ProAPI and its servers. Session:
// the type that the first function returns, or void. Register handlers as routes are: from one thread, while the
// application does not run.
template <class Session = void>
class Events {
public:
    // handler: Task<R>([WebSocketConnection,] [Session&,] [T]). T is what the message becomes, as JsonBody<T> does; it
    // may be std::tuple<...> for a message of an array, or Json. A message whose handler takes no T may have any
    // members. R is the reply, or void, which is null; it is dropped if the message has no id.
    //
    // If the handler throws an EventError, the client gets it. After another exception, except for WebSocketDisconnect,
    // a message with an id is answered "internal error", with an ERROR line; without an id the connection is closed
    // with 1011.
    template <class F>
    Events& on(std::string_view name, F handler, std::source_location where = std::source_location::current()) {
        auto typed = std::make_unique<detail::TypedMessageHandler<Session, F>>(std::move(handler));
        handlers_.reserve(handlers_.size() + 1);
        rules_.add(name, where);
        handlers_.push_back(std::move(typed));
        return *this;
    }
    // make: (const Json& id, const Json& result) -> Json or std::optional<Json>: the message that answers one with an
    // id. Without it: {"type": "reply", "id": id, "result": result}.
    template <class F>
        requires detail::MakesAnswer<F, Json>
    Events& reply(F make) {
        rules_.set_reply(detail::make_answer<Json>(std::move(make)));
        return *this;
    }
    // make: (const Json& id, const EventError&) -> Json or std::optional<Json>: the message for an error; `id` is null
    // if the message had none. Without it: {"type": "error", "id": id, "detail": the errors, or else the text}.
    template <class F>
        requires detail::MakesAnswer<F, EventError>
    Events& error(F make) {
        rules_.set_error(detail::make_answer<EventError>(std::move(make)));
        return *this;
    }

    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;

    // Internal: ProAPI::events() creates it.
    Events(EventsOptions options, detail::Site& site) : rules_(std::move(options), site) {}
    // Internal: serves one connection, whose session `connecting` makes.
    [[nodiscard]] Task<> serve(WebSocketConnection websocket, Task<Session> connecting) const {
        if constexpr (std::is_void_v<Session>) {
            co_await std::move(connecting);
            detail::NoSession session;
            Caller caller(handlers_, websocket, session);
            co_await rules_.serve(websocket, caller);
        } else {
            Session session = co_await std::move(connecting);
            Caller caller(handlers_, websocket, session);
            co_await rules_.serve(websocket, caller);
        }
    }

private:
    using Handlers = std::vector<std::unique_ptr<detail::MessageHandler<Session>>>;

    class Caller final : public detail::MessageCaller {
    public:
        Caller(const Handlers& handlers, const WebSocketConnection& websocket, detail::SessionOf<Session>& session)
            : handlers_(handlers), websocket_(websocket), session_(session) {}
        [[nodiscard]] detail::MessageCall call(std::size_t handler, const Json& message) override {
            return handlers_[handler]->call(websocket_, session_, message);
        }

    private:
        const Handlers& handlers_;
        const WebSocketConnection& websocket_;
        detail::SessionOf<Session>& session_;
    };

    detail::EventRules rules_;
    Handlers handlers_;  // in the order of their names in rules_
};

namespace detail {

// The WebSocket handler of a route of messages: calls `connect` and serves. Arguments: those of `connect`, without the
// connection.
template <class Session, class F, class Arguments>
class EventsHandler;
template <class Session, class F, class... Arguments>
class EventsHandler<Session, F, TypeList<Arguments...>> {
public:
    EventsHandler(std::shared_ptr<const Events<Session>> events, F connect)
        : events_(std::move(events)), connect_(std::move(connect)) {}
    Task<> operator()(WebSocketConnection websocket, Arguments... arguments) {
        Task<Session> connecting = std::invoke(connect_, websocket, std::move(arguments)...);
        return events_->serve(std::move(websocket), std::move(connecting));
    }

private:
    std::shared_ptr<const Events<Session>> events_;
    F connect_;
};

template <class F>
struct ConnectFunction {
    using Signature = HandlerSignature<F>;
    using Arguments = PathArguments<WebSocketConnection, typename Signature::arguments>;
    using Result = TaskResult<typename Signature::result>;
    static_assert(Arguments::has_first && Result::is_task,
                  "events() takes Task<Session>(proapi::WebSocketConnection, path parameters...)");
    static_assert(!Signature::takes_references,
                  "a coroutine outlives the call that starts it: take the handler's parameters by value");
    using Session = typename Result::type;
    using Handler = EventsHandler<Session, F, typename Arguments::list>;
};

}  // namespace detail

}  // namespace proapi
