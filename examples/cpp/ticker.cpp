// A trading screen: prices that change all the time, and clients that choose which ones they want to see.
//
// /screen is one connection for many symbols, which are subscribed to and left by messages. /quotes/{symbol} only
// pushes: its handler waits for the market, never for its client, and is cancelled when the client leaves. One thread
// runs everything, so what the handlers share needs no lock.
#include <chrono>
#include <cmath>
#include <map>
#include <proapi/proapi.hpp>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using proapi::Json;

// What is wrong with a message: a text, or a list of faults with their places.
struct EventError {
    Json detail;
};
EventError fault(const char* type, Json place, const char* text) {
    return {Json::array({{{"type", type}, {"loc", std::move(place)}, {"msg", text}}})};
}

struct Stock {
    double price;  // the last one
    std::set<proapi::WebSocket> subscribers = {};
    proapi::Event change = {};  // set when the price is another
};
using Market = std::map<std::string, Stock>;
using Symbols = std::vector<std::string>;

Json quote(const std::string& symbol, const Stock& stock) {
    return {{"type", "quote"}, {"symbol", symbol}, {"price", stock.price}};
}

// Stands for a feed: one price after the other moves by up to a percent.
proapi::Task<> run(Market& market) {
    std::mt19937 random{std::random_device()()};
    std::uniform_real_distribution move(0.99, 1.01);
    while (true) {
        for (auto& [symbol, stock] : market) {
            stock.price = std::round(stock.price * move(random) * 100) / 100;
            for (const auto& websocket : stock.subscribers) websocket.send_json(quote(symbol, stock));
            std::exchange(stock.change, proapi::Event()).set();  // the new event is for the next change
            co_await proapi::sleep(std::chrono::milliseconds(20));
        }
    }
}

Symbols subscriptions(const Market& market, const proapi::WebSocket& websocket) {
    Symbols symbols;
    for (const auto& [symbol, stock] : market)
        if (stock.subscribers.contains(websocket)) symbols.push_back(symbol);
    return symbols;
}

void subscribe(Market& market, const proapi::WebSocket& websocket, const Symbols& symbols) {
    std::string known, unknown;
    for (const auto& [symbol, stock] : market) known += (known.empty() ? "" : ", ") + symbol;
    for (const auto& symbol : symbols)
        if (!market.contains(symbol)) unknown += (unknown.empty() ? "" : ", ") + symbol;
    if (!unknown.empty()) throw EventError{"expected symbols among " + known + ", got " + unknown};
    for (const auto& symbol : symbols) {
        market.at(symbol).subscribers.insert(websocket);
        websocket.send_json(quote(symbol, market.at(symbol)));  // at once, not only when it changes
    }
}

void unsubscribe(Market& market, const proapi::WebSocket& websocket, const Symbols& symbols) {
    for (const auto& symbol : symbols)
        if (market.contains(symbol)) market.at(symbol).subscribers.erase(websocket);
}

struct Watching {
    Market& market;
    const proapi::WebSocket websocket;
    ~Watching() {
        for (auto& [symbol, stock] : market) stock.subscribers.erase(websocket);
    }
};

Symbols read_symbols(const Json& message) {
    if (!message.contains("symbols")) throw fault("missing", Json::array({"symbols"}), "Field required");
    const Json& symbols = message.at("symbols");
    if (!symbols.is_array()) throw fault("list_type", Json::array({"symbols"}), "Expected an array");
    for (std::size_t i = 0; i < symbols.size(); ++i)
        if (!symbols[i].is_string()) throw fault("string_type", {"symbols", i}, "Expected a string");
    return symbols;
}

// Returns the answer to a message, or null if there is none.
Json answer_to(const std::string& text, Market& market, const proapi::WebSocket& websocket) {
    Json answer;
    try {
        const Json message = proapi::parse_json(text);
        if (!message.is_object()) throw fault("dict_type", Json::array(), "Expected an object");
        if (!message.contains("type")) throw fault("missing", Json::array({"type"}), "Field required");
        const Json& name = message.at("type");
        if (!name.is_string()) throw fault("string_type", Json::array({"type"}), "Expected a string");
        if (message.contains("id")) answer["id"] = message.at("id");
        const bool joins = name == "subscribe";
        if (!joins && name != "unsubscribe")
            throw EventError{"expected one of subscribe, unsubscribe, got " + name.get<std::string>()};
        (joins ? subscribe : unsubscribe)(market, websocket, read_symbols(message));
        if (!answer.is_null()) answer.update({{"type", "reply"}, {"result", subscriptions(market, websocket)}});
    } catch (const EventError& error) {
        answer.update({{"type", "error"}, {"detail", error.detail}});
    } catch (const std::invalid_argument& error) {
        answer = {{"type", "error"}, {"detail", fault("json_invalid", Json::array(), error.what()).detail}};
    }
    return answer;
}

int main() {
    proapi::ProAPI app;
    Market market{{"AAPL", {229.87}}, {"MSFT", {423.46}}, {"NVDA", {138.25}}, {"SAP", {231.1}}};
    app.background([&] { return run(market); }, "market");

    const auto screen = [&](proapi::WebSocket websocket) -> proapi::Task<> {
        co_await websocket.accept();
        const Watching watching{market, websocket};
        while (const auto text = co_await websocket.next_text()) {
            const Json answer = answer_to(*text, market, websocket);
            if (!answer.is_null()) co_await websocket.send_json(answer);
        }
    };
    // A screen that falls behind by so many octets is disconnected.
    app.websocket("/screen", screen, {{"max_buffered", "262144"}});

    const auto quotes = [&](proapi::WebSocket websocket, std::string symbol) -> proapi::Task<> {
        const auto found = market.find(symbol);
        if (found == market.end()) throw proapi::HTTPException(404, "There is no " + symbol + ".");
        co_await websocket.accept();
        // A client that reads slowly misses changes, but the price that it gets is always the last one.
        while (true) {
            const proapi::Event change = found->second.change;
            const Json last = quote(symbol, found->second);
            co_await websocket.send_json(last);
            co_await change.wait();
        }
    };
    app.websocket("/quotes/{symbol}", quotes, {.cancel_on_disconnect = true});

    app.run_or_exit({.fast = true});
}
