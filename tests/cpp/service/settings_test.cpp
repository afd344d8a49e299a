// Settings by name: accepted and refused values, the texts of refusals, and limits that are all finite.
#include "service/settings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "http/body_decoder.hpp"
#include "http/request_parser.hpp"
#include "service/settings_ranges.hpp"
#include "tests/cpp/error_text.hpp"
#include "ws/connection.hpp"

namespace proapi::service {
namespace {

// promise: limits-can-be-set
TEST(Settings, DefaultsAreFiniteAndNamedOnce) {
    std::set<std::string> names;
    for (const auto& [name, value] : list_settings(Settings{})) {
        EXPECT_TRUE(std::isfinite(value)) << name;
        // 0: as many as there are descriptors for, or no limit.
        const bool may_be_0 = name == "max_connections" || name == "max_connections_per_client" ||
                              name == "message_rate" || name == "message_burst" || name == "max_lifetime";
        EXPECT_TRUE(value > 0 || may_be_0) << name;
        EXPECT_TRUE(names.insert(name).second) << name << " occurs twice";
    }
    EXPECT_GE(names.size(), 25U);
}

// promise: limits-can-be-set
TEST(Settings, EveryNameThatIsListedCanBeSet) {
    for (const auto& [name, value] : list_settings(Settings{})) {
        Settings settings;
        EXPECT_EQ(error_text(set_setting(settings, name, std::to_string(value))), "") << name;
    }
}

// promise: limits-can-be-set
TEST(Settings, EveryDefaultIsInItsRange) {
    std::map<std::string, double> defaults;
    for (const auto& [name, value] : list_settings(Settings{})) defaults.emplace(name, value);
    const auto check = [&](const auto& limits) {
        for (const auto& limit : limits) {
            const auto found = defaults.find(std::string(limit.name));
            ASSERT_NE(found, defaults.end()) << limit.name;
            EXPECT_GE(found->second, limit.minimum) << limit.name;
            EXPECT_LE(found->second, limit.maximum) << limit.name;
            defaults.erase(found);
        }
    };
    check(websocket_limits);
    check(http_limits);
    check(server_limits);
    for (const SettingAlias& each : setting_aliases) EXPECT_EQ(defaults.erase(std::string(each.alias)), 1U);
    EXPECT_TRUE(defaults.empty()) << defaults.begin()->first << " has no range";
}

// `http` and `ws` know no settings. Their own defaults are for code that uses these layers alone.
TEST(Settings, LowerLayersHaveTheSameDefaults) {
    const Settings settings;
    const ws::ConnectionLimits websocket;
    EXPECT_EQ(websocket.max_message_size_bytes, settings.max_message_size);
    EXPECT_EQ(websocket.max_fragments, settings.max_fragments);
    EXPECT_EQ(websocket.max_empty_fragments, settings.max_empty_fragments);
    const http::HeadLimits head;
    EXPECT_EQ(head.max_request_line_bytes, settings.max_request_line);
    EXPECT_EQ(head.max_head_bytes, settings.max_head);
    EXPECT_EQ(head.max_fields, settings.max_fields);
    EXPECT_EQ(http::BodyLimits{}.max_body_bytes, settings.max_body_size);
}

TEST(Settings, TimesAreSeconds) {
    Settings settings;
    EXPECT_EQ(error_text(set_setting(settings, "ping_interval", "0.25")), "");
    EXPECT_EQ(settings.ping_interval, Duration(250));
    EXPECT_EQ(error_text(set_setting(settings, "ping_interval", "+1.5e1")), "");
    EXPECT_EQ(settings.ping_interval, Duration(15'000));
    EXPECT_EQ(error_text(set_setting(settings, "ping_interval", "0")),
              "ping_interval: expected seconds from 0.01 to 86400, got 0");
    EXPECT_EQ(error_text(set_setting(settings, "max_body_size", "-1")),
              "max_body_size: expected a whole number from 0 to 1099511627776, got -1");
}

// promise: exception-texts
TEST(Settings, RefusalsSayWhatWasExpectedAndWhatCame) {
    Settings settings;
    for (const char* value : {"", "x", "1x", "-1", "0.5", "nan", "inf", "1e99", "1e999", "0x10", "+-1", "1,5", " 1"}) {
        const std::string wrong = error_text(set_setting(settings, "max_message_size", value));
        EXPECT_NE(wrong.find("max_message_size: expected a whole number from 1 to"), std::string::npos) << value;
        EXPECT_NE(wrong.find(std::string("got ") + value), std::string::npos) << wrong;
    }
    EXPECT_EQ(settings.max_message_size, Settings{}.max_message_size);
    EXPECT_NE(error_text(set_setting(settings, "max_mesage_size", "1")).find("not a setting"), std::string::npos);
}

TEST(Settings, EachKindOfRouteHasItsOwn) {
    HttpSettings http;
    EXPECT_EQ(error_text(set_setting(http, "max_body_size", "100")), "");
    EXPECT_EQ(error_text(set_setting(http, "max_body", "200")), "");
    EXPECT_EQ(http.max_body_size, 200U);
    EXPECT_EQ(error_text(set_setting(http, "max_message_size", "1")),
              "'max_message_size' is a setting of WebSocket routes and of the whole application, not of an HTTP route");
    EXPECT_EQ(error_text(set_setting(http, "max_head", "1000")),
              "'max_head' is a setting of the whole application, not of one route");
    EXPECT_EQ(error_text(set_setting(http, "max_body_syze", "1")),
              "'max_body_syze' is not a setting; did you mean 'max_body_size'?");
    WebSocketSettings websocket;
    EXPECT_EQ(error_text(set_setting(websocket, "max_body_size", "100")),
              "'max_body_size' is a setting of HTTP routes and of the whole application, not of a WebSocket route");
}

// promise: older-names
TEST(Settings, AnOlderNameIsTheSameSetting) {
    Settings settings;
    EXPECT_EQ(error_text(set_setting(settings, "max_body", "100")), "");
    EXPECT_EQ(settings.max_body_size, 100U);
    EXPECT_EQ(error_text(set_setting(settings, "max_body_size", "200")), "");
    EXPECT_EQ(error_text(set_setting(settings, "max_body", "-1")),
              "max_body_size: expected a whole number from 0 to 1099511627776, got -1");
    const std::vector<std::pair<std::string, double>> all = list_settings(settings);
    for (const std::string name : {"max_body", "max_body_size"})
        EXPECT_EQ(std::ranges::count(all, std::pair(name, 200.0)), 1) << name;
    WebSocketSettings route;
    EXPECT_NE(error_text(set_setting(route, "max_body", "10")).find("whole application"), std::string::npos);
}

// promise: limits-of-routes
TEST(Settings, AServerWideOneIsNoRoutes) {
    WebSocketSettings route;
    EXPECT_EQ(error_text(set_setting(route, "max_message_size", "10")), "");
    EXPECT_EQ(route.max_message_size, 10U);
    EXPECT_NE(error_text(set_setting(route, "max_connections", "10")).find("whole application"), std::string::npos);
    EXPECT_NE(error_text(set_setting(route, "allowed_hosts", "*")).find("whole application"), std::string::npos);
}

TEST(Settings, AShortTimeIsNotRoundedToNone) {
    Settings settings;
    EXPECT_EQ(error_text(set_setting(settings, "max_lifetime", "0.0001")), "");
    EXPECT_EQ(settings.max_lifetime, Duration(1)) << "0 would be no limit";
    EXPECT_EQ(error_text(set_setting(settings, "max_lifetime", "0")), "");
    EXPECT_EQ(settings.max_lifetime, Duration(0));
}

TEST(Settings, AMessageRateActionIsOneOfTwo) {
    WebSocketSettings settings;
    EXPECT_EQ(error_text(set_setting(settings, "message_rate_action", "close")), "");
    EXPECT_EQ(settings.message_rate_action, RateAction::close);
    EXPECT_EQ(error_text(set_setting(settings, "message_rate_action", "drop")),
              "message_rate_action: expected 'pause' or 'close', got 'drop'");
    EXPECT_EQ(settings.message_rate_action, RateAction::close) << "a refused value changes nothing";
    EXPECT_EQ(error_text(set_setting(settings, "message_rate_action", "pause")), "");
    EXPECT_EQ(settings.message_rate_action, RateAction::pause);
}

TEST(Settings, WaterMarksMustBeInOrder) {
    WebSocketSettings settings;
    EXPECT_EQ(error_text(check_settings(settings)), "");
    settings.low_water = settings.high_water + 1;
    EXPECT_NE(error_text(check_settings(settings)).find("low_water"), std::string::npos);
    settings.low_water = 0;
    settings.high_water = settings.max_buffered + 1;
    EXPECT_NE(error_text(check_settings(settings)).find("max_buffered"), std::string::npos);
}

TEST(Settings, OriginsAreAList) {
    Settings settings;
    EXPECT_EQ(error_text(set_setting(settings, "allowed_origins", "https://a.example, https://b.example")), "");
    EXPECT_EQ(settings.allowed_origins, (std::vector<std::string>{"https://a.example", "https://b.example"}));
    const std::string wrong = error_text(set_setting(settings, "allowed_origins", "*, https://a.example/page"));
    EXPECT_NE(wrong.find("allowed_origins: expected '*'"), std::string::npos) << wrong;
    EXPECT_NE(wrong.find("got 'https://a.example/page'"), std::string::npos) << wrong;
    EXPECT_EQ(settings.allowed_origins.size(), 2U) << "a refused value changes nothing";
}

TEST(Settings, OriginsAreKeptAsBrowsersWriteThem) {
    Settings settings;
    EXPECT_EQ(error_text(set_setting(settings, "allowed_origins",
                                     "https://a.example/, https://b.example:443, file:///, null")),
              "");
    EXPECT_EQ(settings.allowed_origins,
              (std::vector<std::string>{"https://a.example", "https://b.example", "file://", "null"}));
}

TEST(Settings, HostsAreAList) {
    Settings settings;
    EXPECT_EQ(error_text(set_setting(settings, "allowed_hosts", "a.example, *.b.example, [::1]")), "");
    EXPECT_EQ(settings.allowed_hosts, (std::vector<std::string>{"a.example", "*.b.example", "[::1]"}));
    const std::string wrong = error_text(set_setting(settings, "allowed_hosts", "c.example, https://a.example"));
    EXPECT_NE(wrong.find("allowed_hosts: expected '*'"), std::string::npos) << wrong;
    EXPECT_NE(wrong.find("got 'https://a.example'"), std::string::npos) << wrong;
    EXPECT_EQ(settings.allowed_hosts.size(), 3U) << "a refused value changes nothing";
    EXPECT_EQ(error_text(set_setting(settings, "allowed_hosts", "")), "");
    EXPECT_TRUE(settings.allowed_hosts.empty());
}

TEST(Settings, TrustedProxiesAreAList) {
    Settings settings;
    EXPECT_EQ(error_text(set_setting(settings, "trusted_proxies", "127.0.0.1, 10.0.0.0/8, 2001:db8::/32, unix")), "");
    EXPECT_EQ(settings.trusted_proxies, (std::vector<std::string>{"127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "unix"}));
    EXPECT_EQ(error_text(set_setting(settings, "trusted_proxies", "127.0.0.1, 10.0.0.1/8")),
              "trusted_proxies: expected addresses, networks without bits beyond their prefix, as '10.0.0.0/8', or "
              "'unix'; got '10.0.0.1/8'");
    EXPECT_EQ(settings.trusted_proxies.size(), 4U) << "a refused value changes nothing";
    WebSocketSettings route;
    EXPECT_NE(error_text(set_setting(route, "trusted_proxies", "unix")).find("whole application"), std::string::npos);
    EXPECT_EQ(error_text(set_setting(settings, "trusted_proxy", "unix")),
              "'trusted_proxy' is not a setting; did you mean 'trusted_proxies'?");
}

TEST(Settings, ASwitchIsTrueOrFalse) {
    Settings settings;
    EXPECT_FALSE(settings.proxy_protocol);
    EXPECT_EQ(error_text(set_setting(settings, "proxy_protocol", "true")), "");
    EXPECT_TRUE(settings.proxy_protocol);
    for (const char* wrong : {"", "1", "on", "True", "v2"}) {
        EXPECT_EQ(error_text(set_setting(settings, "proxy_protocol", wrong)),
                  "proxy_protocol: expected true or false, got '" + std::string(wrong) + "'");
        EXPECT_TRUE(settings.proxy_protocol);
    }
    EXPECT_EQ(error_text(set_setting(settings, "proxy_protocol", "false")), "");
    EXPECT_FALSE(settings.proxy_protocol);
}

TEST(Settings, CompressIsASwitchOfTheApplication) {
    Settings settings;
    EXPECT_EQ(error_text(set_setting(settings, "compress", "true")), "");
    EXPECT_TRUE(settings.compress);
    WebSocketSettings route;
    EXPECT_NE(error_text(set_setting(route, "compress", "true")).find("whole application"), std::string::npos);
}

TEST(Settings, TheProxyProtocolNeedsProxies) {
    Settings settings;
    settings.proxy_protocol = true;
    EXPECT_NE(error_text(check_settings(settings)).find("trusted_proxies is empty"), std::string::npos);
    settings.trusted_proxies = {"127.0.0.1"};
    EXPECT_EQ(error_text(check_settings(settings)), "");
    settings.low_water = settings.high_water + 1;
    EXPECT_NE(error_text(check_settings(settings)).find("low_water"), std::string::npos);
}

TEST(Settings, AnUnknownNameIsToldTheNearest) {
    Settings settings;
    EXPECT_EQ(error_text(set_setting(settings, "allowed_host", "a")),
              "'allowed_host' is not a setting; did you mean 'allowed_hosts'?");
    EXPECT_EQ(error_text(set_setting(settings, "ping_intervall", "1")),
              "'ping_intervall' is not a setting; did you mean 'ping_interval'?");
    EXPECT_EQ(error_text(set_setting(settings, "maxbody", "1")),
              "'maxbody' is not a setting; did you mean 'max_body_size'?");
    EXPECT_EQ(error_text(set_setting(settings, "colour", "red")), "'colour' is not a setting");
    EXPECT_EQ(error_text(set_setting(settings, std::string(10'000, 'x'), "1")).find("did you mean"), std::string::npos);
}

}  // namespace
}  // namespace proapi::service
