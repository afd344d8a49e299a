// What the environment variable CAPP_CORS says: the options of CORS as JSON, with the names of Python.
#include <cstdlib>

#include "features.hpp"

void use_cors(proapi::ProAPI& app) {
    const char* text = std::getenv("CAPP_CORS");
    if (!text) return;
    const proapi::Json given = proapi::parse_json(text);
    proapi::CORS options;
    options.allow_origins = given.value("allow_origins", options.allow_origins);
    options.allow_origin_regex = given.value("allow_origin_regex", options.allow_origin_regex);
    options.allow_methods = given.value("allow_methods", options.allow_methods);
    options.allow_headers = given.value("allow_headers", options.allow_headers);
    options.allow_credentials = given.value("allow_credentials", options.allow_credentials);
    options.expose_headers = given.value("expose_headers", options.expose_headers);
    options.max_age = std::chrono::seconds(given.value("max_age", options.max_age.count()));
    options.allow_private_network = given.value("allow_private_network", options.allow_private_network);
    app.cors(options);
}
