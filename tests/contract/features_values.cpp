#include "features_values.hpp"

#include <cctype>

namespace features {

using proapi::Json;

Json grouped(const proapi::Fields& fields, bool lower_case) {
    Json all = Json::object();
    for (const auto& [name, value] : fields) {
        std::string key = name;
        if (lower_case)
            for (char& c : key) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        all[key].push_back(value);
    }
    return all;
}

Json last_values(const proapi::Fields& fields) {
    Json all = Json::object();
    for (const auto& [name, value] : fields) all[name] = value;
    return all;
}

Json certificate_of(std::string_view pem) {
    return pem.empty() ? Json() : Json(pem);
}

Json client_of(const proapi::Client& client) {
    return Json::array({client.host, client.port});
}

std::string padded(int index, std::size_t size) {
    std::string text = std::to_string(index) + " ";
    if (text.size() < size) text.resize(size, '.');
    return text;
}

}  // namespace features
