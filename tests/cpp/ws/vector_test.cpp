// Replays every vector of contract/ws (format: contract/README.md) as a whole, cut in two at every octet, and octet by
// octet, with lent and retained input. Events and output must be the same each time.
// promise: rfc-6455, client-role, compression-messages, compression-limits
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cpp/ws/replay.hpp"

namespace proapi::tests {
namespace {

using nlohmann::json;

// Longer inputs are cut only near their ends and at every 997th octet.
constexpr std::size_t cut_everywhere_octets = 2048;

Octets from_hex(const std::string& text) {
    Octets octets;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        octets.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
    }
    return octets;
}

Octets read_octets(const json& value) {
    if (value.is_string()) return from_hex(value.get<std::string>());
    Octets octets;
    for (const json& part : value) {
        const Octets piece =
            from_hex(part.is_string() ? part.get<std::string>() : part.at("repeat").get<std::string>());
        const std::size_t times = part.is_string() ? 1 : part.at("times").get<std::size_t>();
        for (std::size_t i = 0; i < times; ++i) octets.insert(octets.end(), piece.begin(), piece.end());
    }
    return octets;
}

struct Vector {
    std::string name;
    Session session;
    std::vector<ToldEvent> events;  // a `failed` without its text
    std::optional<std::size_t> failed_at;
    Octets output;  // without the Close that reports a failure
};

ToldEvent read_event(const json& value) {
    const std::map<std::string, std::pair<ws::EventKind, ws::Opcode>> kinds{
        {"message", {ws::EventKind::message, ws::Opcode::text}},
        {"ping", {ws::EventKind::ping, ws::Opcode::ping}},
        {"pong", {ws::EventKind::pong, ws::Opcode::pong}},
        {"close", {ws::EventKind::close, ws::Opcode::close}},
        {"failed", {ws::EventKind::failed, ws::Opcode::continuation}}};
    const auto [kind, opcode] = kinds.at(value.at("kind"));
    ToldEvent event{kind, opcode, value.value("code", std::uint16_t{0}), {}};
    if (value.contains("opcode")) event.opcode = static_cast<ws::Opcode>(value["opcode"].get<int>());
    if (value.contains("payload")) event.payload = read_octets(value["payload"]);
    return event;
}

Vector read_vector(const json& value) {
    Vector vector;
    vector.name = value.at("name").get<std::string>() + " (" + value.at("role").get<std::string>() + ")";
    Session& session = vector.session;
    session.role = value.at("role") == "server" ? ws::Role::server : ws::Role::client;
    const json limits = value.value("limits", json::object());
    session.limits.max_message_size_bytes = limits.value("max_message_size", session.limits.max_message_size_bytes);
    session.limits.max_fragments = limits.value("max_fragments", session.limits.max_fragments);
    session.limits.max_empty_fragments = limits.value("max_empty_fragments", session.limits.max_empty_fragments);
    if (value.contains("close_first")) {
        const json& close = value["close_first"];
        session.close_first = {close.at("code").get<std::uint16_t>(), close.at("reason").get<std::string>()};
    }
    if (value.contains("deflate")) {
        const json& deflate = value["deflate"];
        session.deflate = {.takeover = deflate.at("takeover"), .window_bits = deflate.at("window_bits")};
    }
    session.input = read_octets(value.at("in"));
    for (const json& event : value.at("events")) {
        vector.events.push_back(read_event(event));
        if (event.contains("at")) vector.failed_at = event["at"].get<std::size_t>();
    }
    vector.output = read_octets(value.at("out"));
    return vector;
}

std::vector<Vector> read_file(const std::string& name) {
    std::ifstream file{std::filesystem::path{PROAPI_CONTRACT_DIR} / "ws" / (name + ".json")};
    std::vector<Vector> vectors;
    for (const json& value : json::parse(file)) vectors.push_back(read_vector(value));
    return vectors;
}

// Returns what a failure adds to the output: one Close with its code and its text, unless a Close was sent before.
Octets close_after_failure(const Session& session, const ToldEvent& failure) {
    if (session.close_first) return {};
    ws::Connection other{session.role, {}, sample_masking_key};
    other.send_close(failure.code, base::as_text(failure.payload));
    return take_all(other.output());
}

void expect_as_written(const Vector& vector, const Outcome& outcome) {
    std::vector<ToldEvent> events = outcome.events;
    Octets output = vector.output;
    if (!events.empty() && events.back().kind == ws::EventKind::failed) {
        ToldEvent& failure = events.back();
        EXPECT_FALSE(failure.payload.empty());
        EXPECT_LE(failure.payload.size(), ws::max_close_reason_bytes);
        const Octets close = close_after_failure(vector.session, failure);
        output.insert(output.end(), close.begin(), close.end());
        failure.payload.clear();
    }
    ASSERT_EQ(events, vector.events);
    ASSERT_EQ(outcome.output, output);
}

std::vector<std::size_t> every_octet(std::size_t size) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 1; at < size; ++at) cuts.push_back(at);
    return cuts;
}

