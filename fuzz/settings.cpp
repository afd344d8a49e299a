// Feeds settings by name, one line "name value" each, at most four.
// Oracle: an accepted setting is listed with the given value, and setting the listed values gives the same settings. A
// refused setting changes nothing, and the refusal names the setting. Every setting of a route is also one of the
// application.
#include "service/settings.hpp"

#include <charconv>
#include <cmath>

#include "target.hpp"

namespace proapi::fuzz {
namespace {

std::string joined(const std::vector<std::string>& list) {
    std::string text;
    for (const std::string& one : list) text.append(text.empty() ? "" : ", ").append(one);
    return text;
}

std::string number_text(double value) {
    char digits[400];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    check(error == std::errc(), "a listed number can be written");
    return {digits, end};
}

std::string listed(const service::Settings& settings) {
    std::string text;
    for (const auto& [name, value] : service::list_settings(settings))
        text.append(name).append(" ").append(number_text(value)).append("\n");
    return text + "origins " + joined(settings.allowed_origins) + "\nhosts " + joined(settings.allowed_hosts) +
           "\nproxies " + joined(settings.trusted_proxies) + "\nproxy_protocol " +
           (settings.proxy_protocol ? "true" : "false") + "\ncompress " + (settings.compress ? "true" : "false") + "\n";
}

void check_set_again(const service::Settings& settings) {
    service::Settings again;
    for (const auto& [name, value] : service::list_settings(settings))
        check_equal(error_text(service::set_setting(again, name, number_text(value))), "", "what is listed can be set");
    check_equal(error_text(service::set_setting(again, "allowed_origins", joined(settings.allowed_origins))), "",
                "origins that were accepted can be set again");
    check_equal(error_text(service::set_setting(again, "allowed_hosts", joined(settings.allowed_hosts))), "",
                "hosts that were accepted can be set again");
    check_equal(error_text(service::set_setting(again, "trusted_proxies", joined(settings.trusted_proxies))), "",
                "networks that were accepted can be set again");
    check_equal(error_text(service::set_setting(again, "proxy_protocol", settings.proxy_protocol ? "true" : "false")),
                "", "a switch can be set again");
    check_equal(error_text(service::set_setting(again, "compress", settings.compress ? "true" : "false")), "",
                "a switch can be set again");
    check_equal(listed(again), listed(settings), "settings that are set again are the same");
    check(again.allowed_origins == settings.allowed_origins && again.allowed_hosts == settings.allowed_hosts,
          "lists that are set again have the same members");
}

// A number is kept as given, a time is rounded to the millisecond.
void check_set(const service::Settings& settings, std::string_view name, std::string_view value) {
    for (const auto& [listed_name, listed_value] : service::list_settings(settings)) {
        if (listed_name != name) continue;
        const double given = std::strtod(std::string(value).c_str(), nullptr);
        check(std::abs(listed_value - given) < 0.000501, "a setting is what was asked for", value);
    }
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(settings) {
    using namespace proapi;
    using namespace proapi::fuzz;
    service::Settings application;
    for (int lines = 0; lines < 4 && !input.empty(); ++lines) {
        const std::string_view line = input.take_line();
        const Block name(line.substr(0, line.find(' ')));
        const Block value(line.substr(std::min(name.text().size() + 1, line.size())));
        const std::string before = listed(application);
        service::WebSocketSettings route = application;
        const std::string refusal = error_text(service::set_setting(application, name.text(), value.text()));
        const std::string route_refusal = error_text(service::set_setting(route, name.text(), value.text()));
        check(refusal.empty() || listed(application) == before, "what is refused changes nothing", line);
        check(refusal.empty() || refusal.find(name.text()) != std::string::npos, "a refusal names the setting",
              refusal);
        check(refusal.empty() || !route_refusal.empty(), "what a route may set the application may set too", line);
        if (refusal.empty()) check_set(application, name.text(), value.text());
        if (refusal.empty() && route_refusal.empty()) {
            service::Settings same = application;
            static_cast<service::WebSocketSettings&>(same) = route;
            check_equal(listed(same), listed(application), "route and application are set to the same");
        }
        static_cast<void>(service::check_settings(route));
        static_cast<void>(service::check_settings(application));
    }
    check_set_again(application);
}
