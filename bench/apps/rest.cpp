// A small interface of JSON on ProAPI: proapi_rest.py in C++, without what only the Python frameworks are measured
// with.
#include <proapi/proapi.hpp>

#include <string>

int main() {
    proapi::ProAPI app;

    app.get("/", []() -> proapi::Task<proapi::Json> { co_return proapi::Json{{"hello", "world"}}; });

    app.get("/user/{name}",
            [](std::string name) -> proapi::Task<proapi::Json> { co_return proapi::Json{{"name", std::move(name)}}; });

    app.run_or_exit();
}
