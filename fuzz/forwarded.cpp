// Feeds a list of trusted networks, and what a client may have written into forwarded fields, to the parsers of those
// fields and to the rule that finds the real client.
// Oracle: a node, an element and a network that are written and parsed again are the same. Whatever a client has
// written, what trusted proxies add after it decides: client, scheme and host are those that they name. The client that
// is found has the one text of its address. A request that is accepted has a valid Host.
#include "http/forwarded.hpp"

#include "http/headers.hpp"
#include "http/url.hpp"
#include "service/real_client.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

std::string written(const http::ForwardedNode& node) {
    if (!node.address) return "_hidden:" + std::to_string(node.port);
    const std::string address = base::to_string(*node.address);
    return (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" + std::to_string(node.port);
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

void check_node(std::string_view text) {
    const auto node = http::parse_forwarded_node(text);
    const auto customary = http::parse_x_forwarded_for(text);
    check(!node || customary, "X-Forwarded-For takes all that for= takes", text);
    if (!customary) return;
    const auto again = http::parse_forwarded_node(written(*customary));
    check(again && again->address == customary->address && again->port == customary->port,
          "a node that is written again is the same", written(*customary));
}

void check_element(std::string_view text) {
    const auto element = http::parse_forwarded_element(text);
    if (!element) return;
    std::string line = "by=_x";
    if (element->client) line += ";for=" + in_quotes(written(*element->client));
    if (!element->proto.empty()) line += ";proto=" + in_quotes(element->proto);
    if (!element->host.empty()) line += ";host=" + in_quotes(element->host);
    const auto again = http::parse_forwarded_element(line);
    check(again.has_value(), "an element that is written again is read again", line);
    check_equal(again->proto, element->proto, "it has the same scheme");
    check_equal(again->host, element->host, "it has the same host");
    check(again->client.has_value() == element->client.has_value() &&
              (!again->client || again->client->address == element->client->address),
          "it has the same client", line);
}

void check_network(std::string_view text) {
    const auto network = service::read_network(text);
    check(service::is_trusted_network(text) == (network || text == "unix"), "a list takes networks and unix", text);
    if (!network) return;
    check(network->contains(network->first), "a network contains its first address", text);
    const service::TrustedNetworks list({std::string(text)});
    check(list.contains(network->first), "a list contains what its network does", text);
}

void check_found(const service::RealClient& found) {
    if (!found.client) return;
    const auto address = base::parse_ip(found.client->host);
    check(address && base::to_string(*address) == found.client->host, "a client has the one text of its address",
          found.client->host);
}

// 198.51.100.7 is not trusted, and 10.0.0.1 and 10.0.0.2 are.
void check_what_proxies_add(const std::string& text) {
    const service::TrustedNetworks trusted({"10.0.0.0/8"});
    const auto expect = [&](const http::Headers& headers) {
        const service::RealClient found = service::find_real_client(headers, trusted);
        check(found.client && found.client->host == "198.51.100.7", "the client is the one that proxies name", text);
        check(found.is_secure == true, "the scheme is the one that proxies name", text);
        check_equal(found.host, "a.example", "the host is the one that proxies name");
    };
    expect({{"X-Forwarded-For", text + ", 198.51.100.7"},
            {"X-Forwarded-Proto", text + ", https"},
            {"X-Forwarded-Host", text + ", a.example"}});
    expect({{"X-Forwarded-For", text + ", 198.51.100.7, 10.0.0.2"},
            {"X-Forwarded-Proto", text + ", https, http"},
            {"X-Forwarded-Host", text + ", a.example, b.example"}});
    expect({{"X-Forwarded-For", text},
            {"X-Forwarded-For", "198.51.100.7"},
            {"X-Forwarded-Proto", "https"},
            {"X-Forwarded-Host", "a.example"},
            {"Forwarded", text}});
    expect({{"Forwarded", text}, {"Forwarded", "for=198.51.100.7;proto=https;host=a.example"}});
    expect(
        {{"Forwarded", text}, {"Forwarded", "for=198.51.100.7;proto=https;host=a.example, for=10.0.0.2;proto=http"}});
}

void check_request(const http::Headers& fields, const service::TrustedNetworks& trusted, service::Reach reach) {
    service::RequestInfo request{.head = {}, .match = {}, .client = {}, .reach = reach};
    request.head.method = "GET";
    request.head.target = "/";
    request.head.headers = fields;
    request.head.headers.add("Host", "rebound.example");
    const service::Site site;
    if (!service::take_real_client(request, site, trusted)) return;
    check(request.head.headers.count("host") == 1 && http::parse_authority(request.head.host()).has_value(),
          "an accepted request has one valid Host", request.head.host());
    check(reach == service::Reach::network || request.head.host() == "rebound.example",
          "on loopback a foreign Host is not replaced", request.head.host());
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(forwarded) {
    using namespace proapi;
    using namespace proapi::fuzz;
    const auto reach = input.take_octet() % 2 == 0 ? service::Reach::network : service::Reach::loopback;
    const Block networks(input.take_line()), customary(input.take_line()), host(input.take_line()),
        standard(input.take_line());
    std::vector<std::string> items;
    for (const std::string_view item : http::split_at_commas(networks.text())) {
        check_network(item);
        if (service::is_trusted_network(item)) items.emplace_back(item);
    }
    const service::TrustedNetworks trusted(items);
    for (const Block* text : {&customary, &host, &standard}) {
        check_node(text->text());
        check_element(text->text());
        check_what_proxies_add(std::string(text->text()));
    }
    const http::Headers of_both{{"X-Forwarded-For", customary.text()}, {"X-Forwarded-Host", host.text()}};
    const http::Headers of_one{{"Forwarded", standard.text()}};
    for (const http::Headers* fields : {&of_both, &of_one}) {
        check_found(service::find_real_client(*fields, trusted));
        check_request(*fields, trusted, reach);
    }
}
