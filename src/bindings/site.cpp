// Site and RequestInfo: routes and settings, and requests of another server parsed and routed as the engine's own.
#include "base/descriptor.hpp"
#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "bindings/registry.hpp"
#include "bindings/request_info.hpp"
#include "http/form.hpp"
#include "service/host_rule.hpp"
#include "service/origin.hpp"
#include "service/static_files.hpp"
#include "ws/handshake.hpp"

namespace proapi::bindings {

void SiteObject::apply_settings() {
    for (std::size_t i = 0; i < site.routes.size(); ++i) {
        service::WebSocketSettings& settings = site.routes[i].settings;
        settings = site.settings;
        for (const auto& [name, value] : route_settings[i])
            if (const std::string wrong = service::set_setting(settings, name, value); !wrong.empty())
                throw nb::value_error(wrong.c_str());
    }
}

void SiteObject::check_settings() const {
    if (const std::string wrong = service::check_settings(site.settings); !wrong.empty())
        throw nb::value_error(wrong.c_str());
    for (const service::Route& route : site.routes)
        if (const std::string wrong = service::check_settings(route.settings); !wrong.empty())
            throw nb::value_error(wrong.c_str());
}

namespace {

using SettingMap = std::map<std::string, std::string>;

// All or nothing.
std::size_t add_route(SiteObject& self, std::string_view method, const std::string& pattern, const SettingMap& settings,
                      service::Route route) {
    const std::size_t number = self.site.routes.size();
    service::WebSocketSettings trial = self.site.settings;
    for (const auto& [name, value] : settings)
        if (const std::string wrong = service::set_setting(trial, name, value); !wrong.empty())
            throw nb::value_error(wrong.c_str());
    if (const std::string wrong = service::check_settings(trial); !wrong.empty()) throw nb::value_error(wrong.c_str());
    if (const std::string wrong = self.site.router.add(method, pattern, number); !wrong.empty())
        throw nb::value_error(wrong.c_str());
    self.site.routes.push_back(std::move(route));
    self.route_settings.push_back(settings);
    self.apply_settings();
    return number;
}

void set_setting(SiteObject& self, const std::string& name, const std::string& value) {
    if (const std::string wrong = service::set_setting(self.site.settings, name, value); !wrong.empty())
        throw nb::value_error(wrong.c_str());
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
    const http::Pattern pattern = http::parse_pattern(text);
    if (!pattern.error.empty()) throw nb::value_error(pattern.error.c_str());
    std::vector<std::pair<std::string, std::string>> parameters;
    for (const auto& parameter : pattern.parameters())
        parameters.emplace_back(parameter.name, converter_name(parameter.converter));
    return parameters;
}

std::string_view view_of(const nb::bytes& bytes) {
    return {bytes.c_str(), bytes.size()};
}

// `method` none: a WebSocket's handshake. What another server gives as a method need not be one.
void fill_request(RequestObject* self, const SiteObject& site, const std::optional<std::string>& method,
                  const nb::bytes& raw_path, const nb::bytes& route_path, const nb::bytes& query,
                  const nb::sequence& headers, const std::optional<std::pair<std::string, int>>& client,
                  const std::optional<std::string>& server, bool secure, const nb::bytes& body) {
    service::RequestInfo& info = self->info;
    info.head.method = method.value_or("GET");
    info.head.target = view_of(raw_path);
    if (query.size() > 0) info.head.target.append("?").append(view_of(query));
    for (const nb::handle pair : headers) {
        const auto [name, value] = nb::cast<std::pair<nb::bytes, nb::bytes>>(pair);
        info.head.headers.add(view_of(name), view_of(value));
    }
    if (client) info.client = {client->first, static_cast<std::uint16_t>(client->second)};
    info.secure = secure;
    // Nothing is known where that server says nothing, and behind a Unix socket stands a proxy: neither is loopback.
    info.reach = service::reach_of(server.value_or(""));
    info.kind = method ? service::RequestKind::http : service::RequestKind::checked_handshake;
    const std::string_view wanted = !method                   ? http::websocket_method
                                    : http::is_token(*method) ? std::string_view(*method)
                                                              : std::string_view();
    info.mount_bytes = static_cast<std::uint32_t>(raw_path.size() - route_path.size());
    info.match = site.site.router.match(wanted, info.route_path());
    self->body = body;
}

const char* match_kind(const RequestObject& self) {
    switch (self.info.match.kind) {
        case http::MatchKind::matched:
            return "matched";
        case http::MatchKind::bad_path:
            return "bad_path";
        case http::MatchKind::wrong_method:
            return "wrong_method";
        case http::MatchKind::websocket_only:
            return "websocket_only";
        case http::MatchKind::not_found:
            break;
    }
    return "not_found";
}

std::vector<std::string> allowed_methods(const RequestObject& self) {
    return nb::cast<const SiteObject&>(self.site).site.router.allowed_methods(self.info.route_path());
}

std::string host_problem(const RequestObject& self) {
    return service::check_host(self.info, nb::cast<const SiteObject&>(self.site).site);
}

nb::tuple judge_origin(const RequestObject& self) {
    const auto& site = nb::cast<const SiteObject&>(self.site).site;
    const http::RequestHead& head = self.info.head;
    const service::WebSocketSettings& route = site.routes.at(self.info.match.route).settings;
    switch (service::judge_origin(head, route, site.settings, self.info.reach)) {
        case service::OriginVerdict::refused:
            return nb::make_tuple("refused", service::describe_refused_origin(head));
        case service::OriginVerdict::passes_in_development:
            return nb::make_tuple("passes_in_development", service::describe_development(head));
        case service::OriginVerdict::passes:
            break;
    }
    return nb::make_tuple("passes", "");
}

// The caller closes the descriptor.
nb::tuple hand_out(service::StaticFile found) {
    nb::object file = nb::none();
    if (found.file) file = nb::make_tuple(found.file->file.release(), found.file->offset, found.file->length);
    return nb::make_tuple(found.status, take(to_pairs(found.headers)), found.text, file);
}

nb::tuple find_file(const RequestObject& self) {
    service::StaticFile found = service::serve_files(nb::cast<const SiteObject&>(self.site).site, self.info);
    const std::string fault = found.error == 0 ? "" : base::error_text(found.error);
    return nb::make_tuple(hand_out(std::move(found)), fault);
}

nb::tuple find_file_of_handler(const RequestObject& self, const nb::bytes& path, int status,
                               const HeaderPairs& headers) {
    return hand_out(find_file_at(path, status, to_headers(headers), self.info.head));
}

http::Form form_of(const RequestObject& self) {
    return http::parse_form(self.info.head.headers.get("content-type").value_or(""), view_of(self.body));
}

nb::tuple parse_form(const RequestObject& self) {
    const http::Form form = form_of(self);
    return nb::make_tuple(form.status, form.error, take(to_pairs(form.fields)));
}

nb::tuple parse_files(const RequestObject& self) {
    const http::Form form = form_of(self);
    nb::list files;
    for (const auto& [name, filename, content_type, data] : form.files)
        files.append(nb::make_tuple(name, filename, content_type, nb::bytes(data.data(), data.size())));
    return nb::make_tuple(form.status, form.error, files);
}

}  // namespace

service::StaticFile find_file_at(const nb::bytes& path, int status, http::Headers headers,
                                 const http::RequestHead& request) {
    service::StaticFile found =
        service::answer_with_file_at({path.c_str(), path.size()}, status, std::move(headers), request);
    if (found.error != 0) {
        errno = found.error;
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, path.c_str());
        throw nb::python_error();
    }
    return found;
}

