// The routes that send server-sent events, as in features_events.py.
#include "features.hpp"

namespace features {
namespace {

using proapi::EventWriter;
using proapi::Json;
using proapi::Task;

int open_sources = 0;  // the contract application has one worker

struct OpenSource {
    OpenSource() { ++open_sources; }
    ~OpenSource() { --open_sources; }
    OpenSource(const OpenSource&) = delete;
    OpenSource& operator=(const OpenSource&) = delete;
};

Task<> send_three(EventWriter events) {
    proapi::ServerSentEvent one("one", std::nullopt, "1");
    one.retry = std::chrono::milliseconds(500);
    co_await events.send(one);
    co_await events.send({"two\nlines", "other"});
    proapi::ServerSentEvent end;
    end.comment = "the end";
    co_await events.send(end);
}

Task<> send_nothing(EventWriter) {
    const OpenSource open;
    co_await proapi::sleep(std::chrono::hours(1));
}

}  // namespace

void register_events(proapi::ProAPI& app) {
    app.get("/features/events", [] { return proapi::event_source(send_three); });
    app.get("/features/events/quiet", [] { return proapi::event_source(send_nothing, std::chrono::milliseconds(10)); });
    app.get("/features/events/open", []() -> Task<Json> { co_return Json{{"open", open_sources}}; });
}

}  // namespace features
