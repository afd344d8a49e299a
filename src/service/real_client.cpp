#include "service/real_client.hpp"

#include <algorithm>
#include <array>
#include <ranges>
#include <utility>

#include "http/forwarded.hpp"
#include "http/url.hpp"
#include "service/host_rule.hpp"

namespace proapi::service {

namespace {

using Members = std::vector<std::string_view>;

constexpr std::string_view for_field = "X-Forwarded-For", proto_field = "X-Forwarded-Proto",
                           host_field = "X-Forwarded-Host", standard_field = "Forwarded";

// Returns the members of all fields of that name. Each field is split by itself, so that an unclosed quote of one does
// not reach into the next, which another proxy has added.
template <class Split>
[[nodiscard]] Members list_members(const http::Headers& headers, std::string_view name, Split split) {
    Members all;
    for (const std::string_view value : headers.getlist(name)) {
        const Members members = split(value);
        all.insert(all.end(), members.begin(), members.end());
    }
    return all;
}

// Walks to the left by one member: takes what it says of the client. Returns whether the walk goes on, because that
// client is a trusted proxy itself.
[[nodiscard]] bool take_node(const http::ForwardedNode& node, const TrustedNetworks& trusted, RealClient& found) {
    if (!node.address) return false;
    found.client = base::Address{base::to_string(*node.address), node.port};
    return trusted.contains(*node.address);
}

[[nodiscard]] RealClient read_standard(const http::Headers& headers, const TrustedNetworks& trusted) {
    RealClient found;
    const Members members = list_members(headers, standard_field, http::split_list);
    for (const std::string_view member : std::ranges::reverse_view(members)) {
        auto element = http::parse_forwarded_element(member);
        if (!element) break;
        // The proxy nearest to the client knows what the client asked for.
        if (const auto secure = http::is_secure_scheme(element->proto)) found.is_secure = secure;
        if (!element->host.empty()) found.host = std::move(element->host);
        if (!element->client || !take_node(*element->client, trusted, found)) break;
    }
    return found;
}

// Proxies that add to each list write one member of each. Those that overwrite leave one, the first.
[[nodiscard]] std::string_view find_member(const Members& members, std::size_t hops) noexcept {
    if (members.empty()) return {};
    return members[members.size() - std::min(hops, members.size())];
}

[[nodiscard]] RealClient read_customary(const http::Headers& headers, const TrustedNetworks& trusted) {
    RealClient found;
    const auto list = [&](std::string_view name) { return list_members(headers, name, http::split_at_commas); };
    const Members clients = list(for_field);
    std::size_t hops = 0;  // members that trusted proxies have written
    for (const std::string_view member : std::ranges::reverse_view(clients)) {
        const auto node = http::parse_x_forwarded_for(member);
        if (!node) break;
        ++hops;
        if (!take_node(*node, trusted, found)) break;
    }
    hops = std::max<std::size_t>(hops, 1);
    found.is_secure = http::is_secure_scheme(find_member(list(proto_field), hops));
    found.host = find_member(list(host_field), hops);
    return found;
}

void replace_host(http::RequestHead& head, std::string_view host) {
    if (!head.target.starts_with('/')) {  // the authority of an absolute-form would win over the field
        std::string target(head.raw_path());
        if (const std::string_view query = head.query(); !query.empty()) target.append("?").append(query);
        head.target = std::move(target);
    }
    head.headers.remove("Host");
    head.headers.add("Host", host);
}

}  // namespace

RealClient find_real_client(const http::Headers& headers, const TrustedNetworks& trusted) {
    const std::array customary{for_field, proto_field, host_field};
    const bool is_customary =
        std::ranges::any_of(customary, [&](std::string_view name) { return headers.contains(name); });
    return is_customary ? read_customary(headers, trusted) : read_standard(headers, trusted);
}

bool take_real_client(RequestInfo& request, const Site& site, const TrustedNetworks& trusted) {
    RealClient real = find_real_client(request.head.headers, trusted);
    if (!real.host.empty() && !http::parse_authority(real.host)) return false;
    if (!real.host.empty() && (request.reach == Reach::network || check_host(request, site))) {
        replace_host(request.head, real.host);
        request.is_host_forwarded = true;
    }
    if (real.client) request.client = *std::move(real.client);
    if (real.is_secure) request.secure = *real.is_secure;
    return true;
}

}  // namespace proapi::service