void add_site(nb::module_& module) {
    nb::class_<SiteObject>(module, "Site")
        .def(nb::init<>())
        .def("set", set_setting, nb::arg("name"), nb::arg("value"))
        .def("check_settings", &SiteObject::check_settings)
        .def("effective_settings",
             [](const SiteObject& self) {
                 nb::dict settings;
                 for (const auto& [name, value] : server::effective_settings(self.site.settings))
                     settings[name.c_str()] = value;
                 return settings;
             })
        .def("allowed_origins", [](const SiteObject& self) { return self.site.settings.allowed_origins; })
        .def("allowed_hosts", [](const SiteObject& self) { return self.site.settings.allowed_hosts; })
        .def(
            "add_route",
            [](SiteObject& self, const std::optional<std::string>& method, const std::string& pattern,
               const nb::mapping& settings) {
                if (method && !http::is_token(*method))
                    throw nb::value_error(("expected an HTTP method, got '" + *method + "'").c_str());
                const auto kind = method ? service::Route::Kind::http : service::Route::Kind::websocket;
                SettingMap map;
                for (const nb::handle pair : settings.items())
                    map.insert(nb::cast<std::pair<std::string, std::string>>(pair));
                return add_route(self, method ? std::string_view(*method) : http::websocket_method, pattern, map,
                                 {.kind = kind, .settings = {}, .directory = {}});
            },
            nb::arg("method").none(), nb::arg("pattern"), nb::arg("settings"))
        .def(
            "add_files",
            [](SiteObject& self, const std::string& pattern, const std::string& directory, bool dot_files) {
                if (const std::string wrong = service::check_directory(directory); !wrong.empty())
                    throw nb::value_error(wrong.c_str());
                return add_route(self, "GET", pattern, {},
                                 {.kind = service::Route::Kind::files,
                                  .settings = {},
                                  .directory = directory,
                                  .dot_files = dot_files ? service::DotFiles::served : service::DotFiles::hidden});
            },
            nb::arg("pattern"), nb::arg("directory"), nb::kw_only(), nb::arg("dot_files"))
        .def_static("parse_pattern", parse_pattern);
}

