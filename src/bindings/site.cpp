// Site: routes and settings.
#include "bindings/classes.hpp"
#include "server/shared_limit.hpp"
#include "service/response_headers.hpp"
#include "service/static_files.hpp"

namespace proapi::bindings {

void SiteObject::apply_settings() {
    for (std::size_t i = 0; i < site.routes.size(); ++i) {
        service::WebSocketSettings& settings = site.routes[i].settings;
        service::HttpSettings& http_settings = site.routes[i].http_settings;
        settings = site.settings;
        http_settings = site.settings;
        const bool is_websocket = site.routes[i].kind == service::Route::Kind::websocket;
        for (const auto& [name, value] : route_settings[i])
            require(is_websocket ? service::set_setting(settings, name, value)
                                 : service::set_setting(http_settings, name, value));
    }
}

void SiteObject::check_settings() const {
    require(service::check_settings(site.settings));
    for (const service::Route& route : site.routes) require(service::check_settings(route.settings));
}

namespace {

using SettingMap = std::map<std::string, std::string>;

// Throws ValueError.
void check_route_settings(const SiteObject& self, service::Route::Kind kind, const SettingMap& settings) {
    if (kind == service::Route::Kind::websocket) {
        service::WebSocketSettings trial = self.site.settings;
        for (const auto& [name, value] : settings) require(service::set_setting(trial, name, value));
        return require(service::check_settings(trial));
    }
    service::HttpSettings trial;
    for (const auto& [name, value] : settings) require(service::set_setting(trial, name, value));
}

// Adds the route, or throws ValueError and adds nothing.
std::size_t add_route(SiteObject& self, std::string_view method, const std::string& pattern, const SettingMap& settings,
                      service::Route route) {
    const std::size_t number = self.site.routes.size();
    check_route_settings(self, route.kind, settings);
    require(self.site.router.add(method, pattern, number));
    route.pattern = pattern;
    self.site.routes.push_back(std::move(route));
    self.route_settings.push_back(settings);
    self.apply_settings();
    return number;
}

void set_setting(SiteObject& self, const std::string& name, const std::string& value) {
    require(service::set_setting(self.site.settings, name, value));
    self.apply_settings();
}

const char* converter_name(http::Converter converter) noexcept {
    switch (converter) {
        case http::Converter::integer:
            return "int";
        case http::Converter::floating:
            return "float";
        case http::Converter::uuid:
            return "uuid";
        case http::Converter::path:
            return "path";
        case http::Converter::text:
            break;
    }
    return "str";
}

std::vector<std::pair<std::string, std::string>> parse_pattern(const std::string& text) {
    const http::Pattern pattern = require(http::parse_pattern(text));
    std::vector<std::pair<std::string, std::string>> parameters;
    for (const auto& parameter : pattern.parameters())
        parameters.emplace_back(parameter.name, converter_name(parameter.converter));
    return parameters;
}

[[nodiscard]] std::string_view route_method(const std::optional<std::string>& method) {
    return method ? std::string_view(*method) : http::websocket_method;
}

std::size_t add_handler_route(SiteObject& self, const std::optional<std::string>& method, const std::string& pattern,
                              const nb::mapping& settings, bool whole_body) {
    if (method && !http::is_token(*method))
        throw nb::value_error(("expected an HTTP method, got '" + *method + "'").c_str());
    service::Route route;
    route.kind = method ? service::Route::Kind::http : service::Route::Kind::websocket;
    route.body = whole_body ? service::Route::Body::whole : service::Route::Body::streamed;
    SettingMap map;
    for (const nb::handle pair : settings.items()) map.insert(nb::cast<std::pair<std::string, std::string>>(pair));
    return add_route(self, route_method(method), pattern, map, std::move(route));
}

std::size_t add_files(SiteObject& self, const std::string& pattern, const std::string& directory, bool dot_files) {
    require(service::check_directory(directory));
    service::Route route;
    route.kind = service::Route::Kind::files;
    route.directory = directory;
    route.dot_files = dot_files ? service::DotFiles::served : service::DotFiles::hidden;
    return add_route(self, "GET", pattern, {}, std::move(route));
}

std::optional<std::size_t> find_route(const SiteObject& self, const std::optional<std::string>& method,
                                      const std::string& pattern) {
    return self.site.router.find(route_method(method), pattern);
}

void add_response_headers(SiteObject& self, const HeaderPairs& pairs) {
    http::Headers fields;
    for (const auto& [name, value] : pairs) fields.add(name, value);
    if (const auto checked = service::ResponseHeaders::check(fields); !checked)
        raise(http::with_context("response_headers", checked.error()));
    self.site.middleware.push_back(std::make_shared<service::ResponseHeaders>(std::move(fields)));
}

void answer_refusals(SiteObject& self, const std::vector<int>& statuses) {
    auto& answered = self.site.answered_refusals;
    if (!answered) answered.emplace();
    for (const int status : statuses) answered->set(static_cast<std::size_t>(status));
}

FoundFile find_file(const SiteObject& self, const RequestObject& request) {
    return {service::serve_files(self.site, request.info())};
}

// First in the list, so that it is the last to see a response.
void add_cors_rules(SiteObject& self, const CorsObject& cors) {
    self.site.middleware.insert(self.site.middleware.begin(), cors.cors);
}

HeaderPairs security_headers() {
    HeaderPairs pairs;
    for (const auto& [name, value] : service::security_headers()) pairs.emplace_back(name, value);
    return pairs;
}

nb::dict effective_settings(const SiteObject& self) {
    nb::dict settings;
    for (const auto& [name, value] : server::effective_settings(self.site.settings)) settings[name.c_str()] = value;
    return settings;
}

}  // namespace

void add_site(nb::module_& module) {
    nb::class_<SiteObject>(module, "Site")
        .def(nb::init<>())
        .def("set", set_setting, nb::arg("name"), nb::arg("value"))
        .def("check_settings", &SiteObject::check_settings)
        .def("effective_settings", effective_settings)
        .def("allowed_origins", [](const SiteObject& self) { return self.site.settings.allowed_origins; })
        .def("allowed_hosts", [](const SiteObject& self) { return self.site.settings.allowed_hosts; })
        .def("trusted_proxies", [](const SiteObject& self) { return self.site.settings.trusted_proxies; })
        .def("proxy_protocol", [](const SiteObject& self) { return self.site.settings.proxy_protocol; })
        .def("add_route", add_handler_route, nb::arg("method").none(), nb::arg("pattern"), nb::arg("settings"),
             nb::kw_only(), nb::arg("whole_body") = false)
        .def("add_files", add_files, nb::arg("pattern"), nb::arg("directory"), nb::kw_only(), nb::arg("dot_files"))
        .def("add_response_headers", add_response_headers, nb::arg("fields"))
        .def("answer_refusals", answer_refusals, nb::arg("statuses"))
        .def("pass_files_to_application", [](SiteObject& self) { self.site.passes_files_to_application = true; })
        .def("find_file", find_file, nb::arg("request"))
        .def("add_cors", add_cors_rules, nb::arg("cors"))
        .def_static("security_headers", security_headers)
        .def("find_route", find_route, nb::arg("method").none(), nb::arg("pattern"))
        .def_static("parse_pattern", parse_pattern);
}

}  // namespace proapi::bindings
