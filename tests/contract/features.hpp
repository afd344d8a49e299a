// The routes that the contract application serves below /features; the C++ twin of features.py.
#pragma once

#include <proapi/proapi.hpp>

namespace features {

// Connections that do what a test says: driver.py.
void register_driven(proapi::ProAPI& app);
// Routes of every kind.
void register_routes(proapi::ProAPI& app);
// HTTP handlers of every kind.
void register_http(proapi::ProAPI& app);
// Handlers that read a request's body in parts.
void register_uploads(proapi::ProAPI& app);
// Server-sent events.
void register_events(proapi::ProAPI& app);
// Messages that are dispatched by their name.
void register_messages(proapi::ProAPI& app);

}  // namespace features

// Sets what the environment variable CAPP_CORS says.
void use_cors(proapi::ProAPI& app);

inline void register_features(proapi::ProAPI& app) {
    features::register_driven(app);
    features::register_routes(app);
    features::register_http(app);
    features::register_uploads(app);
    features::register_events(app);
    features::register_messages(app);
}
