// Feeds the first octets of a connection to the parser of PROXY headers.
// Oracle: cut anywhere, the result is the same as soon as there is one, and before it only more octets are asked for,
// never more than the limit. A header takes no more octets than there are. The two ends that it names, written as a
// header of each version, are parsed again as the same.
#include "net/proxy_header.hpp"

#include "base/ip_address.hpp"
#include "target.hpp"

namespace proapi::fuzz {
namespace {

using State = net::ProxyHeaderResult::State;

std::string described(const net::ProxyHeaderResult& result) {
    if (result.state == State::need_data) return "more";
    if (result.state == State::failed) return std::string(net::describe(result.error));
    const net::ProxyHeader& header = result.header;
    return std::to_string(header.size_bytes) + (header.is_local ? " local" : "") +
           (header.source ? " " + base::to_string(*header.source) + " " + base::to_string(*header.destination) : "");
}

std::string parse(std::string_view text) {
    const Block block(text);
    return described(net::parse_proxy_header(base::as_bytes(block.text())));
}

// "::ffff:192.0.2.1" for an IPv4 address if the other end is IPv6.
std::string written(const base::IpAddress& address, bool as_ipv4) {
    return (address.is_ipv4() && !as_ipv4 ? "::ffff:" : "") + base::to_string(address);
}

std::string two_octets(std::size_t number) {
    return {static_cast<char>(number >> 8 & 0xff), static_cast<char>(number & 0xff)};
}

std::string version_2(const base::IpAddress& source, const base::IpAddress& destination, bool as_ipv4,
                      std::string_view ports) {
    std::string block;
    for (const base::IpAddress* one : {&source, &destination})
        block += base::as_text(one->octets()).substr(as_ipv4 ? 12 : 0);
    block += ports;
    return std::string("\r\n\r\n\0\r\nQUIT\n\x21", 13) + (as_ipv4 ? '\x11' : '\x21') + two_octets(block.size()) + block;
}

void check_written_again(const net::ProxyHeader& header) {
    const auto source = base::parse_ip(header.source->host), destination = base::parse_ip(header.destination->host);
    check(source && destination, "the ends have numeric addresses", header.source->host);
    check_equal(base::to_string(*source), header.source->host, "an address has one text");
    const bool as_ipv4 = source->is_ipv4() && destination->is_ipv4();
    const std::string ends = " " + base::to_string(*header.source) + " " + base::to_string(*header.destination);
    const std::string line = std::string("PROXY ") + (as_ipv4 ? "TCP4 " : "TCP6 ") + written(*source, as_ipv4) + " " +
                             written(*destination, as_ipv4) + " " + std::to_string(header.source->port) + " " +
                             std::to_string(header.destination->port) + "\r\n";
    check_equal(parse(line), std::to_string(line.size()) + ends, "the ends of a written line are the same");
    const std::string ports = two_octets(header.source->port) + two_octets(header.destination->port);
    const std::string block = version_2(*source, *destination, as_ipv4, ports);
    check_equal(parse(block), std::to_string(block.size()) + ends, "the ends of a written block are the same");
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(proxy_header) {
    using namespace proapi;
    using namespace proapi::fuzz;
    const std::vector<std::size_t> cuts = input.take_cuts();
    const std::string_view text = input.rest();
    const net::ProxyHeaderResult result = net::parse_proxy_header(base::as_bytes(text));
    const std::string whole = described(result);
    check_equal(parse(text), whole, "a header is parsed alike twice");
    for (const std::size_t cut : cuts) {
        const std::string part = parse(text.substr(0, cut));
        check(part == "more" || part == whole, "a part gives the same result, or none", text.substr(0, cut));
        if (whole == "more") continue;
        check_equal(parse(std::string(text).append(text.substr(0, cut))), whole,
                    "what follows a result does not change it");
    }
    if (result.state == State::need_data)
        return check(text.size() < net::max_proxy_header_bytes, "never needs more than the limit");
    if (result.state == State::failed) return;
    const std::size_t size = result.header.size_bytes;
    check(size <= text.size() && size <= net::max_proxy_header_bytes, "a header ends where its octets end");
    check_equal(parse(text.substr(0, size)), whole, "a header is complete at its last octet");
    check_equal(parse(text.substr(0, size - 1)), "more", "and not before");
    check(result.header.source.has_value() == result.header.destination.has_value(), "it names both ends or none");
    check(!result.header.is_local || !result.header.source, "a local connection names none");
    if (result.header.source) check_written_again(result.header);
}
