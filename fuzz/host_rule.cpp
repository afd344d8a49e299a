// Feeds an allowed host, a Host field and an Origin, one line each, to the parsers of authorities and origins and to
// the rules for Host and Origin.
// Oracle: an authority that is serialized and parsed again is the same. Reading an origin twice changes nothing. A
// model of a few lines admits the same hosts as an allowed host. A listed origin passes, and an origin of another host
// does not.
#include "service/host_rule.hpp"

#include "http/request_parser.hpp"
#include "http/text.hpp"
#include "http/url.hpp"
#include "service/origin.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

std::string in_lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = http::lower(c);
    return out;
}

std::string without_root_dot(std::string name) {
    if (name.ends_with('.')) name.pop_back();
    return name;
}

// As check_host() is documented: "*", a name, "*.name", or an address with or without brackets.
bool model_lets_in(std::string_view allowed, const std::string& host) {
    if (allowed == "*") return true;
    std::string name = without_root_dot(in_lower_case(allowed));
    if (name.starts_with('[')) name = name.substr(1, name.size() - 2);
    if (!name.starts_with("*.")) return name == host;
    return host.size() > name.size() - 1 && host.ends_with(name.substr(1));
}

void check_authority(std::string_view text) {
    const auto authority = http::parse_authority(text);
    if (!authority) return;
    const bool is_ipv6 = authority->host.find(':') != std::string::npos;
    check(!authority->host.empty() && in_lower_case(authority->host) == authority->host, "a host is in lower case",
          authority->host);
    const std::string written = (is_ipv6 ? "[" + authority->host + "]" : authority->host) +
                                (authority->port ? ":" + std::to_string(*authority->port) : "");
    const auto again = http::parse_authority(written);
    check(again && again->host == authority->host && again->port == authority->port,
          "an authority that is written again is the same", written);
}

http::RequestHead head_for(std::string_view host, std::string_view origin) {
    http::RequestHead head;
    head.method = "GET";
    head.target = "/";
    head.headers.add("Host", host);
    if (!origin.empty()) head.headers.add("Origin", origin);
    return head;
}

void check_hosts(std::string_view allowed, std::string_view host) {
    service::Site site;
    const std::string refusal = error_text(service::set_setting(site.settings, "allowed_hosts", allowed));
    const auto members = http::split_list(allowed);
    const bool are_patterns = std::all_of(members.begin(), members.end(), service::is_host_pattern);
    check(refusal.empty() == are_patterns, "allowed_hosts takes host patterns", allowed);
    if (!refusal.empty() || members.empty()) return;
    const auto authority = http::parse_authority(host);
    const std::string name = authority ? without_root_dot(authority->host) : "";
    const bool passes = !name.empty() && std::any_of(members.begin(), members.end(),
                                                     [&](std::string_view one) { return model_lets_in(one, name); });
    service::RequestInfo request{.head = head_for(host, ""), .match = {}, .client = {}};
    request.reach = service::Reach::network;
    check(service::check_host(request, site).has_value() == passes, "allowed_hosts lets in what the model lets in",
          std::string(allowed) + " for " + std::string(host));
    const bool passes_locally = passes || http::is_loopback_name(name);
    request.reach = service::Reach::loopback;
    check(service::check_host(request, site).has_value() == passes_locally, "on loopback its names pass too",
          std::string(allowed) + " for " + std::string(host));
}

void check_origin(std::string_view text, std::string_view host) {
    const service::Settings application;
    service::WebSocketSettings route;
    const http::RequestHead head = head_for(host, text);
    const auto origin = service::read_origin(text);
    if (origin) {
        check(service::read_origin(*origin) == origin, "reading an origin twice changes nothing", text);
        check(text.starts_with(*origin), "an origin is a view of the text", text);
        check_equal(error_text(service::set_setting(route, "allowed_origins", text)), "", "an origin can be listed");
        check(
            service::judge_origin(head, route, application, service::Reach::network) == service::OriginVerdict::passes,
            "an origin that is listed passes", text);
    }
    if (text.empty()) return;
    // An origin that is not listed and whose host is not the request's.
    route.allowed_origins = {"https://listed.example"};
    const auto own = http::parse_authority(host);
    const auto scheme_end = text.find("://");
    auto asking = http::parse_authority(scheme_end == std::string_view::npos ? "" : text.substr(scheme_end + 3));
    if (!asking && text.ends_with('/') && scheme_end != std::string_view::npos)
        asking = http::parse_authority(text.substr(scheme_end + 3, text.size() - scheme_end - 4));
    const bool is_same_host = own && asking && own->host == asking->host;
    const bool is_listed = asking && asking->host == "listed.example";
    if (!is_same_host && !is_listed)
        check(service::judge_origin(head, route, application, service::Reach::loopback) ==
                  service::OriginVerdict::refused,
              "an origin of another host is refused", std::string(text) + " for " + std::string(host));
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(host_rule) {
    using namespace proapi;
    using namespace proapi::fuzz;
    const Block allowed(input.take_line()), host(input.take_line()), origin(input.take_line());
    for (const Block* text : {&allowed, &host, &origin}) {
        check_authority(text->text());
        static_cast<void>(service::find_reach(text->text()));
    }
    check_hosts(allowed.text(), host.text());
    check_origin(origin.text(), host.text());
}
