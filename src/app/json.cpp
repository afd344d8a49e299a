#include "proapi/json.hpp"

#include <cmath>
#include <stdexcept>

#include "server/log.hpp"

namespace proapi {

namespace {

[[nodiscard]] std::invalid_argument too_deep() {
    return std::invalid_argument("expected JSON nested at most " + std::to_string(max_json_depth) + " deep, got more");
}

// What nlohmann's writer would take silently: NaN and Infinity become null, depth becomes stack.
void check_writable(const Json& value, std::size_t depth) {
    if (value.is_number_float() && !std::isfinite(value.get<double>()))
        throw std::invalid_argument("expected JSON, got NaN or Infinity, which JSON does not have");
    if (!value.is_structured()) return;
    if (depth == 0) throw too_deep();
    for (const Json& each : value) check_writable(each, depth - 1);
}

// Brackets outside of strings; the parser itself needs no stack, but whoever walks its result does.
void check_depth(std::string_view text) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char character = text[i];
        if (in_string) {
            if (character == '\\') ++i;
            if (character == '"') in_string = false;
        } else if (character == '"') {
            in_string = true;
        } else if (character == '[' || character == '{') {
            if (++depth > max_json_depth) throw too_deep();
        } else if ((character == ']' || character == '}') && depth > 0) {
            --depth;
        }
    }
}

}  // namespace

std::string write_json(const Json& value) {
    check_writable(value, max_json_depth);
    try {
        return value.dump();
    } catch (const Json::exception& error) {
        throw std::invalid_argument("expected JSON, got " + server::escape_for_log(error.what(), 512));
    }
}

Json parse_json(std::string_view text) {
    // The parser would skip it; to browsers and to msgspec it is no JSON (RFC 8259 section 8.1).
    if (text.starts_with("\xEF\xBB\xBF")) throw std::invalid_argument("expected JSON, got a byte order mark");
    check_depth(text);
    try {
        return Json::parse(text.begin(), text.end());
    } catch (const Json::exception& error) {
        throw std::invalid_argument("expected JSON: " + server::escape_for_log(error.what(), 512));
    }
}

}  // namespace proapi
