// Parameters that handlers take from what the client sends: of the query, a header, a cookie, a form, or the body.
//
//   app.get("/items", [](proapi::Query<int, "limit", 20> limit, proapi::Query<std::optional<std::string>, "q"> q,
//                        proapi::Header<std::string, "X-Token"> token) { return search(*limit, q.value, *token); });
//   app.post("/move", [](proapi::JsonBody<Move> move) -> proapi::Task<proapi::Json> { ... move->x ... });
//   app.post("/cats", [](proapi::Form<std::string, "name"> name, proapi::File<proapi::UploadFile, "photo"> photo) { ...
//   });
//
// They follow the connection or the request and the path parameters, in any order. WebSocket handlers take them too,
// except for the body and the form. All are read before the handler is called; if any is missing or wrong, it is not
// called, and the response, also to a handshake, is a 422 with every error, in FastAPI's shape.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "proapi/errors.hpp"
#include "proapi/fields.hpp"
#include "proapi/json.hpp"
#include "proapi/json_errors.hpp"
#include "proapi/request.hpp"
#include "proapi/text_value.hpp"

namespace proapi {

class WebSocketConnection;

// Values that the client has sent are missing or wrong. The response is a 422 with {"detail": errors()}.
class RequestValidationError : public HTTPException {
public:
    // `errors`: an array of what is wrong, one each: "type", "loc" (the source and the name), "msg" and "input".
    explicit RequestValidationError(Json errors);
    [[nodiscard]] const Json& errors() const noexcept { return *errors_; }

private:
    std::shared_ptr<const Json> errors_;  // shared, so that copying can't throw
};

namespace detail {

// A name as a template argument.
template <std::size_t size>
struct ParameterName {
    char text[size]{};
    consteval ParameterName(const char (&name)[size]) {  // NOLINT(google-explicit-constructor)
        for (std::size_t i = 0; i < size; ++i) text[i] = name[i];
    }
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text, size - 1}; }
    // Of a header: a token (RFC 9110 section 5.6.2).
    [[nodiscard]] constexpr bool is_token() const noexcept {
        constexpr std::string_view others = "!#$%&'*+-.^_`|~";
        for (const char c : view()) {
            const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (!is_word && others.find(c) == std::string_view::npos) return false;
        }
        return size > 1;
    }
};

// What a parameter is if the client does not send it, as a template argument.
struct NoDefault {};
template <class V>
struct ParameterDefault {
    V value;
    constexpr ParameterDefault(V given) : value(given) {}  // NOLINT(google-explicit-constructor)
};
template <>
struct ParameterDefault<NoDefault> {
    constexpr ParameterDefault() = default;
};
template <std::size_t size>
struct ParameterDefault<char[size]> {
    char value[size]{};
    constexpr ParameterDefault(const char (&text)[size]) {  // NOLINT(google-explicit-constructor)
        for (std::size_t i = 0; i < size; ++i) value[i] = text[i];
    }
};
ParameterDefault() -> ParameterDefault<NoDefault>;
template <class V>
ParameterDefault(V) -> ParameterDefault<V>;
template <std::size_t size>
ParameterDefault(const char (&)[size]) -> ParameterDefault<char[size]>;

template <class V>
[[nodiscard]] constexpr bool is_given(const ParameterDefault<V>&) noexcept {
    return !std::same_as<V, NoDefault>;
}

template <class T>
struct ParameterType {
    static constexpr bool is_optional = false, is_list = false, is_known = TextValue<T>;
};
template <class T>
struct ParameterType<std::vector<T>> {
    static constexpr bool is_optional = false, is_list = true, is_known = TextValue<T>;
};
template <class T>
struct ParameterType<std::optional<T>> {
    static constexpr bool is_optional = true, is_list = ParameterType<T>::is_list,
                          is_known = ParameterType<T>::is_known && !ParameterType<T>::is_optional;
};