class VectorFile : public testing::TestWithParam<const char*> {
protected:
    // Calls `check(vector)` for each vector of the file. Failures name the vector. Stops at the first vector that
    // fails.
    template <class Check>
    void for_each_vector(Check check) {
        const std::vector<Vector> vectors = read_file(GetParam());
        ASSERT_FALSE(vectors.empty());
        RecordProperty("vectors", static_cast<int>(vectors.size()));
        for (const Vector& vector : vectors) {
            SCOPED_TRACE(vector.name);
            check(vector);
            if (HasFatalFailure()) return;
        }
    }
};

TEST_P(VectorFile, Whole) {
    for_each_vector([](const Vector& vector) { expect_as_written(vector, replay(vector.session, {}, Handing::lend)); });
}

TEST_P(VectorFile, WholeRetainedBetweenEvents) {
    for_each_vector([](const Vector& vector) {
        ASSERT_EQ(replay(vector.session, {}, Handing::retain_between), replay(vector.session, {}, Handing::lend));
    });
}

TEST_P(VectorFile, CutInTwoAnywhere) {
    for_each_vector([](const Vector& vector) {
        const Outcome whole = replay(vector.session, {}, Handing::lend);
        const std::size_t size = vector.session.input.size();
        for (std::size_t at = 0; at <= size; ++at) {
            if (size > cut_everywhere_octets && at > 64 && at + 64 < size && at % 997 != 0) continue;
            ASSERT_EQ(replay(vector.session, {at}, Handing::lend), whole) << "cut at " << at;
            ASSERT_EQ(replay(vector.session, {at}, Handing::retain_between), whole) << "cut at " << at;
            ASSERT_EQ(replay(vector.session, {at}, Handing::retain_at_once), whole) << "cut at " << at;
        }
    });
}

TEST_P(VectorFile, OctetByOctet) {
    for_each_vector([](const Vector& vector) {
        const std::vector<std::size_t> cuts = every_octet(vector.session.input.size());
        const Outcome outcome = replay(vector.session, cuts, Handing::lend);
        ASSERT_NO_FATAL_FAILURE(expect_as_written(vector, outcome));
        ASSERT_EQ(outcome, replay(vector.session, {}, Handing::lend))
            << "the text of a failure must not depend on the cut";
        ASSERT_EQ(outcome.failed_at, vector.failed_at) << "a failure must be reported at the octet that shows it";
        ASSERT_EQ(replay(vector.session, cuts, Handing::retain_between), outcome);
        ASSERT_EQ(replay(vector.session, cuts, Handing::retain_at_once), outcome);
    });
}

INSTANTIATE_TEST_SUITE_P(Contract, VectorFile,
                         testing::Values("frames", "sizes", "fragments", "control", "close_codes", "utf8", "deflate"),
                         [](const auto& parameter) { return std::string{parameter.param}; });

}  // namespace
}  // namespace proapi::tests
