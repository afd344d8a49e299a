// Reads a handler's signature: its parameters, its result, and whether they fit the parameters of the route. All checks
// run when the program is compiled or the route is registered.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "proapi/body_stream.hpp"
#include "proapi/parameters.hpp"
#include "proapi/request.hpp"
#include "proapi/response.hpp"
#include "proapi/to_thread.hpp"
#include "proapi/uuid.hpp"
#include "proapi/websocket_connection.hpp"

namespace proapi::detail {

// The types that a path parameter's text can be converted to, depending on the converter in the route.
enum class ParameterKind : std::uint8_t { text, integer, floating, uuid };

template <class T>
struct PathParameter {
    static constexpr bool is_known = false;
};
template <>
struct PathParameter<std::string> {
    static constexpr bool is_known = true;
    static constexpr ParameterKind kind = ParameterKind::text;
    static bool read(const std::string& text, std::string& value) {
        value = text;
        return true;
    }
};
[[nodiscard]] bool read_integer(const std::string& text, std::int64_t& value) noexcept;
template <class T>
    requires(std::signed_integral<T> && sizeof(T) >= sizeof(int))
struct PathParameter<T> {
    static constexpr bool is_known = true;
    static constexpr ParameterKind kind = ParameterKind::integer;
    static bool read(const std::string& text, T& value) noexcept {
        std::int64_t wide = 0;
        if (!read_integer(text, wide) || !std::in_range<T>(wide)) return false;
        value = static_cast<T>(wide);
        return true;
    }
};
template <>
struct PathParameter<double> {
    static constexpr bool is_known = true;
    static constexpr ParameterKind kind = ParameterKind::floating;
    static bool read(const std::string& text, double& value) noexcept;
};
template <>
struct PathParameter<Uuid> {
    static constexpr bool is_known = true;
    static constexpr ParameterKind kind = ParameterKind::uuid;
    static bool read(const std::string& text, Uuid& value) noexcept;
};

// The values of a path's parameters, in the order of the pattern.
using PathValues = std::vector<std::pair<std::string, std::string>>;

// Returns false if the handler's type can't represent a value: the page does not exist.
template <class... Args>
bool read_parameters([[maybe_unused]] const PathValues& values, std::tuple<Args...>& arguments) {
    [[maybe_unused]] std::size_t index = 0;
    [[maybe_unused]] const auto read = [&]<class T>([[maybe_unused]] T& value) {
        if constexpr (is_client_parameter<T>) {
            return true;  // not of the path
        } else {
            return PathParameter<T>::read(values[index++].second, value);
        }
    };
    return std::apply([&](auto&... each) { return (read(each) && ...); }, arguments);
}

// The kinds of those arguments that are path parameters.
template <class... Args>
[[nodiscard]] std::vector<ParameterKind> path_kinds() {
    std::vector<ParameterKind> kinds;
    [[maybe_unused]] const auto add = [&]<class T>(std::type_identity<T>) {
        if constexpr (!is_client_parameter<T>) kinds.push_back(PathParameter<T>::kind);
    };
    (add(std::type_identity<Args>()), ...);
    return kinds;
}

template <class T>
inline constexpr bool is_known_argument = is_client_parameter<T> || PathParameter<T>::is_known;

template <class... Ts>
struct TypeList {};

template <class F>
struct Signature;
template <class R, class... A>
struct Signature<R(A...)> {
    using result = R;
    using parameters = TypeList<A...>;
    using arguments = TypeList<std::remove_cvref_t<A>...>;
    static constexpr bool takes_references = (std::is_reference_v<A> || ...);
};
template <class R, class... A>
struct Signature<R (*)(A...)> : Signature<R(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...)> : Signature<R(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const> : Signature<R(A...)> {};
template <class R, class... A>
struct Signature<R (*)(A...) noexcept> : Signature<R(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) noexcept> : Signature<R(A...)> {};
template <class R, class C, class... A>
struct Signature<R (C::*)(A...) const noexcept> : Signature<R(A...)> {};

template <class F>
struct CallableSignature {
    static_assert(
        std::is_pointer_v<F> || requires { &F::operator(); },
        "a handler is a function or a lambda whose parameters have types (not auto)");
    using type = Signature<F>;
};
template <class F>
    requires requires { &F::operator(); }
struct CallableSignature<F> {
    using type = Signature<decltype(&F::operator())>;
};
template <class F>
using HandlerSignature = typename CallableSignature<std::decay_t<F>>::type;

// The arguments after the first one if that is `First`, otherwise all arguments.
template <class First, class List>
struct PathArguments;
template <class First, class... A>
struct PathArguments<First, TypeList<A...>> {
    static constexpr bool has_first = false;
    using list = TypeList<A...>;
};
template <class First, class... A>
struct PathArguments<First, TypeList<First, A...>> {
    static constexpr bool has_first = true;
    using list = TypeList<A...>;
};

template <class T>
struct TaskResult {
    static constexpr bool is_task = false;
    using type = T;
};
template <class T>
struct TaskResult<Task<T>> {
    static constexpr bool is_task = true;
    using type = T;
};

// What a route needs to know about its handler, and how to call it.
class WebSocketHandler {
public:
    virtual ~WebSocketHandler() = default;
    [[nodiscard]] virtual std::vector<ParameterKind> parameters() const = 0;
    // Returns std::nullopt if the type of a path parameter can't represent its value.
    [[nodiscard]] virtual std::optional<Task<>> call(WebSocketConnection websocket, const PathValues& values) = 0;
};

class HttpHandler {
public:
    virtual ~HttpHandler() = default;
    [[nodiscard]] virtual std::vector<ParameterKind> parameters() const = 0;
    [[nodiscard]] virtual std::optional<Task<Response>> call(Request request, const PathValues& values) = 0;
    // Whether the handler is a coroutine. If not, it runs in a thread and can't be interrupted.
    [[nodiscard]] virtual bool is_coroutine() const noexcept = 0;
    // Whether the handler takes a BodyStream. If not, it is called once the body is whole.
    [[nodiscard]] virtual bool streams_body() const noexcept = 0;
};

template <class F, class List>
class TypedWebSocketHandler;
template <class F, class... Args>
class TypedWebSocketHandler<F, TypeList<Args...>> final : public WebSocketHandler {
    static_assert((is_known_argument<Args> && ...),
                  "a path parameter is a std::string, int, std::int64_t, double or proapi::Uuid; others are a "
                  "proapi::Query, Header or Cookie");
    static_assert(has_path_first<Args...>(), "path parameters come before proapi::Query, Header and Cookie");
    static_assert(body_count<Args...> == 0,
                  "a handshake has no body: expected proapi::JsonBody, Form and File in HTTP handlers only");

public:
    explicit TypedWebSocketHandler(F function) : function_(std::move(function)) {}
    std::vector<ParameterKind> parameters() const override { return path_kinds<Args...>(); }
    std::optional<Task<>> call(WebSocketConnection websocket, const PathValues& values) override {
        std::tuple<Args...> arguments;
        if (!read_parameters(values, arguments)) return std::nullopt;
        read_client_parameters(websocket, arguments);
        return std::apply([&](Args&... each) { return function_(std::move(websocket), std::move(each)...); },
                          arguments);
    }

private:
    F function_;
};

template <class T>
Task<Response> respond_with(Task<T> task) {
    if constexpr (std::is_void_v<T>) {
        co_await std::move(task);
        co_return Response(std::string(), 204, {}, {});
    } else {
        co_return to_response(co_await std::move(task));
    }
}

template <class F, bool has_request, bool has_stream, class List>
class TypedHttpHandler;
template <class F, bool has_request, bool has_stream, class... Args>
class TypedHttpHandler<F, has_request, has_stream, TypeList<Args...>> final : public HttpHandler {
    static_assert(
        (is_known_argument<Args> && ...),
        "a path parameter is a std::string, int, std::int64_t, double or proapi::Uuid; proapi::Request comes "
        "first, and proapi::BodyStream next; others are a proapi::Query, Header, Cookie, Form, File or JsonBody");
    static_assert(has_path_first<Args...>(),
                  "path parameters come before proapi::Query, Header, Cookie, Form, File and JsonBody");
    static_assert(body_count<Args...> + (has_stream ? 1 : 0) < 2,
                  "a request has one body: expected one proapi::JsonBody, proapi::BodyStream or form, got several");

public:
    explicit TypedHttpHandler(F function) : function_(std::move(function)) {}
    std::vector<ParameterKind> parameters() const override { return path_kinds<Args...>(); }
    std::optional<Task<Response>> call(Request request, const PathValues& values) override {
        std::tuple<Args...> arguments;
        if (!read_parameters(values, arguments)) return std::nullopt;
        read_client_parameters(request, arguments);
        return run(std::move(request), std::move(arguments));
    }
    bool is_coroutine() const noexcept override { return TaskResult<Result>::is_task; }
    bool streams_body() const noexcept override { return has_stream; }

private:
    using Result = typename HandlerSignature<F>::result;

    Task<Response> run(Request request, std::tuple<Args...> arguments) {
        if constexpr (TaskResult<Result>::is_task) {
            return std::apply([&](Args&... each) { return respond_with(invoke(request, each...)); }, arguments);
        } else {
            return to_thread([this, request = std::move(request), arguments = std::move(arguments)]() mutable {
                return std::apply([&](Args&... each) { return respond_now(request, each...); }, arguments);
            });
        }
    }
    Result invoke(const Request& request, Args&... arguments) {
        if constexpr (has_request && has_stream) {
            return function_(Request(request), BodyStream(request), std::move(arguments)...);
        } else if constexpr (has_request) {
            return function_(Request(request), std::move(arguments)...);
        } else if constexpr (has_stream) {
            return function_(BodyStream(request), std::move(arguments)...);
        } else {
            return function_(std::move(arguments)...);
        }
    }
    // The result becomes a response within the expression that calls the handler. The request and the handler's
    // parameters live until that expression ends, so a pointer into them may be read.
    Response respond_now(const Request& request, Args&... arguments) {
        if constexpr (std::is_void_v<Result>) {
            invoke(request, arguments...);
            return Response(std::string(), 204, {}, {});
        } else if constexpr (has_request) {
            return to_response(function_(Request(request), std::move(arguments)...));
        } else {
            return to_response(function_(std::move(arguments)...));
        }
    }

    F function_;
};

template <class F>
[[nodiscard]] std::unique_ptr<WebSocketHandler> make_websocket_handler(F function) {
    using Signature = HandlerSignature<F>;
    using Path = PathArguments<WebSocketConnection, typename Signature::arguments>;
    static_assert(Path::has_first, "a WebSocket handler takes a proapi::WebSocketConnection first");
    static_assert(std::is_same_v<typename Signature::result, Task<>>, "a WebSocket handler returns proapi::Task<>");
    static_assert(!Signature::takes_references,
                  "a coroutine outlives the call that starts it: take the handler's parameters by value");
    return std::make_unique<TypedWebSocketHandler<F, typename Path::list>>(std::move(function));
}

template <class F>
[[nodiscard]] std::unique_ptr<HttpHandler> make_http_handler(F function) {
    using Signature = HandlerSignature<F>;
    using AfterRequest = PathArguments<Request, typename Signature::arguments>;
    using Path = PathArguments<BodyStream, typename AfterRequest::list>;
    using Result = TaskResult<typename Signature::result>;
    static_assert(
        is_response_value<typename Result::type>,
        "an HTTP handler returns proapi::Response, text, proapi::Json, proapi::Bytes or nothing, or a Task of "
        "one of them");
    static_assert(
        !refers_to_others<typename Result::type> || (!Result::is_task && is_literal<typename Signature::result>),
        "a handler's result is sent after the request and the handler's parameters are gone: return "
        "std::string (or Response, Json, Bytes), not std::string_view, a pointer or a reference, nor a class that "
        "becomes a std::string_view and may only refer to its text (one that is trivially copyable)");
    static_assert(!Result::is_task || !Signature::takes_references,
                  "a coroutine outlives the call that starts it: take the handler's parameters by value");
    static_assert(Result::is_task || !Path::has_first,
                  "a handler that takes a proapi::BodyStream is a coroutine: a thread can't wait for the body's parts");
    return std::make_unique<TypedHttpHandler<F, AfterRequest::has_first, Path::has_first, typename Path::list>>(
        std::move(function));
}

}  // namespace proapi::detail