// Whether a default of type V is a value of type T, without any loss.
template <class T, class V>
[[nodiscard]] constexpr bool can_hold([[maybe_unused]] const V& value) {
    if constexpr (std::same_as<T, bool> || std::same_as<V, bool>) {
        return std::same_as<T, V>;
    } else if constexpr (std::integral<T> && std::integral<V>) {
        return std::in_range<T>(value);
    } else {
        return !std::integral<T> && std::is_convertible_v<const V&, T> &&
               std::is_arithmetic_v<T> == std::is_arithmetic_v<V>;
    }
}

template <class T, class V>
[[nodiscard]] constexpr bool can_hold_default(const ParameterDefault<V>& fallback) {
    if constexpr (std::same_as<V, NoDefault>) {
        return true;
    } else {
        return can_hold<T>(fallback.value);
    }
}

// The value of a parameter, and how handlers reach it: `*limit`, `limit.value`, `move->x`, or where a T is expected.
template <class T>
class ParameterValue {
public:
    T value{};

    [[nodiscard]] const T& operator*() const& noexcept { return value; }
    [[nodiscard]] T& operator*() & noexcept { return value; }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(value); }
    [[nodiscard]] const T* operator->() const noexcept { return &value; }
    [[nodiscard]] T* operator->() noexcept { return &value; }
    operator const T&() const noexcept { return value; }  // NOLINT(google-explicit-constructor)
};

enum class ParameterSource : std::uint8_t { query, header, cookie, form };

// Checks and reads what Query, Header, Cookie and Form have in common.
template <class T, ParameterName name, ParameterDefault fallback>
class TextParameter : public ParameterValue<T> {
    static_assert(!std::is_reference_v<T>, "a parameter holds its value: expected a type that is not a reference");
    static_assert(
        std::is_reference_v<T> || ParameterType<T>::is_known,
        "expected std::string, bool, an integer, float, double, proapi::Uuid, std::chrono::year_month_day or "
        "std::chrono::sys_seconds, or a std::optional or a std::vector of one; a type from JSON is a JsonBody");
    static_assert(name.view().size() > 0, "expected a parameter with a name, got an empty one");
    static constexpr bool is_single = !ParameterType<T>::is_optional && !ParameterType<T>::is_list;
    static_assert(is_single || !is_given(fallback),
                  "a default replaces std::optional, and a list has none: expected one or the other");
    static_assert(!is_single || can_hold_default<T>(fallback), "expected a default that the parameter's type can hold");

public:
    static constexpr std::string_view key = name.view();
    static constexpr bool has_default = is_given(fallback);
    // Only if has_default.
    [[nodiscard]] static T make_default() { return T(fallback.value); }
};

}  // namespace detail

// The parameter `name` of the query, the last one if there are several. T: std::string, bool, an integer, float,
// double, Uuid, std::chrono::year_month_day or sys_seconds; or a std::optional of one, which is empty if the client
// sends none; or a std::vector of one, with all values of that name, at least one. A T with a third argument has that
// default.
template <class T, detail::ParameterName name, detail::ParameterDefault fallback = detail::ParameterDefault()>
class Query : public detail::TextParameter<T, name, fallback> {};

// The same of the header `name`, in any case.
template <class T, detail::ParameterName name, detail::ParameterDefault fallback = detail::ParameterDefault()>
class Header : public detail::TextParameter<T, name, fallback> {
    static_assert(name.is_token(), "expected the name of a header: letters, digits and !#$%&'*+-.^_`|~");
};

// The same of the cookie `name`, which has one value.
template <class T, detail::ParameterName name, detail::ParameterDefault fallback = detail::ParameterDefault()>
class Cookie : public detail::TextParameter<T, name, fallback> {
    static_assert(!detail::ParameterType<T>::is_list, "a cookie has one value: expected no std::vector");
};

// The same of the text field `name` of a form: an application/x-www-form-urlencoded or multipart/form-data body.
// Another body is a 415.
template <class T, detail::ParameterName name, detail::ParameterDefault fallback = detail::ParameterDefault()>
class Form : public detail::TextParameter<T, name, fallback> {};

