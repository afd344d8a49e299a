// Offers and answers of permessage-deflate: RFC 7692 section 7.1, and which of them agree.
#include "ws/deflate_parameters.hpp"

#include <gtest/gtest.h>

#include <array>

namespace proapi::ws {
namespace {

constexpr DeflateContext with_takeover{}, no_takeover{.takeover = false};

std::optional<DeflateParameters> read(std::string_view parameters, DeflateSide side) {
    std::string field = "permessage-deflate";
    if (!parameters.empty()) field.append("; ").append(parameters);
    const std::array<std::string_view, 1> values{field};
    const auto listed = parse_extensions(values);
    EXPECT_TRUE(listed && listed->size() == 1) << field;
    return read_deflate_parameters(listed->front().parameters, side);
}

// Returns the answer's parameters, or "invalid".
std::string answer_to(std::string_view offer, const DeflateContext& wanted) {
    const auto parameters = read(offer, DeflateSide::offer);
    if (!parameters) return "invalid";
    const auto agreed = accept_deflate_offer(*parameters, wanted);
    EXPECT_TRUE(confirm_deflate_answer(agreed.answer, *parameters)) << "the client refuses the answer to " << offer;
    const std::string answer = write_deflate_parameters(agreed.answer);
    EXPECT_TRUE(answer.starts_with("permessage-deflate"));
    return answer.size() == 18 ? "" : answer.substr(20);
}

TEST(DeflateParameters, AnOfferIsAnsweredWithWhatBothWant) {
    EXPECT_EQ(answer_to("", with_takeover), "");
    EXPECT_EQ(answer_to("client_max_window_bits", with_takeover), "");
    EXPECT_EQ(answer_to("client_max_window_bits=15", with_takeover), "");
    EXPECT_EQ(answer_to("client_max_window_bits=10", with_takeover), "client_max_window_bits=10");
    EXPECT_EQ(answer_to("client_max_window_bits=8", with_takeover), "client_max_window_bits=8");
    EXPECT_EQ(answer_to("server_max_window_bits=15", with_takeover), "server_max_window_bits=15");
    EXPECT_EQ(answer_to("server_max_window_bits=9", with_takeover), "server_max_window_bits=9");
    EXPECT_EQ(answer_to("server_no_context_takeover", with_takeover), "server_no_context_takeover");
    EXPECT_EQ(answer_to("client_no_context_takeover", with_takeover), "client_no_context_takeover");
    EXPECT_EQ(answer_to("server_max_window_bits=11; client_max_window_bits=12; server_no_context_takeover; "
                        "client_no_context_takeover",
                        with_takeover),
              "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11; "
              "client_max_window_bits=12");
}

TEST(DeflateParameters, AServerAsksForLessItself) {
    EXPECT_EQ(answer_to("", no_takeover), "server_no_context_takeover; client_no_context_takeover");
    constexpr DeflateContext small{.takeover = true, .window_bits = 12};
    EXPECT_EQ(answer_to("", small), "") << "a client that does not name client_max_window_bits may not know it";
    EXPECT_EQ(answer_to("client_max_window_bits", small), "client_max_window_bits=12");
    EXPECT_EQ(answer_to("client_max_window_bits=9", small), "client_max_window_bits=9");
    EXPECT_EQ(answer_to("server_max_window_bits=14", small), "server_max_window_bits=12");
    const auto agreed = accept_deflate_offer({}, small);
    EXPECT_EQ(agreed.server.window_bits, 12);
    EXPECT_EQ(agreed.client.window_bits, 15);
}

// Section 7.1.2.2: a client that names a window keeps to it, whatever the server answers.
TEST(DeflateParameters, AClientsHintIsItsWindow) {
    const auto agreed = accept_deflate_offer(*read("client_max_window_bits=9", DeflateSide::offer), with_takeover);
    EXPECT_EQ(agreed.client.window_bits, 9);
}

// zlib has no compressor with such a window, ISA-L has, for messages on their own.
TEST(DeflateParameters, WithAWindowOf256OctetsTheServerTakesNothingOver) {
    for (const DeflateContext& wanted : {with_takeover, no_takeover}) {
        const auto agreed = accept_deflate_offer(*read("server_max_window_bits=8", DeflateSide::offer), wanted);
        EXPECT_EQ(agreed.server, (DeflateContext{.takeover = false, .window_bits = 8}));
        EXPECT_EQ(agreed.client.takeover, wanted.takeover);
    }
    EXPECT_EQ(answer_to("server_max_window_bits=8", with_takeover),
              "server_no_context_takeover; server_max_window_bits=8");
}

TEST(DeflateParameters, WhatIsNotAllowedIsInvalid) {
    for (const DeflateSide side : {DeflateSide::offer, DeflateSide::answer}) {
        for (const char* parameters :
             {"unknown", "server_no_context_takeover=1", "client_no_context_takeover=0",
              "server_no_context_takeover; server_no_context_takeover",
              "client_no_context_takeover; client_no_context_takeover", "server_max_window_bits",
              "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=09",
              "server_max_window_bits=+9", "server_max_window_bits=9a", "server_max_window_bits=0",
              "server_max_window_bits=99999", "server_max_window_bits=10; server_max_window_bits=10",
              "client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=08",
              "client_max_window_bits=10; client_max_window_bits=10", "Server_No_Context_Takeover"})
            EXPECT_FALSE(read(parameters, side)) << parameters;
    }
    EXPECT_FALSE(read("client_max_window_bits; client_max_window_bits", DeflateSide::offer));
    EXPECT_FALSE(read("client_max_window_bits", DeflateSide::answer)) << "in an answer it has a value";
    EXPECT_TRUE(read("client_max_window_bits=\"10\"", DeflateSide::offer)) << "a value may be quoted";
}

TEST(DeflateParameters, AClientRefusesAnswersThatItsOfferDoesNotAllow) {
    const auto fits = [](std::string_view answer, std::string_view offer) {
        return confirm_deflate_answer(*read(answer, DeflateSide::answer), *read(offer, DeflateSide::offer)).has_value();
    };
    EXPECT_TRUE(fits("", ""));
    EXPECT_TRUE(fits("server_no_context_takeover; server_max_window_bits=10", "")) << "a server may add these";
    EXPECT_TRUE(fits("client_no_context_takeover", ""));
    EXPECT_FALSE(fits("", "server_no_context_takeover"));
    EXPECT_FALSE(fits("", "server_max_window_bits=10"));
    EXPECT_FALSE(fits("server_max_window_bits=11", "server_max_window_bits=10"));
    EXPECT_TRUE(fits("server_max_window_bits=9", "server_max_window_bits=10"));
    EXPECT_FALSE(fits("client_max_window_bits=10", ""));
    EXPECT_TRUE(fits("client_max_window_bits=10", "client_max_window_bits"));
    EXPECT_FALSE(fits("client_max_window_bits=11", "client_max_window_bits=10"));
    EXPECT_TRUE(fits("", "client_max_window_bits=10"));
}

TEST(DeflateParameters, AClientTakesOverWhatTheAnswerSays) {
    const auto agreed =
        confirm_deflate_answer(*read("server_no_context_takeover; client_max_window_bits=10", DeflateSide::answer),
                               *read("client_no_context_takeover; client_max_window_bits", DeflateSide::offer));
    ASSERT_TRUE(agreed);
    EXPECT_EQ(agreed->server, (DeflateContext{.takeover = false}));
    EXPECT_EQ(agreed->client, (DeflateContext{.takeover = false, .window_bits = 10}));
}

}  // namespace
}  // namespace proapi::ws
