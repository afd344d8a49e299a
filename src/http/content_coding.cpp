#include "http/content_coding.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "http/parameters.hpp"
#include "http/text.hpp"

namespace proapi::http {

namespace {

#ifdef PROAPI_HAS_BROTLI
constexpr bool has_brotli = true;
#else
constexpr bool has_brotli = false;
#endif
#ifdef PROAPI_HAS_ZSTD
constexpr bool has_zstd = true;
#else
constexpr bool has_zstd = false;
#endif

struct Name {
    std::string_view name;
    ContentCoding coding;
    bool is_built = true;
};

// The first of each coding is the one that is sent.
constexpr auto coding_names = std::to_array<Name>({
    {"identity", ContentCoding::identity},
    {"gzip", ContentCoding::gzip},
    {"x-gzip", ContentCoding::gzip},  // RFC 9110 section 8.4.1.3
    {"deflate", ContentCoding::deflate},
    {"br", ContentCoding::br, has_brotli},
    {"zstd", ContentCoding::zstd, has_zstd},
});

// What responses are sent in, as far as it is built.
constexpr std::array small_first{ContentCoding::zstd, ContentCoding::br, ContentCoding::gzip};
constexpr std::array fast_first{ContentCoding::gzip, ContentCoding::zstd, ContentCoding::br};

[[nodiscard]] std::optional<ContentCoding> find_coding(std::string_view name) noexcept {
    const auto* found =
        std::ranges::find_if(coding_names, [&](const Name& each) { return equals_ignoring_case(each.name, name); });
    return found != coding_names.end() && found->is_built ? std::optional(found->coding) : std::nullopt;
}

constexpr int max_weight = 1000;

// Returns the value of "q" in thousandths (RFC 9110 section 12.4.2); 0 if it is malformed, which is safe.
[[nodiscard]] int read_weight(const ParameterizedValue& item) noexcept {
    if (item.error != ErrorCode::none) return 0;
    for (const Parameter& parameter : item.parameters) {
        if (!equals_ignoring_case(parameter.name, "q")) continue;
        const std::string_view text = parameter.value;
        if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
        if (text.size() > 1 && text[1] != '.') return 0;
        int weight = (text[0] - '0') * max_weight, place = max_weight / 10;
        for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
            if (!is_digit(digit)) return 0;
            weight += (digit - '0') * place;
            place /= 10;
        }
        return weight <= max_weight ? weight : 0;
    }
    return max_weight;
}

}  // namespace

std::string_view to_string(ContentCoding coding) noexcept {
    return std::ranges::find(coding_names, coding, &Name::coding)->name;
}

std::string_view decoded_codings() noexcept {
    return has_brotli && has_zstd ? "gzip, deflate, br, zstd"
           : has_brotli           ? "gzip, deflate, br"
           : has_zstd             ? "gzip, deflate, zstd"
                                  : "gzip, deflate";
}

bool is_built(ContentCoding coding) noexcept {
    return std::ranges::find(coding_names, coding, &Name::coding)->is_built;
}

ContentCoding choose_coding(const Headers& request, Prefer prefer) {
    const auto& preferred = prefer == Prefer::small ? small_first : fast_first;
    std::array<std::optional<int>, small_first.size()> weights;
    std::optional<int> others, identity;  // of "*" and of identity
    for (const std::string_view field : request.getlist("accept-encoding")) {
        for (const std::string_view text : split_list(field)) {
            const ParameterizedValue item = parse_parameters(text);
            const int weight = read_weight(item);
            const auto coding = find_coding(item.value);
            if (item.value == "*") others = weight;
            if (coding == ContentCoding::identity) identity = weight;
            for (std::size_t i = 0; i < preferred.size(); ++i)
                if (coding == preferred[i]) weights[i] = std::max(weight, weights[i].value_or(0));
        }
    }
    ContentCoding best = ContentCoding::identity;
    int best_weight = 0;
    for (std::size_t i = 0; i < preferred.size(); ++i) {
        const int weight = weights[i].value_or(others.value_or(0));
        if (!is_built(preferred[i]) || weight <= best_weight || weight < identity.value_or(0)) continue;
        best = preferred[i];
        best_weight = weight;
    }
    return best;
}

Result<ContentCoding> read_coding(const Headers& fields) {
    ContentCoding coding = ContentCoding::identity;
    for (const std::string_view field : fields.getlist("content-encoding")) {
        for (const std::string_view name : split_list(field)) {
            const auto found = find_coding(name);
            if (!found || (coding != ContentCoding::identity && *found != ContentCoding::identity))
                return make_error(ErrorCode::unknown_content_coding);
            if (*found != ContentCoding::identity) coding = *found;
        }
    }
    return coding;
}

}  // namespace proapi::http
