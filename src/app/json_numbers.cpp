// Detects numbers that a typed value made from JSON has altered: the value's own JSON is compared with the JSON that it
// was made from.
#include <algorithm>
#include <cmath>
#include <compare>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proapi/json.hpp"

namespace proapi {

namespace {

// An integer of either of Json's integer types. Json itself considers 2^64 - 1 and -1 equal.
struct Whole {
    explicit Whole(const Json& number)
        : is_negative(!number.is_number_unsigned() && number.get<std::int64_t>() < 0),
          bits(number.get<std::uint64_t>()) {}
    bool is_negative;
    std::uint64_t bits;
    friend bool operator==(const Whole&, const Whole&) = default;
    friend auto operator<=>(const Whole&, const Whole&) = default;
};

[[nodiscard]] bool has_number(const Json& value) noexcept {
    return value.is_number() || value.is_boolean();
}

[[nodiscard]] bool is_infinite(const Json& made) {
    return made.is_number_float() && !std::isfinite(made.get<double>());
}

// Whether `made` represents `given`, from which it was made.
[[nodiscard]] bool is_unaltered(const Json& given, const Json& made) {
    if (!made.is_number() || !has_number(given)) return true;  // the type has its own representation
    if (given.is_boolean()) return false;
    // A float may round, but must not become infinite.
    if (made.is_number_float()) return !is_infinite(made);
    return !given.is_number_float() && Whole(given) == Whole(made);
}

// Returns the first value in `given` that differs at the same place in `made`, with array elements compared by index;
// null if there is none. A surplus element of `given` differs.
[[nodiscard]] const Json* compare_in_place(const Json& given, const Json& made) {
    if (given.is_object() && made.is_object()) {
        for (const auto& [name, value] : made.items())
            if (const auto found = given.find(name); found != given.end())
                if (const Json* altered = compare_in_place(*found, value)) return altered;
        return nullptr;
    }
    if (given.is_array() && made.is_array()) {
        for (std::size_t i = 0; i < std::min(given.size(), made.size()); ++i)
            if (const Json* altered = compare_in_place(given[i], made[i])) return altered;
        return given.size() > made.size() ? &given[made.size()] : nullptr;
    }
    return is_unaltered(given, made) ? nullptr : &given;
}

enum class Side : std::uint8_t { given, made };

// The numbers at one place in the elements of an array. A type that can't represent a number can't represent it in any
// element, so it is enough to find each given number in some element.
class Numbers {
public:
    void add(Side side, const Json& number) { (side == Side::given ? given_ : made_).push_back(&number); }

    // The first given number; null if there is none.
    [[nodiscard]] const Json* first_given() const noexcept { return given_.empty() ? nullptr : given_.front(); }

    // The first given number that is missing; null if there is none. `is_one_for_one`: no element was left out.
    // `some_left_out`: some elements lack this place, possibly because the type does not write defaults.
    [[nodiscard]] const Json* find_missing(bool is_one_for_one, bool some_left_out) const {
        if (made_.empty()) return nullptr;  // the type has its own representation
        const auto is_float = [](const Json* number) { return number->is_number_float(); };
        if (std::any_of(made_.begin(), made_.end(), is_float)) return find_missing_float();
        return find_missing_whole(is_one_for_one, some_left_out);
    }

private:
    [[nodiscard]] const Json* find_missing_whole(bool is_one_for_one, bool some_left_out) const {
        std::vector<Whole> given, made, missing;
        for (const Json* number : made_)
            if (!number->is_boolean()) made.emplace_back(*number);
        const bool has_boolean = made.size() < made_.size();
        for (const Json* number : given_) {
            if (number->is_boolean() && has_boolean) continue;
            if (!number->is_number_integer()) return number;
            given.emplace_back(*number);
        }
        std::sort(given.begin(), given.end());
        std::sort(made.begin(), made.end());
        if (some_left_out && std::includes(given.begin(), given.end(), made.begin(), made.end())) return nullptr;
        if (!is_one_for_one || given.size() != made.size()) {  // equal ones are merged, or some elements have defaults
            given.erase(std::unique(given.begin(), given.end()), given.end());
            made.erase(std::unique(made.begin(), made.end()), made.end());
        }
        std::set_difference(given.begin(), given.end(), made.begin(), made.end(), std::back_inserter(missing));
        if (missing.empty()) return nullptr;
        const auto is_missing = [&](const Json* number) {
            return number->is_number() && Whole(*number) == missing.front();
        };
        return *std::find_if(given_.begin(), given_.end(), is_missing);
    }

    // Compares rounded numbers, since the type's floats may be rounded. Looks for a missing number only if one was left
    // out.
    [[nodiscard]] const Json* find_missing_float() const {
        const auto rounded = [](const Json* number) { return static_cast<float>(number->get<double>()); };
        std::vector<float> made;
        bool overflows = false;
        for (const Json* number : made_) {
            if (number->is_boolean()) continue;
            overflows = overflows || is_infinite(*number);
            made.push_back(rounded(number));
        }
        const bool has_boolean = made.size() < made_.size();
        std::sort(made.begin(), made.end());
        for (const Json* number : given_) {
            if (number->is_boolean() && has_boolean) continue;
            if (number->is_boolean()) return number;
            if (overflows && !std::isfinite(rounded(number))) return number;
            if (given_.size() > made_.size() && !std::binary_search(made.begin(), made.end(), rounded(number)))
                return number;
        }
        return nullptr;
    }