void add_request_info(nb::module_& module) {
    using R = RequestObject;
    nb::class_<R>(module, "RequestInfo")
        .def(
            "__init__",
            [](R* self, nb::object site, const std::optional<std::string>& method, const nb::bytes& raw_path,
               const nb::bytes& route_path, const nb::bytes& query, const nb::sequence& headers,
               const std::optional<std::pair<std::string, int>>& client, bool secure, const nb::bytes& body,
               const std::optional<std::string>& server) {
                new (self) R{.info = {}, .body = body, .site = site};
                fill_request(self, nb::cast<const SiteObject&>(site), method, raw_path, route_path, query, headers,
                             client, server, secure, body);
            },
            nb::arg("site"), nb::kw_only(), nb::arg("method").none(), nb::arg("raw_path"), nb::arg("route_path"),
            nb::arg("query"), nb::arg("headers"), nb::arg("client").none(), nb::arg("secure"),
            nb::arg("body") = nb::bytes("", 0), nb::arg("server").none() = nb::none())
        .def_prop_ro("match_kind", match_kind)
        .def_prop_ro("route", [](const R& self) { return self.info.match.route; })
        .def_prop_ro("allowed_methods", allowed_methods)
        .def_prop_ro("method", [](const R& self) { return self.info.head.method; })
        .def_prop_ro("path", [](const R& self) { return take(path_of(self.info)); })
        .def_prop_ro("path_params", [](const R& self) { return take(path_params_of(self.info)); })
        .def_prop_ro("headers", [](const R& self) { return take(to_pairs(self.info.head.headers)); })
        .def_prop_ro("query_params", [](const R& self) { return take(query_pairs_of(self.info)); })
        .def_prop_ro("cookies", [](const R& self) { return take(cookies_of(self.info)); })
        .def_prop_ro("client", [](const R& self) { return take(client_of(self.info)); })
        .def_prop_ro("url",
                     [](const R& self) { return take(to_str(service::url_of(self.info, service::UrlKind::http))); })
        .def_prop_ro("body", [](const R& self) { return self.body; })
        .def("host_problem", host_problem)
        .def("judge_origin", judge_origin)
        .def("parse_form", parse_form)
        .def("parse_files", parse_files)
        .def("find_file", find_file)
        .def("find_file_at", find_file_of_handler, nb::arg("path"), nb::arg("status"), nb::arg("headers"));
}

}  // namespace proapi::bindings