// The file `name` of a multipart/form-data body, the last one if there are several. T: UploadFile; or a std::optional
// of it, which is empty if the client sends none; or a std::vector of all files of that name, at least one.
template <class T, detail::ParameterName name>
class File : public detail::ParameterValue<T> {
    static_assert(std::same_as<T, UploadFile> || std::same_as<T, std::optional<UploadFile>> ||
                      std::same_as<T, std::vector<UploadFile>>,
                  "expected proapi::UploadFile, or a std::optional or a std::vector of it");
    static_assert(name.view().size() > 0, "expected a parameter with a name, got an empty one");
};

// The whole body as JSON, converted to a T by nlohmann::json (NLOHMANN_DEFINE_TYPE_..., from_json), with numbers
// checked as by websocket.receive_json<T>(). A std::optional<T> is empty if there is no body. A Content-Type that is
// not JSON is a 415.
template <class T>
class JsonBody : public detail::ParameterValue<T> {
    static_assert(!std::is_reference_v<T>, "a parameter holds its value: expected a type that is not a reference");
    static_assert(!detail::holds_views<T>,
                  "the body is destroyed before T is used: expected a type that holds its text, such as std::string");
    static_assert(std::default_initializable<T>, "expected a type with a default constructor, which JSON then fills");
};

namespace detail {

template <class T>
inline constexpr bool is_json_body = false;
template <class T>
inline constexpr bool is_json_body<JsonBody<T>> = true;
template <class T>
inline constexpr bool is_of_form = false;
template <class T, ParameterName name, ParameterDefault fallback>
inline constexpr bool is_of_form<Form<T, name, fallback>> = true;
template <class T, ParameterName name>
inline constexpr bool is_of_form<File<T, name>> = true;

// Parameters that are not of the path.
template <class T>
inline constexpr bool is_client_parameter = is_json_body<T> || is_of_form<T>;
template <class T, ParameterName name, ParameterDefault fallback>
inline constexpr bool is_client_parameter<Query<T, name, fallback>> = true;
template <class T, ParameterName name, ParameterDefault fallback>
inline constexpr bool is_client_parameter<Header<T, name, fallback>> = true;
template <class T, ParameterName name, ParameterDefault fallback>
inline constexpr bool is_client_parameter<Cookie<T, name, fallback>> = true;

// Whether no path parameter follows another one.
template <class... Args>
[[nodiscard]] constexpr bool has_path_first() noexcept {
    bool is_path_over = false, is_ordered = true;
    ((is_ordered = is_ordered && (is_client_parameter<Args> || !is_path_over),
      is_path_over = is_path_over || is_client_parameter<Args>),
     ...);
    return is_ordered;
}
// A form is one body, however many of its fields a handler takes.
template <class... Args>
inline constexpr int body_count = (0 + ... + (is_json_body<Args> ? 1 : 0)) + ((is_of_form<Args> || ...) ? 1 : 0);

// Reads the parameters of one call, and collects what is wrong.
class ParameterReader {
public:
    explicit ParameterReader(const Request& request);
    explicit ParameterReader(const WebSocketConnection& websocket);