    std::vector<const Json*> given_, made_;
};

// The order of the arrays inside an array's elements.
enum class Order : std::uint8_t { kept, any };

// The places in an array's elements: identified by member names and, if the order is kept, by array indices.
class NumberPlaces {
public:
    void add(Side side, const Json& value, Order order) {
        made_count_ += side == Side::made;
        if (value.is_object()) {
            made_objects_ += side == Side::made;
            for (const auto& [name, member] : value.items()) members_[name].add(side, member, order);
        } else if (value.is_array()) {
            makes_array_ = makes_array_ || side == Side::made;
            for (std::size_t i = 0; i < value.size(); ++i)
                elements_[order == Order::kept ? i : 0].add(side, value[i], order);
        } else if (has_number(value)) {
            numbers_.add(side, value);
        }
    }

    // See Numbers::find_missing().
    [[nodiscard]] const Json* find_missing(bool is_one_for_one, bool some_left_out = false) const {
        if (const Json* missing = numbers_.find_missing(is_one_for_one, some_left_out)) return missing;
        for (const auto& [name, each] : members_)
            if (const Json* missing = each.find_missing(is_one_for_one, each.made_count_ < made_objects_))
                return missing;
        for (const auto& [index, each] : elements_) {
            const bool is_left_out = makes_array_ && each.made_count_ == 0;
            if (const Json* missing = is_left_out ? each.first_given() : each.find_missing(is_one_for_one))
                return missing;
        }
        return nullptr;
    }

private:
    [[nodiscard]] const Json* first_given() const noexcept {
        if (const Json* first = numbers_.first_given()) return first;
        for (const auto& [name, each] : members_)
            if (const Json* first = each.first_given()) return first;
        for (const auto& [index, each] : elements_)
            if (const Json* first = each.first_given()) return first;
        return nullptr;
    }

    Numbers numbers_;
    std::map<std::string, NumberPlaces, std::less<>> members_;
    std::map<std::size_t, NumberPlaces> elements_;
    std::size_t made_count_ = 0, made_objects_ = 0;
    bool makes_array_ = false;
};

using Elements = std::vector<const Json*>;

// Returns the elements without repetitions, compared as a whole or by map key; the first of equal ones stays.
template <class Project>
[[nodiscard]] Elements without_repeated(const Json& given, Project project) {
    Elements elements;
    for (const Json& each : given) elements.push_back(&each);
    const auto is_less = [&](const Json* a, const Json* b) { return project(*a) < project(*b); };
    const auto is_same = [&](const Json* a, const Json* b) { return project(*a) == project(*b); };
    std::stable_sort(elements.begin(), elements.end(), is_less);
    elements.erase(std::unique(elements.begin(), elements.end(), is_same), elements.end());
    return elements;
}

[[nodiscard]] bool is_pair(const Json& element) noexcept {
    return element.is_array() && element.size() == 2;
}

// Returns the elements of `given` that correspond one to one to those of `made`, if a set or a map has merged some;
// otherwise returns all elements.
[[nodiscard]] Elements find_merged(const Json& given, const Json& made) {
    if (given.size() > made.size()) {
        Elements elements = without_repeated(given, std::identity());
        if (elements.size() == made.size()) return elements;
        if (std::all_of(given.begin(), given.end(), is_pair) && std::all_of(made.begin(), made.end(), is_pair)) {
            elements = without_repeated(given, [](const Json& each) -> const Json& { return each[0]; });
            if (elements.size() == made.size()) return elements;
        }
    }
    Elements all;
    for (const Json& each : given) all.push_back(&each);
    return all;
}

[[nodiscard]] const Json* find_missing(const Elements& given, const Json& made, Order order) {
    NumberPlaces places;
    for (const Json* each : given) places.add(Side::given, *each, order);
    for (const Json& each : made) places.add(Side::made, each, order);
    return places.find_missing(given.size() == made.size());
}

// A set or a map reorders its elements and merges equal ones; an array inside another array may do the same.
[[nodiscard]] const Json* compare_elements(const Json& given, const Json& made) {
    if (!compare_in_place(given, made)) return nullptr;
    const Elements merged = find_merged(given, made);
    return find_missing(merged, made, Order::kept) ? find_missing(merged, made, Order::any) : nullptr;
}

[[nodiscard]] const Json* compare(const Json& given, const Json& made) {
    if (given.is_array() && made.is_array()) return compare_elements(given, made);
    if (!given.is_object() || !made.is_object()) return compare_in_place(given, made);
    for (const auto& [name, value] : made.items())
        if (const auto found = given.find(name); found != given.end())
            if (const Json* altered = compare(*found, value)) return altered;
    return nullptr;
}

}  // namespace

const Json* detail::find_altered_number(const Json& given, const Json& made) {
    return compare(given, made);
}

}  // namespace proapi
