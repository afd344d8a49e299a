// Feeds one text to parse_ipv4(), parse_ipv6() and is_loopback_name().
// Oracle: the C library's inet_pton() accepts the same texts, with the same octets. An address that is written and
// parsed again is the same. A model based on inet_pton() finds the same loopback names.
#include "base/ip_address.hpp"

#include <arpa/inet.h>

#include <optional>

#include "http/text.hpp"
#include "http/url.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

template <class Address>
std::optional<Address> read_by_c_library(int family, std::string_view text) {
    Address address{};
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    if (::inet_pton(family, std::string(text).c_str(), address.data()) != 1) return std::nullopt;
    return address;
}

// RFC 6761 section 6.3, RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3.
bool model_is_loopback(std::string_view text) {
    std::string name(text);
    for (char& c : name) c = http::lower(c);
    if (name == "localhost" || (name.ends_with(".localhost") && name != ".localhost")) return true;
    const auto ipv4 = read_by_c_library<base::Ipv4Address>(AF_INET, text);
    const auto ipv6 = read_by_c_library<base::Ipv6Address>(AF_INET6, text);
    return (ipv4 && (*ipv4)[0] == 127) ||
           (ipv6 && *ipv6 == base::Ipv6Address{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(ip_address) {
    using namespace proapi;
    using namespace proapi::fuzz;
    const Block text(input.rest());
    const auto ipv4 = base::parse_ipv4(text.text());
    const auto ipv6 = base::parse_ipv6(text.text());
    check(ipv4 == read_by_c_library<base::Ipv4Address>(AF_INET, text.text()), "IPv4 is read as inet_pton() reads it",
          text.text());
    check(ipv6 == read_by_c_library<base::Ipv6Address>(AF_INET6, text.text()), "IPv6 is read as inet_pton() reads it",
          text.text());
    check(http::is_loopback_name(text.text()) == model_is_loopback(text.text()),
          "this machine is localhost, its subdomains, 127.0.0.0/8 and ::1", text.text());
    if (const auto address = base::parse_ip(text.text()))
        check(base::parse_ip(base::to_string(*address)) == address, "an address that is written again is the same",
              text.text());
    if (!ipv6) return;
    char written[INET6_ADDRSTRLEN];
    check(::inet_ntop(AF_INET6, ipv6->data(), written, sizeof written) != nullptr, "an address can be written");
    check(base::parse_ipv6(written) == ipv6, "an address that is written again is the same", written);
}