    template <class T, ParameterName name, ParameterDefault fallback>
    void read(Query<T, name, fallback>& parameter) {
        read_text_parameter<T>(ParameterSource::query, parameter);
    }
    template <class T, ParameterName name, ParameterDefault fallback>
    void read(Header<T, name, fallback>& parameter) {
        read_text_parameter<T>(ParameterSource::header, parameter);
    }
    template <class T, ParameterName name, ParameterDefault fallback>
    void read(Cookie<T, name, fallback>& parameter) {
        read_text_parameter<T>(ParameterSource::cookie, parameter);
    }
    template <class T, ParameterName name, ParameterDefault fallback>
    void read(Form<T, name, fallback>& parameter) {
        read_text_parameter<T>(ParameterSource::form, parameter);
    }
    template <ParameterName name>
    void read(File<UploadFile, name>& parameter) {
        if (auto files = find_files(name.view()); !files.empty()) {
            parameter.value = std::move(files.back());
        } else {
            add_missing(ParameterSource::form, name.view());
        }
    }
    template <ParameterName name>
    void read(File<std::optional<UploadFile>, name>& parameter) {
        if (auto files = find_files(name.view()); !files.empty()) parameter.value = std::move(files.back());
    }
    template <ParameterName name>
    void read(File<std::vector<UploadFile>, name>& parameter) {
        parameter.value = find_files(name.view());
        if (parameter.value.empty()) add_missing(ParameterSource::form, name.view());
    }
    template <class T>
    void read(JsonBody<T>& parameter) {
        const std::optional<Json> json = read_body(false);
        if (json) convert_body(*json, parameter.value);
    }
    template <class T>
    void read(JsonBody<std::optional<T>>& parameter) {
        const std::optional<Json> json = read_body(true);
        if (json) convert_body(*json, parameter.value.emplace());
    }
    // Throws RequestValidationError if anything was wrong.
    void finish();

private:
    template <class T, class Parameter>
    void read_text_parameter(ParameterSource source, Parameter& parameter) {
        using Type = ParameterType<T>;
        const auto texts = find(source, Parameter::key, Type::is_list);
        if (texts.empty()) {
            if constexpr (Parameter::has_default) {
                parameter.value = Parameter::make_default();
            } else if constexpr (!Type::is_optional) {
                add_missing(source, Parameter::key);
            }
        } else if constexpr (Type::is_optional) {
            read_texts(source, Parameter::key, texts, parameter.value.emplace());
        } else {
            read_texts(source, Parameter::key, texts, parameter.value);
        }
    }
    template <class T>
    void read_texts(ParameterSource source, std::string_view name, const std::vector<std::string_view>& texts,
                    std::vector<T>& values) {
        for (std::size_t i = 0; i < texts.size(); ++i) {
            T value{};
            if (auto fault = read_text(texts[i], value)) add(source, name, i, *std::move(fault), texts[i]);
            values.push_back(std::move(value));
        }
    }
    template <class T>
    void read_texts(ParameterSource source, std::string_view name, const std::vector<std::string_view>& texts,
                    T& value) {
        if (auto fault = read_text(texts.back(), value))
            add(source, name, std::nullopt, *std::move(fault), texts.back());
    }
    template <class T>
    void convert_body(const Json& json, T& value) {
        if (auto error = read_json(json, value)) add_body_error(*std::move(error));
    }

    // The texts of that name: all of them, or the last one.
    [[nodiscard]] std::vector<std::string_view> find(ParameterSource source, std::string_view name, bool all);
    // The files of that name.
    [[nodiscard]] std::vector<UploadFile> find_files(std::string_view name);
    // Throws HTTPException.
    [[nodiscard]] const FormData& form();
    void add_missing(ParameterSource source, std::string_view name);
    void add(ParameterSource source, std::string_view name, std::optional<std::size_t> index, TextFault fault,
             std::string_view text);
    // The body as JSON; std::nullopt if there is none or it is not JSON, which is an error unless it may be missing.
    [[nodiscard]] std::optional<Json> read_body(bool may_be_missing);
    // Of the body: its location is within the body.
    void add_body_error(Json error);
    void add_error(TextFault fault, Json location, Json input);

    const Params &query_, &cookies_;
    const Headers& headers_;
    const Request* request_ = nullptr;  // null: a handshake, which has no body
    std::optional<FormData> form_;
    Json errors_ = Json::array();
};

// Reads the parameters that are not of the path. Throws HTTPException.
template <class Connection, class... Args>
void read_client_parameters([[maybe_unused]] const Connection& connection,
                            [[maybe_unused]] std::tuple<Args...>& arguments) {
    if constexpr ((is_client_parameter<Args> || ...)) {
        ParameterReader reader(connection);
        const auto read = [&]<class T>([[maybe_unused]] T& argument) {
            if constexpr (is_client_parameter<T>) reader.read(argument);
        };
        std::apply([&](Args&... each) { (read(each), ...); }, arguments);
        reader.finish();
    }
}

}  // namespace detail
}  // namespace proapi
