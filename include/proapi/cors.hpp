// CORS: which pages of other origins may read an application's responses. For ProAPI::cors().
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace proapi {

// The names and meanings of Starlette's CORSMiddleware.
struct CORS {
    // Origins as browsers write them, such as "https://app.example.org"; "*" is any. "null", the origin of sandboxed
    // frames and of files, must be listed, or is a part of "*" without allow_credentials.
    std::vector<std::string> allow_origins = {};
    // A regular expression (ECMAScript) that matches the whole of other allowed origins, ignoring case. Empty: none.
    std::string allow_origin_regex = {};
    // What preflights are told. "*": DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT.
    std::vector<std::string> allow_methods = {"GET"};
    // In addition to Accept, Accept-Language, Content-Language and Content-Type. "*": any.
    std::vector<std::string> allow_headers = {};
    // Whether pages may send cookies and read the responses.
    bool allow_credentials = false;
    // Fields of responses that pages may read in addition to the few that they always may.
    std::vector<std::string> expose_headers = {};
    // How long browsers may keep the answer to a preflight.
    std::chrono::seconds max_age{600};
    // Whether pages of public sites may send requests although the server is in a private network.
    bool allow_private_network = false;
};

}  // namespace proapi
