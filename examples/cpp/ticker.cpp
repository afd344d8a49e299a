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
#include <string>
#include <utility>
#include <vector>

using proapi::Json;

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
    if (!unknown.empty()) throw proapi::EventError("expected symbols among " + known + ", got " + unknown);
    for (const auto& symbol : symbols) {
        market.at(symbol).subscribers.insert(websocket);
        websocket.send_json(quote(symbol, market.at(symbol)));  // at once, not only when it changes
    }
}

void unsubscribe(Market& market, const proapi::WebSocket& websocket, const Symbols& symbols) {
    for (const auto& symbol : symbols)
        if (market.contains(symbol)) market.at(symbol).subscribers.erase(websocket);
}

// One screen's subscriptions, which end with its connection.
class Screen {
public:
    Screen(Market& market, proapi::WebSocket websocket) : market_(&market), websocket_(std::move(websocket)) {}
    Screen(Screen&& other) noexcept
        : market_(std::exchange(other.market_, nullptr)), websocket_(std::move(other.websocket_)) {}
    ~Screen() {
        if (!market_) return;
        for (auto& [symbol, stock] : *market_) stock.subscribers.erase(websocket_);
    }

private:
    Market* market_;
    proapi::WebSocket websocket_;
};

struct Choice {
    Symbols symbols;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Choice, symbols)

int main() {
    proapi::ProAPI app;
    Market market{{"AAPL", {229.87}}, {"MSFT", {423.46}}, {"NVDA", {138.25}}, {"SAP", {231.1}}};
    app.background([&] { return run(market); }, "market");

    // ---- one connection, many symbols ----

    const auto connect = [&](proapi::WebSocket websocket) -> proapi::Task<Screen> {
        co_return Screen(market, websocket);
    };
    // A screen that falls behind by so many octets is disconnected.
    app.events("/screen", connect, {}, {{"max_buffered", "262144"}})
        .on("subscribe",
            [&](proapi::WebSocket websocket, Choice choice) -> proapi::Task<Symbols> {
                subscribe(market, websocket, choice.symbols);
                co_return subscriptions(market, websocket);
            })
        .on("unsubscribe", [&](proapi::WebSocket websocket, Choice choice) -> proapi::Task<Symbols> {
            unsubscribe(market, websocket, choice.symbols);
            co_return subscriptions(market, websocket);
        });

    // ---- one connection for each symbol ----

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
