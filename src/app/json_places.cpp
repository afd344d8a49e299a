#include "app/json_places.hpp"

#include <string>
#include <string_view>

namespace proapi::detail {

namespace {

// They bound the work for an invalid message.
constexpr std::size_t max_values = 10000, max_tries = 64;

constexpr int missing_key = 403;  // nlohmann's number of an exception

[[nodiscard]] bool has_more_values(const Json& value, std::size_t& left) {
    if (left == 0) return true;
    --left;
    if (!value.is_structured()) return false;
    for (const Json& each : value)
        if (has_more_values(each, left)) return true;
    return false;
}

// Appends the names and indices on the way to `part`. Returns whether it is there.
[[nodiscard]] bool find_part(const Json& whole, const Json& part, Json& location) {
    if (&whole == &part) return true;
    const auto is_in = [&](Json step, const Json& value) {
        location.push_back(std::move(step));
        if (find_part(value, part, location)) return true;
        location.erase(location.size() - 1);
        return false;
    };
    if (whole.is_object()) {
        for (const auto& [name, value] : whole.items())
            if (is_in(name, value)) return true;
    } else if (whole.is_array()) {
        for (std::size_t i = 0; i < whole.size(); ++i)
            if (is_in(i, whole[i])) return true;
    }
    return false;
}

// What a conversion says of a value.
struct Verdict {
    std::string text;     // of the exception; empty: it throws none
    std::string missing;  // the member
};

// Grows a value beside the whole one, in the order in which the conversion asks for members, until it throws the same
// exception as for the whole: the place is where it has grown last.
class PlaceFinder {
public:
    PlaceFinder(const Json& whole, const Json::exception& error, const JsonConversion& convert)
        : error_{error.what(), find_missing_member(error)}, convert_(convert), place_(Json::array(), &whole) {}

    [[nodiscard]] std::optional<JsonPlace> find() {
        while (descend()) {
        }
        if (tries_ > max_tries || is_lost_) return std::nullopt;
        return std::move(place_);
    }

private:
    // Returns whether the place is a part of the value at place_, which is then this part.
    [[nodiscard]] bool descend() {
        if (place_.value->is_object()) return grow_object();
        if (place_.value->is_array()) return grow_array();
        return false;
    }

    // Adds the members that the conversion misses. A part of the last one is missing if it still misses a member that
    // is there.
    bool grow_object() {
        const Json& given = *place_.value;
        *grown_ = Json::object();
        std::optional<std::string> last;
        Verdict verdict = try_it();
        while (!verdict.missing.empty() && tries_ <= max_tries) {
            const std::string asked = verdict.missing;
            if (grown_->contains(asked)) return enter(last);  // of a part
            const auto found = given.find(asked);
            (*grown_)[asked] = found == given.end() ? Json() : *found;
            verdict = try_it();
            if (verdict.missing == asked) return enter(last);
            if (found == given.end()) {
                place_.location.push_back(asked);
                return asked == error_.missing ? false : lose();
            }
            last = asked;
        }
        if (verdict.text != error_.text) return lose();
        return last && enter(last);
    }

    // Finds the shortest beginning of the array that fails as the whole.
    bool grow_array() {
        const Json& given = *place_.value;
        if (!fails_with_first(given.size())) return lose();
        if (given.empty() || fails_with_first(0)) return false;
        std::size_t passing = 0, failing = given.size();
        while (failing - passing > 1) {
            const std::size_t middle = passing + (failing - passing) / 2;
            (fails_with_first(middle) ? failing : passing) = middle;
        }
        if (!fails_with_first(failing)) return lose();
        place_.location.push_back(failing - 1);
        place_.value = &given[failing - 1];
        grown_ = &grown_->back();
        return true;
    }

    [[nodiscard]] bool fails_with_first(std::size_t count) {
        *grown_ = Json::array();
        for (std::size_t i = 0; i < count; ++i) grown_->push_back((*place_.value)[i]);
        return try_it().text == error_.text;
    }

    bool enter(const std::optional<std::string>& member) {
        if (!member) return lose();
        place_.location.push_back(*member);
        place_.value = &place_.value->at(*member);
        grown_ = &grown_->at(*member);
        return true;
    }

    bool lose() {
        is_lost_ = true;
        return false;
    }

    [[nodiscard]] Verdict try_it() {
        if (++tries_ > max_tries) return {};
        try {
            convert_(root_);
        } catch (const Json::exception& error) {
            return {error.what(), find_missing_member(error)};
        } catch (...) {  // of the application's from_json(), which the whole value has passed
            return {"another exception", {}};
        }
        return {};
    }

    const Verdict error_;
    const JsonConversion& convert_;
    JsonPlace place_;
    Json root_;
    Json* grown_ = &root_;
    std::size_t tries_ = 0;
    bool is_lost_ = false;
};

}  // namespace

std::string find_missing_member(const Json::exception& error) {
    constexpr std::string_view before = "key '", after = "' not found";
    if (error.id != missing_key) return {};
    const std::string_view text = error.what();
    const std::size_t begin = text.find(before), end = text.rfind(after);
    if (begin == std::string_view::npos || end == std::string_view::npos || end < begin + before.size()) return {};
    return std::string(text.substr(begin + before.size(), end - begin - before.size()));
}

JsonPlace find_place(const Json& whole, const Json& part) {
    JsonPlace place(Json::array(), &part);
    static_cast<void>(find_part(whole, part, place.location));
    return place;
}

std::optional<JsonPlace> find_place(const Json& whole, const Json::exception& error, const JsonConversion& convert) {
    std::size_t left = max_values;
    if (has_more_values(whole, left)) return std::nullopt;
    return PlaceFinder(whole, error, convert).find();
}

}  // namespace proapi::detail
